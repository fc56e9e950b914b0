"""Between samples: cubics that go through them without overshooting, so that peaks are not cut off as straight lines would."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def at_times(values: NDArray[np.floating[Any]], time_s: Array, new_s: Array) -> Array:
    """(M, ...) values (N, ...) of times (N,) at times (M,); outside they stay as they are at the ends."""
    flat = values.reshape(len(values), -1).astype(np.float64)
    if len(time_s) == 1:
        return np.repeat(flat, len(new_s), 0).reshape(len(new_s), *values.shape[1:])
    place = np.clip(np.searchsorted(time_s, new_s, side="right") - 1, 0, len(time_s) - 2)
    step = np.diff(time_s)
    u = np.clip((new_s - time_s[place]) / step[place], 0.0, 1.0)[:, None]
    slope = _slopes(flat, step)
    h = step[place][:, None]
    low, high = flat[place], flat[place + 1]
    drawn = (
        low * (1 - u * u * (3 - 2 * u))
        + high * u * u * (3 - 2 * u)
        + h * u * (1 - u) * ((1 - u) * slope[place] - u * slope[place + 1])
    )
    return np.asarray(drawn.reshape(len(new_s), *values.shape[1:]))


def _slopes(values: Array, step: Array) -> Array:
    """(N, D) slopes with which cubics stay between the samples (Fritsch and Butland)."""
    chord = np.diff(values, axis=0) / step[:, None]
    result = np.zeros_like(values)
    before, after = chord[:-1], chord[1:]
    a, b = (2 * step[1:] + step[:-1])[:, None], (step[1:] + 2 * step[:-1])[:, None]
    same = before * after > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (a + b) / (a / before + b / after)
    result[1:-1] = np.where(same, mean, 0.0)
    result[0], result[-1] = chord[0], chord[-1]
    result[0] = np.where(result[0] * result[1] < 0, 0.0, result[0])
    result[-1] = np.where(result[-1] * result[-2] < 0, 0.0, result[-1])
    return result
