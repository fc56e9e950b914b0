"""Lips and lids that really close: the conventions that every face model keeps, whatever its maker's shapes do.

mouthClose = jawOpen brings the lips back to where they are at rest, and at eyeBlink = 1 the upper lid lies on the lower.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import arkit
from .rims import EYES, INNER_LIPS, Rim
from .surface import Array

FOLLOW_CM = 0.35
"""How far around a rim the skin follows a correction of the rim."""
STIFF = 0.03
"""Parts of a correction that would need fields this much stronger than others are left away."""
SCALES = (0.4, 1.6)
"""A shape that would have to be scaled further is not the motion that its name says; it is left as it is."""


@dataclass(frozen=True)
class Sides:
    """Which vertices follow an upper and a lower rim, as shares 0 to 1, (V,) each."""

    upper: Array
    lower: Array


def keep_contacts(expressions: Array, mean: Array, at_landmarks: Callable[[Array], Array]) -> Array:
    """(52, V, 3) shapes with closing lips and lids; a shape that is all zero stays so."""
    result = expressions.copy()
    rest = at_landmarks(mean)
    jaw, close = arkit.INDEX["jawOpen"], arkit.INDEX["mouthClose"]
    if result[jaw].any() and result[close].any():
        lips = _lip_sides(result[jaw], at_landmarks)
        opened = _gap(at_landmarks(result[jaw]), INNER_LIPS)
        result[close] *= _scale(_gap(at_landmarks(result[close]), INNER_LIPS), -opened)
        gap = _gap(at_landmarks(result[jaw] + result[close]), INNER_LIPS)
        around = _Spread(mean, rest, at_landmarks)
        result[close] += around(INNER_LIPS.upper[1:-1], -gap / 2, lips.upper)
        result[close] += around(INNER_LIPS.lower[1:-1], gap / 2, lips.lower)
    for name, eye in zip(("eyeBlinkLeft", "eyeBlinkRight"), EYES, strict=True):
        blink = arkit.INDEX[name]
        if result[blink].any():
            opened = rest[list(eye.upper[1:-1]), 1] - rest[list(eye.lower[1:-1]), 1]
            result[blink] *= _scale(_gap(at_landmarks(result[blink]), eye)[:, 1], -opened)
            missing = _onto_lower(at_landmarks(mean + result[blink]), eye)
            around = _Spread(mean, rest, at_landmarks)
            result[blink] += around(eye.upper[1:-1], missing, _above(mean, rest, eye))
    return result


def _gap(values: Array, rim: Rim) -> Array:
    """(N, 3) upper minus lower, corners left out."""
    return values[list(rim.upper[1:-1])] - values[list(rim.lower[1:-1])]


def _scale(motion: Array, wanted: Array) -> float:
    """By which factor a motion comes nearest to the wanted one."""
    factor = float((motion * wanted).sum() / max(float((motion * motion).sum()), 1e-9))
    return factor if SCALES[0] < factor < SCALES[1] else 1.0


def _lip_sides(jaw_open: Array, at_landmarks: Callable[[Array], Array]) -> Sides:
    """What the opening jaw takes along belongs to the lower lip."""
    drop = at_landmarks(jaw_open)[:, 1]
    above, below = (float(drop[list(side[3:-3])].mean()) for side in (INNER_LIPS.upper, INNER_LIPS.lower))
    share = np.clip((jaw_open[:, 1] - above) / min(below - above, -1e-6), 0.0, 1.0)
    lower = np.clip(3.0 * share - 1.0, 0.0, 1.0)
    return Sides(1.0 - lower, lower)


def _above(mean: Array, rest: Array, eye: Rim) -> Array:
    """(V,) 1 for what lies above the lower edge of the upper lid, fading out over a fifth of a millimetre."""
    edge = rest[sorted(eye.upper, key=lambda i: float(rest[i, 0]))]
    return np.clip((mean[:, 1] - np.interp(mean[:, 0], edge[:, 0], edge[:, 1])) / 0.02 + 1.0, 0.0, 1.0)


def _onto_lower(closed: Array, eye: Rim) -> Array:
    """(N, 3) what the points of the upper rim still lack to lie on the lower rim, in height and depth."""
    rim = closed[sorted(eye.lower, key=lambda i: float(closed[i, 0]))]
    upper = closed[list(eye.upper[1:-1])]
    missing = np.zeros_like(upper)
    for axis in (1, 2):
        missing[:, axis] = np.interp(upper[:, 0], rim[:, 0], rim[:, axis]) - upper[:, axis]
    return missing


@dataclass(frozen=True)
class _Spread:
    """Spreads corrections of landmarks to the vertices around, so that the landmarks move by exactly as much."""

    mean: Array
    rest: Array
    at_landmarks: Callable[[Array], Array]

    def __call__(self, rim: tuple[int, ...], move: Array, share: Array) -> Array:
        """(V, 3) motion for `move` (N, 3) of the landmarks of a rim; `share` (V,) says which vertices take part."""
        squared = ((self.mean[:, None] - self.rest[list(rim)][None]) ** 2).sum(2)
        fields = share[:, None] * np.exp(-squared / (2 * FOLLOW_CM**2))
        seen = self.at_landmarks(fields)[list(rim)]
        return np.asarray(fields @ np.linalg.lstsq(seen, move, rcond=STIFF)[0])
