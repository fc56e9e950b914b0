"""How the composite is made and delivered, kept with the scene as `Scene.understudy.compositing`; and its file names."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...translations import CONTEXT
from ..base import default_path
from ..bridge import paths
from ..bridge.compat import path_options

FORMATS = (
    ("h264", "H.264", "A movie for looking at, small and played everywhere (.mp4)"),
    (
        "h264_hardware",
        "H.264, Graphics Chip",
        "Encoded by the graphics chip: sooner, not better; even sizes only (.mp4)",
    ),
    ("h265", "H.265", "A smaller movie that also carries HDR (.mp4)"),
    ("prores", "ProRes 422 HQ", "A movie for editing, 10 bits (.mov)"),
    ("prores4444", "ProRes 4444", "A movie for compositing, with alpha (.mov)"),
    ("ffv1", "FFV1", "A movie without any loss (.mkv)"),
    ("png", "PNG Sequence", "A picture for each frame, without loss"),
    ("exr", "EXR Sequence", "A picture for each frame in linear light, for compositing"),
)
SUFFIXES = {
    "h264": (".mp4", ".mov", ".mkv"),
    "h264_hardware": (".mp4", ".mov", ".mkv"),
    "h265": (".mp4", ".mov", ".mkv"),
    "prores": (".mov", ".mkv"),
    "prores4444": (".mov", ".mkv"),
    "ffv1": (".mkv",),
    "png": (".png",),
    "exr": (".exr",),
}
"""What a file of each format may be called; the first is what we call it."""
SEQUENCES = ("png", "exr")
DEPTHS = (
    ("auto", "As Footage", "As many bits as the footage has, as far as the format allows"),
    ("8", "8 Bits", "256 steps"),
    ("10", "10 Bits", "1024 steps"),
    ("16", "16 Bits", "65536 steps"),
    ("float", "Float", "Numbers with a point, for EXR"),
)
SWAPPERS = (
    ("render", "Render", "Put the rendered face itself into the footage"),
    ("inswapper", "Network", "Let the network inswapper draw the avatar's identity on the actor; it must be installed"),
)
ENHANCERS = (
    ("gfpgan", "GFPGAN", "The face restorer of Tencent ARC; it must be installed"),
    ("codeformer", "CodeFormer", "The face restorer of S-Lab; it must be installed, and is for non-commercial use"),
)


class UNDERSTUDY_PG_compositing(bpy.types.PropertyGroup):
    """How the composite is made and delivered."""

    if TYPE_CHECKING:
        swapper: str
        expression: float
        enhancer: str
        matte: str
        mixed_gradients: bool
        quality_gate: bool
        format: str
        depth: str
        use_element: bool
        use_label: bool
    else:
        swapper: bpy.props.EnumProperty(
            name="Face From",
            translation_context=CONTEXT,
            description="What draws the new face",
            items=SWAPPERS,
            default="render",
        )
        expression: bpy.props.FloatProperty(
            name="Expression",
            description="How far the network's face is moved back to the actor's expression",
            default=1.0,
            min=0.0,
            max=2.0,
            subtype="FACTOR",
        )
        enhancer: bpy.props.EnumProperty(
            name="Enhancer", description="The network that restores the face", items=ENHANCERS, default="gfpgan"
        )
        matte: bpy.props.StringProperty(
            name="Matte",
            description="Your own matte, white where the avatar goes: a movie, or a picture of a numbered sequence",
            subtype="FILE_PATH",
            options=path_options(),
        )
        mixed_gradients: bpy.props.BoolProperty(
            name="Keep Footage Detail",
            description="Keep the footage's own detail on the skin where it is stronger than the avatar's",
            default=False,
        )
        quality_gate: bpy.props.BoolProperty(
            name="Quality Gate",
            description="Do frames with poor figures again with safer settings, and note in the report which",
            default=False,
        )
        format: bpy.props.EnumProperty(
            name="Format",
            translation_context=CONTEXT,
            description="What is written",
            items=FORMATS,
            default="h264",
        )
        depth: bpy.props.EnumProperty(
            name="Depth",
            translation_context=CONTEXT,
            description="Steps of brightness in the file",
            items=DEPTHS,
            default="auto",
        )
        use_element: bpy.props.BoolProperty(
            name="Face Only",
            description="Write the new face alone with its matte as alpha, for another compositor",
            default=False,
        )
        use_label: bpy.props.BoolProperty(
            name="Visible Label",
            description="Write 'AI-generated likeness' into a corner of the picture",
            default=False,
        )


def compositing_words(settings: UNDERSTUDY_PG_compositing, stages: set[str]) -> list[str]:
    """The words of ``understudy composite`` for these settings; only what differs from its defaults."""
    words = ["--codec", settings.format]
    if settings.depth != "auto":
        words += ["--depth", settings.depth]
    if settings.use_element:
        words.append("--alpha")
    elif settings.use_label:
        words.append("--label")
    if settings.matte:
        words += ["--matte", str(_sequence_of(paths.absolute(settings.matte)))]
    if settings.mixed_gradients and "poisson" in stages:
        words.append("--mixed-gradients")
    if settings.quality_gate:
        words.append("--quality-gate")
    if settings.swapper != "render" and "swap" in stages:
        words += ["--swapper", settings.swapper, "--expression-factor", f"{settings.expression:.3f}"]
    if settings.enhancer != "gfpgan" and "enhance" in stages:
        words += ["--enhancer", settings.enhancer]
    return words


def target_of(settings: bpy.types.PropertyGroup, wished: str) -> Path:
    """Where the composite goes: `wished`, or a new name when that is empty; its ending fits the format. A sequence never
    goes where pictures of an earlier one are.
    """
    kind = settings.compositing.format
    suffixes = SUFFIXES[kind]
    target = paths.absolute(wished) if wished else default_path(settings.footage, f"_composite{suffixes[0]}")
    if wished and target.suffix.lower() in suffixes:
        return _free_sequence(target) if kind in SEQUENCES else target
    movie = target.parent if is_sequence(target) else target.with_suffix("")
    if kind in SEQUENCES:
        return _free_sequence(movie / f"{movie.name}_######{suffixes[0]}")
    return movie.with_name(f"{movie.name}{suffixes[0]}")


def is_sequence(path: Path) -> bool:
    """Whether it names numbered pictures."""
    return "#" in path.stem


def pictures_of(pattern: Path) -> list[Path]:
    """The pictures that a name with number signs stands for, in order."""
    before, _, after = pattern.name.partition("#")
    after = after.lstrip("#")
    found = pattern.parent.glob("*") if pattern.parent.is_dir() else ()
    fitting = (path for path in found if path.name.startswith(before) and path.name.endswith(after))
    return sorted(path for path in fitting if path.name[len(before) : len(path.name) - len(after)].isdecimal())


def _free_sequence(pattern: Path) -> Path:
    """The pattern in its folder, or in the first folder beside it that holds no such pictures yet."""
    if not is_sequence(pattern):
        pattern = pattern.with_name(f"{pattern.stem}_######{pattern.suffix}")
    stem = pattern.parent.name
    numbers = itertools.chain([""], (f"-{count}" for count in itertools.count(2)))
    named = (pattern.parent.with_name(f"{stem}{number}") / pattern.name for number in numbers)
    return next(path for path in named if not pictures_of(path))


def _sequence_of(path: Path) -> Path:
    """The numbered sequence that a chosen picture belongs to; movies and folders are themselves."""
    digits = len(path.stem) - len(path.stem.rstrip("0123456789"))
    if not digits or path.suffix.lower() not in {".png", ".exr", ".jpg", ".jpeg", ".tif", ".tiff"}:
        return path
    return path.with_name(f"{path.stem[:-digits]}{'#' * digits}{path.suffix}")


CLASSES = (UNDERSTUDY_PG_compositing,)
