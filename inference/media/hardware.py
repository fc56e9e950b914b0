"""Decoding and encoding on the graphics chip: which devices do it here, and pictures in the software decoder's form.

What a standard defines to the bit comes out of a chip as out of software; only the planes lie otherwise (NV12, P010),
and are brought into the usual order before anything is made of them.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Final

import av
from av.codec.codec import UnknownCodecError
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from ..errors import MissingComponentError, UsageError
from ..networks.tuned import SOFTWARE, tuned_decoder, tuned_file

DEVICES: Final = ("cuda", "videotoolbox", "d3d11va", "d3d12va", "vaapi")
"""Those with which FFmpeg's own decoders of H.264 and H.265 can work."""
_UNINTERLEAVED: Final = {
    "nv12": "yuv420p", "nv16": "yuv422p", "nv24": "yuv444p",
    "p010le": "yuv420p10le", "p210le": "yuv422p10le", "p410le": "yuv444p10le",
}  # fmt: skip
"""Chroma in one plane -> in two."""


@dataclass(frozen=True)
class ChipEncoder:
    """An encoder of H.264 on a chip, set to one quality throughout."""

    name: str
    options: dict[str, str]
    pixel_format: str


ENCODERS: Final = (
    ChipEncoder("h264_nvenc", {"preset": "p5", "rc": "vbr", "cq": "18", "b": "0"}, "yuv420p"),
    ChipEncoder("h264_videotoolbox", {"flags": "+qscale", "global_quality": str(118 * 70)}, "yuv420p"),
    ChipEncoder("h264_qsv", {"preset": "slow", "global_quality": "18"}, "nv12"),
    ChipEncoder("h264_amf", {"quality": "quality", "rc": "cqp", "qp_i": "18", "qp_p": "18", "qp_b": "20"}, "nv12"),
)
"""NVIDIA's, Apple's, Intel's and AMD's. How good their pictures are beside x264's has not been measured."""


class HardwareError(Exception):
    """A device does not decode a video, or no longer; software does."""


def decoders_here() -> tuple[str, ...]:
    """The devices that open on this machine, besides `SOFTWARE`."""
    return tuple(name for name in DEVICES if name in hwdevices_available() and not _why_not(name))


def chosen_decoder() -> str:
    """What the user wants (UNDERSTUDY_DECODER), or what `understudy doctor --tune` found to be fastest."""
    if wanted := os.environ.get("UNDERSTUDY_DECODER"):
        return wanted
    tuned = tuned_decoder()
    if _is_decoder(tuned):
        return tuned
    warnings.warn(
        f"Video is decoded by {SOFTWARE} because {tuned_file()} names a decoder that is none ({tuned!r}): "
        "run understudy doctor --tune again, or delete it.",
        stacklevel=2,
    )
    return SOFTWARE


def _is_decoder(text: str) -> bool:
    """Whether this is the name of a way to decode, here or elsewhere."""
    name, _, number = text.partition(":")
    return text == SOFTWARE or (name in DEVICES and (not number or (number.isascii() and number.isdigit())))


def accelerator(decoder: str) -> HWAccel | None:
    """For `av.open`; None for `SOFTWARE`.

    A device may be numbered, as in ``cuda:1``. Raises `UsageError` for a name that is none.
    """
    if not _is_decoder(decoder):
        raise UsageError(f"{decoder!r} is no decoder: use {SOFTWARE}, {', '.join(DEVICES)}, or as in cuda:1.")
    if decoder == SOFTWARE:
        return None
    name, _, number = decoder.partition(":")
    return HWAccel(name, number or None, allow_software_fallback=True)


def check_decoder(stream: VideoStream) -> None:
    """`HardwareError` when the device that was asked for has no part in decoding."""
    if not stream.codec_context.is_hwaccel:
        raise HardwareError(f"it does not decode {stream.codec_context.name}")


def usual_planes(frame: av.VideoFrame, reformatter: VideoReformatter) -> av.VideoFrame:
    """The same samples with blue and red chroma apart; `HardwareError` where that is not known to lose nothing."""
    wanted = _UNINTERLEAVED.get(frame.format.name)
    if wanted is not None:
        return reformatter.reformat(frame, format=wanted, threads=1)
    if not frame.format.name.startswith(("yuv", "gray", "gbr")):
        raise HardwareError(f"its pictures are {frame.format.name}")
    return frame


def encoder_here() -> ChipEncoder:
    """The first that opens; raises `MissingComponentError` with what each of them lacks."""
    for encoder in ENCODERS:
        if not _why_it_does_not_open(encoder):
            return encoder
    reasons = "; ".join(f"{one.name}: {_why_it_does_not_open(one)}" for one in ENCODERS)
    raise MissingComponentError(f"No graphics chip encodes H.264 here ({reasons}): choose h264, which needs none.")


def _why_it_does_not_open(encoder: ChipEncoder) -> str:
    return _why_no_encoder(encoder.name, encoder.pixel_format, tuple(encoder.options.items()))


@cache
def _why_no_encoder(name: str, pixel_format: str, options: tuple[tuple[str, str], ...]) -> str:
    """With the options it would be used with: some chips refuse what others of their make take."""
    try:
        context = av.CodecContext.create(name, "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = 320, 240, pixel_format
        context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
        context.options = dict(options)
        context.open()
    except UnknownCodecError:
        return "this build of FFmpeg has none"
    except av.error.FFmpegError as error:
        return (error.strerror or str(error)).lower()
    return ""


@cache
def _why_not(name: str) -> str:
    try:
        HWAccel(name).create(av.Codec("h264", "r"))
    except (av.error.FFmpegError, NotImplementedError) as error:
        return str(error)
    return ""
