"""Poisson blending with direct solvers: a membrane inside the matte.

A box is solved by a sine transform along one axis and a tridiagonal system along the other (exact, no iteration).
The membrane keeps the face's own gradients and adds the smooth correction m with lap m = 0 inside the matte and
m = plate - face around it, so nothing outside is touched (Perez et al., "Poisson image editing", 2003).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dst, idst
from scipy.linalg import solveh_banded

from ..pictures import cv2, enlarge, shrink
from ..types import Floats

_COARSE_SIZE: Final = 56
"""Longest side of the grid on which the smooth part of the membrane is solved."""


def solve_box(laplacian: Floats) -> Floats:
    """(H, W, C) function with this 5-point Laplacian that is zero all around the box."""
    height, width = laplacian.shape[:2]
    # Channels before columns, so that every operation on a row runs along memory.
    rows = dst(np.ascontiguousarray(laplacian.transpose(0, 2, 1)), type=1, axis=2, overwrite_x=True)
    pivots = _pivots(height, width)
    rows[0] *= pivots[0]
    for y in range(1, height):
        rows[y] -= rows[y - 1]
        rows[y] *= pivots[y]
    for y in range(height - 2, -1, -1):
        rows[y] -= pivots[y] * rows[y + 1]
    return np.ascontiguousarray(idst(rows, type=1, axis=2, overwrite_x=True).transpose(0, 2, 1))


def membrane(difference: Floats, inside: NDArray[np.bool_]) -> Floats:
    """(H, W, C) correction: harmonic inside, equal to ``difference`` = plate - face on the pixels around.

    The box solve takes care of everything at pixel scale; what it leaves at the edge is smooth and is solved, exactly
    too, on a coarse grid.
    """
    detail = np.zeros_like(difference)
    detail[1:-1, 1:-1] = solve_box(-masked_divergence(difference, inside)[1:-1, 1:-1])
    # Both `difference + detail` and the wanted correction are harmonic inside; they differ by a smooth membrane.
    return difference + detail - _coarse_membrane(detail, inside)


def masked_divergence(field: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Divergence of the field's gradient where the mask has it; forward gradients, backward divergence, like OpenCV."""
    inside = mask[..., None]
    result = np.zeros_like(field)
    step = (field[:, 1:] - field[:, :-1]) * inside[:, :-1]
    result[:, :-1] += step
    result[:, 1:] -= step
    step = (field[1:] - field[:-1]) * inside[:-1]
    result[:-1] += step
    result[1:] -= step
    return result


@lru_cache(maxsize=4)
def _pivots(height: int, width: int) -> Floats:
    """(H, W) pivots of the tridiagonal systems (Thomas), one per sine wave of a row."""
    diagonal = 2 * np.cos(np.pi * np.arange(1, width + 1) / (width + 1)) - 4
    pivots = np.empty((height, width))
    pivots[0] = 1 / diagonal
    for y in range(1, height):
        pivots[y] = 1 / (diagonal - pivots[y - 1])
    return pivots.astype(np.float32)


def _coarse_membrane(field: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Harmonic inside, equal to the smooth ``field`` outside; solved on a grid of at most `_COARSE_SIZE` cells a side."""
    height, width = inside.shape
    scale = min(1.0, _COARSE_SIZE / max(height, width))
    size = (max(3, round(width * scale)), max(3, round(height * scale)))
    small = shrink(field, size)
    free = shrink(inside.astype(np.float32), size) > 0.5
    free[[0, -1]] = free[:, [0, -1]] = False
    return enlarge(_solve_free_cells(small, free), (width, height), smooth=True)


def _solve_free_cells(values: Floats, free: NDArray[np.bool_]) -> Floats:
    """Harmonic values in the free cells, the others kept; banded Cholesky over the whole grid, known cells as identity."""
    height, width = free.shape
    right = free[:, :-1] & free[:, 1:]
    below = free[:-1] & free[1:]
    bands = np.zeros((width + 1, height, width))
    bands[0] = np.where(free, 4, 1)
    bands[1, :, :-1] = -1.0 * right
    bands[width, :-1] = -1.0 * below
    known = np.where(free[..., None], 0, values)
    around = cv2.filter2D(
        known, -1, np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32), borderType=cv2.BORDER_CONSTANT
    )
    wanted = np.where(free[..., None], around, values).reshape(height * width, -1)
    solved = solveh_banded(bands.reshape(width + 1, -1), wanted, lower=True, check_finite=False)
    cells: Floats = solved.reshape(values.shape).astype(np.float32)
    return cells
