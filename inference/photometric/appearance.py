"""What skin looks like without its lighting: fine structure relative to the contrast around it, and its average."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..solve.geometry import Array

FINEST_PX = 0.7
"""Structure finer than this is not in the pixels."""
SURROUNDINGS = 3.0
"""Brightness is taken relative to a neighbourhood this many times as wide,"""
CONTRAST_REACH = 4.0
"""and contrast relative to one this many times as wide."""
CONTRAST_SHARE = 0.3
"""Contrast below this part of the whole face's is not lifted further: it would be noise."""
ROUNDING = 0.3
"""Standard deviation of the rounding of brightness to whole levels."""
STEPS_PER_UNIT = 24.0
"""Normalised values are stored as signed bytes: most are within 2."""
ROBUST = 3.0
"""Values that differ from the average by this many times the usual difference count half as much, and so on."""


def normalised(grey: NDArray[np.uint8], sigma_px: float) -> NDArray[np.int8]:
    """The structure of about `sigma_px`, in STEPS_PER_UNIT; gain and slow changes of the picture's brightness drop out."""
    sigma = max(sigma_px, FINEST_PX)
    picture = grey.astype(np.float32)
    detail = cv2.GaussianBlur(picture, (0, 0), sigma) - wide_blur(picture, SURROUNDINGS * sigma)
    power = wide_blur(detail * detail, CONTRAST_REACH * sigma)
    floor = CONTRAST_SHARE**2 * float(power.mean()) + ROUNDING**2
    return np.asarray(np.clip(detail * (STEPS_PER_UNIT / np.sqrt(power + floor)), -127, 127), np.int8)


def wide_blur(picture: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Two running means in a row, whose cost does not grow with their width, of a Gaussian's variance."""
    width = 2 * round((np.sqrt(6 * sigma_px**2 + 1) - 1) / 2) + 1
    return np.asarray(cv2.blur(cv2.blur(picture, (width, width)), (width, width)), np.float32)


def sample(picture: NDArray[np.int8], points_px: Array) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(P,) values at points (P, 2) of the crop and (P, 2) their change per pixel, by central differences of one pixel."""
    x, y = np.asarray(points_px - 0.5, np.float32).T
    half = np.float32(0.5)
    across = np.stack([x, x + half, x - half, x, x])
    down = np.stack([y, y, y, y + half, y - half])
    bytes_found = cv2.remap(picture.astype(np.float32), across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    found = np.asarray(bytes_found, np.float32) * np.float32(1 / STEPS_PER_UNIT)
    return found[0], np.stack([found[1] - found[2], found[3] - found[4]], -1)


@dataclass(frozen=True)
class Texture:
    """The average look of S skin points, and how far single frames are from it."""

    value: NDArray[np.float32]
    """(S,)."""
    change: NDArray[np.float32]
    """(S, 2) change per cm along the two tangents of the skin."""
    known: NDArray[np.float32]
    """(S,) 0..1: 0 where too few frames show the point."""
    noise: float
    """Usual difference of a frame from the average (robust standard deviation)."""

    @property
    def signal_to_noise(self) -> float:
        """How much the skin differs from its surroundings, at most points, over how much frames differ from each other."""
        seen = self.known > 0.5
        return float(1.4826 * np.median(np.abs(self.value[seen])) / self.noise) if seen.any() else 0.0


def robust(difference: NDArray[np.float32], noise: float) -> NDArray[np.float32]:
    """Weights 0..1 of differences (Geman-McClure)."""
    return np.asarray(1 / np.square(1 + np.square(difference * np.float32(1 / (ROBUST * noise)))), np.float32)
