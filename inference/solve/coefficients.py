"""All coefficients of a shot at once: bounded, sparse, smooth, then refitted on what is active so that peaks stay.

Formulation: Rackovic et al., "Refined Inverse Rigging" (L1 plus squared second differences over all frames), here as a
maximum a posteriori estimate with an exponential prior per coefficient; solved by ADMM, whose three parts are a 52 x 52
system per frame, a banded system per coefficient and a clip to the bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded

from .. import arkit
from .geometry import Array, Real, Single, chunks
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
ITERATIONS = 20
PENALTY = 0.1
OVER_RELAXATION = 1.6
"""Measured on film: what 20 iterations leave is .0003 on average, a third of what 60 with one large penalty did."""
FAST = np.array([n for n, name in enumerate(arkit.NAMES) if name.startswith(("eyeBlink", "eyeLook", "eyeWide"))])

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
    hessian: Real, gradient: Array, bounds: Bounds, timeline: Timeline, start: Array,
    refits: int = REFITS, quiet_spread: float = QUIET_SPREAD, pull: Array | float = 1.0 / USUAL_VALUE,
) -> Array:  # fmt: skip
    """(T, 52) coefficients from the frames' evidence (T, 52, 52), (T, 52); `start` is any earlier estimate.

    `pull` (T, 52) is the slope of the exponential prior: what evidence has to exceed before a coefficient leaves rest.
    """
    found = np.clip(start, bounds.lower, bounds.upper)
    free = np.flatnonzero((bounds.lower < bounds.upper).any(0))
    held = np.setdiff1d(np.arange(found.shape[1]), free)
    coupling = hessian[:, free[:, None], held] + TWINS_PRECISION[free[:, None], held]
    gradient = (gradient - pull)[:, free] - (coupling @ found[:, held, None])[..., 0]
    hessian = hessian[:, free[:, None], free]
    hessian += TWINS_PRECISION[free[:, None], free]
    penalty = penalties(hessian)
    smoother = Smoother(timeline, free, penalty)
    nothing = np.zeros_like(gradient, np.float32)
    state = Consensus(found[:, free].astype(np.float32), nothing, nothing)
    spread = np.full_like(gradient, USUAL_SPREAD)
    for refit in range(1 + refits):
        if refit:
            bounds = exclusive(found, bounds)
            spread = np.clip(ACTIVE_GAIN * around(state.agreed, SUPPORT_FRAMES), quiet_spread, 1.0)
        within = Bounds(bounds.lower[:, free], bounds.upper[:, free])
        state = admm(hessian, spread, gradient, within, penalty, smoother, state)
        found[:, free] = state.agreed
    return found


def with_prior(hessian: Real, spread: Array) -> Array:
    """Add a normal prior about zero with standard deviations (T, C) to (T, C, C)."""
    diagonal, result = np.arange(spread.shape[1]), hessian.astype(np.float64)
    result[:, diagonal, diagonal] += 1.0 / spread**2
    return result


def twins_precision() -> Array:
    """(52, 52) normal matrix of the weak wish that left and right of a pair agree."""
    result = np.zeros((len(arkit.NAMES), len(arkit.NAMES)))
    for left, right in TWINS:
        result[[left, right], [left, right]] += 1.0 / TWIN_DIFFERENCE**2
        result[[left, right], [right, left]] -= 1.0 / TWIN_DIFFERENCE**2
    return result


TWINS_PRECISION = twins_precision()


def with_twins(hessian: Real) -> Array:
    """Add that wish to (T, 52, 52)."""
    return hessian + TWINS_PRECISION


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


def around(values: Real, frames: int) -> Real:
    """(T, K) the largest value of each channel within so many frames."""
    result = values.copy()
    for shift in range(1, min(frames, len(values) - 1) + 1):
        result[shift:] = np.maximum(result[shift:], values[:-shift])
        result[:-shift] = np.maximum(result[:-shift], values[shift:])
    return result


@dataclass(frozen=True)
class Consensus:
    """Where ADMM stands; refits go on from there."""

    agreed: Single
    """(T, C) within bounds."""
    from_data: Single
    from_time: Single
    """(T, C) scaled multipliers: how much further evidence and smoothness pull."""


def penalties(hessian: Real) -> Array:
    """(C,) ADMM's penalty of each channel for evidence (T, C, C): between its own strength and that of all."""
    strength = np.diagonal(hessian, axis1=1, axis2=2).mean(0)
    return np.asarray(np.maximum(PENALTY * np.sqrt(strength * strength.mean()), 1.0))


def admm(
    hessian: Real, spread: Array, gradient: Array, bounds: Bounds, penalty: Array, smoother: Smoother, state: Consensus
) -> Consensus:  # fmt: skip
    """Minimise the frames' quadratics, with a prior of standard deviations `spread` (T, C), plus smoothness within bounds.

    Consensus ADMM (Boyd et al. 2011, 7.1; over-relaxed, 3.4.3): evidence and smoothness each propose values near what is
    agreed on; the mean of their proposals, clipped to the bounds, is the next agreement.
    """
    inverse = np.empty(hessian.shape, np.float32)
    for part in chunks(len(hessian)):
        inverse[part] = np.linalg.inv(with_prior(hessian[part], spread[part]) + np.diag(penalty))
    pull, lower, upper, rho = (v.astype(np.float32) for v in (gradient, bounds.lower, bounds.upper, penalty))
    agreed = np.clip(state.agreed, lower, upper)
    from_data, from_time = state.from_data, state.from_time
    for _ in range(ITERATIONS):
        by_data = (inverse @ (pull + rho * (agreed - from_data))[..., None])[..., 0]
        proposed = from_data = from_data + OVER_RELAXATION * (by_data - agreed) + agreed
        if not smoother.still:
            from_time = from_time + OVER_RELAXATION * (smoother(agreed - from_time) - agreed) + agreed
            proposed = 0.5 * (from_data + from_time)
        agreed = np.clip(proposed, lower, upper)
        from_data = from_data - agreed
        from_time = from_time - agreed
    return Consensus(agreed, from_data, from_time)


class Smoother:
    """Pulls channels toward small second differences: their banded systems form one chain, each after the other."""

    def __init__(self, timeline: Timeline, channels: NDArray[np.int64], penalty: Array) -> None:
        """For those of the 52 channels; a channel keeps near what it is given by its `penalty` (C,)."""
        spread = np.where(np.isin(channels, FAST), LID_ACCELERATION, ACCELERATION) * timeline.second_difference_scale
        bands = penta_bands(timeline.second_differences)[:, None] / (penalty * spread**2)[:, None]
        self.still = not bands[1].any()
        bands[0] += 1.0
        self.factor = cholesky_banded(bands.reshape(3, -1), lower=True, check_finite=False)

    def __call__(self, values: Single) -> Single:
        """(T, C) the closest values that bend little."""
        chain = values.T.astype(np.float64, order="C").ravel()
        chain = cho_solve_banded((self.factor, True), chain, overwrite_b=True, check_finite=False)
        return np.asarray(chain.reshape(values.shape[::-1]).T.astype(np.float32, order="C"))
