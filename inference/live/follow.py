"""One face from picture to picture, where only the present counts: found again when it is lost, never sought for long."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..capture.detector import FaceDetector
from ..capture.finder import FaceFinder
from ..capture.following import Follower, Reading
from ..capture.landmarks import ONE_VIEW, LandmarkNet
from ..capture.region import whole
from ..capture.types import Landmarks
from ..media.types import Image

SEARCH_EVERY_S = 0.1
THOROUGH_EVERY_S = 3.0
"""Turned and very small faces are looked for so often, because it takes 0.1 to 0.3 s."""


class FaceOfNow:
    """Follows the largest face; the points are MediaPipe's, whose errors the live solver knows."""

    def __init__(self, device: str = "auto") -> None:
        """Raises `MissingComponentError` where a network's file is missing or the device cannot be used."""
        self._net = net = LandmarkNet(device)
        self._follower, self._finder = Follower(net, ONE_VIEW), FaceFinder(FaceDetector(device), net)
        self._reading: Reading | None = None
        self._motion_px: NDArray[np.float32] = np.zeros(2, np.float32)
        self._searched_s, self._thorough_s = -np.inf, -np.inf

    def warm_up(self) -> None:
        """Run everything once, because a network's first run takes long."""
        grey = np.full((128, 128, 3), 128, np.uint8)
        self._finder.find(grey, thorough=False)
        self._finder.belief(grey, self._net.read(grey, whole(grey)))

    def read(self, rgb: Image, time_s: float) -> NDArray[np.float32] | None:
        """(478, 2) points in pixels; None while no face is seen."""
        before = self._reading
        self._reading = self._follower.follow(rgb, before, self._motion_px) if before is not None else None
        if self._reading is None:
            self._motion_px = np.zeros(2, np.float32)
            self._reading = self._found(rgb, time_s)
        elif before is not None:
            self._motion_px = _centre(self._reading.landmarks) - _centre(before.landmarks)
        return None if self._reading is None else self._reading.landmarks.points_px

    def _found(self, rgb: Image, time_s: float) -> Reading | None:
        if 0 <= time_s - self._searched_s < SEARCH_EVERY_S:
            return None
        thorough = not 0 <= time_s - self._thorough_s < THOROUGH_EVERY_S
        self._searched_s = time_s
        if thorough:
            self._thorough_s = time_s
        faces = [face.landmarks for face in self._finder.find(rgb, thorough=thorough)]
        largest = max(faces, key=lambda face: float(np.ptp(face.points_px, axis=0).max()), default=None)
        return None if largest is None else self._follower.begin(rgb, largest)


def _centre(landmarks: Landmarks) -> NDArray[np.float32]:
    points = landmarks.points_px
    return np.asarray((points.min(axis=0) + points.max(axis=0)) / 2, dtype=np.float32)
