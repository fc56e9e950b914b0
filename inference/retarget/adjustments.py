"""What an animator changes about a performance before an avatar gives it: how strong, how calm, from which rest.

In this order: the actor's own neutral face is taken off, jitter is averaged out, then each region is scaled and held
below its limit. A take that nothing is changed about comes back as it is, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .. import arkit
from ..errors import InputError
from ..take import Take
from . import turning
from .calming import calmed
from .regions import REGION_OF, REGIONS

MOST_NEUTRAL: Final = 0.8
"""More of a coefficient is never taken for neutral: the little that is left of it would be blown up with its noise."""

_LIDS: Final = tuple(arkit.INDEX[name] for name in ("eyeBlinkLeft", "eyeBlinkRight"))
_OPPOSITES: Final = tuple(
    (arkit.INDEX[one], arkit.INDEX[other])
    for one, other in (
        ("jawLeft", "jawRight"),
        ("mouthLeft", "mouthRight"),
        ("eyeLookInLeft", "eyeLookOutLeft"),
        ("eyeLookOutRight", "eyeLookInRight"),
        ("eyeLookUpLeft", "eyeLookDownLeft"),
        ("eyeLookUpRight", "eyeLookDownRight"),
    )
)
"""Coefficients that are the two directions of one movement: a jaw that rests to the left moves right to the middle."""
_JAW_TOO: Final = frozenset({"mouthClose"})
"""Closes the lips over an open jaw, so it is treated as the jaw is; else a stronger jaw would tear closed lips apart."""

_SPREAD: Final = 0.15
_GAZE_SPREAD_RAD: Final = 0.06
_HEAD_SPREAD_RAD: Final = 0.06
"""Changes well above these are meant, not jitter: blinks, lips that meet, looks from here to there, nods."""


@dataclass(frozen=True)
class Region:
    """How the coefficients of one region of the face are treated."""

    gain: float = 1.0
    limit: float = 1.0
    """Where a full coefficient ends when the gain would take it further; smaller ones bend toward it softly."""
    smoothing_s: float = 0.0
    """Seconds that jitter is averaged over: full width at half maximum of a window that looks both ways."""


@dataclass(frozen=True)
class Neutral:
    """What the actor's face shows while it is meant to show nothing."""

    coefficients: tuple[float, ...] = (0.0,) * len(arkit.NAMES)
    """52."""
    gaze: tuple[float, ...] = (0.0,) * 4
    """Yaw, pitch of the left and of the right eye in radians."""
    rotation: tuple[float, ...] | None = None
    """The head's turn then, 9 numbers row by row; None leaves the head as it was."""


@dataclass(frozen=True)
class Adjustments:
    """All changes to a performance. The default changes nothing."""

    strength: float = 1.0
    """Of the whole expression; blinks and gaze stay as they are, or a calmer face would never shut its eyes."""
    regions: tuple[Region, ...] = field(default=(Region(),) * len(REGIONS))
    """One for each of `REGIONS`, in their order. The gain of the gaze also scales the turn of the eyes."""
    head: float = 1.0
    """Strength of the head's turn; 0 holds it still."""
    head_smoothing_s: float = 0.0
    neutral: Neutral = Neutral()


UNCHANGED: Final = Adjustments()


def adjust(take: Take, adjustments: Adjustments) -> Take:
    """The performance with all changes."""
    return scaled(calm(take, adjustments), adjustments)


def calm(take: Take, adjustments: Adjustments) -> Take:
    """The first half of `adjust`: neutral taken off and jitter averaged out. Independent of strength, gains, limits."""
    rebased = _rebased(take, adjustments.neutral)
    return _smoothed(rebased, adjustments)


def scaled(take: Take, adjustments: Adjustments) -> Take:
    """The second half of `adjust`: strengths, gains and limits."""
    regions = [adjustments.regions[index] for index in _region_of_columns()]
    gains = np.array([region.gain for region in regions], np.float32)
    moved = np.array([REGION_OF[name] != "gaze" for name in arkit.NAMES])
    moved[list(_LIDS)] = False
    gains[moved] *= adjustments.strength
    limits = np.array([region.limit for region in regions], np.float32)
    coefficients = take.coefficients
    if np.any(gains != 1) or np.any(limits < 1):
        coefficients = _bent(coefficients, gains, limits)
    gaze_gain = adjustments.regions[REGIONS.index("gaze")].gain
    gaze = take.gaze if gaze_gain == 1 else (take.gaze * np.float32(gaze_gain)).astype(np.float32)
    rotation = take.rotation if adjustments.head == 1 else turning.scaled(take.rotation, adjustments.head)
    if coefficients is take.coefficients and gaze is take.gaze and rotation is take.rotation:
        return take
    return replace(take, coefficients=coefficients, gaze=gaze, rotation=rotation)


