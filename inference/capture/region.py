"""Rotated square or rectangular regions of a picture: cutting them out for a network, and bringing its points back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..media.types import Image, Picture

_SOFTNESS_PX = 0.85
"""Standard deviation of the blur before a picture is read at wider steps than its own pixels: weights of 1, 2, 1."""
_SOFT_FROM = 1.25
"""From so many pixels a step the blur is whole; towards 1 it fades, so that a face's size makes no sudden difference."""
_LEAST_SOFTNESS_PX = 0.1
_REACH_PX = 3
"""So far beyond a region pixels may count when it is read."""


@dataclass(frozen=True)
class Region:
    """A rotated rectangle in image pixels."""

    centre_px: tuple[float, float]
    size_px: tuple[float, float]
    """Width and height along the region's own axes."""
    angle_rad: float
    """Clockwise on the screen, from the image's x axis to the region's."""

    def scaled(self, factor: float) -> Region:
        """The same region, larger or smaller about its centre."""
        width, height = self.size_px
        return replace(self, size_px=(width * factor, height * factor))

    def calmed(self, following: Region) -> Region:
        """A region moved toward the next one: fully when that differs much, by a part when it only trembles.

        A region that jumps about with the noise of the points adds noise to the points.
        """
        turn = (following.angle_rad - self.angle_rad + np.pi) % (2 * np.pi) - np.pi
        size = following.size_px[0]
        step = np.subtract(following.centre_px, self.centre_px)
        trembles = max(np.hypot(*step) / size / 0.03, abs(np.log(size / self.size_px[0])) / 0.05, abs(turn) / 0.08)
        share = float(np.clip(1 - 1 / max(trembles, 1e-6), 0.3, 1))
        x, y = (np.array(self.centre_px) + share * step).tolist()
        side = self.size_px[0] + share * (size - self.size_px[0])
        return Region((x, y), (side, side), self.angle_rad + share * turn)

    def matrix(self, side: int = 1) -> NDArray[np.float64]:
        """(2, 3) from crop coordinates 0..``side`` to image pixels."""
        cos, sin = math.cos(self.angle_rad), math.sin(self.angle_rad)
        (x, y), (width, height) = self.centre_px, self.size_px
        x, y = x - (cos * width - sin * height) / 2, y - (sin * width + cos * height) / 2
        return np.array([[cos * width / side, -sin * height / side, x], [sin * width / side, cos * height / side, y]])

    def crop(self, rgb: Picture, side: int, border: int) -> Image:
        """(side, side, 3) resampled as MediaPipe does on the CPU; ``border`` is OpenCV's way to fill outside the picture.

        Crop pixel i shows the picture at region coordinate i / side, read as a pixel index. Points found in such a crop
        lie (size / side - 1) / 2 pixels too far right and down; networks compared with MediaPipe need the same choice.
        """
        matrix = self.matrix(side)
        part, low = _part(rgb, self._bounds(rgb, _REACH_PX))
        matrix[:, 2] -= low
        return _warp(part, matrix, side, border)

    def sample(self, rgb: Picture, side: int, *, soft: bool = False) -> Image:
        """(side, side, 3) resampled from pixel centre to pixel centre, averaged by whole factors; edges are repeated.

        ``soft`` also blurs what is read at wider steps than the picture's pixels, so that what lies between them counts.
        """
        matrix = self.matrix(side)
        matrix[:, 2] += matrix[:, :2].sum(axis=1) / 2
        shrinks = min(self.size_px) / side
        factor = max(int(shrinks), 1)
        if factor > 1 or (soft and shrinks > 1):
            part, low = _shrunk(rgb, self._bounds(rgb, factor + 1), factor)
            part = _softened(part, shrinks / factor) if soft else part
        else:
            part, low = _part(rgb, self._bounds(rgb, _REACH_PX))
        matrix[:, 2] -= low
        matrix /= factor
        matrix[:, 2] -= 0.5
        return _warp(part, matrix, side, cv2.BORDER_REPLICATE)

    def _bounds(self, rgb: Picture, margin: int) -> NDArray[np.int64]:
        """(2, 2) lowest and highest x, y of the region within the picture, at least one pixel apart."""
        corners = self.to_image(np.array([(0, 0), (0, 1), (1, 0), (1, 1)], np.float32))
        limits = np.array([corners.min(axis=0) - margin, corners.max(axis=0) + margin]).round().astype(np.int64)
        height, width = rgb.shape[:2]
        low = np.clip(limits[0], 0, (width - 1, height - 1))
        return np.array([low, np.maximum(np.minimum(limits[1], (width, height)), low + 1)])

    def to_image(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., 2) region coordinates 0..1 -> image pixels."""
        matrix = self.matrix()
        return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float32)


def box_of(points: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lowest and highest x, y of (N, 2) points."""
    axes = np.ascontiguousarray(points.T)  # numpy is twenty times as fast along rows
    return axes.min(axis=1), axes.max(axis=1)


def _warp(rgb: Image, matrix: NDArray[np.float64], side: int, border: int) -> Image:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(rgb, matrix, (side, side), flags=flags, borderMode=border), dtype=np.uint8)


def _part(rgb: Picture, bounds: NDArray[np.int64]) -> tuple[Image, NDArray[np.int64]]:
    """What lies within the bounds, and where it begins."""
    low, high = bounds
    return rgb[low[1] : high[1], low[0] : high[0]], low


def _shrunk(rgb: Picture, bounds: NDArray[np.int64], factor: int) -> tuple[Image, NDArray[np.int64]]:
    """A part of a picture made smaller by a whole factor, and where it begins."""
    low, high = bounds
    size = (-(-(high - low) // factor)).tolist()
    high = low + np.array(size) * factor
    part = rgb[low[1] : high[1], low[0] : high[0]]
    if factor == 1:
        return part, low
    missing = high - low - (part.shape[1], part.shape[0])
    if missing.any():
        part = np.pad(part, ((0, missing[1]), (0, missing[0]), (0, 0)), mode="edge")
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8), low


def _softened(rgb: Image, shrinks: float) -> Image:
    """A picture that is about to be read every `shrinks` pixels, with what lies between them in each."""
    sigma_px = _SOFTNESS_PX * min((shrinks - 1) / (_SOFT_FROM - 1), 1.0)
    if sigma_px < _LEAST_SOFTNESS_PX:
        return rgb
    return np.asarray(cv2.GaussianBlur(rgb, (3, 3), sigma_px, borderType=cv2.BORDER_REPLICATE), dtype=np.uint8)


def whole(rgb: Picture, angle_rad: float = 0.0) -> Region:
    """The smallest square around a picture."""
    height, width = rgb.shape[:2]
    side = float(max(width, height))
    return Region((width / 2, height / 2), (side, side), angle_rad)
