"""All coefficients of a shot at once: bounded, sparse, smooth, then refitted on what is active so that peaks stay.

Formulation: Rackovic et al., "Refined Inverse Rigging" (L1 plus squared second differences over all frames), here as a
maximum a posteriori estimate with an exponential prior per coefficient; solved by ADMM, whose three parts are a 52 x 52
system per frame, a banded system per coefficient and a clip to the bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from .. import arkit
from .geometry import Array
from .timeline import Timeline, penta_bands

USUAL_VALUE = 0.5
"""Mean of the exponential prior: what a coefficient is when the points say nothing."""
ACCELERATION = 0.04
LID_ACCELERATION = 0.8
"""Standard deviation of a coefficient's second difference from frame to frame at 30 frames per second; lids are fast."""
TWIN_DIFFERENCE = 0.18
"""Standard deviation of the difference between left and right of a pair."""
USUAL_SPREAD = 0.12
QUIET_SPREAD = 0.05
"""Standard deviation of coefficients that the points do not call for, where the solver does not say otherwise."""
ACTIVE_GAIN = 1.0
SUPPORT_FRAMES = 3
EXCLUSIVE_MARGIN = 0.05
REFITS = 1
ITERATIONS = 60
OVER_RELAXATION = 1.6
FAST = np.array([n for n, name in enumerate(arkit.NAMES) if name.startswith(("eyeBlink", "eyeLook", "eyeWide"))])
SLOW = np.setdiff1d(np.arange(len(arkit.NAMES)), FAST)

TWINS = tuple(
    (arkit.INDEX[name], arkit.INDEX[name.removesuffix("Left") + "Right"])
    for name in arkit.NAMES
    if name.endswith("Left") and name not in ("jawLeft", "mouthLeft") and not name.startswith("eyeLook")
)
EXCLUSIVE = tuple(
    (arkit.INDEX[first], arkit.INDEX[second])
    for first, second in (
        ("jawLeft", "jawRight"), ("mouthLeft", "mouthRight"),
        ("mouthSmileLeft", "mouthFrownLeft"), ("mouthSmileRight", "mouthFrownRight"),
        ("eyeBlinkLeft", "eyeWideLeft"), ("eyeBlinkRight", "eyeWideRight"),
    )
)  # fmt: skip
"""Pairs of which no face does both at once."""


@dataclass(frozen=True)
class Bounds:
    """(T, 52) each; equal bounds fix a value."""

    lower: Array
    upper: Array


def solve_coefficients(
    hessian: Array, gradient: Array, bounds: Bounds, timeline: Timeline, start: Array,
    refits: int = REFITS, quiet_spread: float = QUIET_SPREAD, pull: Array | float = 1.0 / USUAL_VALUE,
) -> Array:  # fmt: skip
    """(T, 52) coefficients from the frames' evidence (T, 52, 52), (T, 52); `start` is any earlier estimate.

    `pull` (T, 52) is the slope of the exponential prior: what evidence has to exceed before a coefficient leaves rest.
    """
    hessian = with_twins(hessian)
    gradient = gradient - pull
    found = admm(with_prior(hessian, np.full_like(start, USUAL_SPREAD)), gradient, bounds, timeline, start)
    for _ in range(refits):
        bounds = exclusive(found, bounds)
        active = np.clip(ACTIVE_GAIN * around(found, SUPPORT_FRAMES), quiet_spread, 1.0)
        found = admm(with_prior(hessian, active), gradient, bounds, timeline, found)
    return found


def with_prior(hessian: Array, spread: Array) -> Array:
    """Add a normal prior about zero with standard deviations (T, 52)."""
    return hessian + np.eye(spread.shape[1]) / spread[:, None] ** 2


def with_twins(hessian: Array) -> Array:
    """Add the weak wish that left and right of a pair agree."""
    result = hessian.copy()
    strength = 1.0 / TWIN_DIFFERENCE**2
    for left, right in TWINS:
        result[:, [left, right], [left, right]] += strength
        result[:, [left, right], [right, left]] -= strength
    return result


def exclusive(values: Array, bounds: Bounds) -> Bounds:
    """Close the weaker one of every exclusive pair where the frames around agree; fixed values stay."""
    upper = bounds.upper.copy()
    level = (values + np.roll(values, 1, 0) + np.roll(values, -1, 0)) / 3
    level[[0, -1]] = values[[0, -1]]
    for first, second in EXCLUSIVE:
        weaker = np.where(level[:, first] < level[:, second], first, second)
        frames = np.flatnonzero(np.abs(level[:, first] - level[:, second]) > EXCLUSIVE_MARGIN)
        upper[frames, weaker[frames]] = bounds.lower[frames, weaker[frames]]
    return Bounds(bounds.lower, upper)


def around(values: Array, frames: int) -> Array:
    """(T, K) the largest value of each channel within so many frames."""
    result = values.copy()
    for shift in range(1, min(frames, len(values) - 1) + 1):
        result[shift:] = np.maximum(result[shift:], values[:-shift])
        result[:-shift] = np.maximum(result[:-shift], values[shift:])
    return result


def admm(hessian: Array, gradient: Array, bounds: Bounds, timeline: Timeline, start: Array) -> Array:
    """Minimise the frames' quadratics plus smoothness within bounds: consensus ADMM from `start`."""
    size = gradient.shape[1]
    penalty = max(0.3 * float(np.diagonal(hessian, axis1=1, axis2=2).mean()), 1.0)
    smoothers = [
        Smoother(timeline, channels, spread, penalty)
        for channels, spread in ((FAST, LID_ACCELERATION), (SLOW, ACCELERATION))
    ]
    inverse = np.linalg.inv(hessian + penalty * np.eye(size)).astype(np.float32)
    agreed = np.clip(start, bounds.lower, bounds.upper)
    from_data = np.zeros_like(agreed)
    from_time = np.zeros_like(agreed)
    by_time = np.empty_like(agreed)
    for _ in range(ITERATIONS):
        by_data = (inverse @ (gradient + penalty * (agreed - from_data)).astype(np.float32)[..., None])[..., 0]
        for smoother in smoothers:
            by_time[:, smoother.channels] = smoother((agreed - from_time)[:, smoother.channels])
        data, time = OVER_RELAXATION * (by_data - agreed) + agreed, OVER_RELAXATION * (by_time - agreed) + agreed
        agreed = np.clip(0.5 * (data + from_data + time + from_time), bounds.lower, bounds.upper)
        from_data += data - agreed
        from_time += time - agreed
    return agreed


class Smoother:
    """Pulls some channels of (T, 52) toward small second differences."""

    def __init__(self, timeline: Timeline, channels: NDArray[np.int64], spread: float, penalty: float) -> None:
        self.channels = channels
        self.bands = penta_bands(timeline.second_differences) / (
            penalty * (spread * timeline.second_difference_scale) ** 2
        )
        self.bands[0] += 1.0
        self.still = not self.bands[1].any()

    def __call__(self, values: Array) -> Array:
        """(T, C) the closest values that bend little."""
        return values if self.still else solveh_banded(self.bands, values, lower=True, check_finite=False)
