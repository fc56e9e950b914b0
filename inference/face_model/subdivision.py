"""Loop subdivision of triangle meshes as a linear map of vertex data, borders as cubic splines; no bpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def loop_matrix(triangles: Indices, count: int, levels: int) -> tuple[Indices, NDArray[np.float64]]:
    """Triangles after `levels`, 4**levels for each old one in order, and the (V', V) matrix from old to new vertex data."""
    matrix = np.eye(count)
    for _ in range(levels):
        triangles, matrix = _refine(triangles, matrix)
    return triangles, matrix


def interpolating(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same surface family made to pass through its data: new vertex i < V equals old vertex i exactly."""
    count = matrix.shape[1]
    return matrix @ np.linalg.inv(matrix[:count])


def _refine(triangles: Indices, data: NDArray[np.float64]) -> tuple[Indices, NDArray[np.float64]]:
    """One Loop step applied to (V, K) data."""
    count = len(data)
    corners = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    opposite = np.concatenate([triangles[:, 2], triangles[:, 0], triangles[:, 1]])
    edges, inverse = np.unique(np.sort(corners, axis=1), axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    sides = np.bincount(inverse, minlength=len(edges))
    wings = np.zeros((len(edges), data.shape[1]))
    np.add.at(wings, inverse, data[opposite])
    ends = data[edges[:, 0]] + data[edges[:, 1]]
    inner = (sides == 2)[:, None]
    middle = np.where(inner, 0.375 * ends + 0.125 * wings, 0.5 * ends)

    border = edges[sides == 1]
    on_border = np.zeros(count, bool)
    on_border[border] = True
    valence = np.bincount(edges.ravel(), minlength=count)
    ring = np.zeros_like(data)
    np.add.at(ring, edges[:, 0], data[edges[:, 1]])
    np.add.at(ring, edges[:, 1], data[edges[:, 0]])
    line = np.zeros_like(data)
    np.add.at(line, border[:, 0], data[border[:, 1]])
    np.add.at(line, border[:, 1], data[border[:, 0]])
    safe = np.maximum(valence, 3)
    beta = ((0.625 - (0.375 + 0.25 * np.cos(2 * np.pi / safe)) ** 2) / safe)[:, None]
    kept = np.where(on_border[:, None], 0.75 * data + 0.125 * line, (1 - safe[:, None] * beta) * data + beta * ring)

    midpoint = (count + inverse).reshape(3, -1).T
    a, b, c = triangles.T
    ab, bc, ca = midpoint.T
    children = np.stack([np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))], axis=1)
    return children.reshape(-1, 3), np.concatenate([kept, middle])


def border_loops(triangles: Indices) -> list[list[int]]:
    """Closed loops of border vertices, each walked with the surface on its left."""
    corners = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).tolist()
    directed = {(a, b) for a, b in corners}
    following = {a: b for a, b in directed if (b, a) not in directed}
    loops = []
    while following:
        start, vertex = following.popitem()
        loop = [start]
        while vertex != start:
            loop.append(vertex)
            vertex = following.pop(vertex)
        loops.append(loop)
    return loops
