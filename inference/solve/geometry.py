"""Perspective projection of head points and its derivatives, for many frames at once.

Head axes and camera-aligned axes are those of `take.Take`; pixels have their origin at the picture's corner.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Real = NDArray[np.floating[Any]]


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


def project(points_cm: Real, poses: Poses, camera: Camera) -> Array:
    """(T, P, 3) or (P, 3) head points to (T, P, 2) pixels."""
    placed = points_cm @ np.swapaxes(poses.rotation, -1, -2) + poses.translation_cm[:, None]
    depth = -placed[..., 2]
    u = camera.centre_px[0] + camera.focal_px * placed[..., 0] / depth
    v = camera.centre_px[1] - camera.focal_px * placed[..., 1] / depth
    return np.stack([u, v], -1)


@dataclass(frozen=True)
class Linearised:
    """First-order change of the projected points, in cm at the face: pixels divided by `px_per_cm`.

    `rows` are laid out for least squares: points come last in memory, all have the precision of the points given.
    """

    centre_px: tuple[float, float]
    px_per_cm: Array
    """(T,) scale of the picture at the head's origin."""
    rotation: Real
    """(T, 3, 3)."""
    away_rows: Real
    """(T, 2, P) cm from the picture's centre; also the change with the logarithm of the focal length."""
    pose_rows: Real
    """(T, 6, 2, P) change with the pose step of `Poses.moved`."""

    @cached_property
    def point_rows(self) -> Real:
        """(T, 3, 2, P) change with the head point: that of a shift of the head, turned into head axes."""
        shift = self.pose_rows[:, 3:]
        turned = np.swapaxes(self.rotation, 1, 2) @ shift.reshape(len(shift), 3, -1)
        return np.asarray(turned.reshape(shift.shape))

    def missing_rows(self, points_px: Array) -> Real:
        """(T, 2, P) cm by which seen points (T, P, 2) are off."""
        seen = np.swapaxes(points_px - np.array(self.centre_px), 1, 2).astype(self.away_rows.dtype, order="C")
        seen /= self.px_per_cm[:, None, None].astype(seen.dtype)
        seen -= self.away_rows
        return seen

    @property
    def points_px(self) -> Array:
        """(T, P, 2)."""
        return np.asarray(self.by_log_focal * self.px_per_cm[:, None, None] + np.array(self.centre_px))

    @property
    def by_point(self) -> Real:
        """(T, P, 2, 3) change with the head point."""
        return np.ascontiguousarray(self.point_rows.transpose(0, 3, 2, 1))

    @property
    def by_pose(self) -> Real:
        """(T, P, 2, 6) change with the pose step."""
        return np.ascontiguousarray(self.pose_rows.transpose(0, 3, 2, 1))

    @property
    def by_log_focal(self) -> Real:
        """(T, P, 2)."""
        return np.ascontiguousarray(self.away_rows.transpose(0, 2, 1))


def linearise(points_cm: Real, poses: Poses, camera: Camera) -> Linearised:
    """Project (T, P, 3) head points and differentiate."""
    rotation, shift = (part.astype(points_cm.dtype) for part in (poses.rotation, poses.translation_cm))
    turned = rotation @ np.swapaxes(points_cm, 1, 2)
    x, y, z = (turned[:, axis] for axis in range(3))
    depth = -(z + shift[:, 2:])
    nearer = -shift[:, 2:] / depth
    across, down = (x + shift[:, :1]) / depth, -(y + shift[:, 1:2]) / depth
    pose_rows = np.empty((len(depth), 6, 2, depth.shape[1]), depth.dtype)
    for n, change in enumerate((across * y, z - across * x, -y, 1.0, 0.0, across)):
        np.multiply(nearer, change, out=pose_rows[:, n, 0])
    for n, change in enumerate((z + down * y, -down * x, -x, 0.0, -1.0, down)):
        np.multiply(nearer, change, out=pose_rows[:, n, 1])
    away_rows = np.stack([across, down], 1) * -shift[:, 2, None, None]
    px_per_cm = camera.focal_px / -poses.translation_cm[:, 2]
    return Linearised(camera.centre_px, px_per_cm, rotation, away_rows, pose_rows)
