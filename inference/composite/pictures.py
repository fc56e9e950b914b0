"""OpenCV's picture functions with exact types: its own stubs know neither element type nor dimensions."""

from __future__ import annotations

from typing import Any, Final

import cv2 as _cv2
import numpy as np
from numpy.typing import NDArray

from .types import Floats, Pixels

cv2: Final[Any] = _cv2


def blur(image: Floats, sigma_px: float) -> Floats:
    """Gaussian blur; the border is continued."""
    blurred: Floats = cv2.GaussianBlur(image, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
    return blurred


def broad(image: Floats, sigma_px: float) -> Floats:
    """What is left of a picture (H, W, C) after a wide Gaussian blur; done on a small picture."""
    factor = max(1, int(sigma_px / 4))
    height, width = image.shape[:2]
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    if factor == 1 or min(size) < 2:
        return blur(image, sigma_px)
    return enlarge(blur(shrink(image, size), sigma_px * size[0] / width), (width, height), smooth=True)


def shrink(image: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """A picture at a smaller size (W, H): means of areas, element type kept."""
    small: NDArray[Any] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return small


def enlarge(image: Floats, size: tuple[int, int], smooth: bool = False) -> Floats:
    """A picture at a larger size (W, H), bilinear or cubic."""
    large: Floats = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC if smooth else cv2.INTER_LINEAR)
    return large


def sample(image: Floats, x: Floats, y: Floats, sharp: bool = False) -> Floats:
    """Values at corner-convention points of a picture, bilinear or (sharp) cubic; zero outside."""
    kernel = cv2.INTER_CUBIC if sharp else cv2.INTER_LINEAR
    # Exactly this type is what remap takes; a NumPy 2 scalar of 64 bits makes other ones of them.
    places = ((axis - np.float32(0.5)).astype(np.float32, copy=False) for axis in (x, y))
    sampled: Floats = cv2.remap(image, *places, kernel, borderMode=cv2.BORDER_CONSTANT)
    return sampled


def low_pass(image: Floats, matte: Floats, sigma_px: float) -> Floats:
    """Blur of (H, W, 3) that takes nothing from outside the matte (H, W)."""
    weight = np.maximum(blur(matte, sigma_px), np.float32(1e-3))
    mean: Floats = blur(image * matte[..., None], sigma_px) / weight[..., None]
    return mean


def floats_of(pixels: Pixels) -> Floats:
    """Encoded floats, 0..1."""
    return pixels.astype(np.float32) * np.float32(1 / np.iinfo(pixels.dtype).max)


def scaled(image: Floats, by: Floats) -> Floats:
    """A picture (H, W[, C]), multiplied in its own memory by one number for each pixel (H, W)."""
    channels = 1 if image.ndim == 2 else image.shape[2]
    product: Floats = cv2.multiply(image, cv2.merge([by] * channels), dst=image)
    return product


def distance(inside: NDArray[np.bool_]) -> Floats:
    """(H, W) pixels to the next pixel that is not inside."""
    pixels: Floats = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
    return pixels
