"""Builds `operators/bridge/avatars/avatar_head.npz`: the smooth shape of a head behind and below the face, a few hundred numbers.

The skin of the ICT-FaceKit head outside the face oval is flattened to a square by two harmonic functions: v runs from the
oval (0) to the collar (1), u from the crown's midline (0) to the throat's midline (1). A low-order Fourier-Chebyshev series
is fitted to it; the ears do not fit such a series and drop out as outliers. No vertex of ICT-FaceKit is stored.

Run: python -m understudy.models.build_head_field FaceXModel-folder
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator
from scipy.sparse.linalg import spsolve
from scipy.spatial import cKDTree

from ..inference.face_model import load
from ..inference.face_model.ict_folder import read_ict
from ..operators.bridge.avatars.head_field import FIELD_FILE, LEFT_OVAL, evaluate, series

ORDER_U, ORDER_V = 10, 13
SOCKETS = (11248, 14062)
EAR_DISTANCE_CM = 0.35


def main() -> None:
    """Fit and write the field; prints the fit's error away from the ears."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="FaceXModel folder of ICT-FaceKit")
    ict = read_ict(parser.parse_args().folder)
    oval = load("default").mean_cm[list(LEFT_OVAL)].astype(np.float64)
    points, triangles = _outer_skin(ict.neutral_cm, ict.triangles("M_Face", "M_BackHead"), oval)
    u, v = _flatten(points, triangles, oval)
    area = _vertex_areas(points, triangles)
    coefficients, residual = _fit(points, u, v, area)
    for _ in range(2):
        v = _by_arc_length(coefficients, u, v)
        coefficients, residual = _fit(points, u, v, area)
    keep = residual < EAR_DISTANCE_CM
    print(
        f"{len(points)} vertices, {1 - keep.mean():.1%} left out, rms of the rest {np.sqrt((residual[keep] ** 2).mean()):.3f} cm"
    )
    ear = points[(residual > 0.6) & (points[:, 0] > 6.5)]
    print("ear bounds cm", ear.min(axis=0).round(2), ear.max(axis=0).round(2))
    np.savez_compressed(FIELD_FILE, coefficients=coefficients.astype(np.float32))


def _outer_skin(points: NDArray, triangles: NDArray, oval: NDArray) -> tuple[NDArray, NDArray]:
    """The actor's left half (x >= 0) of the skin outside the face oval, renumbered."""
    centre = points[triangles].mean(axis=1)
    order = np.argsort(oval[:, 1])
    half_width = np.interp(centre[:, 1], oval[order, 1], oval[order, 0], left=-1.0, right=-1.0)
    depth = np.interp(centre[:, 1], oval[order, 1], oval[order, 2])
    face = (np.abs(centre[:, 0]) < half_width) & (centre[:, 2] > depth - 1.0)
    socket = ((triangles >= SOCKETS[0]) & (triangles < SOCKETS[1])).any(axis=1)
    left = (points[triangles][:, :, 0] > -1e-4).all(axis=1)
    chosen = triangles[left & ~face & ~socket]
    chosen = _largest_part(chosen, len(points))
    used = np.unique(chosen)
    renumber = np.zeros(len(points), np.int64)
    renumber[used] = np.arange(len(used))
    return points[used], renumber[chosen]


def _largest_part(triangles: NDArray, count: int) -> NDArray:
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]])
    graph = sp.coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count))
    _, label = sp.csgraph.connected_components(graph, directed=False)
    labels = label[triangles[:, 0]]
    return triangles[labels == np.bincount(labels).argmax()]


