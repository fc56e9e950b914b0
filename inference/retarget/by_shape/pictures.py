"""Shaded pictures of a mesh without a graphics card, and the way back from a pixel to the surface.

Orthographic, because neither size nor place of an avatar is known yet. Triangles are painted far to near.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...face_model.surface import Array, Triangles
from ...media.types import Image

SUBPIXEL_BITS = 4
LIGHT = np.array([0.25, 0.45, 0.85])
AMBIENT = 0.35
BACKGROUND = (96, 104, 112)


@dataclass(frozen=True)
class View:
    """How a mesh is looked at: turned about the vertical through `centre`, then scaled."""

    centre: Array
    """(3,) in the middle of the picture."""
    yaw_rad: float
    """Positive shows the avatar's left side."""
    pixels_per_unit: float
    side_px: int

    @property
    def turn(self) -> Array:
        """(3, 3) from the mesh's axes to the picture's: x right, y up, z to the eye."""
        c, s = np.cos(self.yaw_rad), np.sin(self.yaw_rad)
        return np.array([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])

    def to_picture(self, points: Array) -> Array:
        """(N, 3): pixels right and down, corner convention, and nearness in pixels."""
        turned = (points - self.centre) @ self.turn.T * self.pixels_per_unit
        return np.stack([turned[:, 0] + self.side_px / 2, self.side_px / 2 - turned[:, 1], turned[:, 2]], 1)


@dataclass(frozen=True)
class Painted:
    """Which triangle each pixel shows."""

    view: View
    points_px: Array
    """(V, 3) `View.to_picture` of all vertices."""
    triangles: Triangles
    shown: NDArray[np.int32]
    """(side, side) row of `triangles`, -1 where there is none."""

    def corners_at(self, pixels: Array) -> tuple[NDArray[np.int64], Array]:
        """Triangle (N,), -1 for none, and weights (N, 3) of its corners, of what stands at pixels (N, 2)."""
        column, row = (np.clip(pixels[:, k].astype(np.int64), 0, self.view.side_px - 1) for k in range(2))
        found = self.shown[row, column].astype(np.int64)
        return found, self._weights(found, pixels)

    def shade(self, normals: Array, colours: Array) -> Image:
        """(side, side, 3) picture with colours (V, 3) of vertices, 0 to 255, and normals (V, 3)."""
        row, column = np.nonzero(self.shown >= 0)
        corners = self.triangles[self.shown[row, column]]
        weights = self._weights(self.shown[row, column], np.stack([column + 0.5, row + 0.5], 1))[..., None]
        normal = (weights * normals[corners]).sum(1) @ self.view.turn.T
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        bright = AMBIENT + (1 - AMBIENT) * np.clip(normal @ (LIGHT / np.linalg.norm(LIGHT)), 0.0, 1.0)
        picture = np.empty((self.view.side_px, self.view.side_px, 3), np.uint8)
        picture[:] = BACKGROUND
        picture[row, column] = np.clip((weights * colours[corners]).sum(1) * bright[:, None], 0, 255)
        return picture

    def _weights(self, rows: NDArray[np.int64] | NDArray[np.int32], pixels: Array) -> Array:
        a, b, c = (self.points_px[self.triangles[rows, k], :2] for k in range(3))
        area = _cross(b - a, c - a)
        area = np.where(np.abs(area) < 1e-9, 1e-9, area)
        wb, wc = _cross(pixels - a, c - a) / area, _cross(b - a, pixels - a) / area
        weights = np.clip(np.stack([1 - wb - wc, wb, wc], 1), 0.0, 1.0)
        return np.asarray(weights / weights.sum(1, keepdims=True))


def paint(points: Array, triangles: Triangles, view: View) -> Painted:
    """Paint the triangles that face the eye; of meshes whose triangles are turned inside out nothing is seen."""
    placed = view.to_picture(points)
    corners = placed[triangles]
    a, b, c = corners[:, 0, :2], corners[:, 1, :2], corners[:, 2, :2]
    inside = ((corners[..., :2] > 0) & (corners[..., :2] < view.side_px)).all(2).any(1)
    facing = np.flatnonzero((_cross(b - a, c - a) < 0) & inside)
    order = facing[np.argsort(corners[facing, :, 2].mean(1))]
    shown = np.full((view.side_px, view.side_px), -1, np.int32)
    fixed = np.round((corners[order, :, :2] - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32)
    for triangle, polygon in zip(order.tolist(), fixed, strict=True):
        cv2.fillConvexPoly(shown, polygon, triangle, lineType=cv2.LINE_8, shift=SUBPIXEL_BITS)
    return Painted(view, placed, triangles, shown)


def vertex_normals(points: Array, triangles: Triangles) -> Array:
    """(V, 3) unit normals, weighted by area; zero for vertices of no triangle."""
    corners = points[triangles]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.stack(
        [sum(np.bincount(triangles[:, k], facing[:, axis], len(points)) for k in range(3)) for axis in range(3)],
        1,
    )
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))


def _cross(u: Array, v: Array) -> Array:
    return np.asarray(u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0])
