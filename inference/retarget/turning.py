"""Rotations of the head: weaker or stronger, and the nearest rotation of a mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def scaled(rotation: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Rotations (T, 3, 3) about their own axes by `factor` times their angles."""
    vectors = _vectors(rotation.astype(np.float64)) * factor
    angles = np.linalg.norm(vectors, axis=1)
    axes = vectors / np.maximum(angles, 1e-12)[:, None]
    x, y, z = axes.T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
    # Rodrigues' formula
    turned = np.eye(3) + np.sin(angles)[:, None, None] * cross + (1 - np.cos(angles))[:, None, None] * (cross @ cross)
    return np.asarray(turned, np.float32)


def nearest(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation nearest to each matrix (..., 3, 3)."""
    left, _, right = np.linalg.svd(matrices)
    signs = np.ones(matrices.shape[:-1])
    signs[..., 2] = np.linalg.det(left @ right)
    return np.asarray((left * signs[..., None, :]) @ right)


def _vectors(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 3) axis times angle; a head never turns as far as half a circle, where that would be no longer unique."""
    skew = np.stack(
        [
            rotation[:, 2, 1] - rotation[:, 1, 2],
            rotation[:, 0, 2] - rotation[:, 2, 0],
            rotation[:, 1, 0] - rotation[:, 0, 1],
        ],
        axis=1,
    )
    sines = np.linalg.norm(skew, axis=1) / 2
    angles = np.arctan2(sines, (np.trace(rotation, axis1=1, axis2=2) - 1) / 2)
    return np.asarray(skew / 2 * np.where(sines > 1e-9, angles / np.maximum(sines, 1e-9), 1)[:, None])
