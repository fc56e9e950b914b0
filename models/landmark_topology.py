"""The triangles between the landmarks of the MediaPipe face mesh; which landmark is what stands in face_model/rims.py."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from ..inference.face_model.rims import (
    BROW,
    EYES,
    INNER_LIPS,
    IRISES,
    LEFT_EYE,
    LOWER_LIP,
    NOSE_TIP,
    RIGHT_EYE,
    UPPER_LIP,
    Rim,
)

__all__ = [
    "BROW",
    "EYES",
    "INNER_LIPS",
    "IRISES",
    "LEFT_EYE",
    "LOWER_LIP",
    "NOSE_TIP",
    "RIGHT_EYE",
    "UPPER_LIP",
    "Rim",
    "oriented_triangles",
    "vertex_normals",
]


def oriented_triangles(mean_cm: NDArray[np.float64]) -> NDArray[np.int64]:
    """(852, 3) triangles of the skin points, counter-clockwise from outside; eyes and mouth are holes.

    The landmark network's tessellation is published as edges: a triangle is three points joined by edges, unless three
    other such triangles fill it (then it is the largest of the four). Orientation spreads from neighbour to neighbour;
    the nose decides which side is outside.
    """
    import mediapipe

    joined: dict[int, set[int]] = {}
    for a, b in mediapipe.solutions.face_mesh.FACEMESH_TESSELATION:
        joined.setdefault(a, set()).add(b)
        joined.setdefault(b, set()).add(a)
    found = {(a, b, c) for a in joined for b in joined[a] for c in joined[a] & joined[b] if a < b < c}
    for a, b, c in sorted(found):
        for vertex in joined[a] & joined[b] & joined[c]:
            four = set(itertools.combinations(sorted((a, b, c, vertex)), 3))
            if four <= found:
                found.discard(max(four, key=lambda triangle: _area(mean_cm[list(triangle)])))
    return _orient(sorted(found), mean_cm)


def _area(corners: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(np.cross(corners[1] - corners[0], corners[2] - corners[0])))


def _orient(triangles: list[tuple[int, int, int]], mean_cm: NDArray[np.float64]) -> NDArray[np.int64]:
    """The triangles (F, 3), turned so that neighbours run along a shared edge in opposite directions."""
    at_edge: dict[frozenset[int], list[int]] = {}
    for index, (a, b, c) in enumerate(triangles):
        for edge in ((a, b), (b, c), (c, a)):
            at_edge.setdefault(frozenset(edge), []).append(index)
    first = next(index for index, triangle in enumerate(triangles) if NOSE_TIP in triangle)
    turned: dict[int, tuple[int, int, int]] = {first: triangles[first]}
    waiting = [first]
    while waiting:
        current = turned[waiting.pop()]
        for a, b in zip(current, current[1:] + current[:1], strict=True):
            for neighbour in at_edge[frozenset((a, b))]:
                if neighbour not in turned:
                    c = next(iter(set(triangles[neighbour]) - {a, b}))
                    turned[neighbour] = (b, a, c)
                    waiting.append(neighbour)
    result = np.array([turned[index] for index in range(len(triangles))])
    corners = mean_cm[result[first]]
    outward = np.cross(corners[1] - corners[0], corners[2] - corners[0])[2] > 0
    return result if outward else result[:, ::-1]


def vertex_normals(points_cm: NDArray[np.float64], triangles: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N, 3) unit normals, outward; zero for points of no triangle (the irises)."""
    corners = points_cm[triangles]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(points_cm)
    for k in range(3):
        np.add.at(normals, triangles[:, k], facing)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
