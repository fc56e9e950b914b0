"""How far the eyes are open, and the evidence that closed lids touch.

Landmark networks leave a gap between closed lids. So the opening is taken relative to the shot's usual one, a remainder
counts as closed, and the face model's lids are asked to leave the same part of their gap.
"""

from __future__ import annotations

import numpy as np

from .. import arkit
from .geometry import Array, Camera, Poses, project
from .landmark_groups import LEFT_LIDS, LEFT_LOWER_LID, LEFT_UPPER_LID, RIGHT_LIDS, RIGHT_LOWER_LID, RIGHT_UPPER_LID

EYES = ((LEFT_LIDS, LEFT_UPPER_LID, LEFT_LOWER_LID), (RIGHT_LIDS, RIGHT_UPPER_LID, RIGHT_LOWER_LID))
INNER_CORNER = 8
"""Position of the inner corner among the lids; the outer one is first."""
CLOSED_PART = 0.2
"""Opening of a closed eye as networks see it, as a part of the usual one."""
USUAL_PERCENTILE = 75
"""Most eyes are open most of the time."""
BLINKS = [arkit.INDEX["eyeBlinkLeft"], arkit.INDEX["eyeBlinkRight"]]
CLOSING_RANGE = (0.4, 1.4)
GAP_ERROR_CM = 0.045
CONTACT_FACTOR = 0.2
"""Standard deviation of the gap, at noise level 1."""


def openness(points_px: Array, points_cm: Array, poses: Poses, camera: Camera) -> Array:
    """(T, 2) opening of the actor's left and right eye: 1 as wide as usual in this shot, 0 closed, not above 2.

    Gap over width of the eye, divided by that of the neutral (P, 3) face in the same pose, so head turns do not count.
    """
    seen = gap_ratio(points_px)
    expected = gap_ratio(project(points_cm, poses, camera))
    ratio = seen / np.maximum(expected, 1e-6)
    usual = np.maximum(np.percentile(ratio, USUAL_PERCENTILE, axis=0), 1e-6)
    return np.asarray(np.clip((ratio / usual - CLOSED_PART) / (1.0 - CLOSED_PART), 0.0, 2.0))


def gap_ratio(points_px: Array) -> Array:
    """(T, 2) mean distance of the lids over the distance of the corners."""
    result = np.empty((len(points_px), 2))
    for eye, (lids, upper, lower) in enumerate(EYES):
        gap = np.linalg.norm(points_px[:, list(upper)] - points_px[:, list(lower)], axis=-1).mean(1)
        width = np.linalg.norm(points_px[:, lids[0]] - points_px[:, lids[INNER_CORNER]], axis=-1)
        result[:, eye] = gap / np.maximum(width, 1e-9)
    return result


def lid_evidence(opened: Array, points_cm: Array, expressions_cm: Array, level: float) -> tuple[Array, Array]:
    """Normal equations (T, 52, 52), (T, 52) of the wish that the model's lids leave the part `opened` (T, 2) of their gap.

    Contact counts most: a blink that leaves a slit is seen at once.
    """
    size = len(expressions_cm)
    hessian, gradient = np.zeros((len(opened), size, size)), np.zeros((len(opened), size))
    error = level * GAP_ERROR_CM * (CONTACT_FACTOR + (1.0 - CONTACT_FACTOR) * np.minimum(opened, 1.0))
    for eye, (_, upper, lower) in enumerate(EYES):
        neutral = lid_gap(points_cm, upper, lower)
        change = lid_gap(expressions_cm, upper, lower)
        weight = 1.0 / error[:, eye] ** 2
        hessian += weight[:, None, None] * np.outer(change, change)
        gradient += (weight * (opened[:, eye] - 1.0) * neutral)[:, None] * change
    return hessian, gradient


def lid_gap(points_cm: Array, upper: tuple[int, ...], lower: tuple[int, ...]) -> Array:
    """(...) mean height of the gap between the lids of (..., P, 3) points."""
    return np.asarray((points_cm[..., list(upper), 1] - points_cm[..., list(lower), 1]).mean(-1))


def closing_blinks(points_cm: Array, expressions_cm: Array) -> Array:
    """(2,) the model's blink coefficient at which this actor's lids meet: narrow eyes close before wide ones.

    A take's eyeBlink is 1 when the eye is closed, so the solved coefficients are divided by these.
    """
    closing = np.empty(2)
    for eye, (_, upper, lower) in enumerate(EYES):
        travel = -float(lid_gap(expressions_cm[BLINKS[eye]], upper, lower))
        closing[eye] = float(lid_gap(points_cm, upper, lower)) / max(travel, 1e-6)
    return np.clip(closing, *CLOSING_RANGE)