def measure_neutral(take: Take, first: int, last: int, head: bool = False) -> Neutral:
    """The middle (median) of a take's frames from `first` to `last`, both included, as the actor's neutral face.

    With `head` the head's turn then counts as looking straight ahead. Raises `InputError` when no face was seen there.
    """
    chosen = np.arange(len(take))[max(first, 0) : last + 1]
    chosen = chosen[take.confidence[chosen] > 0]
    if len(chosen) == 0:
        raise InputError("No face was seen there; go to a frame in which the actor's face can be seen.")
    coefficients = np.clip(np.median(take.coefficients[chosen], axis=0), 0, MOST_NEUTRAL)
    gaze = np.median(take.gaze[chosen], axis=0)
    rotation = turning.nearest(take.rotation[chosen].astype(np.float64).mean(axis=0)) if head else None
    return Neutral(
        tuple(round(float(value), 5) for value in coefficients),
        tuple(round(float(value), 6) for value in np.nan_to_num(gaze).ravel()),
        None if rotation is None else tuple(float(value) for value in rotation.ravel()),
    )


def _region_of_columns() -> list[int]:
    """(52,) index into `REGIONS`."""
    return [REGIONS.index("jaw" if name in _JAW_TOO else REGION_OF[name]) for name in arkit.NAMES]


def _bent(
    coefficients: NDArray[np.float32], gains: NDArray[np.float32], limits: NDArray[np.float32]
) -> NDArray[np.float32]:
    """`gain * c` where the gain stays within the limit, else `g c / (1 + (g/L - 1) c)` for c in 0..1.

    Of all such curves the simplest that begins with the gain, ends at the limit and never stands still between, so a
    shape that would go too far keeps moving instead of hitting a wall.
    """
    past = np.maximum(gains / np.maximum(limits, 1e-6) - 1, 0)  # a limit of 0 is allowed
    bent = gains * coefficients / (1 + past * coefficients)
    return np.asarray(np.clip(bent, 0, limits), np.float32)


def _rebased(take: Take, neutral: Neutral) -> Take:
    """The take seen from the actor's neutral face: that becomes 0, a full coefficient stays 1."""
    base = np.clip(np.array(neutral.coefficients, np.float32), 0, MOST_NEUTRAL)
    fields: dict[str, NDArray[np.float32]] = {}
    if base.any():
        coefficients = np.clip((take.coefficients - base) / (1 - base), 0, 1)
        for one, other in _OPPOSITES:
            rest = base[one] - base[other]
            if base[one] == 0 and base[other] == 0:
                continue
            moved = take.coefficients[:, one] - take.coefficients[:, other] - rest
            moved = moved / np.where(moved > 0, 1 - rest, 1 + rest)
            coefficients[:, one], coefficients[:, other] = np.clip(moved, 0, 1), np.clip(-moved, 0, 1)
        fields["coefficients"] = coefficients.astype(np.float32)
    if any(neutral.gaze):
        fields["gaze"] = (take.gaze - np.array(neutral.gaze, np.float32).reshape(2, 2)).astype(np.float32)
    if neutral.rotation is not None:
        rest_turn = np.array(neutral.rotation).reshape(3, 3)
        fields["rotation"] = (rest_turn.T @ take.rotation.astype(np.float64)).astype(np.float32)
    if not fields:
        return take
    gone = take.confidence <= 0
    for name, values in fields.items():
        values[gone] = getattr(take, name)[gone]
    return replace(take, **fields)  # type: ignore[arg-type]


def _smoothed(take: Take, adjustments: Adjustments) -> Take:
    """The take without jitter, each region over its own time."""
    seen, time_s = take.confidence > 0, take.time_s
    widths = [adjustments.regions[index].smoothing_s for index in _region_of_columns()]
    fields: dict[str, NDArray[np.float32]] = {}
    if any(width > 0 for width in widths):
        coefficients = take.coefficients.copy()
        for width in sorted({width for width in widths if width > 0}):
            columns = [column for column, own in enumerate(widths) if own == width]
            calm_values = calmed(take.coefficients[:, columns, None], time_s, seen, width, _SPREAD)
            coefficients[:, columns] = calm_values[..., 0]
        for lid in _LIDS:  # what is shut stays shut: a lid that stops short of closing is what everybody notices
            shut = np.clip((take.coefficients[:, lid] - 0.4) / 0.4, 0, 1)
            coefficients[:, lid] += shut * (take.coefficients[:, lid] - coefficients[:, lid])
        fields["coefficients"] = coefficients
    gaze_width = adjustments.regions[REGIONS.index("gaze")].smoothing_s
    if gaze_width > 0:
        fields["gaze"] = calmed(take.gaze, time_s, seen, gaze_width, _GAZE_SPREAD_RAD)
    if adjustments.head_smoothing_s > 0:
        flat = take.rotation.reshape(len(take), 1, 9)
        spread = _HEAD_SPREAD_RAD * np.sqrt(2)  # distance of two near rotations as arrays of 9
        calm_turns = calmed(flat, time_s, seen, adjustments.head_smoothing_s, float(spread))
        rotation = take.rotation.copy()
        rotation[seen] = turning.nearest(calm_turns.reshape(-1, 3, 3)[seen].astype(np.float64))
        fields["rotation"] = rotation
    return replace(take, **fields) if fields else take  # type: ignore[arg-type]
