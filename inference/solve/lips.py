"""Where the lips touch, and the evidence that the face model's lips touch there too.

Landmarks of closed lips lie closer together than any open mouth's, but not upon each other, and to the points around the
mouth a lowered jaw behind closed lips looks much like an open mouth. So contact is found by the gap, and there the model's
expression must leave no gap, whatever the jaw does. Lips that press or roll over each other are left alone.
"""

from __future__ import annotations

import numpy as np

from .. import arkit
from .geometry import Array, Camera, Poses

UPPER_LIP = (191, 80, 81, 82, 13, 312, 311, 310, 415)
LOWER_LIP = (95, 88, 178, 87, 14, 317, 402, 318, 324)
"""The inner edges from the actor's right to the left, so that points of equal position face each other."""
PARTS = 3
"""Right, middle and left part of the lips touch or part by themselves."""
REMAINDER_CM = 0.06
"""Gap that landmark networks leave between closed lips at most."""
OPEN_FACTOR = 2.0
"""Lips so many times further apart than touching ones may be do not touch at all; between, contact fades."""
NOISES = 2.0
"""So many standard deviations of the points' noise widen the remainder."""
TAPER = 0.15
"""An open mouth narrows toward its corners: sides that keep more than this part of the middle's gap are open too."""
CONTACT_CM = 0.02
"""Standard deviation of the model's gap where lips touch, at noise level 1."""
DEPTH_CM = 0.04
"""Standard deviation of how far one lip gets before the other while they touch."""
OVERLAP_FACTOR = 5.0
"""That much less does a wish hold apart what overlaps: lips that press or roll."""
JAW, CLOSE = arkit.INDEX["jawOpen"], arkit.INDEX["mouthClose"]


def lip_gaps_cm(points_px: Array, poses: Poses, camera: Camera) -> Array:
    """(T, 3) height of the gap between the lips, from the actor's right to the left, below 0 where they overlap."""
    across = points_px[:, list(UPPER_LIP)] - points_px[:, list(LOWER_LIP)]
    up = poses.rotation[:, :2, 1] * np.array([1.0, -1.0])
    up = up / np.maximum(np.linalg.norm(up, axis=-1, keepdims=True), 1e-9)
    px_per_cm = camera.focal_px / -poses.translation_cm[:, 2]
    height = (across @ up[:, :, None])[..., 0] / px_per_cm[:, None]
    return np.asarray(height.reshape(len(height), PARTS, -1).mean(-1))


def noise_cm(gaps_cm: Array) -> float:
    """Standard deviation of the gaps' noise, from third differences in time of the frames that change least."""
    if len(gaps_cm) < 4:
        return 0.0
    return float(np.median(np.abs(np.diff(gaps_cm, n=3, axis=0))) / 0.6745 / np.sqrt(20.0))


def lip_contact(gaps_cm: Array, noise: float) -> Array:
    """(T, 3) 1 where the lips touch, 0 where they are apart."""
    touching = REMAINDER_CM + NOISES * noise
    apart = gaps_cm / touching
    tapered = gaps_cm / np.maximum(TAPER * gaps_cm[:, PARTS // 2 : PARTS // 2 + 1], 1e-9)
    sides_apart = np.where(apart[:, PARTS // 2 : PARTS // 2 + 1] > OPEN_FACTOR, np.maximum(apart, tapered), apart)
    return np.clip((OPEN_FACTOR - sides_apart) / (OPEN_FACTOR - 1.0), 0.0, 1.0)


def part_gaps(expressions_cm: Array) -> Array:
    """(3, 52) how far each shape opens each part of the lips, in cm."""
    height = expressions_cm[:, list(UPPER_LIP), 1] - expressions_cm[:, list(LOWER_LIP), 1]
    return np.asarray(height.reshape(len(height), PARTS, -1).mean(-1).T)


def lip_evidence(contact: Array, coefficients: Array, expressions_cm: Array, level: float) -> Array:
    """(T, 52, 52) normal matrix of the wish that expressions leave no gap where there is contact (T, 3).

    `coefficients` (T, 52) of the round before: where they overlap the lips, nothing holds the lips apart (active set).
    """
    change = part_gaps(expressions_cm)
    loose = np.where(coefficients @ change.T >= 0, 1.0, OVERLAP_FACTOR)
    weight = contact / (loose * level * CONTACT_CM) ** 2
    return np.asarray(np.swapaxes(weight[:, :, None] * change, 1, 2) @ change)


def lip_depth_evidence(contact: Array, expressions_cm: Array) -> Array:
    """(T, 52, 52) normal matrix of the wish that touching lips (T, 3) stay at one depth, which a picture hardly shows."""
    depth = expressions_cm[:, list(UPPER_LIP), 2] - expressions_cm[:, list(LOWER_LIP), 2]
    step = depth.reshape(len(depth), PARTS, -1).mean(-1).T
    return np.asarray(np.swapaxes(contact[:, :, None] * step, 1, 2) @ step / DEPTH_CM**2)


def snapped(coefficients: Array, contact: Array, expressions_cm: Array) -> Array:
    """(T, 52) with what gap is left in the middle of touching lips closed: by mouthClose as far as the jaw is open, then
    by less of the shapes that open the lips.
    """
    change = part_gaps(expressions_cm)[PARTS // 2]
    result = coefficients.copy()
    result[:, CLOSE] = np.minimum(result[:, CLOSE], result[:, JAW])
    touch = contact[:, PARTS // 2]
    if change[CLOSE] < 0:
        wanted = touch * np.maximum(result @ change, 0.0) / -change[CLOSE]
        result[:, CLOSE] += np.minimum(wanted, result[:, JAW] - result[:, CLOSE])
    openers = np.flatnonzero((change > 0) & (np.arange(len(change)) != JAW))
    gap, opened = np.maximum(result @ change, 0.0), result[:, openers] @ change[openers]
    less = touch * np.minimum(gap / np.maximum(opened, 1e-9), 1.0)
    result[:, openers] *= 1.0 - less[:, None]
    return result


def largest_close(contact: Array, coefficients: Array) -> Array:
    """(T,) upper bound of mouthClose: lips close no further than the jaw is open; touching lips say so by themselves."""
    return np.where(contact.min(1) > 0, 1.0, coefficients[:, JAW])
