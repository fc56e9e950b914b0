"""Between encoded picture values and linear light (IEC 61966-2-1, sRGB), by table."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..types import Floats

_ENCODE_STEPS = 65536


def decode(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> Floats:
    """Encoded integers to linear light, 0..1."""
    return np.take(_decode_table(np.iinfo(pixels.dtype).max), pixels)


def decode_float(encoded: Floats) -> Floats:
    """Encoded floats, 0..1, to linear light."""
    value = np.clip(encoded, 0, 1)
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32, copy=False)


def encode(linear: Floats) -> Floats:
    """Linear light to encoded floats, both clipped to 0..1; within 0.0001 of the formula."""
    steps = np.sqrt(np.clip(linear, 0, 1))
    steps *= _ENCODE_STEPS - 1
    return np.take(_encode_table(), steps.astype(np.uint16))


@cache
def _decode_table(maximum: int) -> Floats:
    return decode_float(np.linspace(0, 1, maximum + 1, dtype=np.float32))


@cache
def _encode_table() -> Floats:
    # The table's steps are even in the square root of light, which is nearly even in encoded values.
    linear = ((np.arange(_ENCODE_STEPS) + 0.5) / (_ENCODE_STEPS - 1)) ** 2
    linear[0] = 0
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.minimum(encoded, 1).astype(np.float32)
