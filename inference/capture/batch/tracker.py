"""A tracker that reads known faces in many frames at once, for devices that are fast only so.

Who is who, what is lost and where to look again is `ShotTracker`'s; only the readings of faces that are being followed
come from runs made ahead. Where such a run ends, that frame is read as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...media.types import Image
from ..finder import FaceFinder
from ..following import Follower, Reading
from ..region import Region
from ..tracking import OwnReader, SearchPlan, ShotTracker, Sighting, TrackedFace
from ..types import Landmarks
from .ahead import Ahead, read_ahead
from .reader import BatchReader

FRAMES_AHEAD = 32
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
        self._reader, self._longest, self._ahead = reader, ahead, ahead
        self._foretold: dict[int, list[AheadReading]] = {}
        """By the number of a face, its readings in the next frames, the last first."""

    def step_many(self, frames: Sequence[Image]) -> list[list[Sighting]]:
        """What `step` gives for each of the frames in order. How it stands (`faces`) is told after the last of them."""
        sightings: list[list[Sighting]] = []
        while len(sightings) < len(frames):
            rest = frames[len(sightings) :]
            followed = self._active()
            self._foretell(rest[: self._ahead], followed)
            steps = max((len(readings) for readings in self._foretold.values()), default=0) or 1
            for rgb in rest[:steps]:
                sightings.append(self.step(rgb))
                if {face.track_id for face in self._active()} - self._foretold.keys():
                    break
            self._foretold = {}
        return sightings

    def _read_again(self, rgb: Image, track: TrackedFace) -> Reading | None:
        foretold = self._foretold.get(track.track_id)
        return foretold.pop() if foretold else super()._read_again(rgb, track)

    def _foretell(self, frames: Sequence[Image], followed: Sequence[TrackedFace]) -> None:
        if not followed or len(frames) < _LEAST_AHEAD:
            return
        regions = [face.reading.next_region for face in followed]
        starts = np.array([(*region.centre_px, region.size_px[0], region.angle_rad) for region in regions])
        ahead = read_ahead(self._reader, frames, starts, np.stack([face.motion_px for face in followed]))
        # Where faces move too wildly to be foretold, long runs are wasted.
        failed = 2 * int(ahead.counts.max()) < len(frames)
        self._ahead = max(self._ahead // 2, _LEAST_AHEAD) if failed else min(self._ahead * 2, self._longest)
        for number, face in enumerate(followed):
            self._foretold[face.track_id] = [
                _reading(ahead, number, frame) for frame in reversed(range(int(ahead.counts[number])))
            ]


def _own_of(read_own: OwnReader) -> OwnReader:
    """What our own network read in the run, or reads now."""

    def read(rgb: Image, reading: Reading) -> Landmarks:
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
