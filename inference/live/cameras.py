"""The cameras of this machine: which there are, and how PyAV opens one on each system.

FFmpeg's DirectShow and AVFoundation cannot be asked for MJPEG through PyAV: there the system chooses.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import av.logging
from av.container import InputContainer

from ..errors import InputError

USUAL_RATE = 60
"""Asked of cameras, which give what they can."""
_ENOUGH = 0.95
"""A rate of which so much is given is given."""
_LISTING = {"v4l2": {"list_formats": "all"}, "dshow": {"list_options": "true"}}
_MOST_OFFERS = 24


@dataclass(frozen=True)
class Input:
    """What `av.open` is told."""

    file: str
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    wishes: tuple[dict[str, str], ...] = ()
    """Options to try before those, of a camera: the first that gives rate and size is taken, else the best one."""
    rate: int = USUAL_RATE
    size: tuple[int, int] | None = None


def device_format() -> str:
    """FFmpeg's name for the system's cameras."""
    return {"win32": "dshow", "darwin": "avfoundation"}.get(sys.platform, "v4l2")


def cameras() -> list[str]:
    """What the system calls its cameras, in its order; empty where it does not tell."""
    try:
        devices = av.enumerate_input_devices(device_format())
    except (av.error.FFmpegError, OSError, ValueError):
        devices = []
    names = [device.description or device.name for device in devices if "audio" not in device.media_types]
    if not names and sys.platform.startswith("linux"):
        entries = sorted(Path("/sys/class/video4linux").glob("video*/name"))
        names = [f"{entry.read_text().strip()} ({entry.parent.name})" for entry in entries]
    return names


def camera_input(name: str, size: tuple[int, int] | None, rate: int | None = None) -> Input:
    """How to open a camera: by its number, by its path (Linux) or by its name; raises `InputError` where there is none.

    A `rate` that the user asked for must be given; without one, as many pictures a second as the camera can.
    """
    sized = {} if size is None else {"video_size": f"{size[0]}x{size[1]}"}
    rated = {"framerate": str(rate or USUAL_RATE), **sized}
    kind = device_format()
    wishes: tuple[dict[str, str], ...] = (rated,)
    least = sized if rate is None else rated
    if kind == "v4l2":
        path = f"/dev/video{name}" if name.isdecimal() else name
        if not Path(path).exists():
            raise missing_camera(name)
        # Many cameras have room on their cable for 60 pictures a second, or for large ones, only as MJPEG.
        wishes = (rated, {"input_format": "mjpeg", **rated})
        return Input(path, kind, least, wishes, rate or USUAL_RATE, size)
    if kind == "avfoundation":
        least = {"framerate": str(rate or 30), **sized}
        return Input(f"{name}:none", kind, least, wishes, rate or USUAL_RATE, size)
    if name.isdecimal():
        known = cameras()
        if int(name) >= len(known):
            raise missing_camera(name)
        name = known[int(name)]
    return Input(f"video={name}", kind, least, wishes, rate or USUAL_RATE, size)


def is_kept(rate: Fraction, asked: int) -> bool:
    """Whether a camera that gives so many pictures a second gives those that it was asked for."""
    return rate >= _ENOUGH * asked


def open_camera(asked: Input) -> InputContainer:
    """The camera, in the way that gives what was asked for, or else comes nearest; raises `av.error.FFmpegError`."""
    nearest: tuple[bool, Fraction] = False, Fraction(0)
    chosen = asked.options
    for wish in asked.wishes:
        try:
            container = av.open(asked.file, format=asked.format, options=wish)
        except (av.error.FFmpegError, OSError):
            continue
        given = _given(container, asked)
        if given[0] and is_kept(given[1], asked.rate):
            return container
        container.close()
        if given > nearest:
            nearest, chosen = given, wish
    return av.open(asked.file, format=asked.format, options=chosen)


def _given(container: InputContainer, asked: Input) -> tuple[bool, Fraction]:
    """Whether pictures have the size that was asked for, and their rate."""
    stream = next(iter(container.streams.video), None)
    if stream is None:
        return False, Fraction(0)
    return asked.size in (None, (stream.width, stream.height)), stream.average_rate or Fraction(0)


def offers(asked: Input) -> list[str]:
    """What a camera offers, such as ``640x480`` or ``640x480 at 30``; empty where FFmpeg does not tell."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        with av.logging.Capture() as said, suppress(av.error.FFmpegError, OSError):
            options = _LISTING.get(asked.format or "", asked.options)
            av.open(asked.file, format=asked.format, options=options).close()
    finally:
        av.logging.set_level(level)
    return offers_in([line for _, _, line in said])


def offers_in(lines: Sequence[str]) -> list[str]:
    """The sizes in what FFmpeg logs of a camera, with their highest rate where it tells one."""
    found: dict[str, None] = {}
    for line in lines:
        # DirectShow tells least and most, "s=640x480 fps=5 ... s=640x480 fps=30"; AVFoundation "640x480@[1.0 30.0]fps".
        rates = re.findall(r"(\d+x\d+)(?: fps=|@\[[\d.]+ )([\d.]+)", line)
        sizes = [f"{size} at {float(rate):g}" for size, rate in rates[-1:]] or re.findall(r"\b\d+x\d+\b", line)
        found |= dict.fromkeys(sizes)
    return list(found)[:_MOST_OFFERS]


def unfit_camera(name: str, asked: Input, offered: Sequence[str]) -> InputError:
    """What to do where a camera does not give what was asked for, but something else."""
    wished = " at ".join(filter(None, (asked.options.get("video_size"), asked.options.get("framerate"))))
    return InputError(f"Camera {name} does not give {wished}; it offers {', '.join(offered)}. Choose one of these.")


def missing_camera(name: str, why: str = "") -> InputError:
    """What to do without this camera."""
    known = cameras()
    listed = ", ".join(f"{number} {camera}" for number, camera in enumerate(known))
    advice = f"this machine has: {listed}" if known else "connect one, or give a video file or a stream"
    if why:  # it is there, or was
        advice = f"check its cable, that no other program uses it and that the system allows it; {advice}"
    return InputError(f"Camera {name} cannot be used{f' ({why})' if why else ''}; {advice}.")
