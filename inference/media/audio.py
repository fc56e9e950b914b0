"""The sound of a source on its way into a new movie: packets as they are, or AAC where the container refuses them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import av
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer

from .container import open_video

AnyPacket: TypeAlias = "av.Packet[AudioStream]"
_AAC_BIT_RATE = 192_000


class AudioTrack:
    """Copies the first sound track of a source, keeping its place in time."""

    def __init__(self, source: InputContainer, stream: AudioStream, target: AudioStream, copy: bool) -> None:
        self._source, self._stream, self._target, self._copy = source, stream, target, copy
        self._packets: Iterator[AnyPacket] = source.demux(stream)
        self._waiting: AnyPacket | None = None
        self._resampler: AudioResampler | None = None
        self._video_start_s, self._video_end_s = _video_span_s(source)
        self._from_s = float("-inf")

    @classmethod
    def open(cls, path: Path | None, container: OutputContainer, copy: bool) -> AudioTrack | None:
        """Add a sound track to ``container``; None when there is no source or it is silent.

        Raises:
            av.error.FFmpegError, ValueError: the container cannot take the sound as it is.
        """
        if path is None:
            return None
        with open_video(path):
            pass  # A source that is no video is refused here, with a sentence.
        source = av.open(str(path.absolute()))
        if not source.streams.audio:
            source.close()
            return None
        stream = source.streams.audio[0]
        if copy:
            target = container.add_stream_from_template(stream)
        else:
            context = stream.codec_context
            target = container.add_stream(
                "aac", rate=context.sample_rate, layout=context.layout, bit_rate=_AAC_BIT_RATE
            )
        return cls(source, stream, target, copy)

    def copy_until(self, container: OutputContainer, time_s: float, first: bool) -> None:
        """Write the sound up to ``time_s``; with the movie's ``first`` picture the sound may have to begin, too."""
        if first and time_s > self._video_start_s:
            self._from_s = time_s
        for packet in self._packets_before(time_s):
            self._write(container, packet)

    def copy_rest(self, container: OutputContainer, end_s: float) -> None:
        """Write the remaining sound: all of it after the source's last picture, else up to the last picture written."""
        whole = self._video_end_s is None or end_s >= self._video_end_s
        for packet in self._packets_before(float("inf") if whole else end_s):
            self._write(container, packet)
        if not self._copy:
            self._encode(container, None)
            container.mux(self._target.encode(None))

    def close(self) -> None:
        """Let go of the source."""
        self._source.close()

    def _packets_before(self, time_s: float) -> Iterator[AnyPacket]:
        while True:
            if self._waiting is None:
                self._waiting = self._next_packet()
            packet = self._waiting
            if packet is None:
                return
            start_s, end_s = _packet_span_s(packet)
            if start_s >= time_s:
                return
            self._waiting = None
            if end_s > self._from_s:
                yield packet

    def _next_packet(self) -> AnyPacket | None:
        try:
            return next(self._packets, None)
        except av.error.FFmpegError:
            return None  # A source that breaks off: its sound ends here, as its pictures do.

    def _write(self, container: OutputContainer, packet: AnyPacket) -> None:
        if not self._copy:
            with contextlib.suppress(av.error.InvalidDataError):  # One damaged packet is a click, not the end.
                for frame in self._stream.codec_context.decode(packet if packet.size else None):
                    self._encode(container, frame)
        elif packet.dts is not None:  # The demuxer's closing packet is empty.
            packet.stream = self._target
            container.mux(packet)

    def _encode(self, container: OutputContainer, frame: av.AudioFrame | None) -> None:
        """Encode a frame in pieces of the encoder's own size; None brings out what the resampler holds."""
        if self._resampler is None:
            context = self._target.codec_context
            self._resampler = AudioResampler(
                context.format, context.layout, context.sample_rate, frame_size=context.frame_size
            )
        for piece in self._resampler.resample(frame):
            container.mux(self._target.encode(piece))


def _packet_span_s(packet: AnyPacket) -> tuple[float, float]:
    """Start and end; the demuxer's closing packet has neither and always passes."""
    if packet.pts is None or packet.time_base is None:
        return float("-inf"), float("inf")
    return float(packet.pts * packet.time_base), float((packet.pts + (packet.duration or 0)) * packet.time_base)


def _video_span_s(source: InputContainer) -> tuple[float, float | None]:
    """Start and end of the pictures, with half a frame of tolerance."""
    stream = source.streams.video[0]
    half_frame_s = 0.5 / float(stream.average_rate or 25)
    unit_s = float(stream.time_base or 0)
    start_s = (stream.start_time or 0) * unit_s
    if stream.duration is None:
        return start_s + half_frame_s, None
    return start_s + half_frame_s, start_s + stream.duration * unit_s - half_frame_s
