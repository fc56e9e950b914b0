"""How far the eyes are open, and the evidence that closed lids touch.

Landmark networks leave a gap between closed lids. So the opening is taken relative to the shot's usual one, a remainder
counts as closed, and the face model's lids are asked to leave the same part of their gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from .. import arkit
from .gaze import OPEN_ENOUGH, without_blinks
from .geometry import Array, Camera, Poses, project
from .landmark_groups import LEFT_LIDS, LEFT_LOWER_LID, LEFT_UPPER_LID, RIGHT_LIDS, RIGHT_LOWER_LID, RIGHT_UPPER_LID
from .timeline import Timeline

EYES = ((LEFT_LIDS, LEFT_UPPER_LID, LEFT_LOWER_LID), (RIGHT_LIDS, RIGHT_UPPER_LID, RIGHT_LOWER_LID))
INNER_CORNER = 8
"""Position of the inner corner among the lids; the outer one is first."""
CLOSED_PART = 0.2
"""Opening of a closed eye as networks see it, as a part of the usual one."""
USUAL_PERCENTILE = 75
"""Most eyes are open most of the time."""
PEOPLE_SPREAD = 0.11
"""People's eyes differ so much in height over width (logarithm; the fissure is 10 +- 1 mm high)."""
ONE_FRAME_SPREAD = 0.3
"""One frame may be anything from a squint to a stare."""
HALF_OPEN = 0.6
"""Eyes below this part of the usual opening are blinking."""
SURELY_CLOSED = 0.3
LARGEST_REMAINDER = 0.5
"""Both eyes blink together: where one is closed and the other well below its usual opening, that one is closed as well,
and what is still seen of it is the network's remainder."""
BLINKS = [arkit.INDEX["eyeBlinkLeft"], arkit.INDEX["eyeBlinkRight"]]
LOOKS = tuple([arkit.INDEX[f"eyeLook{way}{side}"] for way in ("Up", "Down")] for side in ("Left", "Right"))
"""The shapes by which lids follow the eye."""
CLOSING_RANGE = (0.4, 1.4)
GAP_ERROR_CM = 0.045
CONTACT_FACTOR = 0.2
"""Standard deviation of the gap, at noise level 1."""


@dataclass(frozen=True)
class LidHabits:
    """What an actor's eyes do through a shot, for the left and the right eye; openings are parts of the mean face's."""

    usual: Array
    """(2,) opening at rest."""
    remainder: Array
    """(2,) part of the usual opening that the network still sees when the eye is closed."""


def relative_openings(points_px: Array, mean_cm: Array, poses: Poses, camera: Camera) -> Array:
    """(T, 2) gap over width of the actor's left and right eye, divided by that of the mean (P, 3) face in the same pose."""
    return np.asarray(gap_ratio(points_px) / np.maximum(gap_ratio(project(mean_cm, poses, camera)), 1e-6))


def lid_habits(openings: Array, neutral: NDArray[np.bool_], timeline: Timeline | None = None) -> LidHabits:
    """The habits that the (T, 2) relative openings of a whole shot show; `neutral` (T,) marks faces known to be at rest.

    Openings without a timeline are in no order, so that no blink can be told from a low lid.
    """
    usual = np.array([usual_opening(eye) for eye in openings.T])
    if neutral.any():
        usual = np.maximum(np.percentile(openings[neutral], USUAL_PERCENTILE, axis=0), 1e-6)
    part = openings / usual
    remainder = np.full(2, CLOSED_PART)
    for eye in range(2):
        together = (part[:, 1 - eye] < SURELY_CLOSED) & (part[:, eye] < HALF_OPEN)
        if together.any():
            remainder[eye] = np.clip(np.median(part[together, eye]), CLOSED_PART, LARGEST_REMAINDER)
    if timeline is not None:
        remainder = np.clip(seen_of_blinks(part, timeline), remainder, LARGEST_REMAINDER)
    return LidHabits(usual, remainder)


