"""The actor's face laid flat: one small picture in which every landmark always lies at the same place.

What belongs to the face hardly changes there from frame to frame; what passes in front of it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from ... import arkit
from ...face_model import load
from ...face_model.rims import INNER_LIPS as INNER_LIPS_RIM
from ...face_model.rims import SKIN
from ..pictures import blur, cv2, distance
from ..regions import BROWS, EYES, LIPS, NOSTRILS, OVAL
from ..types import Floats

SIDE: Final = 112
"""Side of the flat picture; the face fills it but for a few pixels."""
_MARGIN: Final = 3
_OPEN_MOUTH: Final = 0.5
"""The mean face with its mouth half open, so that the inside of a mouth has a place."""
_SEEN: Final = 0.25
"""Skin that is shrunk to less than this, relative to the rest of the face, is turned away."""
_SUBPIXEL_BITS: Final = 4
INNER_LIPS: Final = tuple({*INNER_LIPS_RIM.upper, *INNER_LIPS_RIM.lower})
_NOSTRIL_RIMS: Final = ((459, 309, 392, 289, 305, 290, 250, 458), (239, 79, 166, 59, 75, 60, 20, 238))
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class FaceLayout:
    """The flat picture. Texels are its N pixels inside the face's outline, in the order of ``rows`` and ``columns``."""

    points: Floats
    """(468, 2) landmarks, corner convention."""
    triangles: Indices
    """(F, 3)."""
    areas: Floats
    """(F,)."""
    rows: Indices
    columns: Indices
    owners: Indices
    """(N,) triangle of each texel."""
    corners: Indices
    """(N, 3) its landmarks."""
    shares: Floats
    """(N, 3)."""
    basis: Floats
    """(N, 6) second-order terms of the place, for light."""
    features: Floats
    """(N,) 1 in eyes, brows, lips, mouth and nostrils."""
    openings: Floats
    """(N,) 1 in eyes, between the lips and in nostrils."""
    around_mouth: Floats
    """(N,) 1 in lips and the skin around them, over which landmarks of a wide open mouth slip."""
    depth: Floats
    """(N,) shares of the picture's side to the face's outline."""
    below: Floats
    """(N,) 0 above the corners of the mouth to 1 below them."""

    def picture(self, values: NDArray[np.floating[Any]], elsewhere: float = 0.0) -> Floats:
        """(SIDE, SIDE, ...) of values of the texels (N, ...)."""
        found = np.full((SIDE, SIDE, *values.shape[1:]), elsewhere, np.float32)
        found[self.rows, self.columns] = values
        return found

    def texels_of(self, picture: NDArray[Any], points_px: Floats) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """(N, C) colours of the texels in a picture with landmarks (478, 2), and which of them can be seen."""
        at = sum(self.shares[:, k, None] * points_px[self.corners[:, k]] for k in range(3))
        x, y = np.ascontiguousarray(at.T, np.float32)
        growth = _areas(points_px, self.triangles) / self.areas
        seen = (growth > _SEEN * np.median(growth))[self.owners]
        height, width = picture.shape[:2]
        seen &= (x > 0.5) & (y > 0.5) & (x < width - 0.5) & (y < height - 0.5)
        half = np.float32(0.5)
        colours = cv2.remap(picture, x[:, None] - half, y[:, None] - half, cv2.INTER_LINEAR)
        return colours[:, 0], seen

    def places(self, points_px: Floats, size: tuple[int, int]) -> Places:
        """Where each pixel of a picture (W, H) with landmarks (478, 2) is in the flat one."""
        owner = _owners(points_px[:SKIN], self.triangles, size)
        rows, columns = np.nonzero(owner >= 0)
        triangle = owner[rows, columns]
        shares = _shares(np.stack([columns, rows], 1) + np.float32(0.5), points_px[self.triangles[triangle]])
        at = sum(shares[:, k, None] * self.points[self.triangles[triangle, k]] for k in range(3))
        x, y = (np.full((size[1], size[0]), -SIDE, np.float32) for _ in range(2))
        x[rows, columns], y[rows, columns] = at.T
        return Places(x, y, owner >= 0)


@dataclass(frozen=True)
class Places:
    """A picture's pixels (H, W) in the flat face."""

    x: Floats
    y: Floats
    inside: NDArray[np.bool_]
    """False outside the outline."""

    def look_up(self, flat: Floats, elsewhere: float = 0.0) -> Floats:
        """Values (H, W, ...) of a flat picture (SIDE, SIDE, ...)."""
        half = np.float32(0.5)
        border = (elsewhere,) * 4
        found: Floats = cv2.remap(
            flat, self.x - half, self.y - half, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=border
        )
        return found

    def basis(self, chosen: NDArray[np.bool_]) -> Floats:
        """(M, 6) terms of the chosen pixels (H, W)."""
        return terms(self.x[chosen], self.y[chosen])


