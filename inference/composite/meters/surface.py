"""Grain and sharpness of the skin, beside those of the untouched plate.

What the face should have is known only roughly: the actor's own skin under it and the plate around it each give a
figure. A face between the two is right; else the ratio to the nearer one is told.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..pictures import blur
from ..types import Floats
from .pixels import Mask, grey, levels

_HIGH_PASS_PX: Final = 1.5
_BLOCK_PX: Final = 8
_QUIET: Final = 25.0
"""Percentile."""
_GRAIN_FLOOR: Final = 0.3
"""8-bit levels: rounding alone makes this much."""
_FINE_PX: Final = (0.5, 1.0)
_BROAD_PX: Final = (2.0, 4.0)
_STRONGEST: Final = 98.0
"""Percentile: the few real edges."""
_STRONGEST_OF_NORMAL: Final = 2.326
"""Standard deviations: that percentile of the amount of normal noise."""
_CONTRAST_FLOOR: Final = 0.5


def grain(image: NDArray[Any], where: Mask) -> float:
    """Standard deviation of the high-pass in 8-bit levels: the lower quartile of small blocks, which holds no features."""
    brightness = grey(levels(image))
    return _quiet(brightness - blur(brightness, _HIGH_PASS_PX), where)


def sharpness(image: NDArray[Any], where: Mask) -> float:
    """Strength of the strongest fine edges over that of the strongest broad ones: falls with blur, not with contrast.

    What grain alone would reach is taken off.
    """
    if not where.any():
        return float("nan")
    brightness = grey(levels(image))
    fine, broad = (blur(brightness, small) - blur(brightness, large) for small, large in (_FINE_PX, _BROAD_PX))
    strong_fine, strong_broad = (float(np.percentile(np.abs(band)[where], _STRONGEST)) for band in (fine, broad))
    by_grain = _STRONGEST_OF_NORMAL * _quiet(fine, where)
    edges = float(np.sqrt(max(strong_fine**2 - by_grain**2, 0))) if np.isfinite(by_grain) else strong_fine
    return edges / max(strong_broad, _CONTRAST_FLOOR)


def grain_ratio(face: float, *own: float) -> float:
    """The face's grain over the nearest of the plate's own; 1 between two of them."""
    return _ratio(max(face, _GRAIN_FLOOR), [max(value, _GRAIN_FLOOR) for value in own if np.isfinite(value)])


def sharpness_ratio(face: float, *own: float) -> float:
    """The face's sharpness over the nearest of the plate's own; 1 between two of them."""
    return _ratio(face, [value for value in own if np.isfinite(value) and value > 0])


def _ratio(value: float, wanted: list[float]) -> float:
    if not wanted or not np.isfinite(value):
        return float("nan")
    return value / float(np.clip(value, min(wanted), max(wanted)))


def _quiet(band: Floats, where: Mask) -> float:
    """Standard deviation in the quieter blocks that lie wholly in a mask; NaN when there is none."""
    blocks, whole = _blocks(band), _blocks(where.astype(np.float32)).min(axis=-1) > 0
    return float(np.percentile(blocks[whole].std(axis=-1), _QUIET)) if whole.any() else float("nan")


def _blocks(image: Floats) -> Floats:
    """(rows, columns, pixels) of an image cut into squares; what does not fill one is left out."""
    height, width = (size // _BLOCK_PX for size in image.shape)
    cut = image[: height * _BLOCK_PX, : width * _BLOCK_PX].reshape(height, _BLOCK_PX, width, _BLOCK_PX)
    return cut.transpose(0, 2, 1, 3).reshape(height, width, -1)
