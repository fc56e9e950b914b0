"""Other colours of the actor: hair, irises, the white of the eyes, picked from single pixels of many frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..media.types import Image
from ..take import Take
from .layout import Array
from .views import linear

Colour = tuple[float, float, float]
Single = NDArray[np.float32]

IRIS_SHARE, WHITE_SHARE = 0.65, 0.35
LEAST_COLOURS = 6
SKULL_CM = tuple((x, y, z) for x in (-3.0, 0.0, 3.0) for y, z in ((11.4, 7.0), (12.2, 5.0)))
"""Where hair is on most heads, in head axes, for the colour of the hair."""


def places_px(take: Take, row: int) -> dict[str, Array]:
    """(K, 2) pixels where hair, irises and the white of the eyes should be.

    Irises beside the pupil, where lids and lights seldom are; the white between them and the corners of the eyes.
    """
    marks = take.landmarks_px[row].astype(np.float64)
    centre, edge = marks[[468, 468, 473, 473]], marks[[469, 471, 474, 476]]
    corners = marks[[[33, 133], [362, 263]]].repeat(2, axis=0)
    nearest = np.linalg.norm(corners - edge[:, None], axis=2).argmin(axis=1)
    return {
        "hair": _skull_px(take, row),
        "iris": centre + IRIS_SHARE * (edge - centre),
        "white": edge + WHITE_SHARE * (corners[range(4), nearest] - edge),
    }


def _skull_px(take: Take, row: int) -> Array:
    """(K, 2) pixels of points on the skull."""
    placed = np.array(SKULL_CM) @ take.rotation[row].T.astype(np.float64) + take.translation_cm[row]
    u = take.camera_matrix[0, 2] - take.camera_matrix[0, 0] * placed[:, 0] / placed[:, 2]
    v = take.camera_matrix[1, 2] + take.camera_matrix[1, 1] * placed[:, 1] / placed[:, 2]
    return np.stack([u, v], 1)


def pixels_at(rgb: Image, points_px: Array) -> Single:
    """(K, 3) linear colours at points (K, 2); NaN outside the picture."""
    found = np.full((len(points_px), 3), np.nan, np.float32)
    height, width = rgb.shape[:2]
    known = np.nan_to_num(points_px, nan=-1.0)
    inside = ((known > 0) & (known < [width, height])).all(axis=1)
    u, v = known[inside].astype(int).T
    found[inside] = linear(rgb[v, u].astype(np.float32) / 255)
    return found


def usual(looks: list[Single]) -> Colour | None:
    """Median of the known colours; None where there are too few."""
    colours = np.concatenate(looks)
    colours = colours[np.isfinite(colours).all(axis=1)]
    return rounded(np.median(colours, axis=0)) if len(colours) >= LEAST_COLOURS else None


def rounded(colour: NDArray[np.floating[Any]]) -> Colour:
    """Three plain numbers, of which nobody needs more digits."""
    red, green, blue = (round(float(part), 4) for part in colour)
    return red, green, blue
