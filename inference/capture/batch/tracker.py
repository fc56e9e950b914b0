"""A tracker that reads known faces in many frames at once, for devices that are fast only so.

Who is who, what is lost and where to look again is `ShotTracker`'s; only the readings of faces that are being followed
come from runs made ahead. Where such a run ends, that frame is read as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...media.types import Picture
from ..finder import FaceFinder
from ..following import Follower, Reading
from ..region import Region
from ..tracking import OwnReader, SearchPlan, ShotTracker, Sighting, TrackedFace
from ..types import Landmarks
from .ahead import Ahead, read_ahead
from .reader import BatchReader

FRAMES_AHEAD = 50
"""In a run; a divisor of `chunks.FRAMES`. Measured on restless faces: runs of 100 are as right and as soon settled."""
_LEAST_AHEAD = 4
"""Runs are not shorter; fewer frames than this are read one by one."""


@dataclass(frozen=True)
class AheadReading(Reading):
    """A reading that came out of a run, with what our own network read."""

    own: Landmarks | None = None


class BatchTracker(ShotTracker):
    """As `ShotTracker`; `step_many` takes many frames in one go."""

    def __init__(
        self,
        finder: FaceFinder,
        follower: Follower,
        max_faces: int,
        plan: SearchPlan,
        read_own: OwnReader | None,
        reader: BatchReader,
        ahead: int = FRAMES_AHEAD,
    ) -> None:
        super().__init__(finder, follower, max_faces, plan, read_own and _own_of(read_own))
        self._reader, self._ahead = reader, ahead
        self._foretold: dict[int, list[AheadReading]] = {}
        """By the number of a face, its readings in the next frames, the last first."""
        self._served: set[int] = set()
        """The faces whose reading in the last frame came from there."""

    @property
    def frames_at_once(self) -> int:
        """How many frames `step_many` likes to get."""
        return self._ahead

    def step_many(self, frames: Sequence[Picture]) -> list[list[Sighting]]:
        """What `step` gives for each of the frames in order. How it stands (`faces`) is told after the last of them.

        The points depend by some thousandths of a pixel on where calls end: same bits need the same cuts.
        """
        sightings: list[list[Sighting]] = []
        length = self._ahead
        while len(sightings) < len(frames):
            rest = frames[len(sightings) :]
            run = rest[:length]
            length = self._foretell(run, self._active())
            # The frame in which a run ends early is read as ever, and so tells what is lost.
            steps = max((len(readings) for readings in self._foretold.values()), default=0) + 1
            for rgb in run[:steps]:
                self._served.clear()
                sightings.append(self.step(rgb))
                if any(face.track_id not in self._served for face in self._active()):
                    break
            self._foretold = {}
        return sightings

    def _read_again(self, rgb: Picture, track: TrackedFace) -> Reading | None:
        foretold = self._foretold.get(track.track_id)
        if not foretold:
            return super()._read_again(rgb, track)
        self._served.add(track.track_id)
        return foretold.pop()

    def _foretell(self, frames: Sequence[Picture], followed: Sequence[TrackedFace]) -> int:
        """Read the faces that are followed in frames ahead; returns how long the next run should be."""
        if not followed or len(frames) < _LEAST_AHEAD:
            return self._ahead
        regions = [face.reading.next_region for face in followed]
        starts = np.array([(*region.centre_px, region.size_px[0], region.angle_rad) for region in regions])
        ahead = read_ahead(self._reader, frames, starts, np.stack([face.motion_px for face in followed]))
        for number, face in enumerate(followed):
            self._foretold[face.track_id] = [
                _reading(ahead, number, frame) for frame in reversed(range(int(ahead.counts[number])))
            ]
        # Where faces move too wildly to be foretold, long runs are wasted.
        failed = 2 * int(ahead.counts.max()) < len(frames)
        return max(len(frames) // 2, _LEAST_AHEAD) if failed else min(2 * len(frames), self._ahead)


def _own_of(read_own: OwnReader) -> OwnReader:
    """What our own network read in the run, or reads now."""

    def read(rgb: Picture, reading: Reading) -> Landmarks:
        ready = reading.own if isinstance(reading, AheadReading) else None
        return ready or read_own(rgb, reading)

    return read


def _reading(ahead: Ahead, face: int, frame: int) -> AheadReading:
    x, y, side, angle = ahead.next_regions[face, frame].tolist()
    presence = float(ahead.presence[face, frame])
    seen = Landmarks(ahead.points_px[face, frame], ahead.depth_px[face, frame], presence)
    return AheadReading(
        landmarks=seen,
        confidence=float(ahead.confidence[face, frame]),
        next_region=Region((x, y), (side, side), angle),
        own=_own(ahead, face, frame, presence),
    )


def _own(ahead: Ahead, face: int, frame: int, presence: float) -> Landmarks | None:
    if ahead.own is None:
        return None
    own, row = ahead.own, int(ahead.rows[face, frame])
    return Landmarks(
        points_px=own.points_px[row],
        depth_px=own.depth_px[row],
        presence=presence,
        sigma_px=own.sigma_px[row],
        visible=own.visible[row],
        coefficients=own.coefficients[row],
        coefficient_sigma=own.coefficient_sigma[row],
    )
