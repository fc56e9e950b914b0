"""The seam: is there a line along the matte's edge, is there a step of colour across it, was anything beyond it touched?

The edge is where the matte passes one half: there a difference between face and plate shows most, however soft it is.
The untouched plate has edges of its own there (a jaw, a hair line), so its figures always stand beside.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..pictures import blur, cv2
from ..types import Floats
from .delta_e import delta_e_2000
from .pixels import LEVELS, Mask, grey, levels, signed_distance

_EDGE_PX: Final = 2.5
_BESIDE_PX: Final = (4.0, 7.0)
_STEP_PX: Final = 3.0


def seam_ratio(image: NDArray[Any], inside: Mask) -> float:
    """Mean slope of a picture (H, W, 3) in the band of a region's edge over that in the bands beside it; 1 is no line."""
    brightness = blur(grey(levels(image)), 1.0)
    slope = np.hypot(cv2.Sobel(brightness, -1, 1, 0), cv2.Sobel(brightness, -1, 0, 1))
    away = np.abs(signed_distance(inside))
    edge = slope[away <= _EDGE_PX]
    beside = slope[(away >= _BESIDE_PX[0]) & (away <= _BESIDE_PX[1])]
    return float(edge.mean() / max(beside.mean(), 1e-6)) if edge.size and beside.size else float("nan")


def edge_step(image: NDArray[Any], inside: Mask) -> float:
    """Median CIEDE2000 between 3 pixels inside and 3 outside the edge of a region of a picture (H, W, 3)."""
    steps = edge_steps(image, inside)
    return float(np.median(steps)) if len(steps) else float("nan")


def edge_steps(image: NDArray[Any], inside: Mask) -> NDArray[np.float64]:
    """(N,) CIEDE2000 across the edge, one per pixel along it."""
    lab = cv2.cvtColor(blur(levels(image), 1.0) / np.float32(LEVELS), cv2.COLOR_RGB2LAB)
    depth = signed_distance(inside)
    smooth = blur(depth, 2.0)
    normal = np.stack([cv2.Sobel(smooth, -1, 1, 0), cv2.Sobel(smooth, -1, 0, 1)], -1)
    rows, columns = np.nonzero(np.abs(depth) <= 0.5)
    if not len(rows):
        return np.zeros(0)
    direction = normal[rows, columns] / np.maximum(np.linalg.norm(normal[rows, columns], axis=1, keepdims=True), 1e-6)
    place = np.stack([columns, rows], 1).astype(np.float32)
    sides = [_colours(lab, place + np.float32(sign * _STEP_PX) * direction) for sign in (1, -1)]
    return delta_e_2000(*sides)


def outside_change(plate: NDArray[Any], picture: NDArray[Any], matte: Floats) -> float:
    """Largest difference, in the pictures' own units, where the matte (H, W) is 0."""
    return float(cv2.absdiff(plate, picture)[matte == 0].max(initial=0))


def _colours(lab: Floats, place: Floats) -> Floats:
    """(N, 3) of a picture at (N, 2) places."""
    x, y = np.ascontiguousarray(place.T)
    # OpenCV maps no more than 32767 places in one line.
    parts = [
        cv2.remap(lab, x[start : start + 30000], y[start : start + 30000], cv2.INTER_LINEAR)[:, 0]
        for start in range(0, len(x), 30000)
    ]
    return np.concatenate(parts)
