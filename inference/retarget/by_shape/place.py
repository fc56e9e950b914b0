"""The landmarks on an avatar's surface, and how directions and sizes of the actor's face turn into the avatar's there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import arkit
from ...capture.landmarks import MIRROR
from ...face_model.rims import INNER_LIPS, LOWER_LIP, SKIN, UPPER_LIP
from ...face_model.surface import Array, Triangles, carried, nearest_on_surface, similarity
from ...face_model.types import FaceModel
from .shapes import RigShapes
from .skin import Skin

SMOOTHINGS = (10.0, 3.0, 1.0)
"""Of the pull onto the surface, round by round: `surface.carried` on our face, in centimetres."""
CROOKED_CM = 3.0
"""Only what differs between the halves of a face over this distance is taken for a crooked face, not for noise."""
LOWER_LIP_PART = 0.45
"""What follows the opening mouth by more than this part of what the chin does belongs to the lower lip."""
RIDGE = 3e-3
FRAME_CM = 1.6
"""Around a landmark, this far, the avatar's proportions are measured."""
FRAME_HOLD = 0.4
"""How firmly local proportions are held to those of the whole face."""


@dataclass(frozen=True)
class Placed:
    """Our 468 landmarks on the avatar."""

    corners: Triangles
    """(468, 3) vertices of the avatar."""
    weights: Array
    """(468, 3)."""
    points: Array
    """(468, 3) at rest."""
    frames: Array
    """(468, 3, 3) what takes a small motion on our mean face to the same motion on the avatar."""
    scale: float
    """Units of the avatar in a centimetre of ours, for the face as a whole."""

    def at(self, values: NDArray[np.floating[Any]]) -> Array:
        """(..., 468, 3) of values (..., V, 3)."""
        return np.asarray(
            sum(self.weights[:, k, None] * values[..., self.corners[:, k], :] for k in range(3)), np.float64
        )


def place(shapes: RigShapes, skin: Skin, model: FaceModel, marks: Array) -> Placed:
    """Press marks (468, 3) near the surface onto it; lips that touch are told apart by what the opening mouth takes along."""
    ours = model.landmark_mean_cm[:SKIN]
    points = even(marks, ours)
    corners, weights = nearest_on_surface(points, shapes.rest, skin.triangles)
    allowed = _lip_triangles(shapes, skin, _opened(shapes, corners, weights, ours, points, model))
    for smoothing in SMOOTHINGS:
        corners, weights = nearest_on_surface(points, shapes.rest, skin.triangles, allowed)
        pull = np.einsum("nk,nkc->nc", weights, shapes.rest[corners]) - points
        points = points + carried(pull, ours, ours, smoothing)
    corners, weights = nearest_on_surface(points, shapes.rest, skin.triangles, allowed)
    points = np.einsum("nk,nkc->nc", weights, shapes.rest[corners])
    scale, turn, _ = similarity(ours, points)
    return Placed(corners, weights, points, local_frames(ours, points, scale * turn), scale)


def even(points: Array, ours: Array) -> Array:
    """(468, 3) with left and right alike, but for what is crooked over a large part of the face."""
    partner = MIRROR[:SKIN]
    middle = float(np.median((points[:, 0] + points[partner, 0]) / 2))
    mirrored = (points[partner] - [middle, 0, 0]) * [-1.0, 1.0, 1.0] + [middle, 0, 0]
    half = (points - mirrored) / 2
    near = np.exp(-((ours[:, None] - ours[None]) ** 2).sum(2) / (2 * CROOKED_CM**2))
    return np.asarray((points + mirrored) / 2 + near @ half / near.sum(1, keepdims=True))


def local_frames(ours: Array, points: Array, whole: Array) -> Array:
    """(468, 3, 3) least squares of the neighbours' places about each landmark, held to the frame of the whole face."""
    apart = ours[None] - ours[:, None]
    there = points[None] - points[:, None]
    near = np.exp(-(apart**2).sum(2) / (2 * FRAME_CM**2))
    near /= near.sum(1, keepdims=True)
    square = np.einsum("nm,nmi,nmj->nij", near, apart, apart) + FRAME_HOLD * np.eye(3)
    mixed = np.einsum("nm,nmi,nmj->nij", near, there, apart) + FRAME_HOLD * whole
    return np.asarray(np.linalg.solve(square, mixed.transpose(0, 2, 1)).transpose(0, 2, 1))


def _opened(
    shapes: RigShapes, corners: Triangles, weights: Array, ours: Array, points: Array, model: FaceModel
) -> Array:
    """(V,) how far each vertex goes down when the avatar's channels imitate our jawOpen, 1 for the chin."""
    scale, turn, _ = similarity(ours, points)
    wanted = scale * model.landmark_expressions_cm[arkit.INDEX["jawOpen"], :SKIN] @ turn.T
    found = np.stack([weights[:, k, None] * shapes.deltas[:, corners[:, k]] for k in range(3)]).sum(0)
    shown = found.reshape(len(shapes.keys), -1)
    square = shown @ shown.T
    square += RIDGE * np.trace(square) / len(square) * np.eye(len(square))
    opened = np.tensordot(np.linalg.solve(square, shown @ wanted.ravel()), shapes.deltas, 1)
    down = wanted.sum(0) / np.linalg.norm(wanted.sum(0))
    drop = opened @ down
    lower = sorted(LOWER_LIP)
    whole = np.median(np.einsum("nk,nk->n", weights[lower], drop[corners[lower]]))
    return np.asarray(drop / max(float(whole), 1e-9 * scale))


def _lip_triangles(shapes: RigShapes, skin: Skin, opened: Array) -> NDArray[np.bool_]:
    """(468, F) where a landmark of a lip may lie; others may lie anywhere."""
    lower = opened[skin.triangles].mean(1) > LOWER_LIP_PART
    allowed = np.ones((SKIN, len(lower)), bool)
    allowed[sorted(UPPER_LIP | set(INNER_LIPS.upper[1:-1]))] = ~lower
    allowed[sorted(LOWER_LIP | set(INNER_LIPS.lower[1:-1]))] = lower
    return allowed
