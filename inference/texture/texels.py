"""The texels of the face: which triangle of the dense skin each lies in, and pictures made of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .layout import Array, Indices, face_surface


@dataclass(frozen=True)
class Texels:
    """N texels of a square picture of `side` pixels that show the skin of the face."""

    side: int
    rows: Indices
    columns: Indices
    corners: Indices
    """(N, 3) vertices of the dense skin around each."""
    shares: NDArray[np.float32]
    """(N, 3)."""

    def carried(self, values: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """(N, ...) of values at the vertices (V, ...)."""
        values = np.asarray(values, np.float32)
        shares = self.shares.reshape(*self.shares.shape, *(1,) * (values.ndim - 1))
        parts = [shares[:, k] * values[self.corners[:, k]] for k in range(3)]
        return np.asarray(parts[0] + parts[1] + parts[2], np.float32)

    def picture(self, values: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """(side, side, ...) values of the texels (N, ...), zero elsewhere; the first row is the top."""
        found = np.zeros((self.side, self.side, *values.shape[1:]), np.float32)
        found[self.rows, self.columns] = values
        return found


@lru_cache(maxsize=1)
def face_texels(side: int) -> Texels:
    """The texels of a picture of `side` pixels."""
    surface = face_surface()
    corners_px = (surface.uv * [side, -side] + [0, side])[surface.triangles]
    owner = np.full((side, side), -1, np.int32)
    for index, corners in enumerate(np.round((corners_px - 0.5) * 16).astype(np.int32)):
        cv2.fillConvexPoly(owner, corners, (index,), lineType=cv2.LINE_8, shift=4)
    rows, columns = np.nonzero(owner >= 0)
    triangle = owner[rows, columns]
    shares = _shares(np.stack([columns, rows], 1) + 0.5, corners_px[triangle])
    return Texels(side, rows, columns, surface.triangles[triangle], shares)


def _shares(points: Array, corners: Array) -> NDArray[np.float32]:
    """(N, 3) barycentric coordinates of points (N, 2), those a little outside a triangle (N, 3, 2) moved to its edge."""
    a, b, c = corners.transpose(1, 0, 2)
    u, v, p = b - a, c - a, points - a
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    second = (p[:, 0] * v[:, 1] - p[:, 1] * v[:, 0]) / area
    third = (u[:, 0] * p[:, 1] - u[:, 1] * p[:, 0]) / area
    shares = np.clip(np.stack([1 - second - third, second, third], 1), 0.0, 1.0)
    return np.asarray(shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-6), np.float32)
