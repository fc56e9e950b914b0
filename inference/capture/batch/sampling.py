"""What the graphs of models/build_batch_graphs.py need to cut regions out of pictures as `Region.sample` does.

The rules are OpenCV's for 8 bit pictures, so that a device sees what the processor sees: a part made smaller by a whole
factor (means of blocks), blurred where wanted, read between its pixels in steps of a 32nd; rounded after each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .regions import SIDE, Regions, matrices

Integers = NDArray[np.int64]

_SOFTNESS_PX, _SOFT_FROM, _LEAST_SOFTNESS_PX = 0.85, 1.25, 0.1
"""As `region` has them."""
_FRACTION, _STEP = 1024, 16
"""OpenCV's fixed point for places, and half a step in it."""
_CORNERS = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], np.float64)
_ROUND_UP = 32
"""Sizes go in steps, so that few different ones occur and memory is used again."""


@dataclass(frozen=True)
class Parts:
    """The parts of pictures that N regions are read from."""

    low: Integers
    """(N, 2) first x and y."""
    factor: Integers
    """(N,) by which they are made smaller."""
    pixels: Integers
    """(N, 2) width and height afterwards."""
    high: Integers
    """(N, 2) behind the last x and y that is read."""


def parts_of(regions: Regions, side: int, size: tuple[int, int]) -> Parts:
    """The parts that crops of ``side`` pixels need, of pictures of this width and height."""
    factor = np.maximum((regions[:, SIDE] / side).astype(np.int64), 1)
    matrix = matrices(regions)
    corners = (_CORNERS @ matrix[:, :, :2].swapaxes(1, 2) + matrix[:, None, :, 2]).astype(np.float32)
    margin = (factor + 1)[:, None]
    low = np.round(corners.min(axis=1) - margin).astype(np.int64)
    high = np.round(corners.max(axis=1) + margin).astype(np.int64)
    low = np.clip(low, 0, np.subtract(size, 1))
    high = np.maximum(np.minimum(high, size), low + 1)
    pixels = -(-(high - low) // factor[:, None])
    return Parts(low, factor, pixels, np.minimum(low + pixels * factor[:, None], size))


def feed_of_crops(
    regions: Regions,
    side: int,
    size: tuple[int, int],
    stored: tuple[Integers, Integers, tuple[int, int]],
    *,
    soft: bool = False,
    mirrored: bool = False,
) -> dict[str, NDArray[Any]]:
    """Inputs of `crops` (or `soft_crops`) for N regions of pictures of ``size`` (width, height).

    ``stored`` tells which of the stored pieces shows each region (N,), where that begins in its picture (N, 2) x and y,
    and how wide and high the pieces are.
    """
    piece, begin, stored_size = stored
    parts = parts_of(regions, side, size)
    most, count = int(parts.factor.max()), int(-(-parts.pixels.max() // _ROUND_UP) * _ROUND_UP)
    edge = 1 if soft else 0
    place = np.arange(-edge, count + edge)
    taps = np.arange(most)[:, None]
    counted = taps < parts.factor
    block = np.clip(place, 0, parts.pixels.T[..., None] - 1) * parts.factor[:, None] + parts.low.T[..., None]
    pixel = block[:, None] + np.where(counted, taps, 0)[..., None]
    columns, lines = np.minimum(pixel, np.reshape(size, (2, 1, 1, 1)) - 1) - begin.T[:, None, :, None]
    rows = (piece[:, None] * stored_size[1] + lines) * stored_size[0]
    along, down = _fixed_point(regions, side, parts)
    feed: dict[str, NDArray[Any]] = {
        "rows": rows.astype(np.int32),
        "columns": columns.astype(np.int32),
        "counts": counted.astype(np.float32),
        "per_area": (1 / parts.factor**2).astype(np.float32),
        "along": along[:, :, ::-1] if mirrored else along,
        "down": down,
        "last": (parts.pixels - 1).astype(np.float32),
        "first": (np.arange(len(regions)) * count**2).astype(np.int32),
        "width": np.array([count], np.int32),
    }
    if soft:
        feed["beside"] = _beside(regions[:, SIDE] / side / parts.factor)
    return feed


def _fixed_point(regions: Regions, side: int, parts: Parts) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(N, 2, side) each: what the column and the row of a crop's pixel add to its x and y in the part, as OpenCV has it."""
    matrix = matrices(regions, side)
    matrix[:, :, 2] += matrix[:, :, :2].sum(axis=2) / 2 - parts.low
    matrix /= parts.factor[:, None, None]
    matrix[:, :, 2] -= 0.5
    step = np.arange(side)
    along = np.rint(matrix[:, :, 0, None] * step * _FRACTION)
    down = np.rint((matrix[:, :, 1, None] * step + matrix[:, :, 2, None]) * _FRACTION) + _STEP
    return along.astype(np.float32), down.astype(np.float32)


def _beside(shrinks: NDArray[np.float64]) -> NDArray[np.float32]:
    """(N,) the weight of a neighbour in the blur of parts that are read every so many pixels; in 256ths, as OpenCV's."""
    sigma_px = _SOFTNESS_PX * np.minimum((shrinks - 1) / (_SOFT_FROM - 1), 1.0)
    beside = np.exp(-0.5 / np.maximum(sigma_px, _LEAST_SOFTNESS_PX) ** 2)
    beside = np.where(sigma_px < _LEAST_SOFTNESS_PX, 0.0, beside / (1 + 2 * beside))
    return np.asarray(np.rint(beside * 256) / 256, np.float32)
