"""Products of least squares' weighted columns, frame by frame in one small buffer that stays in the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .geometry import Array

Single = NDArray[np.float32]


def by_axis(shapes: Array) -> Single:
    """(K, P, 3) displacements as `Shapes` takes them: (3, P, 1, K)."""
    return np.ascontiguousarray(shapes.transpose(2, 1, 0)[:, :, None], np.float32)


@dataclass(frozen=True)
class Shapes:
    """Columns of displacements: how K shapes move the points, and how the points then move in the picture."""

    by_axis: Single
    """(3, P, 1, K)."""
    by_point: Array | Single
    """(N, P, 2, 3)."""

    def write(self, frame: int, place: Single, part: Single) -> None:
        """Put the columns of one frame into `place` (P, 2, K); `part` (P, 2, K) is overwritten."""
        np.multiply(self.by_point[frame, :, :, 0, None], self.by_axis[0], out=place)
        for axis in (1, 2):
            place += np.multiply(self.by_point[frame, :, :, axis, None], self.by_axis[axis], out=part)


def weighted_rows(weight: Array, columns: Sequence[Array | Shapes]) -> Iterator[Single]:
    """(P, 2, C) columns side by side, times the root of the weight (N, P), of one frame after another in the same array.

    Columns are (N, P, 2, k), or (1, P, 2, k) where they are the same in every frame, or shapes.
    """
    root = np.sqrt(weight).astype(np.float32)[:, :, None, None]
    sizes = [block.by_axis.shape[-1] if isinstance(block, Shapes) else block.shape[-1] for block in columns]
    ends = np.cumsum([0, *sizes])
    rows, part = (np.empty((weight.shape[1], 2, size), np.float32) for size in (ends[-1], max(sizes)))
    blocks = [
        replace(block, by_point=(block.by_point * root).astype(np.float32)) if isinstance(block, Shapes) else block
        for block in columns
    ]
    for n in range(len(weight)):
        for block, start, end in zip(blocks, ends[:-1], ends[1:], strict=True):
            if isinstance(block, Shapes):
                block.write(n, rows[..., start:end], part[..., : end - start])
            else:
                np.multiply(block[n % len(block)], root[n], out=rows[..., start:end], casting="same_kind")
        yield rows


def weighted_products(weight: Array, columns: Sequence[Array | Shapes]) -> Array:
    """(N, C, C) products of the `weighted_rows` with each other, over points and picture axes."""
    flat = (rows.reshape(-1, rows.shape[-1]) for rows in weighted_rows(weight, columns))
    return np.stack([row.T @ row for row in flat]).astype(np.float64)
