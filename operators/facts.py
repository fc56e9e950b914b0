"""What is known of the shot's files, kept with the scene, so that panels draw without looking at a disk.

Read when a path is chosen, when a result lands and when a file is opened, never while a panel is drawn.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np

from ..inference import take as takes
from ..inference.errors import InputError
from ..inference.provenance.consent import consent_path, read_consent
from ..translations import translated
from .bridge import paths
from .bridge.keys import timing
from .footage import take_points
from .scene.compositing import pictures_of

_MUCH = 2.0
"""From here on a share is easier to read as a multiple."""


class UNDERSTUDY_PG_face(bpy.types.PropertyGroup):
    """A face that a frame of the footage shows."""

    if TYPE_CHECKING:
        box: tuple[float, float, float, float]
        picture: str
    else:
        box: bpy.props.FloatVectorProperty(
            name="Box", description="Left, top, right and bottom of the face in pixels of the footage", size=4
        )
        picture: bpy.props.StringProperty(name="Picture", description="File with a small picture of the face")


class UNDERSTUDY_PG_facts(bpy.types.PropertyGroup):
    """Facts about the files of a shot."""

    if TYPE_CHECKING:
        footage_path: str
        footage_found: bool
        width: int
        height: int
        fps: float
        frames: int
        take_found: bool
        take_frames: int
        take_first: int
        take_width: int
        take_height: int
        face_frames: int
        uncertain_frames: int
        head_turn: float
        head_nod: float
        take_footage: str
        renders: int
        movie_found: bool
        report: str
        consent: str
        consent_problem: str
    else:
        footage_path: bpy.props.StringProperty(
            name="Path", description="Where the footage was when these facts were read", subtype="FILE_PATH"
        )
        footage_found: bpy.props.BoolProperty(name="Found", description="The footage is there and Blender can show it")
        width: bpy.props.IntProperty(name="Width", description="Width of the footage in pixels", min=0)
        height: bpy.props.IntProperty(name="Height", description="Height of the footage in pixels", min=0)
        fps: bpy.props.FloatProperty(name="Rate", description="Frames of the footage per second", min=0.0)
        frames: bpy.props.IntProperty(name="Frames", description="Number of frames of the footage", min=0)
        take_found: bpy.props.BoolProperty(name="Take Found", description="The take is there and can be read")
        take_frames: bpy.props.IntProperty(name="Take Frames", description="Number of frames of the take", min=0)
        take_first: bpy.props.IntProperty(
            name="Take Start", description="Frame of the footage with which the take begins, counted from 0", min=0
        )
        take_width: bpy.props.IntProperty(name="Take Width", description="Width of the tracked pictures", min=0)
        take_height: bpy.props.IntProperty(name="Take Height", description="Height of the tracked pictures", min=0)
        face_frames: bpy.props.IntProperty(
            name="Face Frames", description="Number of frames of the take in which the face is seen", min=0
        )
        uncertain_frames: bpy.props.IntProperty(
            name="Uncertain Frames", description="Number of frames in which the face is seen badly", min=0
        )
        head_turn: bpy.props.FloatProperty(
            name="Turn", description="How far the head turns to the sides in all", subtype="ANGLE", min=0.0
        )
        head_nod: bpy.props.FloatProperty(
            name="Nod", description="How far the head nods in all", subtype="ANGLE", min=0.0
        )
        take_footage: bpy.props.StringProperty(
            name="Take Footage", description="The footage that was chosen when the take came"
        )
        renders: bpy.props.IntProperty(
            name="Rendered Frames", description="Number of pictures in the render folder", min=0
        )
        movie_found: bpy.props.BoolProperty(name="Movie Found", description="The composited movie is there")
        report: bpy.props.StringProperty(name="Report", description="Figures of the composite, one on each line")
        consent: bpy.props.StringProperty(name="Consent", description="What is recorded beside the footage")
        consent_problem: bpy.props.StringProperty(
            name="Consent Problem", description="Why what is recorded does not let the footage be composited"
        )


Size = tuple[int, int]
_SIZE_TOLERANCE_PX = 1
"""Odd sizes are made even by some formats."""


def is_same_picture(tracked: Size, shown: Size) -> bool:
    """Whether pictures of that size, as they were tracked, may be those that Blender shows. Pixels that are not square
    are stretched along one side before tracking.
    """
    differences = [abs(ours - blenders) for ours, blenders in zip(tracked, shown, strict=True)]
    return min(shown) > 0 and min(differences) <= _SIZE_TOLERANCE_PX and not is_turned(tracked, shown)


def is_turned(tracked: Size, shown: Size) -> bool:
    """Whether Blender shows upright footage lying: earlier versions than 4.5 do not know how a telephone was held."""
    return tracked != shown and is_near(tracked, shown[::-1]) and not is_near(tracked, shown)


def is_near(one: Size, other: Size) -> bool:
    """Whether two sizes are the same but for what formats round."""
    return all(abs(a - b) <= _SIZE_TOLERANCE_PX for a, b in zip(one, other, strict=True))


def learn_take(settings: bpy.types.PropertyGroup) -> None:
    """Read the scene's take once."""
    facts, path = settings.facts, _path(settings.take)
    try:
        take = takes.load(path) if path is not None else None
    except InputError:
        take = None
    if path is not None:
        take_points.remember(path, take)
    facts.take_found = take is not None
    if take is None:
        settings.take_summary = ""
        return
    seen = take.confidence > 0
    facts.take_frames, facts.face_frames = len(take), int(seen.sum())
    facts.take_first = int(take.frame_index[0]) if len(take) else 0
    facts.uncertain_frames = int((seen & (take.confidence < takes.UNCERTAIN_BELOW)).sum())
    facts.take_width, facts.take_height = take.frame_size
    facts.head_turn, facts.head_nod = head_range(take)
    facts.take_footage = settings.footage
    if settings.clip is not None and is_same_picture(take.frame_size, (facts.width, facts.height)):
        settings.clip.frame_start = timing.FIRST_FRAME - facts.take_first  # in step with the avatar
    settings.take_summary = f"{facts.face_frames} of {len(take)} frames with a face"


