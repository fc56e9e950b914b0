"""Opening a video file: the one place that turns PyAV's many failures into a sentence for the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from ..errors import InputError
from .hardware import HardwareError

# FFmpeg "decodes" text files as pictures of a terminal.
_TEXT_CODECS = frozenset({"ansi", "bintext", "xbin", "idf"})


@contextmanager
def open_video(path: Path, hwaccel: HWAccel | None = None) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open ``path`` and hand out its container and first moving picture, to be decoded on a device where one is given.

    Raises:
        InputError: the file is missing, empty, not a video, without pictures, or damaged at its start.
        HardwareError: it cannot be opened with that device.
    """
    _check_file(path)
    try:
        container = av.open(str(path.absolute()), hwaccel=hwaccel)
    except (av.error.FFmpegError, OSError) as error:
        if hwaccel is not None:
            raise HardwareError(reason(error)) from error
        raise InputError(f"{path} is not a readable video: {reason(error)}; give a video file that plays.") from error
    with container:
        yield container, _picture_stream(container, path)


def reason(error: Exception) -> str:
    """What FFmpeg or the system said, in words that fit into a sentence."""
    if isinstance(error, av.error.InvalidDataError):
        return "the format is unknown, or the file is damaged or was never finished"
    return str(getattr(error, "strerror", None) or error).lower()


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a video file.")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}; check the name and your access to it.") from error
    if size == 0:
        raise InputError(f"{path} is empty (0 bytes); copy or export the video again.")


def _picture_stream(container: InputContainer, path: Path) -> VideoStream:
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic or stream.codec_context is None:
            continue
        if stream.codec_context.name in _TEXT_CODECS:
            raise InputError(f"{path} is a text file; give a video file.")
        return stream
    raise InputError(f"{path} has no moving picture that can be decoded; give a video file.")
