"""Decoding on the graphics chip: which devices do it here, and their pictures in the software decoder's form.

What a standard defines to the bit comes out of a chip as out of software; only the planes lie otherwise (NV12, P010),
and are brought into the usual order before anything is made of them.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Final

import av
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from ..errors import UsageError
from ..networks.tuned import SOFTWARE, tuned_decoder

DEVICES: Final = ("cuda", "videotoolbox", "d3d11va", "d3d12va", "vaapi")
"""Those with which FFmpeg's own decoders of H.264 and H.265 can work."""
_UNINTERLEAVED: Final = {
    "nv12": "yuv420p", "nv16": "yuv422p", "nv24": "yuv444p",
    "p010le": "yuv420p10le", "p210le": "yuv422p10le", "p410le": "yuv444p10le",
}  # fmt: skip
"""Chroma in one plane -> in two."""


class HardwareError(Exception):
    """A device does not decode a video, or no longer; software does."""


def decoders_here() -> tuple[str, ...]:
    """The devices that open on this machine, besides `SOFTWARE`."""
    return tuple(name for name in DEVICES if name in hwdevices_available() and not _why_not(name))


def chosen_decoder() -> str:
    """What the user wants (UNDERSTUDY_DECODER), or what `understudy doctor --tune` found to be fastest."""
    return os.environ.get("UNDERSTUDY_DECODER") or tuned_decoder()


def accelerator(decoder: str) -> HWAccel | None:
    """For `av.open`; None for `SOFTWARE`.

    A device may be numbered, as in ``cuda:1``. Raises `UsageError` for a name that is none.
    """
    if decoder == SOFTWARE:
        return None
    name, _, number = decoder.partition(":")
    if name not in DEVICES or (number and not (number.isascii() and number.isdigit())):
        raise UsageError(f"{decoder!r} is no decoder: use {SOFTWARE}, {', '.join(DEVICES)}, or as in cuda:1.")
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


@cache
def _why_not(name: str) -> str:
    try:
        HWAccel(name).create(av.Codec("h264", "r"))
    except (av.error.FFmpegError, NotImplementedError) as error:
        return str(error)
    return ""
