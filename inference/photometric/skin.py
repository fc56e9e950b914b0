"""The actor's skin in motion: where its points are in the picture, how they move, and which of them can be seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import arkit
from ..face_model.skin import SkinPoints
from ..face_model.surface import carried
from ..face_model.types import FaceModel
from ..solve.geometry import Array, Poses
from ..solve.identity import Actor
from ..solve.landmark_groups import MESH_COUNT

FULLY_SEEN = 0.65
HARDLY_SEEN = 0.15
"""Cosines between normal and line of sight."""


Single = NDArray[np.float32]


@dataclass(frozen=True)
class Placed:
    """S skin points in the pictures of T frames; derivatives in pixels per cm, in axes of the picture."""

    points_px: Single
    """(T, S, 2)."""
    turned_cm: Single
    """(T, S, 3) from the head's origin, in camera-aligned axes."""
    by_place: Single
    """(T, S, 2, 3) change with a shift in camera-aligned axes."""
    by_point: Single
    """(T, S, 2, 3) change with a shift in head axes."""
    by_tangent: Single
    """(T, S, 2, 2) change with a shift along the skin's tangents."""
    seen: Single
    """(T, S) 0..1."""


@dataclass(frozen=True)
class ActorSkin:
    """S points of one actor's skin."""

    actor: Actor
    neutral_cm: Array
    """(S, 3)."""
    by_axis: Single
    """(3, S, 52) how the shapes move the points along each axis of the head."""
    normals: Array
    """(S, 3)."""
    tangents: Array
    """(S, 3, 2) two directions along the skin."""

    def faces(self, coefficients: Array) -> Single:
        """(T, S, 3) in head axes."""
        moved = self.by_axis @ coefficients.T.astype(np.float32)
        return np.ascontiguousarray(self.neutral_cm.astype(np.float32) + moved.transpose(2, 1, 0))

    def placed(self, coefficients: Array, poses: Poses) -> Placed:
        """Where the points are in the picture of each frame, how they move there, and how well each is seen."""
        camera = self.actor.camera
        rotation = poses.rotation.astype(np.float32)
        turned = self.faces(coefficients) @ np.swapaxes(rotation, 1, 2)
        place = turned + poses.translation_cm.astype(np.float32)[:, None]
        depth = -place[..., 2]
        across, down = place[..., 0] / depth, -place[..., 1] / depth
        px_per_cm = (camera.focal_px / depth).astype(np.float32)
        by_place = np.zeros((*depth.shape, 2, 3), np.float32)
        by_place[..., 0, 0], by_place[..., 1, 1] = px_per_cm, -px_per_cm
        by_place[..., 0, 2], by_place[..., 1, 2] = across * px_per_cm, down * px_per_cm
        points_px = np.stack([across, down], -1) * np.float32(camera.focal_px) + np.array(camera.centre_px, np.float32)
        facing = -(place * (self.normals.astype(np.float32) @ np.swapaxes(rotation, 1, 2))).sum(-1)
        facing /= np.linalg.norm(place, axis=-1)
        seen = np.clip((facing - HARDLY_SEEN) / (FULLY_SEEN - HARDLY_SEEN), 0.0, 1.0)
        by_point = (by_place.reshape(len(depth), -1, 3) @ rotation).reshape(by_place.shape)
        # Sums of whole rows: products of very many very small matrices take several times as long.
        tangents = self.tangents.astype(np.float32)[:, None]
        by_tangent = by_point[..., 0, None] * tangents[..., 0, :]
        by_tangent += by_point[..., 1, None] * tangents[..., 1, :]
        by_tangent += by_point[..., 2, None] * tangents[..., 2, :]
        return Placed(points_px, turned, by_place, by_point, by_tangent, seen)


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
