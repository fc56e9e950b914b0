"""Faces read in many frames ahead at once: regions are foretold, read in one go, and checked against what was seen.

A face that is followed frame by frame is read where its last frame's points say. That chain is broken here: a few frames
of a run are read where the face is expected, the regions of all frames follow from those, all are read at once, and the
chain of regions is followed again over what was read. Frames whose region turns out otherwise than foretold are read
again, until none does. So the readings are those of the chain, but for steps too small to matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...media.types import Picture
from ..rules import MARGIN_FOLLOWING, MARGIN_OWN, MIN_PRESENCE, STRAY_GROWTH
from .pictures import Pictures
from .reader import BatchReader, OwnSeen
from .regions import (
    Floats,
    Regions,
    apart,
    between,
    chain,
    fit,
    scaled,
    straight,
)
from .sampling import Integers

_COARSE = 6
"""Every so many frames one is read to begin with, to see where all are to be read."""
_REACH = 4
"""A face is expected to move on as it did for so many frames."""
_ROUNDS = 6
_SAME_GROWTH, _SAME_SHIFT, _SAME_TURN = 0.008, 0.006, 0.012
"""Regions that differ less count as the same, in octaves, region sizes and radians. Measured: our own network's points
are then off from the chain's by 0.03 % of the face, as much as a shift of the picture by a third of a pixel moves them."""


@dataclass(frozen=True)
class Ahead:
    """What is seen of F faces in the T frames of a run."""

    counts: Integers
    """(F,) frames for which each face was followed; what is told of later ones means nothing."""
    points_px: Floats
    """(F, T, 478, 2)."""
    depth_px: Floats
    """(F, T, 478)."""
    presence: Floats
    """(F, T)."""
    confidence: NDArray[np.float64]
    """(F, T), as `Reading` has it."""
    next_regions: Regions
    """(F, T, 4) where each face would be read in the frame after."""
    own: OwnSeen | None
    """Of the frames that count, face after face; None where our own network was not asked."""
    rows: Integers
    """(F, T) which row of `own` tells of a face in a frame."""
    read: int
    """How many regions MediaPipe's network read for it."""
    rounds: int
    """In so many calls."""
    bytes_sent: int
    """To the device."""


def read_ahead(reader: BatchReader, frames: Sequence[Picture], starts: Regions, motions_px: Floats) -> Ahead:
    """Follow F faces through frames: from (F, 4) `Reading.next_region`s and (F, 2) motions in the frame before."""
    count = len(frames)
    pictures = Pictures(frames, np.tile(np.arange(count), len(starts)), reader.staging)
    run = _Run(reader, pictures, starts, motions_px, count)
    run.read_coarse()
    for _ in range(_ROUNDS):
        if not run.read_wanted():
            break
    return run.result()


class _Run:
    """The state of a run: what was read where."""

    def __init__(
        self, reader: BatchReader, pictures: Pictures, starts: Regions, motions_px: Floats, count: int
    ) -> None:
        faces = len(starts)
        self._reader, self._pictures = reader, pictures
        self._starts, self._motions_px = starts, motions_px
        self._used = np.ones((faces, count, 4))
        self._asked = np.ones((faces, count, 4))
        self._presence = np.full((faces, count), np.nan, np.float32)
        self._points_px = np.zeros((faces, count, 478, 2), np.float32)
        self._depth_px = np.zeros((faces, count, 478), np.float32)
        self._jumps = np.zeros((faces, count), bool)
        self._read = self._rounds = 0
        self._all_read = False

    def read_coarse(self) -> None:
        faces, count = self._presence.shape
        chosen = np.zeros((faces, count), bool)
        chosen[:, _COARSE - 1 :: _COARSE] = chosen[:, -1] = True
        self._read_at(chosen, self._expected()[0])

    def read_wanted(self) -> bool:
        """Read what was not read where it is wanted; False when there is no such frame."""
        wanted, _ = self._expected()
        # The coarse readings are made anew with all others: readings of two kinds in turn would tremble.
        missing = ~(self._is_at(wanted) & self._all_read) & self._may_count(wanted)
        self._all_read = True
        self._read_at(missing, wanted)
        return bool(missing.any())

    def result(self) -> Ahead:
        wanted, after = self._expected()
        growth, shift, _ = apart(self._used, self._asked)
        good = self._is_at(wanted) & (self._presence >= MIN_PRESENCE) & (growth <= STRAY_GROWTH)
        faces, count = good.shape
        confidence = fit(
            self._points_px.reshape(-1, 478, 2), growth.ravel(), shift.ravel(), self._pictures.size
        ).reshape(faces, count) * np.where(good, self._presence, 0.0)
        counts = np.cumprod(confidence > 0, axis=1).sum(axis=1)
        counted = np.arange(count) < counts[:, None]
        return Ahead(
            counts=counts,
            points_px=self._points_px,
            depth_px=self._depth_px,
            presence=self._presence,
            confidence=confidence,
            next_regions=after,
            own=self._own(counted, after) if self._reader.reads_own and counted.any() else None,
            rows=(np.cumsum(counted) - 1).reshape(faces, count),
            read=self._read,
            rounds=self._rounds,
            bytes_sent=self._pictures.bytes_sent,
        )

    def _own(self, counted: NDArray[np.bool_], after: Regions) -> OwnSeen:
        regions = scaled(after[counted], MARGIN_OWN / MARGIN_FOLLOWING)
        return self._reader.read_own(self._pictures, np.flatnonzero(counted), regions)

    def _expected(self) -> tuple[Regions, Regions]:
        """(F, T, 4) where every frame should be read and where each next one then, after what was read so far."""
        known = self._presence >= MIN_PRESENCE
        read, after = np.empty_like(self._asked), np.empty_like(self._asked)
        for face, (start, motion_px) in enumerate(zip(self._starts, self._motions_px, strict=True)):
            asked = between(start, self._asked[face], known[face], motion_px, _REACH)
            read[face], after[face], jumps = chain(start, asked, self._jumps[face])
            # Once read where its points ask, a frame stays so: else it might go to and fro between the two.
            self._jumps[face] |= jumps & known[face]
        return read, after

    def _is_at(self, wanted: Regions) -> NDArray[np.bool_]:
        """(F, T) was it read where it is wanted?"""
        growth, shift, turn = apart(self._used, wanted)
        near = (growth < _SAME_GROWTH) & (shift < _SAME_SHIFT) & (turn < _SAME_TURN)
        return near & ~np.isnan(self._presence)

    def _may_count(self, wanted: Regions) -> NDArray[np.bool_]:
        """(F, T) no frame before was read where it is wanted without a face there."""
        lost = self._is_at(wanted) & (self._presence < MIN_PRESENCE)
        return np.asarray(np.cumsum(lost, axis=1) == 0)

    def _read_at(self, chosen: NDArray[np.bool_], wanted: Regions) -> None:
        cells = np.flatnonzero(chosen)
        if not len(cells):
            return
        regions = wanted[chosen]
        seen = self._reader.read(self._pictures, cells, regions)
        self._used[chosen], self._presence[chosen] = regions, seen.presence
        self._points_px[chosen], self._depth_px[chosen] = seen.points_px, seen.depth_px
        self._asked[chosen] = straight(seen.points_px, MARGIN_FOLLOWING)
        self._read += len(cells)
        self._rounds += 1
