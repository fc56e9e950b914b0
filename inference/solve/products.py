"""Products of least squares' weighted columns, frame by frame in one small buffer that stays in the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

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
    by_point: Array
    """(N, P, 2, 3)."""

    def write(self, frame: int, place: Single) -> None:
        """Put the columns of one frame into (P, 2, K)."""
        across, down, toward = np.moveaxis(self.by_point[frame].astype(np.float32), -1, 0)[..., None]
        part = np.multiply(across, self.by_axis[0])
        part += down * self.by_axis[1]
        np.add(part, toward * self.by_axis[2], out=place)


def weighted_rows(weight: Array, columns: Sequence[Array | Shapes]) -> Iterator[Single]:
    """(P, 2, C) columns side by side, times the root of the weight (N, P), of one frame after another in the same array.

    Columns are (N, P, 2, k), or (1, P, 2, k) where they are the same in every frame, or shapes.
    """
    root = np.sqrt(weight).astype(np.float32)[:, :, None, None]
    blocks = [
        replace(block, by_point=block.by_point * root) if isinstance(block, Shapes) else block for block in columns
    ]
    ends = np.cumsum(
        [0, *(block.by_axis.shape[-1] if isinstance(block, Shapes) else block.shape[-1] for block in blocks)]
    )
    rows = np.empty((weight.shape[1], 2, ends[-1]), np.float32)
    places = [rows[..., start:end] for start, end in pairwise(ends)]
    for n in range(len(weight)):
        for block, place in zip(blocks, places, strict=True):
            if isinstance(block, Shapes):
                block.write(n, place)
            else:
                np.multiply(block[n % len(block)], root[n], out=place, casting="same_kind")
        yield rows


def weighted_products(weight: Array, columns: Sequence[Array | Shapes]) -> Array:
    """(N, C, C) products of the `weighted_rows` with each other, over points and picture axes."""
    flat = (rows.reshape(-1, rows.shape[-1]) for rows in weighted_rows(weight, columns))
    return np.stack([row.T @ row for row in flat]).astype(np.float64)
