"""Going to a late frame of a movie without decoding all before it, when its number is beyond doubt.

Packets are counted, not decoded: the number of a frame is how many are shown before it. Where they do not all tell
when they are shown, or the decoder brings other frames than they promise, everything is decoded from the beginning. A
damaged packet before the place counts as the frame that it should have been.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from .container import open_video

_FAR: Final = 48
"""Frames; as many are decoded in the time it takes to look for a nearer beginning."""


class PlaceLostError(Exception):
    """The decoder does not bring the frames that the packets promise."""


@dataclass(frozen=True)
class Place:
    """Where to begin."""

    key_pts: int
    """Of the frame from which decoding can begin."""
    shown: tuple[int, ...]
    """Times from the one to begin with to the wanted one."""
    packets: int
    """Before it in the file."""

    def go(self, container: InputContainer, stream: VideoStream) -> None:
        """Bring a freshly opened file there; raises `PlaceLostError` where it cannot be moved."""
        try:
            container.seek(self.key_pts, stream=stream)
        except (av.error.FFmpegError, OSError) as error:
            raise PlaceLostError from error

    def frames(self, decoded: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """From the wanted one on; raises `PlaceLostError` before the first one when others come than should."""
        coming = iter(decoded)
        following = (frame for frame in coming if frame.pts is not None and frame.pts >= self.key_pts)
        last: av.VideoFrame | None = None
        for pts in self.shown:
            last = next(following, None)
            if last is None or last.pts != pts or last.is_corrupt:
                raise PlaceLostError
        if last is not None:
            yield last
        yield from coming


def place_of(path: Path, index: int) -> Place | None:
    """The last place before a frame from which decoding can begin; None where that is the beginning, or not certain."""
    if index < _FAR:
        return None
    shown: list[int] = []
    keys: list[tuple[int, int]] = []
    with open_video(path) as (container, stream):
        for count, packet in enumerate(container.demux(stream)):
            if not packet.size:
                break
            pts, dts = packet.pts, packet.dts
            if pts is None or dts is None or pts < dts or packet.is_corrupt or packet.is_discard:
                return None
            if packet.is_keyframe:
                keys.append((pts, count))
            insort(shown, pts)
            if len(shown) > index and dts >= shown[index]:
                break  # No later packet is shown before it.
    if len(shown) <= index or len(set(shown)) < len(shown) or not keys or keys[0][1] > 0:
        return None
    pts, packets = max(key for key in keys if key[0] <= shown[index])
    first = bisect_left(shown, pts)
    return Place(pts, tuple(shown[first : index + 1]), packets) if first else None
