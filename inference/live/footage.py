"""Pictures from cameras, files and network streams: a thread decodes them, and only the newest is kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
from av.codec.context import Flags
from av.container import InputContainer
from av.video.stream import VideoStream

from ..errors import InputError, UnderstudyError
from ..media.container import open_video, reason
from .cameras import Input, camera_input, missing_camera, offers, open_camera, unfit_camera
from .clock import SourceClock
from .newest import Newest, Picture

Kind = Literal["camera", "file", "stream"]
_OPEN_S, _READ_S = 10.0, 5.0
"""So long a stream may take to answer, and to send."""
_RECONNECT_S = 1.0
_BEHIND_S = 0.5
"""A file that decodes slower than it plays is played slower, rather than later and later."""
_BROKEN_FRAMES = 100
_USUAL_RATE, _HIGHEST_RATE = Fraction(30), 1000
"""Some devices promise nonsense."""
_LIVE_OPTIONS = {"fflags": "nobuffer", "flags": "low_delay", "analyzeduration": "1000000"}
"""What was read to learn the format (1 s) is left out: it is old by then."""


@dataclass(frozen=True)
class Footage:
    """A source of pictures."""

    name: str
    """As the user wrote it."""
    kind: Kind
    input: Input
    loop: bool = False


def footage(name: str, size: tuple[int, int] | None = None, loop: bool = False, rate: int | None = None) -> Footage:
    """The source of a name: ``camera:0``, a file, or ``rtsp://``, ``udp://``, ``http://``...; raises `InputError`."""
    if name.startswith("camera:"):
        return Footage(name, "camera", camera_input(name.removeprefix("camera:"), size, rate))
    if "://" in name:
        options = dict(_LIVE_OPTIONS)
        if name.startswith("rtsp"):
            options["rtsp_transport"] = "tcp"
        return Footage(name, "stream", Input(name, None, options))
    path = Path(name)
    if not path.is_file():
        raise InputError(f"There is no video at {name}; give a file, camera:0, or the address of a stream.")
    return Footage(name, "file", Input(str(path.absolute())), loop)


class PictureSource:
    """Decodes in a thread of its own, from `start` until `close`."""

    def __init__(self, source: Footage) -> None:
        self.source = source
        self.newest = Newest()
        self.tap: Callable[[Picture], None] | None = None
        """Is shown every picture, also those that are dropped; it must not wait."""
        self._stop = threading.Event()
        self._clock = SourceClock(live=source.kind != "file")
        self._frame = -1
        self._began_s = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True, name="live source")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End; a device that does not answer is left behind."""
        self._stop.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and self._once():
                self._clock.reopen()
            self.newest.finish()
        except UnderstudyError as error:
            self.newest.finish(error)

    def _once(self) -> bool:
        """Open and read to the end; returns whether to do so again. Raises `InputError` where that makes no sense."""
        before, why = self._frame, "it ended"
        try:
            with self._opened() as (container, stream):
                self._read(container, stream)
        except (av.error.FFmpegError, OSError) as error:
            why = reason(error)
            if self.source.kind == "file":
                raise InputError(f"{self.source.name} is not a readable video: {why}; give one that plays.") from error
        if self.source.kind == "stream" and not self._stop.is_set():
            if self._frame < 0:
                raise InputError(f"{self.source.name} sends no pictures: {why}; check the address and the sender.")
            self._stop.wait(_RECONNECT_S)
            return True
        if self.source.kind == "camera" and not self._stop.is_set():
            raise self._unusable(why)
        return self.source.loop and self._frame > before

    @contextmanager
    def _opened(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        asked = self.source.input
        if self.source.kind == "file":
            with open_video(Path(asked.file)) as opened:
                yield opened
            return
        with self._container(asked) as container:
            stream = next(iter(container.streams.video), None)
            if stream is None or stream.codec_context is None:
                raise InputError(f"{self.source.name} has no moving picture; choose another source.")
            yield container, stream

    def _container(self, asked: Input) -> InputContainer:
        if self.source.kind == "camera":
            return open_camera(asked)
        return av.open(asked.file, format=asked.format, options=asked.options, timeout=(_OPEN_S, _READ_S))

    def _unusable(self, why: str) -> InputError:
        """Of a camera: it is gone, or was asked for what it does not give."""
        name, asked = self.source.name.removeprefix("camera:"), self.source.input
        offered = offers(asked) if self._frame < 0 and asked.options else []
        return unfit_camera(name, asked, offered) if offered else missing_camera(name, why)

    def _read(self, container: InputContainer, stream: VideoStream) -> None:
        stream.codec_context.flags |= Flags.low_delay
        stream.thread_type = "SLICE"  # threads by frame hold pictures back
        # What tells its length was recorded: it comes as fast as it is read, so that it must be held back.
        paced = self.source.kind == "file" or (container.duration or 0) > 0
        aspect, rate = stream.sample_aspect_ratio or Fraction(1), stream.average_rate or _USUAL_RATE
        rate = rate if 1 <= rate <= _HIGHEST_RATE else _USUAL_RATE
        for arrived_s, decoded in _decoded(container, stream):
            if self._stop.is_set():
                return
            self._hand_on(decoded, aspect, rate, time.monotonic() if paced else arrived_s, paced)

    def _hand_on(self, decoded: av.VideoFrame, aspect: Fraction, rate: Fraction, arrived_s: float, paced: bool) -> None:
        own_s = None if decoded.pts is None or decoded.time_base is None else float(decoded.pts * decoded.time_base)
        time_s = self._clock.stamp(own_s, arrived_s, rate)
        if paced:
            arrived_s = self._due(time_s, arrived_s)
        self._frame += 1
        picture = Picture(self._frame, time_s, arrived_s, decoded, aspect, rate)
        if self.tap is not None:
            self.tap(picture)
        self.newest.put(picture)

    def _due(self, time_s: float, now_s: float) -> float:
        """Wait until a picture's time has come."""
        if self._frame < 0:
            self._began_s = now_s
        if now_s - self._began_s - time_s > _BEHIND_S:
            self._began_s = now_s - time_s
        due_s = self._began_s + time_s
        self._stop.wait(max(0.0, due_s - now_s))
        return due_s


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[tuple[float, av.VideoFrame]]:
    """Every picture that decodes, and when what it was made of came; what is damaged on its way is passed over."""
    broken = 0
    for packet in container.demux(stream):
        arrived_s = time.monotonic()
        frames: list[av.VideoFrame] = []
        try:
            with suppress(av.error.EOFError):
                frames = stream.codec_context.decode(packet)
            broken = 0
        except av.error.InvalidDataError:
            broken += 1
            if broken > _BROKEN_FRAMES:
                raise
        yield from ((arrived_s, frame) for frame in frames)
