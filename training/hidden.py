"""Which points of a posed head a camera can see: those that face it and that no skin lies before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

BEHIND_CM = 0.25
"""How far a visible point may lie behind what is before it: lips and lids that touch are both seen."""
LEAST_FACING = -0.25
"""Cosine between a point's normal and the way to the camera; points of an edge are seen from behind, too."""
BEHIND_IRIS_CM = 0.02


def visible(points_cm: Floats, normals: Floats, skin_cm: Floats) -> NDArray[np.uint8]:
    """(546,) 1 where a point is seen; everything in camera axes (z toward the camera, which is at the origin).

    `normals` (546, 3), zero for the irises: they face where the eye opens; `skin_cm` (F, 3, 3) the corners of all triangles
    that may lie before something.
    """
    ray = -points_cm / np.linalg.norm(points_cm, axis=1, keepdims=True)
    iris = ~normals.any(1)
    before = distance_before(points_cm, skin_cm)
    free = before < np.where(iris, BEHIND_IRIS_CM, BEHIND_CM)
    return (free & ((normals * ray).sum(1) > LEAST_FACING)).astype(np.uint8)


def distance_before(points_cm: Floats, triangles_cm: Floats) -> Floats:
    """(P,) how far the nearest triangle (F, 3, 3) lies before each point, along z; 0 where there is none."""
    flat = triangles_cm[..., :2] / -triangles_cm[..., 2:]
    target = points_cm[:, :2] / -points_cm[:, 2:]
    low, high = flat.min(1), flat.max(1)
    inside = np.ones((len(target), len(flat)), bool)
    for axis in (0, 1):
        inside &= (low[:, axis] <= target[:, axis, None]) & (target[:, axis, None] <= high[:, axis])
    point, face = np.nonzero(inside)
    a, b, c = flat[face].transpose(1, 0, 2)
    across, down, to = b - a, c - a, target[point] - a
    area = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
    area = np.where(np.abs(area) < 1e-12, np.inf, area)
    second = (to[:, 0] * down[:, 1] - to[:, 1] * down[:, 0]) / area
    third = (across[:, 0] * to[:, 1] - across[:, 1] * to[:, 0]) / area
    shares = np.stack([1 - second - third, second, third], 1)
    hit = (shares >= 0).all(1) & np.isfinite(area)
    # 1 / z is what varies evenly over a triangle in the picture
    depth = 1 / (shares / -triangles_cm[face, :, 2]).sum(1)
    result = np.zeros(len(target), np.float32)
    np.maximum.at(result, point[hit], (-points_cm[point, 2] - depth)[hit])
    return result
