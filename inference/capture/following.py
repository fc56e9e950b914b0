"""Reading one face from frame to frame: where to look, and how far to trust what is seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..media.types import Image
from .finder import MIN_PRESENCE
from .landmarks import LandmarkNet, Views, region_to_follow
from .region import Region
from .types import Landmarks

_SEARCH_SCALE = 1.3


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

    def begin(self, rgb: Image, landmarks: Landmarks) -> Reading | None:
        """Read a found face as it will be read in the next frames, so that its first frame does not stand out."""
        first = self._read(rgb, region_to_follow(landmarks.points_px))
        return first and self._read(rgb, region_to_follow(first.landmarks.points_px))

    def follow(self, rgb: Image, previous: Reading, motion_px: NDArray[np.float32]) -> Reading | None:
        """The same face in the next frame; after a miss it is sought once more where its motion leads, more widely."""
        x, y = previous.next_region.centre_px
        ahead = replace(previous.next_region, centre_px=(x + float(motion_px[0]), y + float(motion_px[1])))
        return self._read(rgb, previous.next_region) or self._read(rgb, ahead.scaled(_SEARCH_SCALE))

    def _read(self, rgb: Image, region: Region) -> Reading | None:
        landmarks = self._net.read_views(rgb, region, self._views)
        if landmarks.presence < MIN_PRESENCE:
            return None
        following = region_to_follow(landmarks.points_px)
        confidence = landmarks.presence * _fit(landmarks.points_px, region, following, rgb)
        return Reading(landmarks, confidence, region.calmed(following)) if confidence > 0 else None


def _fit(points_px: NDArray[np.float32], region: Region, following: Region, rgb: Image) -> float:
    """0..1: does the face fill the region as faces do, and lie within the picture?"""
    height, width = rgb.shape[:2]
    inside = np.all((points_px >= 0) & (points_px <= (width, height)), axis=1).mean()
    growth = abs(np.log2(max(following.size_px[0], 1e-3) / region.size_px[0]))
    shift = np.hypot(*np.subtract(following.centre_px, region.centre_px)) / region.size_px[0]
    return float(inside * np.clip(1.5 - growth, 0, 1) * np.clip(1.5 - 2 * shift, 0, 1))
