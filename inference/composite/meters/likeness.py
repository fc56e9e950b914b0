"""Likeness to a known answer: PSNR and SSIM where a reference movie shows what the composite should be."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..pictures import cv2
from ..types import Floats
from .pixels import LEVELS, Mask, levels

_C1: Final = (0.01 * LEVELS) ** 2
_C2: Final = (0.03 * LEVELS) ** 2
_SSIM_SIGMA_PX: Final = 1.5
_SMALLEST_ERROR: Final = 1e-3
"""Squared levels; equal pictures have 78 dB."""


def psnr(picture: NDArray[Any], reference: NDArray[Any], where: Mask) -> float:
    """Peak signal to noise of (H, W, 3) in decibels where a mask (H, W) says."""
    error = float(((levels(picture) - levels(reference))[where] ** 2).mean()) if where.any() else float("nan")
    return float(10 * np.log10(LEVELS**2 / max(error, _SMALLEST_ERROR)))


def ssim(picture: NDArray[Any], reference: NDArray[Any], where: Mask) -> float:
    """Structural similarity (Wang et al., 2004) of (H, W, 3), the mean over channels and a mask (H, W)."""
    if not where.any():
        return float("nan")
    a, b = levels(picture).astype(np.float64), levels(reference).astype(np.float64)
    mean_a, mean_b = _window(a), _window(b)
    spread_a, spread_b = _window(a * a) - mean_a**2, _window(b * b) - mean_b**2
    shared = _window(a * b) - mean_a * mean_b
    likeness = (2 * mean_a * mean_b + _C1) * (2 * shared + _C2)
    likeness /= (mean_a**2 + mean_b**2 + _C1) * (spread_a + spread_b + _C2)
    return float(likeness[where].mean())


def _window(image: NDArray[np.float64]) -> Floats:
    """The 11 x 11 Gaussian window."""
    mean: Floats = cv2.GaussianBlur(image, (11, 11), _SSIM_SIGMA_PX)
    return mean