def seen_of_blinks(part: Array, timeline: Timeline) -> Array:
    """(2,) part of the usual opening that is left in most blinks of (T, 2), where people's lids meet; 0 without blinks."""
    blinking = (part < HALF_OPEN * without_blinks(part, timeline)).all(1)
    number, count = label(blinking)
    lowest = np.array([part[number == n].min(0) for n in range(1, count + 1)]).reshape(-1, 2)
    lowest = lowest[lowest.min(1) < LARGEST_REMAINDER]
    return np.asarray(np.median(lowest, axis=0)) if len(lowest) else np.zeros(2)


def usual_opening(opening: Array) -> float:
    """What one eye's relative openings (T,) say about its opening at rest.

    Most eyes are open most of the time. But the wider the openings of open eyes spread, and the fewer frames there are,
    the less they tell: then the eye is taken for one like other people's, unless it is plainly narrower.
    """
    centre = max(float(np.percentile(opening, USUAL_PERCENTILE)), 1e-6)
    low, high = np.percentile(opening[opening >= HALF_OPEN * centre], (16, 84))
    spread = 0.5 * float(np.log(high / max(low, 1e-6))) if centre > 1 else 0.0
    doubt = spread**2 + ONE_FRAME_SPREAD**2 / len(opening)
    return float(centre ** (PEOPLE_SPREAD**2 / (PEOPLE_SPREAD**2 + doubt)))


def openness(openings: Array, habits: LidHabits) -> Array:
    """(T, 2) opening of the actor's eyes: 1 as wide as at rest, 0 closed, not above 2."""
    return np.asarray(np.clip((openings / habits.usual - habits.remainder) / (1.0 - habits.remainder), 0.0, 2.0))


def together(opened: Array) -> Array:
    """(T, 2) openness with eyes that are both nearly closed as far open as the one that is less: that is a blink.

    A network sees a slit where a grin pushes the lower lid up; the eye of a wink is much further closed than the other.
    """
    both = np.clip((HALF_OPEN - opened.max(1, keepdims=True)) / (HALF_OPEN - SURELY_CLOSED), 0.0, 1.0)
    return np.asarray(opened + both * (opened.min(1, keepdims=True) - opened))


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


def shut(coefficients: Array, opened: Array, points_cm: Array, mean_cm: Array, expressions_cm: Array) -> Array:
    """(T, 52) with blinks that leave eyes of openness (T, 2) as far open as they are seen, on the mean face as well.

    The blink of an eye that is half open is what looking down, squinting and all else leave to it. A closed eye is a
    whole blink whatever they do, as ARKit has it: its lids hide where it looks, so they do not follow that as well.
    Eyes that are wider open are left alone.
    """
    has_blink = expressions_cm[BLINKS].any((1, 2))
    closing = has_blink * closing_blinks(points_cm, expressions_cm)
    uncovered = np.clip(opened / OPEN_ENOUGH, 0.0, 1.0)
    result = coefficients.copy()
    for eye, looks in enumerate(LOOKS):
        result[:, looks] *= uncovered[:, eye, None]
    others = result.copy()
    others[:, BLINKS] = 0.0
    lowered = -uncovered * (others @ relative_lid_change(mean_cm, expressions_cm).T)
    wanted = closing * np.clip(1.0 - opened - lowered, 0.0, 1.0)
    surely = np.clip((HALF_OPEN - opened) / (HALF_OPEN - SURELY_CLOSED), 0.0, 1.0)
    result[:, BLINKS] += surely * (wanted - result[:, BLINKS])
    return result


def relative_lid_change(points_cm: Array, expressions_cm: Array) -> Array:
    """(2, 52) by what part of their gap in (P, 3) the shapes open the lids of the left and right eye."""
    return np.stack(
        [
            lid_gap(expressions_cm, upper, lower) / max(float(lid_gap(points_cm, upper, lower)), 1e-6)
            for _, upper, lower in EYES
        ]
    )


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
