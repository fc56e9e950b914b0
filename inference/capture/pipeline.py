"""The frames of a shot on their way through the tracker: decoded ahead, followed here, read by our own network beside."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from ..media.types import Glimpsed
from ..overlap import beside
from .chunks import Seen
from .tracking import ShotTracker, Sighting, TrackedFace

AHEAD: Final = 4
"""Frames that are decoded at least while one is followed: 12 MB each at 3840x2160, 25 MB when all of it becomes RGB."""
_BESIDE: Final = 4
"""Frames that wait for our own network; the tracker remembers as many anyhow."""


class _Followed(NamedTuple):
    """A frame in which our own network has read nothing yet."""

    frame_index: int
    time_s: float
    sightings: list[Sighting]
    faces: tuple[TrackedFace, ...] | None
    """How the tracker stood after it, see `Seen`."""


def seen_in(frames: Iterable[Glimpsed], tracker: ShotTracker) -> Generator[Seen]:
    """What a tracker sees in successive frames, to the same bits as one step after the other."""

    def read(followed: _Followed) -> Seen:
        index, time_s, sightings, faces = followed
        return Seen(index, time_s, tracker.read(sightings), faces)

    return beside(read, _followed(iter(frames), tracker), _BESIDE)


def _followed(frames: Iterator[Glimpsed], tracker: ShotTracker) -> Iterator[_Followed]:
    while run := list(islice(frames, tracker.frames_at_once)):
        sightings = tracker.step_many([frame.rgb for frame in run])
        inner = [None] * (len(run) - 1)
        for frame, seen, faces in zip(run, sightings, [*inner, tracker.faces()], strict=True):
            yield _Followed(frame.index, frame.time_s, seen, faces)
