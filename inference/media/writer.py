"""Writing a movie: exact frame times, honest colour tags, the source's own sound, nothing half-made."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from fractions import Fraction
from math import ceil
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from ..errors import InputError
from .audio import AudioTrack
from .colour_tags import ColourTags
from .container import open_video, reason
from .deep import from_deep
from .encodings import (
    HARDWARE,
    USUAL_FORM,
    MovieCodec,
    PictureForm,
    encoding_for,
    options_of,
    pixel_format,
    stored_colour,
)
from .hardware import encoder_here
from .pixels import from_rgb
from .plates import widened
from .types import Image
from .whole import WholeWriter


class VideoWriter(WholeWriter):
    """Writes RGB frames to a movie; use it in a ``with`` statement.

    h264 and h265 are 4:2:0 (4:4:4 for odd sizes), h264_hardware is 4:2:0 of a graphics chip, ffv1 is lossless RGB,
    prores is 10-bit 4:2:2 HQ, prores4444 its 4:4:4 (also for odd sizes); prores4444 and ffv1 hold alpha. Frame times are
    kept exactly in .mp4 and .mov, to the millisecond in .mkv (a limit of that format). Sound is copied as it is where the
    container allows it, else it becomes AAC; when only a part of the source is written, sound before its first and after
    its last picture is left out. The file gets its name only when everything was written.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        fps: Fraction,
        codec: MovieCodec = "h264",
        audio_from: Path | None = None,
        time_base: Fraction | None = None,
        form: PictureForm = USUAL_FORM,
    ) -> None:
        """``time_base`` is the unit of the frame times; by default that of ``audio_from``, else one exact for ``fps``.

        Raises:
            UsageError: the codec does not go into a file of that name, or does not hold that depth or alpha.
            MissingComponentError: no chip encodes here, and h264_hardware is wanted.
            InputError: the target cannot be written, or ``audio_from`` cannot be read.
        """
        self._path = Path(path)
        self._encoding = encoding_for(self._path, codec)
        self._chip = encoder_here() if self._encoding.encoder == HARDWARE else None
        self._size = (width, height)
        self._pixel_format = pixel_format(codec, form.depth, self._size, form.alpha)
        self._options = options_of(codec, form) if self._chip is None else self._chip.options
        self._colour = stored_colour(codec, form.colour)
        self._fps = Fraction(fps)
        self._time_base = time_base or _time_base_of(audio_from) or _fine_time_base(self._fps)
        self._audio_from = audio_from
        self._partial = self._path.with_name(f"{self._path.stem}.partial{self._path.suffix}")
        self._reformatter = VideoReformatter()
        self.seal: Callable[[Path], None] | None = None
        """Called with the finished file before it gets its name; what it raises leaves nothing behind."""
        self._last_pts: int | None = None
        self._audio: AudioTrack | None = None
        self._container, self._stream = self._open()

    def write(
        self, rgb: Image | NDArray[np.uint16], time_s: float, alpha: Image | NDArray[np.uint16] | None = None
    ) -> None:
        """Append a frame, (H, W, 3) RGB and (H, W) alpha, uint8 or uint16, shown from ``time_s`` on; times must increase.

        A movie with alpha counts a frame without as opaque.

        Raises:
            InputError: the disk is full or gone.
        """
        height, width = rgb.shape[:2]
        if (width, height) != self._size:
            raise ValueError(f"frame is {width}x{height}, the movie {self._size[0]}x{self._size[1]}")
        self._append(lambda: self._frame(rgb, alpha), time_s)

    def write_decoded(self, frame: av.VideoFrame, time_s: float) -> None:
        """Append a decoded frame of YUV, whose matrix and range are those of the movie's ``form``, without a way through
        RGB: only its chroma may be sampled anew.

        Raises:
            InputError: the disk is full or gone.
        """
        if (frame.width, frame.height) != self._size:
            raise ValueError(f"frame is {frame.width}x{frame.height}, the movie {self._size[0]}x{self._size[1]}")
        self._append(lambda: self._stored(frame), time_s)

    def _append(self, made: Callable[[], av.VideoFrame], time_s: float) -> None:
        pts = round(Fraction(time_s) / self._time_base)
        if self._last_pts is not None and pts <= self._last_pts:
            raise ValueError(f"frame times must increase by at least {self._time_base} s")
        frame = made()
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
            if self.seal is not None:
                self.seal(self._partial)
            self._partial.replace(self._path)
        except (av.error.FFmpegError, OSError) as error:
            self.discard()
            raise self._cannot_write(error) from error
        except InputError:
            self.discard()
            raise

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
        encoder = self._encoding.encoder if self._chip is None else self._chip.name
        stream = container.add_stream(encoder, rate=self._fps, options=self._options)
        if not isinstance(stream, VideoStream):
            raise TypeError(f"{encoder} is no picture encoder")
        context = stream.codec_context
        context.width, context.height = self._size
        context.pix_fmt = self._pixel_format if self._chip is None else self._chip.pixel_format
        if self._encoding.encoder == "prores_ks" and self._pixel_format == "yuv444p10le":
            context.options = {"profile": "4444"}  # ProRes HQ itself is 4:2:2 only.
        tag = self._encoding.tags.get(self._path.suffix.lower())
        if tag is not None:
            context.codec_tag = tag
        stream.time_base = context.time_base = self._time_base
        _tag(context, self._colour)
        return stream

    def _frame(self, rgb: Image | NDArray[np.uint16], alpha: Image | NDArray[np.uint16] | None) -> av.VideoFrame:
        """The frame that the encoder takes."""
        if rgb.dtype == np.uint8 and self._pixel_format in ("yuv420p", "yuv444p", "bgr0"):
            frame = from_rgb(rgb.astype(np.uint8, copy=False), self._pixel_format, self._reformatter, self._colour)
        else:
            deep, shade = widened(rgb, np.uint16), widened(alpha, np.uint16)
            frame = from_deep(deep, shade, self._pixel_format, self._colour.matrix, self._colour.full_range)
        _tag(frame, self._colour)
        return frame

    def _stored(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A copy of a decoded frame in the movie's pixel format."""
        spread = ColorRange.JPEG if self._colour.full_range else ColorRange.MPEG
        stored = self._reformatter.reformat(
            frame,
            format=self._pixel_format,
            src_color_range=spread,
            dst_color_range=spread,
            interpolation=Interpolation.AREA,
            threads=1,
        )
        if stored is frame:  # its times, tags and kind are the source's to keep
            stored = av.VideoFrame.from_ndarray(frame.to_ndarray(), format=self._pixel_format)
        _tag(stored, self._colour)
        return stored

    def _cannot_write(self, error: Exception) -> InputError:
        return InputError(f"{self._path} cannot be written: {reason(error)}; choose another place or make room there.")


def _tag(carrier: av.VideoFrame | VideoCodecContext, colour: ColourTags) -> None:
    """Say whose colours a frame or a whole movie holds."""
    carrier.color_primaries, carrier.color_trc = colour.primaries, colour.transfer
    carrier.colorspace = colour.matrix
    carrier.color_range = ColorRange.JPEG if colour.full_range else ColorRange.MPEG


def _time_base_of(source: Path | None) -> Fraction | None:
    if source is None:
        return None
    with open_video(source) as (_, stream):
        return stream.time_base


def _fine_time_base(fps: Fraction) -> Fraction:
    """Exact for a constant ``fps`` and finer than 1/90000 s for anything else."""
    return Fraction(1, fps.numerator * ceil(90000 / fps.numerator))
