"""Which landmark is what: lids, lips and irises in the numbering of the MediaPipe face mesh. Left and right are the actor's."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rim:
    """An opening of the face: upper and lower edge from corner to corner (both ends shared), entry k above entry k."""

    upper: tuple[int, ...]
    lower: tuple[int, ...]


LEFT_EYE: Final = Rim((362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263))
RIGHT_EYE: Final = Rim((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133))
EYES: Final = (LEFT_EYE, RIGHT_EYE)
INNER_LIPS: Final = Rim(
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308), (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
)
IRISES: Final = (tuple(range(473, 478)), tuple(range(468, 473)))
"""Centre, then four points of the ring, of the left and the right eye."""

NOSE_TIP: Final = 4
BROW: Final = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)
"""Upper and lower edge of the actor's right brow."""

# Between the vermilion border and the inner edge, corners (61 76 62 78 | 291 306 292 308) left out.
UPPER_LIP: Final = frozenset(
    (185, 40, 39, 37, 0, 267, 269, 270, 409, 184, 74, 73, 72, 11, 302, 303, 304, 408)
    + (183, 42, 41, 38, 12, 268, 271, 272, 407, 191, 80, 81, 82, 13, 312, 311, 310, 415)
)
LOWER_LIP: Final = frozenset(
    (146, 91, 181, 84, 17, 314, 405, 321, 375, 77, 90, 180, 85, 16, 315, 404, 320, 307)
    + (96, 89, 179, 86, 15, 316, 403, 319, 325, 95, 88, 178, 87, 14, 317, 402, 318, 324)
)


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
