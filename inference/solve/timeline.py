"""Smoothness along time: second differences over uneven frame times and gaps, and the banded systems they lead to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import solveh_banded
from scipy.ndimage import maximum_filter1d

from .geometry import Array

EVENT = 2.0
"""Bends of so many standard deviations of the noise are no noise."""
QUIET_STRENGTH = 2.0
"""Precision of the second differences of what keeps quiet, in units of its noise's precision."""
SHORTEST_QUIET = 8
"""Fewer second differences than this say nothing of the noise."""
GAP_FRAMES = 3.5
"""Frames further apart than this many frame times are not smoothed into each other."""


@dataclass(frozen=True)
class Timeline:
    """Presentation times of the frames in which the face was seen."""

    time_s: NDArray[np.float64]
    connected: bool = True
    """False where the frames are picked from all over the shot and must not be smoothed into each other."""

    @property
    def frame_time_s(self) -> float:
        """The usual time between frames; 1/30 s where there is only one."""
        steps = np.diff(self.time_s)
        return float(np.median(steps)) if len(steps) and np.median(steps) > 0 else 1 / 30

    @property
    def second_difference_scale(self) -> float:
        """How much larger a second difference per frame is here than at 30 frames per second."""
        return (self.frame_time_s * 30.0) ** 2

    @cached_property
    def second_differences(self) -> sparse.csr_matrix:
        """(R, T) operator: one row per three frames that follow each other, scaled to steps of one frame time."""
        count = len(self.time_s)
        step = np.maximum(np.diff(self.time_s) / self.frame_time_s, 1e-3)
        before, after = step[:-1], step[1:]
        keep = (
            np.flatnonzero((before < GAP_FRAMES) & (after < GAP_FRAMES))
            if count > 2 and self.connected
            else np.zeros(0, int)
        )
        before, after = before[keep], after[keep]
        values = np.stack([2 / (before * (before + after)), -2 / (before * after), 2 / (after * (before + after))], 1)
        rows = np.repeat(np.arange(len(keep)), 3)
        columns = (keep[:, None] + np.arange(3)).ravel()
        return sparse.csr_matrix((values.ravel(), (rows, columns)), shape=(len(keep), count))


def quieted(values: Array, timeline: Timeline) -> Array:
    """(T, C) without the noise of what keeps quiet; what moves fast (saccades, blinks) keeps its edges and peaks.

    Second differences are made small, except around frames that bend more than the channel's own noise makes them:
    its size is that of the middle of all third differences, which a few fast frames do not change.
    """
    bend = timeline.second_differences
    if bend.shape[0] < SHORTEST_QUIET:
        return values
    result = values.copy()
    bends = bend @ values
    for channel in range(values.shape[1]):
        noise = float(np.median(np.abs(np.diff(values[:, channel], n=3)))) / 0.6745 / np.sqrt(20.0)
        if noise <= 0:
            continue
        excess = maximum_filter1d(np.abs(bends[:, channel]) / (np.sqrt(6.0) * noise), 3)
        weight = QUIET_STRENGTH / (1.0 + (excess / EVENT) ** 8)
        bands = penta_bands(bend, weight)
        bands[0] += 1.0
        result[:, channel] = solveh_banded(bands, values[:, channel], lower=True)
    return result


def penta_bands(bend: sparse.csr_matrix, weight: Array | None = None) -> Array:
    """(3, T) diagonals 0, 1, 2 of ``bend.T @ W @ bend``, W of weights (R,); entry [d, t] couples frames t and t + d."""
    values, first = bend.data.reshape(-1, 3), bend.indices[::3]
    scaled = values if weight is None else values * weight[:, None]
    bands = np.zeros((3, bend.shape[1]))
    for row in range(3):
        for column in range(row, 3):
            bands[column - row, first + row] += scaled[:, row] * values[:, column]
    return bands


def solve_along_time(hessian: Array, gradient: Array, bend: sparse.csr_matrix, strength: Array) -> Array:
    """Minimise ``sum_t x'Hx/2 - g'x + sum_n strength_n |bend x_n|^2 / 2`` for (T, N, N), (T, N): returns (T, N)."""
    frames, size = gradient.shape
    bands = penta_bands(bend)
    lower = np.zeros((2 * size + 1, frames * size))
    blocks = hessian.copy()
    blocks[:, range(size), range(size)] += bands[0][:, None] * strength
    for offset in range(size):
        for column in range(size - offset):
            lower[offset, column::size] = blocks[:, column + offset, column]
    for jump in (1, 2):
        lower[jump * size] += (bands[jump][:, None] * strength).ravel()
    return np.asarray(solveh_banded(lower, gradient.ravel(), lower=True)).reshape(frames, size)
