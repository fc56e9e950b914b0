"""Coefficients that the network reads from the picture itself, as evidence beside its points.

A reading is ``gain * coefficient + bias + noise``. The bias is the actor's own (a resting look that the network takes for
an expression): it is the same in all frames of a shot and found with the coefficients, from what the frames leave over.
Errors of a reading last for many frames and come in company, so it counts for less than its standard deviation says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import Array

INFLATION = 2.0
"""Errors of neighbouring frames are the same errors: readings' standard deviations are taken so many times larger."""
LEAST_SIGMA = 0.05
LEAST_GAIN = 0.1
"""Readings that follow a coefficient by less say nothing about it."""
BIAS_SPREAD = 0.1
"""Standard deviation of an actor's bias."""
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

    @classmethod
    def of(cls, values: Array, sigma: Array, lines: Array) -> SeenCoefficients:
        """From (N, 52) readings and their standard deviations, NaN where there are none.

        `lines` (3, 52): offset, gain, and noise in units of the stated deviation, see `surface_response`.
        """
        known = np.isfinite(values) & np.isfinite(sigma)
        offset, gain, noise = lines
        spread = INFLATION * noise * np.maximum(np.where(known, sigma, 1.0), LEAST_SIGMA)
        telling = known & (gain > LEAST_GAIN)
        meant = (np.where(known, values, 0.0) - offset) / np.maximum(gain, LEAST_GAIN)
        return cls(np.where(telling, meant, 0.0), np.where(telling, (gain / spread) ** 2, 0.0))

    def bias(self, coefficients: Array) -> Array:
        """(52,) the actor's bias, given the (N, 52) coefficients."""
        off = self.values - coefficients
        weight = self.precision * np.exp(-0.5 * (coefficients / QUIET) ** 2)
        total = weight.sum(0)
        independent = total * INDEPENDENT_PART
        return np.asarray(
            (weight * off).sum(0) / np.maximum(total, 1e-9) * independent / (independent + BIAS_SPREAD**-2)
        )

    def evidence(self, bias: Array) -> tuple[Array, Array]:
        """(N, 52) diagonal and right-hand side of the coefficients' normal equations."""
        return self.precision, self.precision * (self.values - bias)
