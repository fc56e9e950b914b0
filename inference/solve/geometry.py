"""Perspective projection of head points and its derivatives, for many frames at once.

Head axes and camera-aligned axes are those of `take.Take`; pixels have their origin at the picture's corner.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with square pixels."""

    focal_px: float
    centre_px: tuple[float, float]

    def matrix(self) -> Array:
        """(3, 3) camera matrix in pixels."""
        return np.array([[self.focal_px, 0, self.centre_px[0]], [0, self.focal_px, self.centre_px[1]], [0, 0, 1.0]])


@dataclass(frozen=True)
class Poses:
    """Where the head is in T frames: head point X is at ``rotation @ X + translation_cm`` in camera-aligned axes."""

    rotation: Array
    """(T, 3, 3)."""
    translation_cm: Array
    """(T, 3)."""

    def __getitem__(self, frames: slice | NDArray[np.int64]) -> Poses:
        return Poses(self.rotation[frames], self.translation_cm[frames])

    def moved(self, step: Array) -> Poses:
        """Turned by the first three and shifted by the last three of `step` (T, 6): radians and cm, camera axes."""
        return Poses(rotation_from_vector(step[:, :3]) @ self.rotation, self.translation_cm + step[:, 3:])


CHUNK = 64
"""Frames whose derivatives are in memory together."""


def chunks(count: int) -> Iterator[slice]:
    """Slices that cover `count` frames."""
    return (slice(start, start + CHUNK) for start in range(0, count, CHUNK))


def rotation_from_vector(vector: Array) -> Array:
    """(..., 3) rotation vectors in radians to (..., 3, 3) matrices (Rodrigues)."""
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    skew = skew_matrix(vector)
    return np.asarray(
        np.eye(3) + np.sinc(angle / np.pi) * skew + 0.5 * np.sinc(angle / (2 * np.pi)) ** 2 * (skew @ skew)
    )


def skew_matrix(vector: Array) -> Array:
    """(..., 3) to the (..., 3, 3) matrix of the cross product from the left."""
    x, y, z = np.moveaxis(vector, -1, 0)
    zero = np.zeros_like(x)
    return np.asarray(np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*vector.shape, 3))


def nearest_rotation(matrix: Array) -> Array:
    """(..., 3, 3) the rotation closest to each matrix."""
    u, _, v = np.linalg.svd(matrix)
    u[..., 2] *= np.linalg.det(u @ v)[..., None]
    return np.asarray(u @ v)


def project(points_cm: Array, poses: Poses, camera: Camera) -> Array:
    """(T, P, 3) or (P, 3) head points to (T, P, 2) pixels."""
    placed = points_cm @ np.swapaxes(poses.rotation, -1, -2) + poses.translation_cm[:, None]
    depth = -placed[..., 2]
    u = camera.centre_px[0] + camera.focal_px * placed[..., 0] / depth
    v = camera.centre_px[1] - camera.focal_px * placed[..., 1] / depth
    return np.stack([u, v], -1)


@dataclass(frozen=True)
class Linearised:
    """First-order change of the projected points, in cm at the face: pixels divided by `px_per_cm`."""

    points_px: Array
    """(T, P, 2)."""
    px_per_cm: Array
    """(T,) scale of the picture at the head's origin."""
    by_point: Array
    """(T, P, 2, 3) change with the head point."""
    by_pose: Array
    """(T, P, 2, 6) change with the pose step of `Poses.moved`."""
    by_log_focal: Array
    """(T, P, 2)."""


def linearise(points_cm: Array, poses: Poses, camera: Camera) -> Linearised:
    """Project (T, P, 3) head points and differentiate."""
    turned = points_cm @ np.swapaxes(poses.rotation, -1, -2)
    placed = turned + poses.translation_cm[:, None]
    depth = -placed[..., 2]
    px_per_cm = camera.focal_px / -poses.translation_cm[:, 2]
    scale = camera.focal_px / depth / px_per_cm[:, None]
    across, down = placed[..., 0] / depth, -placed[..., 1] / depth
    away = np.stack([across, down], -1) * (scale * depth)[..., None]
    by_pose = np.empty((*depth.shape, 2, 6))
    x, y, z = np.moveaxis(turned, -1, 0)
    nothing = np.zeros_like(scale)
    for n, change in enumerate((across * y, z - across * x, -y, 1.0, nothing, across)):
        by_pose[..., 0, n] = scale * change
    for n, change in enumerate((z + down * y, -down * x, -x, nothing, -1.0, down)):
        by_pose[..., 1, n] = scale * change
    by_point = by_pose[..., 3:].reshape(len(depth), -1, 3) @ poses.rotation
    points_px = away * px_per_cm[:, None, None] + np.array(camera.centre_px)
    return Linearised(points_px, px_per_cm, by_point.reshape(*depth.shape, 2, 3), by_pose, away)
