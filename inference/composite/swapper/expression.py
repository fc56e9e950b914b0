"""The expression restorer: what the network swapper loses of the actor's expression is given back.

Landmarks are found again on the network's face, through the same window and by the same network as on the plate, so that
what that errs on both cancels. Lids, brows and lips that have moved are moved back by a thin-plate spline; the outline
and the nose, which say who it is, only go along with the face as a whole.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...capture.landmarks import TWO_VIEWS, LandmarkNet, region_of_points
from ..pictures import sample
from ..regions import BROWS, EYES, LIPS, OVAL, STEADY, face_width_px
from ..types import Floats, Region
from .warp import Warp, apply_affine, fit_similarity

INNER_LIPS: Final = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
MOVED: Final = tuple(dict.fromkeys((*LIPS, *INNER_LIPS, *EYES[0], *EYES[1], *BROWS[0], *BROWS[1])))
"""Points that carry the expression."""
HELD: Final = tuple(dict.fromkeys((*OVAL, *(point for point in STEADY if point not in MOVED))))
POINTS: Final = (*MOVED, *HELD)
"""Points (P) that the spline goes through."""
MAX_MOVE: Final = 0.06
"""Face widths; more is a wrong landmark."""
_PRESENCE: Final = 0.5


class ExpressionReader:
    """Finds by how much the network's face misses the actor's expression."""

    def __init__(self, device: str) -> None:
        self._net = LandmarkNet(device)

    def miss(self, plate: NDArray[np.uint8], face: Floats, region: Region, points_px: Floats) -> Floats:
        """(P, 2) pixels from the `POINTS` of the network's face to where they belong; zero where a face is not seen.

        ``plate`` (H, W, 3), ``face`` (h, w, 3) encoded 0..1 over a region of it, ``points_px`` (478, 2) the actor's.
        """
        drawn = plate.copy()
        drawn[region.slices] = np.rint(255 * np.clip(face, 0, 1)).astype(np.uint8)
        window = region_of_points(points_px)
        own, new = (self._net.read_views(picture, window, TWO_VIEWS) for picture in (plate, drawn))
        if min(own.presence, new.presence) < _PRESENCE:
            return np.zeros((len(POINTS), 2), np.float32)
        found, goal = new.points_px[list(POINTS)], own.points_px[list(POINTS)]
        whole = apply_affine(fit_similarity(found, goal), found)
        miss = np.where(np.arange(len(POINTS))[:, None] < len(MOVED), goal, whole) - found
        length = np.linalg.norm(miss, axis=1, keepdims=True)
        limit = MAX_MOVE * face_width_px(points_px)
        bounded: Floats = (miss * np.minimum(1, limit / np.maximum(length, 1e-6))).astype(np.float32)
        return bounded


def with_expression(face: Floats, points_px: Floats, miss_px: Floats, factor: float, region: Region) -> Floats:
    """The network's face (h, w, 3) over a region, its `POINTS` brought a share of ``miss_px`` (P, 2) nearer to the
    actor's ``points_px`` (478, 2): 1 is all the way, more goes beyond.
    """
    if factor == 0 or not miss_px.any():
        return face
    controls = points_px[list(POINTS)] + np.float32(factor - 1) * miss_px
    bend = np.float32(-factor) * miss_px
    still = np.eye(2, 3, dtype=np.float32)
    x, y = Warp(still, controls.astype(np.float32), bend.astype(np.float32), still).map(region)
    x, y = x - np.float32(region.x), y - np.float32(region.y)
    height, width = face.shape[:2]
    return sample(face, np.clip(x, 0.5, width - 0.5), np.clip(y, 0.5, height - 0.5), sharp=True)
