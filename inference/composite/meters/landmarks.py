"""Landmarks found again on the composite: does the new face perform where the actor's did?"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...capture.landmarks import TWO_VIEWS, LandmarkNet, region_of_points
from ..regions import face_width_px
from ..types import Floats
from .pixels import LEVELS, levels

FACE_WIDTH_PX: Final = 512.0
"""Errors are told as if the face were this wide."""
_PRESENCE: Final = 0.5


class LandmarkMeter:
    """Reads both pictures through the same window, so that what the network errs on both cancels."""

    def __init__(self, device: str) -> None:
        self._net = LandmarkNet(device)

    def errors(self, picture: NDArray[Any], own: NDArray[Any], points_px: Floats) -> Floats | None:
        """(478,) distances in pixels at `FACE_WIDTH_PX` between the landmarks of a picture and of the untouched one.

        ``points_px`` (478, 2) only say where to look. None when either shows no face.
        """
        region = region_of_points(points_px)
        found = [self._net.read_views(_eight_bits(image), region, TWO_VIEWS) for image in (picture, own)]
        if min(face.presence for face in found) < _PRESENCE:
            return None
        away = np.linalg.norm(found[0].points_px - found[1].points_px, axis=1)
        errors: Floats = (away * (FACE_WIDTH_PX / face_width_px(points_px))).astype(np.float32)
        return errors


def _eight_bits(image: NDArray[Any]) -> NDArray[np.uint8]:
    return image if image.dtype == np.uint8 else np.rint(np.clip(levels(image), 0, LEVELS)).astype(np.uint8)
