"""Poisson blending with direct solvers: the full-size solution inside a matte.

A box is solved by a sine transform along one axis and a tridiagonal system along the other (exact, no iteration).
The membrane keeps the face's own gradients and adds the smooth correction m with lap m = 0 inside the matte and
m = plate - face around it, so nothing outside is touched; with mixed gradients the plate's stronger ones take the place
of the face's (Perez et al., "Poisson image editing", 2003).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dst, idst, next_fast_len
from scipy.linalg import solveh_banded

from ..pictures import cv2, enlarge, shrink
from ..types import Floats

_COARSE_SIZE: Final = 56
"""Longest side of the grid on which the smooth part of the membrane is solved."""


def solve_box(laplacian: Floats) -> Floats:
    """(H, W, C) function with this 5-point Laplacian that is zero all around the box."""
    return _by_pixels(_solve_rows(_by_rows(laplacian)))


def membrane(difference: Floats, inside: NDArray[np.bool_], laplacian: Floats | None = None) -> Floats:
    """(H, W, C) correction: equal to ``difference`` = plate - face around, harmonic inside or with ``laplacian`` there.

    The box solve takes care of everything at pixel scale; what it leaves at the edge is smooth and is solved, exactly
    too, on a coarse grid.
    """
    x, y, width, height = cv2.boundingRect(inside.view(np.uint8))
    box = np.s_[max(y - 1, 0) : y + height + 1, max(x - 1, 0) : x + width + 1]
    correction = difference.copy()
    if not width:
        return correction
    difference, inside = np.ascontiguousarray(difference[box]), np.ascontiguousarray(inside[box])
    wanted = -masked_divergence(difference, inside)
    if laplacian is not None:
        wanted += laplacian[box] * inside[..., None]
    # Where the box ends makes no difference: sine transforms are fast for some widths only.
    height, width = inside.shape
    rows = np.zeros((height, difference.shape[2], next_fast_len(width + 1) - 1), np.float32)
    rows[..., :width] = wanted.transpose(0, 2, 1)
    detail = _by_pixels(_solve_rows(rows)[..., :width])
    # Both `difference + detail` and the wanted correction are harmonic inside; they differ by a smooth membrane.
    correction[box] += detail - _coarse_membrane(detail, inside)
    return correction


def mixed_detail(plate: Floats, face: Floats, inside: NDArray[np.bool_]) -> Floats:
    """(H, W, 3) what makes the slopes of the face (H, W, 3) those of the plate wherever the plate's are stronger.

    Zero around the area ``inside`` (H, W): pores, freckles, folds and strands come through, light and colour do not.
    """
    difference = plate - face
    laplacian = np.zeros_like(face)
    for axis in (0, 1):
        one, other = (_halves(axis, first) for first in (True, False))
        steps = [picture[other] - picture[one] for picture in (plate, face)]
        strength = [np.abs(step).max(-1) for step in steps]
        taken = (strength[0] > strength[1]) & inside[one] & inside[other]
        step = (difference[other] - difference[one]) * taken[..., None]
        laplacian[one] += step
        laplacian[other] -= step
    return membrane(np.zeros_like(face), inside, laplacian)


def masked_divergence(field: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Divergence of the field's gradient where the mask has it; forward gradients, backward divergence, like OpenCV."""
    height, width = mask.shape
    framed = np.zeros((height + 2, width + 2), bool)
    framed[1:-1, 1:-1] = mask
    left, above = framed[1:-1, :-2], framed[:-2, 1:-1]
    # Well inside it is the plain Laplacian.
    whole = mask & left & above
    whole[-1] = whole[:, -1] = False
    laplacian = cv2.Laplacian(field, cv2.CV_32F, ksize=1, borderType=cv2.BORDER_REPLICATE)
    result: Floats = np.zeros_like(field)
    cv2.copyTo(laplacian, whole.view(np.uint8), result)
    y, x = np.nonzero((mask | left | above) & ~whole)
    here, right, below = field[y, x], field[y, np.minimum(x + 1, width - 1)], field[np.minimum(y + 1, height - 1), x]
    own = mask[y, x, None]
    result[y, x] = own * (right - here) + own * (below - here)
    result[y, x] -= left[y, x, None] * (here - field[y, np.maximum(x - 1, 0)])
    result[y, x] -= above[y, x, None] * (here - field[np.maximum(y - 1, 0), x])
    return result


def _halves(axis: int, first: bool) -> tuple[slice, slice]:
    """All but the last, or all but the first of an axis of a picture."""
    part = slice(None, -1) if first else slice(1, None)
    return (part, slice(None)) if axis == 0 else (slice(None), part)


def _by_rows(picture: Floats) -> Floats:
    """(H, C, W) of (H, W, C): channels before columns, so that every operation on a row runs along memory."""
    return np.ascontiguousarray(picture.transpose(0, 2, 1))


def _by_pixels(rows: Floats) -> Floats:
    """(H, W, C) of (H, C, W)."""
    return np.ascontiguousarray(rows.transpose(0, 2, 1))


def _solve_rows(laplacian: Floats) -> Floats:
    """`solve_box` of (H, C, W)."""
    rows = dst(laplacian, type=1, axis=2, overwrite_x=True)
    pivots = _pivots(rows.shape[0], rows.shape[2])
    rows[0] *= pivots[0]
    for y in range(1, len(rows)):
        rows[y] -= rows[y - 1]
        rows[y] *= pivots[y]
    carried = np.empty_like(rows[0])
    for y in range(len(rows) - 2, -1, -1):
        rows[y] -= np.multiply(rows[y + 1], pivots[y], out=carried)
    solved: Floats = idst(rows, type=1, axis=2, overwrite_x=True)
    return solved


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
    """Harmonic inside, equal to the smooth ``field`` on the pixels around; solved on a grid of at most `_COARSE_SIZE` cells a
    side.
    """
    height, width = inside.shape
    scale = min(1.0, _COARSE_SIZE / max(height, width))
    size = (max(3, round(width * scale)), max(3, round(height * scale)))
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
    around = (cv2.dilate(inside.view(np.uint8), cross) > inside).astype(np.float32)
    share = shrink(around, size)[..., None]
    small = np.where(share > 0, shrink(field * around[..., None], size) / np.maximum(share, 1e-6), shrink(field, size))
    free = (share[..., 0] == 0) & (shrink(inside.astype(np.float32), size) > 0.5)
    free[[0, -1]] = free[:, [0, -1]] = False
    return enlarge(_solve_free_cells(small.astype(np.float32), free), (width, height), smooth=True)


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