def terms(x: Floats, y: Floats) -> Floats:
    """(..., 6) terms 1, u, v, u2 - v2, 2uv, u2 + v2 of flat pixels."""
    u, v = x * np.float32(2 / SIDE) - 1, y * np.float32(2 / SIDE) - 1
    found: Floats = np.stack([np.ones_like(u), u, v, u * u - v * v, 2 * u * v, u * u + v * v], -1).astype(np.float32)
    return found


@cache
def face_layout() -> FaceLayout:
    """The layout; read-only, callers share it."""
    model = load("default")
    face = model.mean_cm + _OPEN_MOUTH * model.expressions_cm[arkit.NAMES.index("jawOpen")]
    across = face[:SKIN, :2] * np.array([1, -1], np.float32)
    outline = across[list(OVAL)]
    low, high = outline.min(0), outline.max(0)
    scale = (SIDE - 2 * _MARGIN) / float((high - low).max())
    points = ((across - (low + high) / 2) * scale + SIDE / 2).astype(np.float32)
    triangles = _triangles(points)
    owner = _owners(points, triangles, (SIDE, SIDE))
    rows, columns = np.nonzero(owner >= 0)
    owners = owner[rows, columns]
    at = (np.stack([columns, rows], 1) + 0.5).astype(np.float32)
    openings = _zone(points, (*EYES, INNER_LIPS, *_NOSTRIL_RIMS), (1.5, 1.5, 1.25, 1.3, 1.3))
    # Eyes with their lashes and make-up.
    around = _zone(points, (*EYES, *BROWS, LIPS, NOSTRILS), (1.9, 1.9, 1.25, 1.25, 1.2, 1.1))
    features = np.maximum(openings, around)
    around_mouth = _zone(points, (LIPS,), (2.1,))
    mouth_y = points[[61, 291], 1].mean()
    return FaceLayout(
        points=points,
        triangles=triangles,
        areas=_areas(points, triangles),
        rows=rows,
        columns=columns,
        owners=owners,
        corners=triangles[owners],
        shares=_shares(at, points[triangles[owners]]),
        basis=terms(at[:, 0], at[:, 1]),
        features=features[rows, columns],
        openings=openings[rows, columns],
        around_mouth=around_mouth[rows, columns],
        depth=distance(owner >= 0)[rows, columns] / SIDE,
        below=np.clip((at[:, 1] - mouth_y) / (0.1 * SIDE) + 0.5, 0, 1).astype(np.float32),
    )


def _triangles(points: Floats) -> Indices:
    """(F, 3) triangles between the landmarks inside the outline, all turning the same way."""
    found = Delaunay(points).simplices.astype(np.int64)
    outline = points[list(OVAL)].reshape(-1, 1, 2)
    middles = points[found].mean(1)
    inside = [cv2.pointPolygonTest(outline, (float(x), float(y)), False) > 0 for x, y in middles]
    area = _areas(points, found)
    found = np.where((area < 0)[:, None], found[:, [0, 2, 1]], found)
    return np.ascontiguousarray(found[np.array(inside) & (np.abs(area) > 0.05)])


def _areas(points: Floats, triangles: Indices) -> Floats:
    """(F,) twice the signed area."""
    a, b, c = points[triangles].transpose(1, 0, 2)
    areas: Floats = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    return areas


def _owners(points: Floats, triangles: Indices, size: tuple[int, int]) -> Indices:
    """(H, W) triangle of each pixel of a picture (W, H), -1 outside; those that are turned away own nothing."""
    owner = np.full((size[1], size[0]), -1, np.int32)
    corners = np.rint((points - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)[triangles]
    for index in np.flatnonzero(_areas(points, triangles) > 0).tolist():
        cv2.fillConvexPoly(owner, corners[index], index, cv2.LINE_8, _SUBPIXEL_BITS)
    return owner.astype(np.int64)


def _shares(at: Floats, corners: Floats) -> Floats:
    """(N, 3) barycentric coordinates of points (N, 2) in triangles (N, 3, 2)."""
    a, b, c = corners.transpose(1, 0, 2)
    u, v, p = b - a, c - a, at - a
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    area = np.where(np.abs(area) < 1e-6, 1e-6, area)
    second = (p[:, 0] * v[:, 1] - p[:, 1] * v[:, 0]) / area
    third = (u[:, 0] * p[:, 1] - u[:, 1] * p[:, 0]) / area
    shares: Floats = np.stack([1 - second - third, second, third], 1).astype(np.float32)
    return shares


def _zone(points: Floats, groups: tuple[tuple[int, ...], ...], growth: tuple[float, ...]) -> Floats:
    """(SIDE, SIDE) 1 in the grown hulls of groups of landmarks, with a soft edge."""
    zone = np.zeros((SIDE, SIDE), np.uint8)
    for group, factor in zip(groups, growth, strict=True):
        hull = cv2.convexHull(points[list(group)])[:, 0]
        middle = hull.mean(0)
        cv2.fillConvexPoly(zone, np.rint(middle + factor * (hull - middle) - 0.5).astype(np.int32), 255)
    return blur(zone.astype(np.float32) / 255, 1.2)
