"""How sure each coefficient of each frame is: its posterior standard deviation.

That of the frame by itself: landmark errors last longer than the smoothness reaches, so neighbouring frames do not make
a coefficient surer (measured on rendered heads, where narrowing by the smoothness made errors and spreads agree less).
"""

from __future__ import annotations

import numpy as np

from .coefficients import with_prior, with_twins
from .geometry import Array, Real, chunks

FREE_SPREAD = 0.25
"""Standard deviation of a coefficient of which the points say nothing."""
SHAPES_DIFFER = 1.5
"""How much wider errors are than the Hessians say, because no actor moves quite like the face model: measured on rendered
heads so that 95 % of the errors of active shapes are within two standard deviations. The errors' tails are heavy (a
missed shape is missed entirely), so about 87 % are within one."""


def spreads(hessian: Real) -> Array:
    """(T, 52) standard deviations of coefficients from the frames' evidence (T, 52, 52)."""
    variance = np.empty(hessian.shape[:2])
    for part in chunks(len(hessian)):
        free = np.full(variance[part].shape, FREE_SPREAD)
        inverse = np.linalg.inv(with_prior(with_twins(hessian[part]), free))
        variance[part] = np.diagonal(inverse, axis1=1, axis2=2)
    return np.asarray(SHAPES_DIFFER * np.sqrt(variance))
