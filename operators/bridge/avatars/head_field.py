"""The smooth head around the face: evaluates the fitted series of `avatar_head.npz` (see models/build_head_field.py); no bpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .mesh import Points, smoothstep

FIELD_FILE = Path(__file__).with_name("avatar_head.npz")
LEFT_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152)
"""Landmarks of the face oval from the forehead down the actor's left side to the chin: u = 0, 1/18, ... 1."""

NECK_PIVOT_CM = np.array([0.0, -14.0, -2.5])
HEAD_PIVOT_CM = np.array([0.0, -2.5, -0.5])
"""Where the bones `neck` and `head` begin, in a head of this size."""


def head_weights(points_cm: Points) -> dict[str, NDArray[np.float64]]:
    """Weights of the bones `head` and `neck`: the blend lies in the neck, on a plane tilted like the jaw line."""
    head = smoothstep(-15.0, -7.0, points_cm[:, 1] + 0.25 * points_cm[:, 2])
    return {"head": head, "neck": 1.0 - head}


def series(
    u: NDArray[np.float64], v: NDArray[np.float64], axis: int, order_u: int, order_v: int
) -> NDArray[np.float64]:
    """(N, order_u * order_v) basis: x is odd across the midlines (sines of u), y and z even (cosines); Chebyshev in v."""
    k = np.arange(order_u)
    across = np.sin(np.pi * (k + 1) * u[:, None]) if axis == 0 else np.cos(np.pi * k * u[:, None])
    along = np.polynomial.chebyshev.chebvander(2 * v - 1, order_v - 1)
    return (across[:, :, None] * along[:, None, :]).reshape(len(u), -1)


def head_points(u: NDArray[np.float64], v: NDArray[np.float64]) -> Points:
    """(N, 3) points of the head, centimetres; u in -1..1 (negative = the actor's right), v in 0..1."""
    with np.load(FIELD_FILE, allow_pickle=False) as data:
        return evaluate(data["coefficients"].astype(np.float64), u, v)


def evaluate(coefficients: NDArray[np.float64], u: NDArray[np.float64], v: NDArray[np.float64]) -> Points:
    """(N, 3) points of a (3, order_u, order_v) series."""
    _, order_u, order_v = coefficients.shape
    columns = [series(u, v, axis, order_u, order_v) @ coefficients[axis].ravel() for axis in range(3)]
    return np.stack(columns, axis=1)
