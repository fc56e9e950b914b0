"""Facts about a video file and its frames, upright, in RGB, with their presentation times."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from ..errors import InputError
from .container import open_video, reason
from .deep import has_alpha, is_float
from .glimpse import shown
from .hardware import HardwareError, accelerator, check_decoder, chosen_decoder, usual_planes
from .hdr10 import hdr10_of
from .pixels import clockwise_turn, square_size, to_rgb
from .place import Place, PlaceLostError, counted_frames, place_of
from .plates import bits_of, colour_of, to_plate, widened
from .sequence import find_sequence, probe_sequence, sequence_digest, sequence_frames, sequence_plates
from .types import Glimpsed, Plate, VideoFrame, VideoInfo

log = logging.getLogger(__name__)

AnyPacket: TypeAlias = "av.Packet[VideoStream]"


class DamagedVideoWarning(UserWarning):
    """A file ends too early or has holes: the frames that could be decoded were handed out."""


def probe(path: str | Path) -> VideoInfo:
    """Read the facts of a video file or a sequence of pictures (see `sequence`).

    One frame is decoded, so a file without any usable picture is refused.

    Raises:
        InputError: missing, empty, damaged at its start or not a video.
    """
    path = Path(path)
    if (sequence := find_sequence(path)) is not None:
        return probe_sequence(sequence)
    with open_video(path) as (container, stream):
        frame = next(_decode(container, stream, _Damage()), None)
        if frame is None:
            raise _no_pictures(path)
        turn = clockwise_turn(frame)
        width, height = square_size(frame.width, frame.height, _pixel_aspect(stream))
        if turn in (90, 270):
            width, height = height, width
        fps = _rate(stream)
        return VideoInfo(
            path=path,
            width=width,
            height=height,
            fps=fps,
            frame_count=stream.frames,
            duration_s=_duration_s(container, stream, fps),
            rotation_deg=turn,
            bit_depth=bits_of(frame),
            codec=stream.codec_context.name,
            has_audio=len(container.streams.audio) > 0,
            is_float=is_float(frame),
            has_alpha=has_alpha(frame),
            colour=colour_of(frame),
            hdr10=hdr10_of(frame),
        )


def read_frames(
    path: str | Path,
    start: int = 0,
    stop: int | None = None,
    *,
    exact_colours: bool = True,
    decoder: str | None = None,
) -> Generator[VideoFrame]:
    """Frames ``start`` (included) to ``stop`` (excluded) in presentation order.

    Colours follow the file's tags (matrix, range); untagged pictures count as BT.601 when smaller than 1280x720, else
    BT.709. Pictures are turned upright, non-square pixels stretched. ``exact_colours=False`` may be 3 levels off and
    is ten times faster. A damaged or truncated file gives every frame that decodes, then a `DamagedVideoWarning`.
    ``decoder`` is a device of `hardware`, by default the chosen one; what it does not decode, software does.

    Raises:
        InputError: missing, empty, not a video, or not one picture can be decoded.
        UsageError: there is no such decoder.
    """
    path = Path(path)
    if (sequence := find_sequence(path)) is not None:
        yield from sequence_frames(sequence, start, stop)
        return
    reformatter = VideoReformatter()
    for one in _pictures(path, start, stop, decoder):
        yield VideoFrame(one.index, one.time_s, to_rgb(one.frame, reformatter, one.aspect, exact_colours))


def read_glimpses(path: str | Path, start: int = 0, stop: int | None = None) -> Generator[Glimpsed]:
    """The frames of `read_frames` without exact colours, bit by bit; only what is looked at becomes RGB, where it can.

    Raises:
        InputError: as `read_frames`.
    """
    path = Path(path)
    if (sequence := find_sequence(path)) is not None:
        for frame in sequence_frames(sequence, start, stop):
            yield Glimpsed(frame.index, frame.time_s, frame.rgb)
        return
    reformatter = VideoReformatter()
    for one in _pictures(path, start, stop):
        yield Glimpsed(one.index, one.time_s, shown(one.frame, reformatter, one.aspect))


def read_plates(
    path: str | Path, start: int = 0, stop: int | None = None, *, dtype: type[np.generic] | None = None
) -> Iterator[Plate]:
    """The same frames with all their bits and their alpha; 8-bit colours are those of `read_frames`, bit by bit.

    ``dtype=numpy.uint16`` hands out pictures of 8 bits in 16, too. Colours keep the file's own transfer and primaries.

    Raises:
        InputError: as `read_frames`.
    """
    path = Path(path)
    if (sequence := find_sequence(path)) is not None:
        plates = sequence_plates(sequence, start, stop)
    else:
        plates = _movie_plates(path, start, stop)
    for plate in plates:
        yield Plate(plate.index, plate.time_s, widened(plate.pixels, dtype), widened(plate.alpha, dtype))


def _movie_plates(path: Path, start: int, stop: int | None) -> Iterator[Plate]:
    reformatter = VideoReformatter()
    for one in _pictures(path, start, stop):
        yield Plate(one.index, one.time_s, *to_plate(one.frame, reformatter, one.aspect))


@dataclass(frozen=True)
class _Picture:
    """A decoded frame."""

    index: int
    time_s: float
    frame: av.VideoFrame
    aspect: Fraction


def _pictures(path: Path, start: int, stop: int | None, decoder: str | None = None) -> Iterator[_Picture]:
    """The frames of a movie; a warning after a damaged one."""
    decoder = decoder or chosen_decoder()
    if (device := accelerator(decoder)) is not None:
        reformatter = VideoReformatter()
        try:
            for picture in _placed(path, start, stop, device):
                yield replace(picture, frame=usual_planes(picture.frame, reformatter))
                start = picture.index + 1
        except HardwareError as error:
            log.info("%s is decoded in software from frame %d on, without %s: %s", path, start, decoder, error)
        else:
            return
    yield from _placed(path, start, stop, None)


def _placed(path: Path, start: int, stop: int | None, device: HWAccel | None) -> Iterator[_Picture]:
    """From the nearest place from which it can be decoded, where there is one and it holds."""
    try:
        yield from _decoded(path, start, stop, device, place_of(path, start))
    except PlaceLostError:
        yield from _decoded(path, start, stop, device, None)


def _decoded(
    path: Path, start: int, stop: int | None, device: HWAccel | None, place: Place | None
) -> Iterator[_Picture]:
    damage, counted = _Damage(tolerated=device is None), counted_frames(path)
    with open_video(path, device) as (container, stream):
        if device is None:
            stream.thread_type = "AUTO"
        else:
            check_decoder(stream)
        aspect, rate = _pixel_aspect(stream), _rate(stream)
        frames, first = _decode(container, stream, damage), 0
        if place is not None:
            place.go(container, stream)
            frames, first, damage.demuxed = place.frames(frames), start, place.packets
        time_s, index = None, -1
        for index, frame in enumerate(frames, first):
            time_s = _time_after(time_s, frame, rate)
            if frame.pts is not None and frame.time_base is not None:
                counted[index] = float(frame.pts * frame.time_base)
            if stop is not None and index >= stop:
                return
            if index >= start:
                yield _Picture(index, time_s, frame, aspect)
        if time_s is None:
            raise _no_pictures(path) if device is None else HardwareError("it brings no picture")
        if damage.packets or damage.ended_early or _is_short(stream, damage, time_s):
            message = f"{path} is damaged or cut off: {index + 1} frames up to {time_s:.2f} s could be read."
            warnings.warn(DamagedVideoWarning(message), stacklevel=5)


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file or of the files of a sequence; `InputError` when one cannot be read."""
    path = Path(path)
    if (sequence := find_sequence(path)) is not None:
        return sequence_digest(sequence, sha256)
    try:
        status = path.stat()
        return _digest_of(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check the name and your access to it.") from error


@cache
def _digest_of(path: Path, size: int, modified_ns: int) -> str:
    """Keyed by size and time of change, so that a large file is read once per process."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Damage:
    """What went wrong while decoding; where nothing may, `HardwareError`, because software may do better."""

    def __init__(self, *, tolerated: bool = True) -> None:
        self._tolerated = tolerated
        self.packets = 0
        self.demuxed = 0
        self.ended_early = False

    def add(self, error: Exception) -> None:
        """A packet that does not decode."""
        if not self._tolerated:
            raise HardwareError(reason(error)) from error
        self.packets += 1


def _decode(container: InputContainer, stream: VideoStream, damage: _Damage) -> Iterator[av.VideoFrame]:
    """Every frame that decodes; damaged packets are skipped and counted."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.error.FFmpegError, OSError):
            # The container breaks off here; an empty packet still brings out what the decoder holds back.
            damage.ended_early = True
            packet = None
        if packet is None:
            break
        damage.demuxed += packet.size > 0
        yield from _frames(stream, packet, damage)
    if damage.ended_early:
        yield from _frames(stream, None, damage)


def _frames(stream: VideoStream, packet: AnyPacket | None, damage: _Damage) -> list[av.VideoFrame]:
    try:
        return stream.codec_context.decode(packet)
    except av.error.EOFError:
        return []
    except av.error.FFmpegError as error:
        damage.add(error)
        return []


def _time_after(previous_s: float | None, frame: av.VideoFrame, rate: Fraction) -> float:
    """Presentation time; where the file has none or it does not advance, one frame after the previous."""
    pts = frame.pts if frame.pts is not None else frame.dts
    time_s = None if pts is None or frame.time_base is None else float(pts * frame.time_base)
    if previous_s is None:
        return 0.0 if time_s is None else time_s
    return time_s if time_s is not None and time_s > previous_s else previous_s + float(1 / rate)


def _is_short(stream: VideoStream, damage: _Damage, last_s: float) -> bool:
    """Does the file hold less than its header promises?"""
    if stream.frames:
        return damage.demuxed < stream.frames
    promised = stream.metadata.get("DURATION")  # Matroska, written by FFmpeg: 00:00:12.345000000
    if promised is None:
        return False
    hours, minutes, seconds = promised.split(":")
    return last_s + 0.5 < int(hours) * 3600 + int(minutes) * 60 + float(seconds) - float(1 / _rate(stream))


def _rate(stream: VideoStream) -> Fraction:
    return stream.average_rate or stream.guessed_rate or Fraction(25)


def _pixel_aspect(stream: VideoStream) -> Fraction:
    return stream.sample_aspect_ratio or Fraction(1)


def _duration_s(container: InputContainer, stream: VideoStream, fps: Fraction) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None:
        return container.duration / av.time_base
    return float(stream.frames / fps)


def _no_pictures(path: Path) -> InputError:
    return InputError(f"{path} holds no picture that can be decoded: it is damaged or cut off; export it again.")
