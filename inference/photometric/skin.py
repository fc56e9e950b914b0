"""The actor's skin in motion: where its points are in the picture, how they move, and which of them can be seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import arkit
from ..face_model.skin import SkinPoints
from ..face_model.surface import carried
from ..face_model.types import FaceModel
from ..solve.geometry import Array, Linearised, Poses, linearise
from ..solve.identity import Actor
from ..solve.landmark_groups import MESH_COUNT

FULLY_SEEN = 0.65
HARDLY_SEEN = 0.15
"""Cosines between normal and line of sight."""


@dataclass(frozen=True)
class ActorSkin:
    """S points of one actor's skin."""

    actor: Actor
    neutral_cm: Array
    """(S, 3)."""
    by_axis: NDArray[np.float32]
    """(3, S, 52) how the shapes move the points along each axis of the head."""
    normals: Array
    """(S, 3)."""
    tangents: Array
    """(S, 3, 2) two directions along the skin."""

    def faces(self, coefficients: Array) -> Array:
        """(T, S, 3)."""
        moved = self.by_axis @ coefficients.T.astype(np.float32)
        return np.asarray(self.neutral_cm + moved.transpose(2, 1, 0))

    def placed(self, coefficients: Array, poses: Poses) -> tuple[Linearised, Array]:
        """The points in the picture of each frame, and how well each is seen, (T, S) 0..1."""
        faces = self.faces(coefficients)
        linear = linearise(faces, poses, self.actor.camera)
        camera_cm = -np.einsum("tji,tj->ti", poses.rotation, poses.translation_cm)
        sight = camera_cm[:, None] - faces
        facing = (sight * self.normals).sum(-1) / np.linalg.norm(sight, axis=-1)
        return linear, np.clip((facing - HARDLY_SEEN) / (FULLY_SEEN - HARDLY_SEEN), 0.0, 1.0)


def actor_skin(points: SkinPoints, model: FaceModel, actor: Actor) -> ActorSkin:
    """The actor's skin: identity, and the static offsets of the landmarks carried to the points between them."""
    mean = points.mean_cm.astype(np.float64)
    offsets = carried(actor.offsets_cm, model.landmark_mean_cm[:MESH_COUNT], mean)
    neutral = mean + np.einsum("i,isc->sc", actor.identity, points.identity_modes_cm) + offsets
    normals = points.normals.astype(np.float64)
    up = np.array([0.0, 1.0, 0.0])
    first = np.cross(normals, up)
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-6)
    second = np.cross(normals, first)
    by_axis = points.expressions_cm.transpose(2, 1, 0).astype(np.float32)
    if by_axis.shape[2] != len(arkit.NAMES):
        raise ValueError(f"expected {len(arkit.NAMES)} shapes, got {by_axis.shape[2]}")
    return ActorSkin(actor, neutral, np.ascontiguousarray(by_axis), normals, np.stack([first, second], -1))
