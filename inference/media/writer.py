"""Writing a movie: exact frame times, honest colour tags, the source's own sound, nothing half-made."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import Literal

import av
from av.container import OutputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from ..errors import InputError, UsageError
from .audio import AudioTrack
from .container import open_video, reason
from .pixels import from_rgb
from .types import Image

Codec = Literal["h264", "ffv1", "prores"]


@dataclass(frozen=True)
class _Encoding:
    encoder: str
    options: dict[str, str]
    even_format: str
    odd_format: str
    """For odd sizes: a format without shared chroma samples, so that no row or column is added or lost."""
    suffixes: tuple[str, ...]


_ENCODINGS = {
    "h264": _Encoding("libx264", {"crf": "16", "preset": "medium"}, "yuv420p", "yuv444p", (".mp4", ".mov", ".mkv")),
    "ffv1": _Encoding("ffv1", {"level": "3", "slicecrc": "1"}, "bgr0", "bgr0", (".mkv",)),
    "prores": _Encoding("prores_ks", {"profile": "hq"}, "yuv422p10le", "yuv444p10le", (".mov", ".mkv")),
}
# H.273: BT.709 primaries, transfer and matrix; limited range.
_BT709, _LIMITED = 1, 1


class VideoWriter:
    """Writes RGB frames to a movie; use it in a ``with`` statement.

    h264 is 4:2:0 (4:4:4 for odd sizes), ffv1 is lossless RGB, prores is 10-bit 4:2:2 HQ (4:4:4 for odd sizes). Frame
    times are kept exactly in .mp4 and .mov, to the millisecond in .mkv (a limit of that format). Sound is copied as it
    is where the container allows it, else it becomes AAC; when only a part of the source is written, sound before its
    first and after its last picture is left out. The file gets its name only when everything was written.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        fps: Fraction,
        codec: Codec = "h264",
        audio_from: Path | None = None,
        time_base: Fraction | None = None,
    ) -> None:
        """``time_base`` is the unit of the frame times; by default that of ``audio_from``, else one exact for ``fps``.

        Raises:
            UsageError: the codec does not go into a file of that name.
            InputError: the target cannot be written, or ``audio_from`` cannot be read.
        """
        self._path = Path(path)
        self._encoding = _encoding_for(self._path, codec)
        self._size = (width, height)
        odd = width % 2 or height % 2
        self._pixel_format = self._encoding.odd_format if odd else self._encoding.even_format
        self._fps = Fraction(fps)
        self._time_base = time_base or _time_base_of(audio_from) or _fine_time_base(self._fps)
        self._audio_from = audio_from
        self._partial = self._path.with_name(f"{self._path.stem}.partial{self._path.suffix}")
        self._reformatter = VideoReformatter()
        self._last_pts: int | None = None
        self._audio: AudioTrack | None = None
        self._container, self._stream = self._open()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def write(self, rgb: Image, time_s: float) -> None:
        """Append a frame, (H, W, 3) uint8 RGB, shown from ``time_s`` on; times must increase.

        Raises:
            InputError: the disk is full or gone.
        """
        height, width = rgb.shape[:2]
        if (width, height) != self._size:
            raise ValueError(f"frame is {width}x{height}, the movie {self._size[0]}x{self._size[1]}")
        pts = round(Fraction(time_s) / self._time_base)
        if self._last_pts is not None and pts <= self._last_pts:
            raise ValueError(f"frame times must increase by at least {self._time_base} s")
        frame = from_rgb(rgb, self._pixel_format, self._reformatter)
        frame.pts, frame.time_base = pts, self._time_base
        frame.duration = max(1, round(1 / (self._fps * self._time_base)))
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
            if self._audio is not None:
                self._audio.copy_until(self._container, time_s, first=self._last_pts is None)
        except (av.error.FFmpegError, OSError) as error:
            raise self._cannot_write(error) from error
        self._last_pts = pts

    def close(self) -> None:
        """Finish the movie and give it its name.

        Raises:
            InputError: no frame was written, or the disk is full or gone.
        """
        if self._last_pts is None:
            self.discard()
            raise InputError(f"{self._path} was not written: there is not one frame to put into it.")
        try:
            for packet in self._stream.encode(None):
                self._container.mux(packet)
            if self._audio is not None:
                self._audio.copy_rest(self._container, float(self._last_pts * self._time_base + 1 / self._fps))
                self._audio.close()
            self._container.close()
            self._partial.replace(self._path)
        except (av.error.FFmpegError, OSError) as error:
            self.discard()
            raise self._cannot_write(error) from error

    def discard(self) -> None:
        """Stop and leave nothing behind."""
        if self._audio is not None:
            self._audio.close()
        # A full disk cannot take the index either; the file goes away in any case.
        with contextlib.suppress(av.error.FFmpegError, OSError):
            self._container.close()
        self._partial.unlink(missing_ok=True)

    def _open(self) -> tuple[OutputContainer, VideoStream]:
        """Open the container with sound as it is, or with AAC when the container refuses it."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                return self._start(copy_audio=True)
            except (av.error.FFmpegError, ValueError):
                if self._audio is None:
                    raise
                self._audio.close()
                return self._start(copy_audio=False)
        except (av.error.FFmpegError, OSError) as error:
            if self._partial.exists():
                self._partial.unlink()
            raise self._cannot_write(error) from error

    def _start(self, copy_audio: bool) -> tuple[OutputContainer, VideoStream]:
        with contextlib.ExitStack() as unless_started:
            container = av.open(str(self._partial.absolute()), "w", container_options=self._container_options())
            unless_started.callback(container.close)
            stream = self._add_stream(container)
            self._audio = AudioTrack.open(self._audio_from, container, copy_audio)
            container.start_encoding()
            unless_started.pop_all()
        return container, stream

    def _container_options(self) -> dict[str, str]:
        """Track and movie clocks of .mp4/.mov that hold the frame times, and the offset of the first one, exactly."""
        if self._path.suffix.lower() == ".mkv":
            return {}
        clock = str(self._time_base.denominator)
        return {"video_track_timescale": clock, "movie_timescale": clock}

    def _add_stream(self, container: OutputContainer) -> VideoStream:
        stream = container.add_stream(self._encoding.encoder, rate=self._fps, options=dict(self._encoding.options))
        if not isinstance(stream, VideoStream):
            raise TypeError(f"{self._encoding.encoder} is no picture encoder")
        context = stream.codec_context
        context.width, context.height = self._size
        context.pix_fmt = self._pixel_format
        if self._pixel_format == "yuv444p10le":
            context.options = {"profile": "4444"}  # ProRes HQ itself is 4:2:2 only.
        stream.time_base = context.time_base = self._time_base
        if self._pixel_format.startswith("yuv"):
            context.color_primaries = context.color_trc = context.colorspace = _BT709
            context.color_range = _LIMITED
        return stream

    def _cannot_write(self, error: Exception) -> InputError:
        return InputError(f"{self._path} cannot be written: {reason(error)}; choose another place or make room there.")


def _encoding_for(path: Path, codec: str) -> _Encoding:
    encoding = _ENCODINGS.get(codec)
    if encoding is None:
        raise UsageError(f"{codec} is not a known codec; choose one of {', '.join(_ENCODINGS)}.")
    if path.suffix.lower() not in encoding.suffixes:
        allowed = " or ".join(encoding.suffixes)
        raise UsageError(f"{path.name}: {codec} does not go into such a file; its name must end in {allowed}.")
    return encoding


def _time_base_of(source: Path | None) -> Fraction | None:
    if source is None:
        return None
    with open_video(source) as (_, stream):
        return stream.time_base


def _fine_time_base(fps: Fraction) -> Fraction:
    """Exact for a constant ``fps`` and finer than 1/90000 s for anything else."""
    return Fraction(1, fps.numerator * ceil(90000 / fps.numerator))