def _flatten(points: NDArray, triangles: NDArray, oval: NDArray) -> tuple[NDArray, NDArray]:
    """(V,) u and v of each vertex."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    directed = {tuple(edge) for edge in edges.tolist()}
    border = np.unique([edge for edge in directed if edge[::-1] not in directed])
    middle = border[points[border, 0] < 1e-3]
    rim = border[points[border, 0] >= 1e-3]
    fine = np.array([np.interp(np.linspace(0, 18, 721), range(19), axis) for axis in oval.T]).T
    distance, nearest = cKDTree(fine).query(points)
    at_oval = rim[distance[rim] < 2.5]
    at_collar = rim[points[rim, 1] < -13.0]
    # Midline ends belong to the oval too, else v would not start at zero there.
    ends = middle[distance[middle] < 0.8]
    front = points[middle, 2] > np.where(points[middle, 1] > -2.0, 99.0, 0.0)
    laplacian = _cotangents(points, triangles)
    bottom = middle[points[middle, 1] < points[at_collar, 1].max() + 0.05]
    bottom = [m for m in bottom if np.linalg.norm(points[at_collar] - points[m], axis=1).min() < 1.0]
    v = _harmonic(
        laplacian,
        {
            **dict.fromkeys(at_oval, 0.0),
            **dict.fromkeys(ends, 0.0),
            **dict.fromkeys(at_collar, 1.0),
            **dict.fromkeys(bottom, 1.0),
        },
    )
    u_fixed = {vertex: nearest[vertex] / 720 for vertex in [*at_oval, *ends]}
    u_fixed |= dict.fromkeys(middle[~front], 0.0) | dict.fromkeys(middle[front], 1.0)
    return _harmonic(laplacian, u_fixed), v


def _cotangents(points: NDArray, triangles: NDArray) -> sp.csr_matrix:
    rows, columns, values = [], [], []
    for corner in range(3):
        a, b, c = triangles[:, corner], triangles[:, (corner + 1) % 3], triangles[:, (corner + 2) % 3]
        to_b, to_c = points[b] - points[a], points[c] - points[a]
        cotangent = (to_b * to_c).sum(1) / np.maximum(np.linalg.norm(np.cross(to_b, to_c), axis=1), 1e-9)
        cotangent = np.clip(cotangent, 0.05, 20.0)
        rows += [b, c]
        columns += [c, b]
        values += [cotangent, cotangent]
    weights = sp.coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))).tocsr()
    return (sp.diags(np.asarray(weights.sum(axis=1)).ravel()) - weights).tocsr()


def _harmonic(laplacian: sp.csr_matrix, fixed: dict[int, float]) -> NDArray:
    count = laplacian.shape[0]
    known = np.array(list(fixed), np.int64)
    free = np.setdiff1d(np.arange(count), known)
    value = np.zeros(count)
    value[known] = list(fixed.values())
    value[free] = spsolve(laplacian[free][:, free].tocsc(), -laplacian[free][:, known] @ value[known])
    return value


def _vertex_areas(points: NDArray, triangles: NDArray) -> NDArray:
    a, b, c = points[triangles].transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    return np.bincount(triangles.ravel(), np.repeat(area, 3), len(points))


def _by_arc_length(coefficients: NDArray, u: NDArray, v: NDArray) -> NDArray:
    """(V,) v of each vertex made proportional to the length along its line u = const: the series then needs fewer terms."""
    lines, steps = np.linspace(0, 1, 41), np.linspace(0, 1, 201)
    grid_u, grid_v = (axis.ravel() for axis in np.meshgrid(lines, steps, indexing="ij"))
    path = evaluate(coefficients, grid_u, grid_v).reshape(41, 201, 3)
    length = np.concatenate(
        [np.zeros((41, 1)), np.cumsum(np.linalg.norm(np.diff(path, axis=1), axis=2), axis=1)], axis=1
    )
    table = RegularGridInterpolator((lines, steps), length / length[:, -1:])
    return table(np.stack([np.clip(u, 0, 1), np.clip(v, 0, 1)], axis=1))


def _fit(points: NDArray, u: NDArray, v: NDArray, area: NDArray) -> tuple[NDArray, NDArray]:
    """(3, ORDER_U, ORDER_V) coefficients by reweighted least squares, and the (V,) residual distance."""
    weight = area / area.mean()
    trust = np.ones(len(points))
    for _ in range(25):
        coefficients = np.zeros((3, ORDER_U, ORDER_V))
        fitted = np.zeros_like(points)
        for axis in range(3):
            basis = series(u, v, axis, ORDER_U, ORDER_V)
            order = np.add.outer(np.arange(ORDER_U), np.arange(ORDER_V)).ravel()
            penalty = 2e-5 * len(points) * (order / order.max()) ** 4
            normal = basis.T @ (basis * (weight * trust)[:, None]) + np.diag(penalty)
            coefficients[axis] = np.linalg.solve(normal, basis.T @ (points[:, axis] * weight * trust)).reshape(
                ORDER_U, ORDER_V
            )
            fitted[:, axis] = basis @ coefficients[axis].ravel()
        residual = np.linalg.norm(points - fitted, axis=1)
        trust = 1 / (1 + (residual / 0.15) ** 2) ** 2
    return coefficients, residual


if __name__ == "__main__":
    main()
