"""What OpenCV does to a picture along one axis, as matrices: blur, smaller, larger, sine waves. NumPy alone.

Rows are the pixels that come out. A picture (H, W) goes through both axes as ``rows @ picture @ columns.T``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MARGIN: Final = 2
"""Pixels around a crop that its softening looks at."""
_PER_E: Final = 200
_CUBIC: Final = -0.75
"""OpenCV's and ONNX's cubic kernel."""


@lru_cache(maxsize=16)
def blur(size: int, sigma_px: float) -> Floats:
    """(size, size) Gaussian blur; the border is continued."""
    reach = (round(8 * sigma_px + 1) | 1) // 2
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / sigma_px) ** 2)
    matrix: NDArray[Any] = np.zeros((size, size))
    places = np.clip(np.arange(size)[:, None] + offsets, 0, size - 1)
    np.add.at(matrix, (np.arange(size)[:, None], places), kernel / kernel.sum())
    return _single(matrix)


@lru_cache(maxsize=16)
def lessen(size: int, of: int) -> Floats:
    """(size, of) means of areas."""
    edges = np.arange(size + 1) * (of / size)
    cells = np.arange(of)
    covered = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    return _single(np.maximum(covered, 0) * (size / of))


@lru_cache(maxsize=16)
def enlarge(size: int, of: int, smooth: bool = False) -> Floats:
    """(size, of) linear or cubic interpolation between the middles of pixels; the border is continued."""
    places = (np.arange(size) + 0.5) * (of / size) - 0.5
    first = np.floor(places).astype(int)
    share = places - first
    if smooth:
        taps = range(-1, 3)
        weights = np.stack([_cubic(np.abs(share - tap)) for tap in taps], 1)
    else:
        taps = range(2)
        weights = np.stack([1 - share, share], 1)
    matrix: NDArray[Any] = np.zeros((size, of))
    np.add.at(matrix, (np.arange(size)[:, None], np.clip(first[:, None] + np.array(taps), 0, of - 1)), weights)
    return _single(matrix)


@lru_cache(maxsize=4)
def broad(size: int, sigma_px: float) -> Floats:
    """(size, size) `pictures.broad`: a wide blur, done on a small picture."""
    small = max(1, round(size / max(1, int(sigma_px / 4))))
    if small == size or small < 2:
        return blur(size, sigma_px)
    return enlarge(size, small, True) @ blur(small, sigma_px * small / size) @ lessen(small, size)


def steps_of(shrink: float) -> int:
    """How many places along each pixel of a crop are looked up, when a pixel of the picture is ``shrink`` of one: odd, and
    no farther apart than the pixels.
    """
    return max(1, 2 * int(np.ceil((1 / shrink - 1) / 2 - 1e-6)) + 1)


def fine_places(size: int, steps: int) -> Floats:
    """(F,) where a crop is looked up, in its pixels: `MARGIN` beyond it on both sides."""
    return _single((np.arange((size + 2 * MARGIN) * steps) + 0.5) / steps - MARGIN)


@lru_cache(maxsize=32)
def soften(size: int, steps: int, shrink: float) -> Floats:
    """(size, F) crop pixels from `fine_places`: the blur that keeps a picture made smaller free of aliasing."""
    sigma = _sigma_at(_variance(0.5 * np.sqrt(max(1 / shrink**2 - 1, 0)) + 1e-3, 1.0) * shrink**2, 1 / steps)
    away = fine_places(size, steps) - (np.arange(size) + 0.5)[:, None]
    weights = np.where(np.abs(away) < MARGIN, np.exp(-0.5 * (away / sigma) ** 2), 0)
    return _single(weights / weights.sum(1, keepdims=True))


def rounded(scale: float) -> float:
    """A scale to half a percent: what is softened for it is softened alike, and its matrix is made once for many frames."""
    return float(np.exp(np.round(np.log(scale) * _PER_E) / _PER_E))


def dealt(matrix: Floats, factor: int) -> Floats:
    """The rows of a matrix dealt out: every ``factor``-th from the first on, then every one from the second on, ..."""
    return np.concatenate([matrix[first::factor] for first in range(factor)])


@lru_cache(maxsize=8)
def sine(size: int) -> Floats:
    """(size, size) waves that are zero one pixel beyond both ends; its own inverse."""
    numbers = np.arange(1, size + 1)
    return _single(np.sqrt(2 / (size + 1)) * np.sin(np.pi * np.outer(numbers, numbers) / (size + 1)))


@lru_cache(maxsize=8)
def inverse_laplacian(height: int, width: int) -> Floats:
    """(height, width) 1 / eigenvalues of the 5-point Laplacian of a box, one for each pair of waves."""
    down, across = (2 * np.cos(np.pi * np.arange(1, size + 1) / (size + 1)) - 2 for size in (height, width))
    return _single(1 / (down[:, None] + across))


def _single(matrix: NDArray[Any]) -> Floats:
    return np.ascontiguousarray(matrix, np.float32)


def _variance(sigma: float, spacing: float) -> float:
    """Of a Gaussian that is known at places so far apart only: less than sigma squared when it is narrow."""
    away = spacing * np.arange(-40, 41)
    weights = np.exp(-0.5 * (away / sigma) ** 2)
    return float((weights * away**2).sum() / weights.sum())


def _sigma_at(variance: float, spacing: float) -> float:
    """The Gaussian that has this variance there."""
    low, high = 1e-3 * spacing, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if _variance(middle, spacing) < variance else (low, middle)
    return high


def _cubic(away: NDArray[np.float64]) -> NDArray[np.float64]:
    a = _CUBIC
    near = ((a + 2) * away - (a + 3)) * away * away + 1
    far = ((a * away - 5 * a) * away + 8 * a) * away - 4 * a
    return np.where(away <= 1, near, np.where(away < 2, far, 0.0))
