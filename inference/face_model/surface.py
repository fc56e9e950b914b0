"""Geometry of triangle meshes: nearest points on a surface, and values carried from scattered points to everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[np.float64]
Triangles = NDArray[np.int32]

CANDIDATES = 48
"""Triangles whose centres are nearest, among which the nearest point is looked for."""
APART_CM = 1e-3


def nearest_on_surface(
    points: Array, vertices: Array, triangles: Triangles, allowed: NDArray[np.bool_] | None = None
) -> tuple[Triangles, Array]:
    """Corners (N, 3) and weights (N, 3) of the surface points nearest to `points` (N, 3).

    `allowed` (N, F) leaves triangles out point by point; a point that may lie on none of its candidates may lie on all.
    """
    corners = vertices[triangles]
    count = min(CANDIDATES, len(triangles))
    near = cKDTree(corners.mean(1)).query(points, k=count)[1].reshape(len(points), count)
    weights = weights_in_triangles(points[:, None], corners[near])
    off = np.linalg.norm((weights[..., None] * corners[near]).sum(-2) - points[:, None], axis=-1)
    if allowed is not None:
        fits = np.take_along_axis(allowed, near, 1)
        off = np.where(fits | ~fits.any(1, keepdims=True), off, np.inf)
    best = off.argmin(1)
    rows = np.arange(len(points))
    return triangles[near[rows, best]], weights[rows, best]


def weights_in_triangles(points: Array, corners: Array) -> Array:
    """(..., 3) weights of the point of each triangle (..., 3, 3) that is nearest to `points` (..., 3)."""
    a, b, c = np.moveaxis(corners, -2, 0)
    u, v, p = b - a, c - a, points - a
    uu, uv, vv = (u * u).sum(-1), (u * v).sum(-1), (v * v).sum(-1)
    pu, pv = (p * u).sum(-1), (p * v).sum(-1)
    area = np.maximum(uu * vv - uv * uv, 1e-12)
    wu, wv = (vv * pu - uv * pv) / area, (uu * pv - uv * pu) / area
    inside = np.stack([1 - wu - wv, wu, wv], -1)
    # Outside the triangle the nearest point lies on one of the three edges.
    best, least = np.where((inside >= 0).all(-1, keepdims=True), inside, 0.0), np.full(area.shape, np.inf)
    out = ~(inside >= 0).all(-1)
    for first, second in ((0, 1), (1, 2), (2, 0)):
        start, edge = (a, b, c)[first], (a, b, c)[second] - (a, b, c)[first]
        share = np.clip(((points - start) * edge).sum(-1) / np.maximum((edge * edge).sum(-1), 1e-12), 0.0, 1.0)
        off = np.linalg.norm(start + share[..., None] * edge - points, axis=-1)
        better = out & (off < least)
        least = np.where(better, off, least)
        on_edge = np.zeros(inside.shape)
        on_edge[..., first], on_edge[..., second] = 1 - share, share
        best = np.where(better[..., None], on_edge, best)
    return np.asarray(best)


def carried(values: Array, points: Array, targets: Array, smoothing: float | Array = 0.0) -> Array:
    """(N, ...) values (P, ...) at scattered `points` (P, 3) carried smoothly to `targets` (N, 3).

    The spline of least bending in space (kernel r), with a linear part, as scipy.interpolate.RBFInterpolator has it.
    Points of lips that touch coincide, which a spline cannot take: all are moved apart by a hundredth of a millimetre.
    """
    from scipy.interpolate import RBFInterpolator  # 0.1 s to load, and no default model needs it

    points = points + APART_CM * np.random.default_rng(0).normal(size=points.shape)
    spline = RBFInterpolator(points, values.reshape(len(points), -1), kernel="linear", degree=1, smoothing=smoothing)
    return np.asarray(spline(targets)).reshape(len(targets), *values.shape[1:])


def similarity(source: Array, target: Array) -> tuple[float, Array, Array]:
    """Scale, rotation (3, 3) and shift (3,) that lay `source` (N, 3) over `target` (N, 3) best (Umeyama 1991)."""
    from_centre, to_centre = source - source.mean(0), target - target.mean(0)
    u, size, v = np.linalg.svd(to_centre.T @ from_centre)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ v))])
    rotation = (u * sign) @ v
    scale = float((size * sign).sum() / (from_centre**2).sum())
    return scale, rotation, target.mean(0) - scale * source.mean(0) @ rotation.T