def head_range(take: takes.Take) -> tuple[float, float]:
    """How far the head turns to the sides and nods through the take, radians from one extreme to the other."""
    ahead = take.rotation[take.confidence > 0, :, 2].astype(np.float64)
    if not len(ahead):
        return 0.0, 0.0
    turn, nod = np.unwrap(np.arctan2(ahead[:, 0], ahead[:, 2])), np.arcsin(np.clip(ahead[:, 1], -1, 1))
    return float(np.ptp(turn)), float(np.ptp(nod))


def learn_renders(settings: bpy.types.PropertyGroup) -> None:
    """Count the rendered frames."""
    folder = _path(settings.render_dir)
    there = folder is not None and folder.is_dir()
    settings.facts.renders = len(list(folder.glob("frame_*.png"))) if there else 0


def learn_movie(settings: bpy.types.PropertyGroup) -> None:
    """Look for the composited movie."""
    path = _path(settings.output)
    settings.facts.movie_found = path is not None and (path.is_file() or bool(pictures_of(path)))


def learn_consent(settings: bpy.types.PropertyGroup) -> None:
    """Read the consent record beside the footage; whether it is for this very file is looked at when it is needed."""
    facts, footage = settings.facts, _path(settings.footage)
    facts.consent = facts.consent_problem = ""
    if footage is None or not consent_path(footage).is_file():
        return
    try:
        consent = read_consent(consent_path(footage)).consent
    except InputError:
        facts.consent_problem = translated("The consent record beside the footage is damaged; record it again")
        return
    who = {
        "performer": consent.performer,
        "own face": translated("My Own Face"),
        "fictional": translated("Nobody Real"),
    }[consent.kind]
    until = translated("until {day}").format(day=consent.expires_on) if consent.expires_on is not None else ""
    facts.consent = ", ".join(part for part in (who, consent.purpose, until) if part)
    if consent.revoked:
        facts.consent_problem = translated("The consent was taken back")
    elif consent.expires_on is not None and consent.expires_on < date.today():
        facts.consent_problem = translated("The consent has ended; ask the performer and record it again")


def learn_report(settings: bpy.types.PropertyGroup) -> None:
    """Read the figures that the composite wrote."""
    folder = _path(settings.report)
    settings.facts.report = "\n".join(report_lines(folder)) if folder is not None else ""


def report_lines(folder: Path) -> list[str]:
    """Figures and notes of a composite's record, a sentence each; none when there is no record."""
    try:
        record = json.loads((folder / "composite.json").read_text("utf-8"))
        figures = {str(name): float(value) for name, value in record["figures"].items()}
        counts = {"done": int(record["composited"]), "all": int(record["frames"])}
        skipped = {str(stage): str(reason) for stage, reason in record["skipped"].items()}
        notes = [str(note) for note in record["notes"] if note not in skipped.values()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    lines = [translated("{done} of {all} frames composited").format(**counts)]
    for needs, sentence in (
        ("edge_step_delta_e", translated("Colour step at the edge {here:.1f}, in the footage {plate:.1f} (CIEDE2000)")),
        ("seam_ratio", translated("Slope of the edge {here:.2f}, in the footage {plate:.2f}")),
    ):
        if needs in figures and f"{needs}_plate" in figures:
            lines.append(sentence.format(here=figures[needs], plate=figures[f"{needs}_plate"]))
    more = figures.get("flicker_excess")
    if more is not None and more < _MUCH:
        lines.append(translated("Flicker {more:+.0%} against the footage").format(more=more))
    elif more is not None:
        lines.append(translated("Flicker {times:.0f} times that of the footage").format(times=more + 1))
    if "outside_change_max" in figures:
        change = figures["outside_change_max"]
        lines.append(translated("Largest change outside of the face {change:.0f} of 255").format(change=change))
    if skipped.pop("enhance", None) is not None:
        lines.append(translated("Enhance was left out: no network for it is installed; see the preferences"))
    return [*lines, *(note.rstrip(".") for note in (*skipped.values(), *notes))]


def _path(text: str) -> Path | None:
    return paths.absolute(text) if text else None


CLASSES = (UNDERSTUDY_PG_face, UNDERSTUDY_PG_facts)
