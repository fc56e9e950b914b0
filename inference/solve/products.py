"""Products of least squares' weighted columns, frame by frame in one small buffer that stays in the cache.

Points come last in memory: whole rows of points are multiplied at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .geometry import Array, Real, Single


def by_axis(shapes: Array) -> Single:
    """(K, P, 3) displacements as `Shapes` takes them: (3, K, P)."""
    return np.ascontiguousarray(shapes.transpose(2, 0, 1), np.float32)


def displaced(points_cm: Array, coefficients: Array, shapes: Single) -> Single:
    """(N, P, 3) points (P, 3) moved by (N, K) coefficients of shapes as `by_axis` has them."""
    moved = coefficients.astype(np.float32) @ shapes
    moved += points_cm.T[:, None].astype(np.float32)
    return np.moveaxis(moved, 0, 2)


@dataclass(frozen=True)
class Shapes:
    """Columns of displacements: how K shapes move the points, and how the points then move in the picture."""

    by_axis: Single
    """(3, K, P)."""
    point_rows: Real
    """(N, 3, 2, P), see `geometry.Linearised`."""

    def write(self, frame: int, root: Single, place: Single, part: Single) -> None:
        """Put one frame's columns, times `root` (P,), into `place` (K, 2, P); `part` (K, 2, P) is overwritten."""
        change = self.point_rows[frame] * root
        np.multiply(self.by_axis[0, :, None], change[0], out=place)
        for axis in (1, 2):
            place += np.multiply(self.by_axis[axis, :, None], change[axis], out=part)


Columns = Sequence[Real | Shapes]
"""Each (N, k, 2, P), or (1, k, 2, P) where they are the same in every frame, or shapes."""


def rows_of(residual_cm: Real) -> Real:
    """(N, 1, 2, P) the column of residuals (N, P, 2)."""
    return np.swapaxes(residual_cm, 1, 2)[:, None]


def weighted_rows(weight: Real, columns: Columns) -> Iterator[Single]:
    """(C, 2 P) all columns, times the root of the weight (N, P), of one frame after another in the same array."""
    root = np.sqrt(weight, dtype=np.float32)
    sizes = [len(block.by_axis[0]) if isinstance(block, Shapes) else block.shape[1] for block in columns]
    ends = np.cumsum([0, *sizes])
    rows, part = (np.empty((size, 2, weight.shape[1]), np.float32) for size in (ends[-1], max(sizes)))
    for n in range(len(weight)):
        for block, start, end in zip(columns, ends[:-1], ends[1:], strict=True):
            if isinstance(block, Shapes):
                block.write(n, root[n], rows[start:end], part[: end - start])
            else:
                np.multiply(block[n % len(block)], root[n], out=rows[start:end])
        yield rows.reshape(len(rows), -1)


def weighted_products(weight: Real, columns: Columns) -> Array:
    """(N, C, C) products of the `weighted_rows` with each other, over points and picture axes."""
    return np.asarray(np.stack([rows @ rows.T for rows in weighted_rows(weight, columns)]), np.float64)
