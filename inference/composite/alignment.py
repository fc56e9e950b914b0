"""Photometric refinement of the warp: where face and plate show the same features, pixels place it better than landmarks.

Gauss-Newton on low-passed log pictures for a small affine motion and a smooth light field together, so that different
light is no reason to move. Landmarks are good to about a pixel; this goes below a tenth, and steps back when the two
faces do not look alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .types import Floats

ROUNDS: Final = 6
LIKENESS: Final = (0.85, 0.95)
"""Correlation of the two pictures' features: below the first nothing is moved, above the second all of it."""
MAX_MOVE: Final = 0.02
"""Face widths; more is not a refinement."""


def refine(
    plate_log: Floats, face_log: Callable[[Floats], Floats], basis: Floats, weight: Floats, face_width: float
) -> tuple[Floats, float]:
    """Affine (2, 3) of plate pixels after which ``face_log(affine)`` looks like ``plate_log``, and their likeness.

    Pictures are (H, W, 3), ``basis`` (6, H, W), ``weight`` (H, W), all small; pixels are corner convention.
    """
    used = weight > 0.5
    rows, columns = np.nonzero(used)
    points = np.stack([columns + 0.5, rows + 0.5], 1).astype(np.float32)
    centre, size = points.mean(0), face_width
    terms = basis[:, used].T.astype(float)
    target = plate_log[used].astype(float)
    move = np.eye(2, 3, dtype=np.float32)
    for _ in range(ROUNDS):
        face = face_log(move)
        motion = _motion_columns(face, used, (points - centre) / size)
        step = _solve(target - face[used], terms, motion)
        move = _chain(move, _affine_of(step, centre, size))
        if np.abs(step).max() < 1e-3:
            break
    likeness = _likeness(target, face_log(move)[used].astype(float), terms)
    corners = centre + 0.5 * size * np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], np.float32)
    moved = np.abs(corners @ move[:, :2].T + move[:, 2] - corners).max()
    trust = np.clip((likeness - LIKENESS[0]) / (LIKENESS[1] - LIKENESS[0]), 0, 1) if moved < MAX_MOVE * size else 0.0
    identity = np.eye(2, 3, dtype=np.float32)
    return (identity + trust * (move - identity)).astype(np.float32), likeness


def _motion_columns(face: Floats, used: NDArray[np.bool_], places: Floats) -> NDArray[np.float64]:
    """(N, 3, 6) change of each pixel and channel with shift x, y and the four linear terms (per face width)."""
    slope_y, slope_x = np.gradient(face, axis=(0, 1))
    slopes = np.stack([slope_x[used], slope_y[used]], -1).astype(float)
    columns = [slopes[..., 0], slopes[..., 1]]
    columns += [slopes[..., axis] * places[:, None, of] for axis in (0, 1) for of in (0, 1)]
    return np.stack(columns, -1)


def _solve(
    difference: NDArray[np.float64], terms: NDArray[np.float64], motion: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Motion (6,) that explains the difference (N, 3) together with a light field per channel; robust."""
    trust = np.ones(len(difference))
    step = np.zeros(6)
    for _ in range(3):
        normal = np.zeros((6, 6))
        wanted = np.zeros(6)
        residual = np.empty_like(difference)
        weighted = terms * trust[:, None]
        light = np.linalg.inv(weighted.T @ terms + 1e-9 * np.eye(terms.shape[1])) @ weighted.T
        free = []
        for channel in range(3):
            # The light field is eliminated: project it out of motion and difference.
            columns = np.column_stack([motion[:, channel], difference[:, channel]])
            columns -= terms @ (light @ columns)
            free.append(columns)
            normal += (columns[:, :6] * trust[:, None]).T @ columns[:, :6]
            wanted += (columns[:, :6] * trust[:, None]).T @ columns[:, 6]
        step = np.linalg.solve(normal + 1e-6 * np.trace(normal) * np.eye(6), wanted)
        for channel, columns in enumerate(free):
            residual[:, channel] = columns[:, 6] - columns[:, :6] @ step
        length = np.linalg.norm(residual, axis=1)
        scale = 2 * max(float(np.median(length)), 0.005)
        trust = (scale**2 / (scale**2 + length**2)) ** 2
    return step


def _affine_of(step: NDArray[np.float64], centre: Floats, size: float) -> Floats:
    linear = step[2:].reshape(2, 2) / size
    return np.column_stack([np.eye(2) + linear, step[:2] - linear @ centre]).astype(np.float32)


def _chain(first: Floats, then: Floats) -> Floats:
    """The affine that applies ``then`` to a plate point and ``first`` to the result."""
    return np.column_stack([first[:, :2] @ then[:, :2], first[:, :2] @ then[:, 2] + first[:, 2]]).astype(np.float32)


def _likeness(a: NDArray[np.float64], b: NDArray[np.float64], terms: NDArray[np.float64]) -> float:
    """Correlation of two pictures (N, 3) after each one's smooth light was taken out."""
    project = np.linalg.inv(terms.T @ terms + 1e-9 * np.eye(terms.shape[1])) @ terms.T
    a, b = a - terms @ (project @ a), b - terms @ (project @ b)
    return float((a * b).sum() / np.sqrt(max((a * a).sum() * (b * b).sum(), 1e-12)))
