"""What every meter starts from: pictures of any depth on one scale, and how far each pixel is from a matte's edge."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..pictures import cv2, distance
from ..types import Floats

Mask = NDArray[np.bool_]

LEVELS: Final = 255.0
"""All figures that are amounts of light are told in 8-bit levels, whatever the depth of the pictures."""


def levels(image: NDArray[Any]) -> Floats:
    """Encoded pixels of any depth (floats are 0..1) as floats 0..255."""
    if np.issubdtype(image.dtype, np.floating):
        return image.astype(np.float32) * np.float32(LEVELS)
    return image.astype(np.float32) * np.float32(LEVELS / np.iinfo(image.dtype).max)


def grey(image: Floats) -> Floats:
    """(H, W) brightness of (H, W, 3)."""
    brightness: Floats = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return brightness


def signed_distance(inside: Mask) -> Floats:
    """(H, W) pixels to the region's edge, positive inside."""
    return np.where(inside, distance(inside) - 0.5, 0.5 - distance(~inside)).astype(np.float32)
