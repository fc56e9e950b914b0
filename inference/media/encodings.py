"""How each kind of movie is encoded: encoder, pixel formats by depth, and the names it may have."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from ..errors import UsageError
from .colour_tags import BT709, ColourTags, Hdr10

MovieCodec = Literal["h264", "h264_hardware", "h265", "prores", "prores4444", "ffv1"]
SequenceCodec = Literal["png", "exr"]
Codec = Literal["h264", "h264_hardware", "h265", "prores", "prores4444", "ffv1", "png", "exr"]
Depth = Literal[8, 10, 16, 32]
"""Bits of a sample; 32 is float."""


@dataclass(frozen=True)
class PictureForm:
    """What the written pictures hold."""

    depth: int | None = None
    """Bits of a sample; by default the codec's least."""
    colour: ColourTags = BT709
    alpha: bool = False
    hdr10: Hdr10 | None = None
    """Kept by h265; movies of other kinds have no place for it."""
    quick: bool = False
    """Written while it is acted: h264 and h265 then take a third of the time or less, and more room."""


USUAL_FORM: Final = PictureForm()


@dataclass(frozen=True)
class Encoding:
    """One kind of movie."""

    encoder: str
    options: dict[str, str]
    formats: dict[int, tuple[str, str]]
    """Depth -> pixel format for even sizes, and for odd ones: one without shared chroma samples, so that no row or
    column is added or lost; empty where there is none.
    """
    suffixes: tuple[str, ...]
    alpha_formats: dict[int, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    """Suffix -> codec tag where players know the movie by another one than FFmpeg's."""
    least_side_px: int = 1


HARDWARE: Final = "hardware"
"""Stands for whichever chip's encoder opens, with its own options (`hardware.encoder_here`)."""
ENCODINGS: Final[dict[str, Encoding]] = {
    "h264": Encoding(
        "libx264",
        {"crf": "16", "preset": "medium"},
        {8: ("yuv420p", "yuv444p"), 10: ("yuv420p10le", "yuv444p10le")},
        (".mp4", ".mov", ".mkv"),
    ),
    "h264_hardware": Encoding(HARDWARE, {}, {8: ("yuv420p", "")}, (".mp4", ".mov", ".mkv")),
    "h265": Encoding(
        "libx265",
        {"crf": "16", "preset": "medium", "x265-params": "log-level=error"},
        {8: ("yuv420p", "yuv444p"), 10: ("yuv420p10le", "yuv444p10le")},
        (".mp4", ".mov", ".mkv"),
        tags={".mp4": "hvc1", ".mov": "hvc1"},
        least_side_px=64,  # x265 4.2 overruns its memory with smaller pictures.
    ),
    "prores": Encoding("prores_ks", {"profile": "hq"}, {10: ("yuv422p10le", "yuv444p10le")}, (".mov", ".mkv")),
    "prores4444": Encoding(
        "prores_ks",
        {"profile": "4444", "alpha_bits": "16"},
        {10: ("yuv444p10le", "yuv444p10le")},
        (".mov", ".mkv"),
        {10: "yuva444p10le"},
    ),
    "ffv1": Encoding(
        "ffv1",
        {"level": "3", "slicecrc": "1"},
        {8: ("bgr0", "bgr0"), 10: ("gbrp10le", "gbrp10le"), 16: ("gbrp16le", "gbrp16le")},
        (".mkv",),
        {8: "bgra", 10: "gbrap10le", 16: "gbrap16le"},
    ),
}
SEQUENCE_DEPTHS: Final[dict[str, tuple[int, ...]]] = {"png": (8, 16), "exr": (16, 32)}
IN_RGB: Final = ("ffv1", "png", "exr")
WITH_ALPHA: Final = ("prores4444", "ffv1", "png", "exr")


def encoding_for(path: Path, codec: str) -> Encoding:
    """The encoding of a movie.

    Raises:
        UsageError: unknown, or it does not go into a file of that name.
    """
    encoding = ENCODINGS.get(codec)
    if encoding is None:
        raise UsageError(f"{codec} is not a known codec; choose one of {', '.join(ENCODINGS)}.")
    if path.suffix.lower() not in encoding.suffixes:
        allowed = " or ".join(encoding.suffixes)
        raise UsageError(f"{path.name}: {codec} does not go into such a file; its name must end in {allowed}.")
    return encoding


def pixel_format(codec: str, depth: int | None, size: tuple[int, int], alpha: bool) -> str:
    """The pixel format of a movie; without ``depth`` the least that the codec has.

    Raises:
        UsageError: the codec holds no such depth, no alpha or no pictures so small.
    """
    encoding = ENCODINGS[codec]
    if min(size) < encoding.least_side_px:
        least = encoding.least_side_px
        raise UsageError(f"{codec} holds no pictures smaller than {least}x{least} pixels; choose another codec.")
    depth = depth or min(encoding.formats)
    if depth not in encoding.formats:
        known = " or ".join(str(bits) for bits in encoding.formats)
        raise UsageError(f"{codec} does not hold {depth} bits; choose {known}, or another codec.")
    if alpha and depth not in encoding.alpha_formats:
        raise UsageError(f"{codec} holds no alpha; choose one of {', '.join(WITH_ALPHA)}.")
    if alpha:
        return encoding.alpha_formats[depth]
    found = encoding.formats[depth][size[0] % 2 or size[1] % 2]
    if not found:
        raise UsageError(f"{codec} holds pictures of even width and height only; choose h264.")
    return found


def stored_colour(codec: str, colour: ColourTags) -> ColourTags:
    """The tags of pictures in the file of a codec."""
    if codec in IN_RGB:
        return colour.as_rgb()
    # ProRes knows limited range only.
    yuv = colour.as_yuv()
    return replace(yuv, full_range=False) if ENCODINGS[codec].encoder == "prores_ks" else yuv


def options_of(codec: str, form: PictureForm) -> dict[str, str]:
    """What the encoder is told."""
    options = dict(ENCODINGS[codec].options)
    if form.quick and "preset" in options:
        options["preset"] = "ultrafast"
    if codec == "h265" and form.hdr10 is not None and form.colour.curve == "pq":
        options["x265-params"] = ":".join(filter(None, (options["x265-params"], form.hdr10.x265_words, "hdr10=1")))
    return options


def depths_of(codec: str) -> tuple[int, ...]:
    """The depths that a codec holds."""
    return SEQUENCE_DEPTHS[codec] if codec in SEQUENCE_DEPTHS else tuple(ENCODINGS[codec].formats)
