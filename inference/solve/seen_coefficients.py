"""Coefficients that the network reads from the picture itself, as evidence beside its points.

A reading is ``gain * coefficient + bias + noise``. The bias is the actor's own (a resting look that the network takes for
an expression): it is the same in all frames of a shot and found with the coefficients, from what the frames leave over.
The noise is that which was measured, the same for all values. What the network states of a reading does not serve: it is
surer of a face at rest than of one that plays, so that weighing by it draws every expression toward rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import Array

LEAST_GAIN = 0.02
"""Readings that follow a coefficient by less say nothing about it."""
BIAS_SPREAD = 0.05
"""Standard deviation of an actor's bias, in the reading."""
INDEPENDENT_PART = 0.2
"""So many frames say as much about it as independent ones would."""
QUIET = 0.2
"""A bias is what frames have in common; those in which the shape is played more than this are no judges of it."""


@dataclass(frozen=True)
class SeenCoefficients:
    """Readings of N frames."""

    values: Array
    """(N, 52) coefficients that the readings mean, 0 where there is none."""
    precision: Array
    """(N, 52) inverse variance, 0 where there is none."""
    bias_spread: Array
    """(52,) standard deviation of an actor's bias, in coefficients."""

    @classmethod
    def of(cls, values: Array, lines: Array) -> SeenCoefficients:
        """From (N, 52) readings, NaN where there are none, and `lines` (3, 52), see `surface_response`."""
        offset, gain, noise = lines
        telling = np.isfinite(values) & (gain > LEAST_GAIN)
        times = 1.0 / np.maximum(gain, LEAST_GAIN)
        meant = np.where(telling, (values - offset) * times, 0.0)
        return cls(meant, np.where(telling, (gain / noise) ** 2, 0.0), BIAS_SPREAD * times)

    def bias(self, coefficients: Array) -> Array:
        """(52,) the actor's bias, given the (N, 52) coefficients."""
        off = self.values - coefficients
        weight = self.precision * np.exp(-0.5 * (coefficients / QUIET) ** 2)
        total = weight.sum(0)
        independent = total * INDEPENDENT_PART
        return np.asarray(
            (weight * off).sum(0) / np.maximum(total, 1e-9) * independent / (independent + self.bias_spread**-2)
        )

    def evidence(self, bias: Array) -> tuple[Array, Array]:
        """(N, 52) diagonal and right-hand side of the coefficients' normal equations."""
        return self.precision, self.precision * (self.values - bias)
