"""Going to a late frame of a movie without decoding all before it, when its number is beyond doubt.

The number of a frame is how many are decoded before it; packets tell how many should be. The two differ after damage,
which only decoding shows: a place is one whose frame was counted before, by decoding from the beginning, and has the
number that the packets give it. Elsewhere, where packets do not all tell when they are shown, and where the decoder
brings other frames than they promise, everything is decoded from the beginning.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
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


def counted_frames(path: Path) -> dict[int, float]:
    """Number -> time in seconds of frames of the file as it is now that were counted; whoever counts more adds them.

    Only what was counted from the beginning, or from a `Place`, may be added.
    """
    try:
        status = path.stat()
    except OSError:
        return {}
    return _counted(path.absolute(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)
def _counted(path: Path, size: int, modified_ns: int) -> dict[int, float]:
    """About 100 bytes a frame."""
    return {}


def place_of(path: Path, index: int) -> Place | None:
    """The last place before a frame from which decoding can begin; None where that is the beginning, or not certain."""
    counted = counted_frames(path)
    if index < _FAR or not counted:
        return None
    shown: list[int] = []
    keys: list[tuple[int, int]] = []
    with open_video(path) as (container, stream):
        unit = stream.time_base
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
    if len(shown) <= index or len(set(shown)) < len(shown) or not keys or keys[0][1] > 0 or unit is None:
        return None
    for pts, packets in sorted(keys, reverse=True):
        first = bisect_left(shown, pts)
        if 0 < first <= index and counted.get(first) == float(pts * unit):
            return Place(pts, tuple(shown[first : index + 1]), packets)
    return None
