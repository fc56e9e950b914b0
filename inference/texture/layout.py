"""Where the skin of a face lies in its texture: one layout for every actor, avatar and face model.

The face up to its oval fills an ellipse in the middle; head and neck lie around it, from the oval outward. Coordinates
are 0..1, u to the right (the actor's left side), v up, as Blender has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..face_model import load
from ..face_model.rims import INNER_LIPS, LEFT_EYE, RIGHT_EYE, SKIN, Rim
from ..face_model.subdivision import border_loops, interpolating, loop_matrix

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

LEVELS = 2
CENTRE = np.array([0.5, 0.5])
FACE_RADII = np.array([0.335, 0.37])
"""Half axes of the ellipse that the face fills."""
HEAD_REACH = 1.32
"""How far the end of the neck is from the centre, in radii of the oval."""
EVENING_ROUNDS = 6
"""Rounds that give stretched parts, the nose for one, their share of the picture (Yoshizawa, Belyaev and Seidel 2004)."""
HOLES = (LEFT_EYE, RIGHT_EYE, INNER_LIPS)


@dataclass(frozen=True)
class Surface:
    """The dense skin of the face: smooth through the landmarks, holes at eyes and mouth."""

    triangles: Indices
    """(F, 3)."""
    matrix: NDArray[np.float32]
    """(V, 468) from landmarks to vertices; the first 468 vertices are the landmarks."""
    uv: Array
    """(V, 2)."""
    oval: Indices
    """(O,) border from the middle of the forehead down the actor's left side and round."""


@cache
def face_surface() -> Surface:
    """The surface and its layout; read-only, callers share it."""
    model = load("default")
    cage = model.triangles[(model.triangles < SKIN).all(axis=1)].astype(np.int64)
    for rim in HOLES:
        cage = cage[~np.isin(cage, (*rim.upper, *rim.lower)).all(axis=1)]
    whole = np.concatenate([cage, *(_filling(rim) for rim in HOLES)])
    triangles, loop = loop_matrix(cage, SKIN, LEVELS)
    marks = _flattened(model.mean_cm[:SKIN].astype(np.float64), whole)
    outline = next(border for border in border_loops(triangles) if 10 in border)
    start = outline.index(10)
    walk = outline[start:] + outline[:start]
    if walk.index(338) > walk.index(109):
        walk = [walk[0], *walk[:0:-1]]
    surface = Surface(triangles, interpolating(loop).astype(np.float32), loop @ marks, np.array(walk))
    for value in vars(surface).values():
        value.setflags(write=False)
    return surface


def head_uv(turn: Array, along: Array) -> Array:
    """(N, 2) places of the skin around the face: `turn` -1..1 round the oval (0 = forehead, positive = the actor's left),
    `along` 0 at the oval to 1 at the collar.
    """
    surface = face_surface()
    ring = surface.uv[surface.oval]
    at = np.linspace(0.0, 2.0, len(ring) + 1)
    edge = np.stack([np.interp(turn % 2.0, at, np.r_[ring[:, axis], ring[0, axis]]) for axis in (0, 1)], axis=1)
    return np.asarray(CENTRE + (edge - CENTRE) * (1 + (HEAD_REACH - 1) * along)[:, None])


def _filling(rim: Rim) -> Indices:
    """(F, 3) triangles that close an opening, from edge to edge."""
    upper, lower = np.array(rim.upper), np.array(rim.lower)
    first = np.stack([upper[:-1], upper[1:], lower[1:]], axis=1)[:-1]
    second = np.stack([upper[:-1], lower[1:], lower[:-1]], axis=1)[1:]
    return np.concatenate([first, second])


def _flattened(points: Array, triangles: Indices) -> Array:
    """(468, 2) the mean face flattened: its oval on the ellipse, the rest held by springs that even out the stretch."""
    outline = max(border_loops(triangles), key=len)
    start = outline.index(10)
    loop = np.array(outline[start:] + outline[:start])
    ring = points[loop]
    walked = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(np.r_[ring, ring[:1]], axis=0), axis=1))]
    turn = 2 * np.pi * walked[:-1] / walked[-1]
    if ring[len(ring) // 4, 0] < 0:
        turn = -turn
    flat = np.empty((len(points), 2))
    flat[loop] = CENTRE + FACE_RADII * np.stack([np.sin(turn), np.cos(turn)], axis=1)
    inner = np.setdiff1d(np.arange(len(points)), loop)
    weights = _mean_value_weights(points, triangles)
    for _ in range(EVENING_ROUNDS):
        system = np.diag(weights.sum(axis=1)) - weights
        flat[inner] = np.linalg.solve(system[np.ix_(inner, inner)], -system[np.ix_(inner, loop)] @ flat[loop])
        weights = weights / np.sqrt(_stretch(points, flat, triangles))[None, :]
    return flat


def _mean_value_weights(points: Array, triangles: Indices) -> Array:
    """(V, V) mean value coordinates (Floater 2003): positive, so that nothing folds."""
    weights = np.zeros((len(points), len(points)))
    for corner in range(3):
        here, left, right = (triangles[:, (corner + k) % 3] for k in range(3))
        to_left, to_right = points[left] - points[here], points[right] - points[here]
        long_left, long_right = np.linalg.norm(to_left, axis=1), np.linalg.norm(to_right, axis=1)
        cosine = (to_left * to_right).sum(axis=1) / np.maximum(long_left * long_right, 1e-12)
        half = np.tan(0.5 * np.arccos(np.clip(cosine, -0.999, 0.999)))
        np.add.at(weights, (here, left), half / np.maximum(long_left, 1e-3))
        np.add.at(weights, (here, right), half / np.maximum(long_right, 1e-3))
    return weights


def _stretch(points: Array, flat: Array, triangles: Indices) -> Array:
    """(V,) how much more skin than picture there is around each vertex, relative to the whole."""
    a, b, c = points[triangles].transpose(1, 0, 2)
    skin = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    p, q, r = flat[triangles].transpose(1, 0, 2)
    (qx, qy), (rx, ry) = (q - p).T, (r - p).T
    picture = np.abs(qx * ry - qy * rx)
    count = len(points)
    around = np.bincount(triangles.ravel(), np.repeat(skin, 3), count) / np.maximum(
        np.bincount(triangles.ravel(), np.repeat(picture, 3), count), 1e-9
    )
    return np.asarray(np.clip(around / np.median(around), 0.2, 5.0))
