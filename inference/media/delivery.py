"""What is delivered: the codec, depth, alpha and colours that fit the footage and the wish, or why they do not go together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ..errors import InputError, UsageError
from .colour_tags import UNKNOWN_COLOUR, UNTAGGED, ColourTags
from .encodings import (
    ENCODINGS,
    HARDWARE,
    SEQUENCE_DEPTHS,
    WITH_ALPHA,
    Codec,
    Depth,
    depths_of,
    encoding_for,
    pixel_format,
    stored_colour,
)
from .hardware import encoder_here
from .sequence import NamePattern, find_sequence
from .types import VideoInfo

_NAMES: Final = {8: "8 bits", 10: "10 bits", 16: "16 bits", 32: "float"}


@dataclass(frozen=True)
class DeliveryOptions:
    """What the user may choose; None fits the footage and the name of the output."""

    codec: Codec | None = None
    depth: Depth | None = None
    element: bool = False
    """The new face alone with its matte as alpha, for another compositor."""


@dataclass(frozen=True)
class Delivery:
    """What is written."""

    codec: Codec
    depth: int
    """Bits of a sample; an EXR of 16 is half, 32 is float."""
    alpha: bool
    element: bool
    colour: ColourTags
    """Of the file that is written."""
    source: ColourTags
    """Of the footage, in whose encoding the pictures come."""
    dtype: type[np.uint8] | type[np.uint16] | type[np.float32]
    """The pixels to work in: hand it to `read_plates`."""
    notes: tuple[str, ...]
    """What the user should know."""


def plan_delivery(info: VideoInfo, out_path: Path, options: DeliveryOptions) -> Delivery:
    """Decide what is written for footage of ``info``.

    Raises:
        UsageError: name, codec, depth and alpha do not go together, or HDR footage would be squeezed.
        MissingComponentError: a chip is to encode, and none does here.
    """
    alpha = options.element or info.has_alpha
    codec = options.codec or _usual_codec(info, out_path, alpha)
    _check_name(out_path, codec)
    depth = options.depth or _usual_depth(info, codec)
    if depth not in depths_of(codec):
        known = " or ".join(_NAMES[bits] for bits in depths_of(codec))
        raise UsageError(f"{codec} does not hold {_NAMES[depth]}; choose {known}, or another codec.")
    if options.element and codec not in WITH_ALPHA:
        raise UsageError(f"{codec} holds no alpha; deliver the face alone as one of {', '.join(WITH_ALPHA)}.")
    alpha = alpha and codec in WITH_ALPHA
    if codec in ENCODINGS:
        pixel_format(codec, depth, (info.width, info.height), alpha)
        if ENCODINGS[codec].encoder == HARDWARE:
            encoder_here()
    if info.colour.is_hdr and depth == 8:
        raise UsageError(
            f"The footage is HDR, {info.colour.curve_name}, which 8 bits cannot show; choose --codec h265 --depth 10, "
            "prores, or 16 bits."
        )
    dtype: type[np.uint8] | type[np.uint16] | type[np.float32] = info.dtype
    if dtype is np.uint8 and depth > 8:
        dtype = np.uint16
    colour = _colour(info, codec)
    return Delivery(codec, depth, alpha, options.element, colour, info.colour, dtype, _notes(info, codec, depth))


def output_exists(out_path: Path) -> bool:
    """Is there a file, a filled folder or a picture of that sequence?"""
    if out_path.is_dir():
        return any(out_path.iterdir())
    if out_path.exists():
        return True
    pattern = NamePattern.of(out_path)
    return pattern is not None and out_path.parent.is_dir() and bool(pattern.files())


def footage_exists(path: Path) -> bool:
    """Is there a file or a picture of that sequence?"""
    if path.is_dir():
        return True
    try:
        return path.is_file() or output_exists(path)
    except InputError:
        return False


def would_replace(out_path: Path, footage: Path) -> bool:
    """Is the output the footage itself, or a picture of it?"""
    if out_path.exists() and footage.exists() and out_path.samefile(footage):
        return True
    sequence = None if footage.is_file() else find_sequence(footage)
    if sequence is None:
        return False
    folder = sequence.paths[0].parent
    if out_path.is_dir():
        return out_path.samefile(folder)
    pattern = NamePattern.of(out_path)
    if pattern is None or pattern.folder.resolve() != folder.resolve():
        return False
    return not {path.name for path in sequence.paths}.isdisjoint(path.name for path in pattern.files().values())


def _usual_codec(info: VideoInfo, out_path: Path, alpha: bool) -> Codec:
    suffix = out_path.suffix.lower()
    if suffix == ".mkv":
        return "ffv1"
    if suffix == ".mov":
        return "prores4444" if alpha else "prores"
    if suffix == ".png" or (not suffix and not info.is_float):
        return "png"
    if suffix in (".exr", ""):
        return "exr"
    # H.264 of more than 8 bits is played by few devices.
    return "h264" if info.dtype is np.uint8 and not info.colour.is_hdr else "h265"


def _usual_depth(info: VideoInfo, codec: Codec) -> int:
    """The least depth that holds the footage, or the most that the codec has."""
    if codec == "exr":
        return 32 if info.is_float and info.bit_depth == 32 else 16
    if info.dtype is np.uint8 and not info.colour.is_hdr:
        return depths_of(codec)[0]
    return depths_of(codec)[-1]


def _check_name(out_path: Path, codec: str) -> None:
    if codec in ENCODINGS:
        encoding_for(out_path, codec)
        return
    if out_path.suffix and (out_path.suffix.lower() != f".{codec}" or NamePattern.of(out_path) is None):
        raise UsageError(
            f"{out_path.name}: {codec} pictures go into a folder, or get a name like shot_####.{codec}; choose one."
        )


def _colour(info: VideoInfo, codec: str) -> ColourTags:
    colour = info.colour
    if codec == "exr":
        return colour.as_linear()
    if colour.curve == "linear":
        colour = colour.as_srgb()
    if codec == "png" and colour.transfer == UNTAGGED:
        return UNKNOWN_COLOUR
    return stored_colour(codec, colour)


def _notes(info: VideoInfo, codec: str, depth: int) -> tuple[str, ...]:
    notes = []
    if info.has_alpha and codec not in WITH_ALPHA:
        notes.append(f"The footage's alpha is left out: {codec} holds none; {', '.join(WITH_ALPHA)} do.")
    if info.has_audio and codec in SEQUENCE_DEPTHS:
        notes.append("A sequence of pictures holds no sound; it is left out.")
    if info.colour.curve == "linear" and codec != "exr":
        notes.append(f"Light above white is cut off: {codec} holds none; deliver exr to keep it.")
    if info.colour.is_hdr and codec == "exr":
        notes.append("HDR footage became linear light, 1.0 is its reference white (203 cd/m2, 75 % of HLG).")
    if codec == "h264" and depth > 8:
        notes.append("Few players show H.264 of 10 bits; h265 is played more widely.")
    if depth == 8 and info.dtype is not np.uint8:
        notes.append(f"The footage's {info.bit_depth} bits were rounded to 8.")
    return tuple(notes)
