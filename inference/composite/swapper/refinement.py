"""Photometric refinement of the warp: where face and plate show the same features, pixels place it better than landmarks.

Gauss-Newton on low-passed log pictures for a small similarity, a difference in sharpness and a smooth light field
together, so that different light or focus is no reason to move. Landmarks are good to a pixel or two; this goes to a few
tenths, and steps back when the two faces do not look alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..pictures import cv2
from ..types import Floats

ROUNDS: Final = 6
LIKENESS: Final = (0.85, 0.95)
"""Correlation of two pictures' features: below the first they are different faces, above the second the same one."""
MAX_MOVE: Final = 0.06
"""Face widths; more is not a refinement, and double of it is not believed at all."""
MAX_BLUR: Final = 0.08
"""Face widths; standard deviation by which the plate may be softer than the render."""


FacePicture = Callable[[Floats, float], Floats]
"""(affine of plate pixels, variance of an extra blur in pixels) -> log picture of the face (H, W, 3)."""


def sameness(likeness: float) -> float:
    """0 for two different faces, 1 for two pictures of the same one, by their `refine` likeness."""
    return float(np.clip((likeness - LIKENESS[0]) / (LIKENESS[1] - LIKENESS[0]), 0, 1))


def refine(
    plate_log: Floats, face_log: FacePicture, basis: Floats, weight: Floats, face_width: float
) -> tuple[Floats, float]:
    """Similarity (2, 3) of plate pixels after which the face looks like ``plate_log``, and their likeness, -1..1.

    Pictures are (H, W, 3), ``basis`` (6, H, W), ``weight`` (H, W), all small; pixels are corner convention. Every other pixel is
    compared: the pictures are low-passed.
    """
    used = np.zeros(weight.shape, bool)
    used[::2, ::2] = weight[::2, ::2] > 0
    rows, columns = np.nonzero(used)
    points = np.stack([columns + 0.5, rows + 0.5], 1).astype(np.float32)
    centre, size = points.mean(0), face_width
    terms = basis[:, used].T.astype(float)
    target = plate_log[used].astype(float)
    importance = weight[used].astype(float)
    identity = np.eye(2, 3, dtype=np.float32)
    move, blur = identity, 0.0
    for _ in range(ROUNDS):
        face = face_log(move, blur)
        step = _solve(target - face[used], terms, _change_columns(face, used, (points - centre) / size), importance)
        move = _chain(move, _similarity_of(step, centre, size))
        blur = float(np.clip(blur + step[4], 0, (MAX_BLUR * size) ** 2))
        if np.abs(step[:4]).max() < 1e-3:
            break
    likeness = _likeness(target, face_log(move, blur)[used].astype(float), terms, importance)
    corners = centre + 0.5 * size * np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], np.float32)
    moved = np.abs(corners @ move[:, :2].T + move[:, 2] - corners).max()
    # Both fade, because a switch would make the face jump.
    trust = sameness(likeness) * np.clip(2 - moved / (MAX_MOVE * size), 0, 1)
    return (identity + trust * (move - identity)).astype(np.float32), likeness


def _change_columns(face: Floats, used: NDArray[np.bool_], places: Floats) -> NDArray[np.float64]:
    """(N, 3, 5) change of each pixel and channel with shift x, y, growth, turn (per face width) and blur.

    Blur by a variance v is diffusion: its derivative is half the Laplacian. Without that column a plate that is softer
    than the render would be explained by a wrong scale.
    """
    slope_y, slope_x = np.gradient(face, axis=(0, 1))
    x, y = slope_x[used].astype(float), slope_y[used].astype(float)
    u, v = places[:, :1], places[:, 1:]
    softer = 0.5 * cv2.Laplacian(face, cv2.CV_32F, ksize=1)[used]
    return np.stack([x, y, x * u + y * v, y * u - x * v, softer], -1)


def _solve(
    difference: NDArray[np.float64],
    terms: NDArray[np.float64],
    change: NDArray[np.float64],
    importance: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Step (5,) that explains the difference (N, 3) together with a light field per channel; robust."""
    count = change.shape[2]
    trust = importance
    step = np.zeros(count)
    for _ in range(3):
        weighted = terms * trust[:, None]
        light = np.linalg.inv(weighted.T @ terms + 1e-9 * np.eye(terms.shape[1])) @ weighted.T
        normal = np.zeros((count, count + 1))
        free = []
        for channel in range(3):
            # The light field is eliminated: project it out of change and difference.
            columns = np.column_stack([change[:, channel], difference[:, channel]])
            columns -= terms @ (light @ columns)
            free.append(columns)
            normal += (columns[:, :count] * trust[:, None]).T @ columns
        damping = np.diag(1e-6 * np.diag(normal[:, :count]) + 1e-12)
        step = np.linalg.solve(normal[:, :count] + damping, normal[:, count])
        residual = np.stack([columns[:, count] - columns[:, :count] @ step for columns in free], 1)
        length = np.linalg.norm(residual, axis=1)
        scale = 2 * max(float(np.median(length)), 0.005)
        trust = importance * (scale**2 / (scale**2 + length**2)) ** 2
    return step


def _similarity_of(step: NDArray[np.float64], centre: Floats, size: float) -> Floats:
    growth, turn = step[2] / size, step[3] / size
    linear = np.array([[growth, -turn], [turn, growth]])
    return np.column_stack([np.eye(2) + linear, step[:2] - linear @ centre]).astype(np.float32)


def _chain(first: Floats, then: Floats) -> Floats:
    """The affine that applies ``then`` to a plate point and ``first`` to the result."""
    return np.column_stack([first[:, :2] @ then[:, :2], first[:, :2] @ then[:, 2] + first[:, 2]]).astype(np.float32)


def _likeness(
    a: NDArray[np.float64], b: NDArray[np.float64], terms: NDArray[np.float64], importance: NDArray[np.float64]
) -> float:
    """Correlation of two pictures (N, 3) after each one's smooth light was taken out."""
    weighted = terms * importance[:, None]
    project = np.linalg.inv(weighted.T @ terms + 1e-9 * np.eye(terms.shape[1])) @ weighted.T
    a, b = a - terms @ (project @ a), b - terms @ (project @ b)
    share = importance[:, None]
    return float((share * a * b).sum() / np.sqrt(max((share * a * a).sum() * (share * b * b).sum(), 1e-12)))
