"""Smoothness along time: second differences over uneven frame times and gaps, and the banded systems they lead to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import solveh_banded

from .geometry import Array

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


def penta_bands(bend: sparse.csr_matrix) -> Array:
    """(3, T) diagonals 0, 1, 2 of ``bend.T @ bend``; entry [d, t] couples frames t and t + d."""
    square = (bend.T @ bend).tocsr()
    count = square.shape[0]
    bands = np.zeros((3, count))
    for offset in range(min(3, count)):
        bands[offset, : count - offset] = square.diagonal(offset)
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
