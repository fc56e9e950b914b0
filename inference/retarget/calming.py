"""Jitter averaged out of a track without moving anything in time, and without taking what was meant for jitter.

A bilateral filter (Tomasi and Manduchi 1998) along time: the mean of the neighbours, weighted by how near they are in
time and in value. Where a face only trembles all neighbours count and it is a Gaussian mean; within a blink or as the
lips meet, only neighbours that blink or meet as well. It looks both ways, so nothing comes late, and weighs by seconds,
so footage of no constant rate needs no resampling.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_SIGMAS: Final = 3.0
_FULL_WIDTH: Final = 2.3548
"""Full width at half maximum of a Gaussian, in standard deviations."""


def calmed(
    values: NDArray[np.float32], time_s: NDArray[np.float64], seen: NDArray[np.bool_], width_s: float, spread: float
) -> NDArray[np.float32]:
    """Tracks (T, C, D) of C things with D numbers each, averaged over `width_s` seconds.

    `spread` is the standard deviation, in units of the values, of what counts as the same. Frames that are not `seen`
    stay as they are and tell their neighbours nothing.
    """
    sigma_s = width_s / _FULL_WIDTH
    track = np.where(seen[:, None, None], values, 0).astype(np.float32)
    total = track.copy()
    weight = np.ones(track.shape[:2], np.float32)
    for step in range(1, len(track)):
        apart_s = time_s[step:] - time_s[:-step]
        if apart_s.min() > _SIGMAS * sigma_s:
            break
        both = seen[step:] & seen[:-step]
        near = np.where(both, np.exp(-0.5 * (apart_s / sigma_s) ** 2), 0).astype(np.float32)
        change = np.square(track[step:] - track[:-step]).sum(axis=2)
        alike = near[:, None] * np.exp(change * np.float32(-0.5 / spread**2))
        total[:-step] += alike[..., None] * track[step:]
        total[step:] += alike[..., None] * track[:-step]
        weight[:-step] += alike
        weight[step:] += alike
    return np.where(seen[:, None, None], total / weight[..., None], values).astype(np.float32)
