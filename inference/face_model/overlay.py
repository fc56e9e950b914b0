"""Where the landmarks lie on a face model of another maker: our mean face is laid over it and pressed on.

1. The maker's marks (the classic 68 landmarks, or those of them that it has) give scale, turn and shift.
2. A spline of least bending through the marks brings our landmarks close to the surface.
3. They are pulled onto the nearest points of the surface in a few rounds, each round's pull smoothed over the face, with
   less smoothing from round to round; then each goes to its nearest point.
Lips that touch at rest are told apart by what the opening jaw takes along.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .. import arkit
from .assembly import ict_landmarks
from .default import load_default
from .rims import INNER_LIPS, LOWER_LIP, SKIN, UPPER_LIP
from .surface import Array, Triangles, carried, nearest_on_surface, similarity

MARK_ERROR = 0.1
"""Smoothing of the spline: makers' marks are placed by hand."""
OUTLINE_ERROR = 1.0
"""The first 17 of the 68 run along the outline, which every maker draws elsewhere: they count little."""
OUTLINE = 17
SMOOTHINGS = (30.0, 10.0, 3.0, 1.0)
LOWER_LIP_PART = 0.45
"""What follows the jaw by more than this part of what the chin and lower lip do belongs to the lower lip."""
RIDGE = 1e-3
REACH_CM = 3.0
"""The face is what lies this near to a landmark; the rest of the head is left away."""


@dataclass(frozen=True)
class Marks:
    """Points that a maker names on its own mesh, and the same points of our mean face."""

    corners: Triangles
    """(K, 3) the maker's vertices."""
    weights: Array
    """(K, 3)."""
    ours_cm: Array
    """(K, 3)."""
    jaw_open_cm: Array
    """(K, 3) how our jawOpen moves them."""
    error: Array
    """(K,) smoothing of the spline there."""

    def at(self, values: Array) -> Array:
        """(..., K, C) of values (..., V, C)."""
        return np.asarray(sum(self.weights[:, k, None] * values[..., self.corners[:, k], :] for k in range(3)))


def classic_middles(groups: list[tuple[int, ...]], corners: Triangles, weights: Array) -> Marks:
    """Marks each of which lies in the middle of some of the classic 68 landmarks."""
    known = ict_landmarks()
    ours, jaw = (
        np.stack([known[name].astype(np.float64)[list(group)].mean(0) for group in groups])
        for name in ("landmarks68_cm", "jaw_open68_cm")
    )
    return Marks(corners, weights, ours, jaw, np.full(len(groups), MARK_ERROR))


def classic_marks(numbers: NDArray[np.int64], corners: Triangles, weights: Array) -> Marks:
    """Marks that are some of the classic 68 landmarks."""
    known = ict_landmarks()
    ours, jaw = (known[name].astype(np.float64)[numbers] for name in ("landmarks68_cm", "jaw_open68_cm"))
    return Marks(corners, weights, ours, jaw, np.where(numbers < OUTLINE, OUTLINE_ERROR, MARK_ERROR))


@dataclass(frozen=True)
class Overlay:
    """Our landmarks on the maker's mesh, and how its axes are brought to ours."""

    corners: Triangles
    """(468, 3)."""
    weights: Array
    """(468, 3)."""
    scale: float
    """How much larger the maker's mean face is than ours."""
    rotation: Array
    """(3, 3) from the maker's axes to ours."""
    shift_cm: Array
    """(3,) added after the rotation; sizes stay the maker's."""
    eye_centres_cm: Array
    """(2, 3) our eyes laid over the maker's face, in its axes."""

    def at_skin(self, values: Array) -> Array:
        """(..., 468, C) of values (..., V, C)."""
        return np.asarray(sum(self.weights[:, k, None] * values[..., self.corners[:, k], :] for k in range(3)))

    def moved(self, points_cm: Array) -> Array:
        """Points (..., 3) in our axes."""
        return np.asarray(points_cm @ self.rotation.T + self.shift_cm)


