"""Reading one face from frame to frame: where to look, and how far to trust what is seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..media.types import Picture
from .landmarks import LandmarkNet, Views, region_to_follow
from .region import Region, box_of
from .rules import MIN_PRESENCE, SETTLED_GROWTH, SETTLED_SHIFT, STRAY_GROWTH
from .types import Landmarks

_SEARCH_SCALE = 1.3
_READINGS = 3


@dataclass(frozen=True)
class Reading:
    """A face in a frame."""

    landmarks: Landmarks
    confidence: float
    """0..1: the network's belief, less when the face does not fill its region as faces do or leaves the picture."""
    next_region: Region
    """Where to read it in the next frame."""


class Follower:
    """Reads faces where they were in the frame before, as MediaPipe does, with steadier regions."""

    def __init__(self, net: LandmarkNet, views: Views) -> None:
        self._net, self._views = net, views

    def begin(self, rgb: Picture, landmarks: Landmarks) -> Reading | None:
        """Read a found face as it will be read in the next frames, so that its first frame does not stand out."""
        first = self._read(rgb, region_to_follow(landmarks.points_px))
        return first and self._read(rgb, region_to_follow(first.landmarks.points_px))

    def follow(self, rgb: Picture, previous: Reading, motion_px: NDArray[np.float32]) -> Reading | None:
        """The same face in the next frame; after a miss it is sought once more where its motion leads, more widely."""
        x, y = previous.next_region.centre_px
        ahead = replace(previous.next_region, centre_px=(x + float(motion_px[0]), y + float(motion_px[1])))
        return self._read(rgb, previous.next_region) or self._read(rgb, ahead.scaled(_SEARCH_SCALE))

    def _read(self, rgb: Picture, region: Region) -> Reading | None:
        """Read, and read again where the face turns out to be until both agree; a face that never settles is lost."""
        for _ in range(_READINGS):
            landmarks = self._net.read_views(rgb, region, self._views)
            if landmarks.presence < MIN_PRESENCE:
                return None
            following = region_to_follow(landmarks.points_px)
            growth, shift = _step(region, following)
            if growth < SETTLED_GROWTH and shift < SETTLED_SHIFT:
                break
            region = following
        if growth > STRAY_GROWTH:
            return None
        confidence = landmarks.presence * _fit(landmarks.points_px, growth, shift, rgb)
        return Reading(landmarks, confidence, region.calmed(following)) if confidence > 0 else None


def _step(region: Region, following: Region) -> tuple[float, float]:
    """How much the face outgrew its region, in octaves, and left its middle, in region sizes."""
    growth = abs(np.log2(max(following.size_px[0], 1e-3) / region.size_px[0]))
    shift = np.hypot(*np.subtract(following.centre_px, region.centre_px)) / region.size_px[0]
    return float(growth), float(shift)


def _fit(points_px: NDArray[np.float32], growth: float, shift: float, rgb: Picture) -> float:
    """0..1: does the face fill the region as faces do, and lie within the picture?"""
    height, width = rgb.shape[:2]
    (left, top), (right, bottom) = box_of(points_px)
    inside = 1.0
    if min(left, top) < 0 or right > width or bottom > height:
        inside = np.all((points_px >= 0) & (points_px <= (width, height)), axis=1).mean()
    return float(inside * np.clip(1.5 - growth, 0, 1) * np.clip(1.5 - 2 * shift, 0, 1))