def lay_over(vertices_cm: Array, triangles: Triangles, marks: Marks, motions_cm: Array) -> Overlay:
    """Find the overlay on a maker's mesh (V, 3), of which (M, V, 3) are the expressions and motions of the jaw."""
    ours = load_default()
    placed = marks.at(vertices_cm)
    scale, turn, shift = similarity(marks.ours_cm, placed)
    drop = _jaw_drop(motions_cm, marks, scale * marks.jaw_open_cm @ turn.T)
    allowed = _lip_triangles(triangles, drop, marks)
    skin, eyes, named = (
        scale * points @ turn.T + shift
        for points in (ours.landmark_mean_cm[:SKIN], ours.eye_centres_cm.astype(np.float64), marks.ours_cm)
    )
    both = np.concatenate([skin, eyes])
    both = both + carried(placed - named, named, both, marks.error)
    for smoothing in SMOOTHINGS:
        corners, weights = nearest_on_surface(both[:SKIN], vertices_cm, triangles, allowed)
        pull = np.einsum("nk,nkc->nc", weights, vertices_cm[corners]) - both[:SKIN]
        both = both + carried(pull, both[:SKIN], both, smoothing)
    corners, weights = nearest_on_surface(both[:SKIN], vertices_cm, triangles, allowed)
    found = np.einsum("nk,nkc->nc", weights, vertices_cm[corners])
    _, back, _ = similarity(found, ours.landmark_mean_cm[:SKIN])
    middle = ours.landmark_mean_cm[:SKIN].mean(0) - found.mean(0) @ back.T
    return Overlay(corners, weights, scale, back, middle, both[SKIN:])


def _jaw_drop(motions_cm: Array, marks: Marks, wanted_cm: Array) -> Array:
    """(V,) how far each vertex moves along with the marks when the maker's motions imitate jawOpen at them."""
    shown = marks.at(motions_cm).reshape(len(motions_cm), -1)
    square = shown @ shown.T
    square += RIDGE * np.trace(square) / len(square) * np.eye(len(square))
    opened = np.tensordot(np.linalg.solve(square, shown @ wanted_cm.ravel()), motions_cm, 1)
    down = wanted_cm.sum(0) / np.linalg.norm(wanted_cm.sum(0))
    return np.asarray(opened @ down)


def _lip_triangles(triangles: Triangles, drop: Array, marks: Marks) -> NDArray[np.bool_]:
    """(468, F) where a landmark of a lip may lie; others may lie anywhere."""
    lower = drop[triangles].mean(1) > LOWER_LIP_PART * marks.at(drop[:, None]).max()
    allowed = np.ones((SKIN, len(triangles)), bool)
    allowed[sorted(UPPER_LIP | set(INNER_LIPS.upper[1:-1]))] = ~lower
    allowed[sorted(LOWER_LIP | set(INNER_LIPS.lower[1:-1]))] = lower
    return allowed


def face_part(
    vertices_cm: Array, surface: Triangles, overlay: Overlay
) -> tuple[NDArray[np.int32], Triangles, Triangles]:
    """The vertices (V,) of a maker's mesh that are kept, the triangles between them and the landmarks' corners, renumbered."""
    near = cKDTree(overlay.at_skin(vertices_cm)).query(vertices_cm)[0] < REACH_CM
    kept = surface[near[surface].all(1)]
    used = np.unique(np.concatenate([kept, overlay.corners])).astype(np.int32)
    renumber = np.full(len(vertices_cm), -1, np.int32)
    renumber[used] = np.arange(len(used))
    return used, renumber[kept], renumber[overlay.corners]


def jaw_open_at(landmarks: NDArray[np.int64]) -> Array:
    """(K, 3) how our jawOpen moves landmarks."""
    return np.asarray(load_default().landmark_expressions_cm[arkit.INDEX["jawOpen"], landmarks])
