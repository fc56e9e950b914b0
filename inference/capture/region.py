"""Rotated square or rectangular regions of a picture: cutting them out for a network, and bringing its points back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..media.types import Image


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

    def matrix(self, side: int = 1) -> NDArray[np.float64]:
        """(2, 3) from crop coordinates 0..``side`` to image pixels."""
        cos, sin = np.cos(self.angle_rad), np.sin(self.angle_rad)
        width, height = self.size_px
        turn = np.array([[cos * width, -sin * height], [sin * width, cos * height]])
        offset = np.array(self.centre_px) - turn @ (0.5, 0.5)
        return np.hstack([turn / side, offset[:, None]])

    def crop(self, rgb: Image, side: int, border: int) -> Image:
        """(side, side, 3) resampled region; ``border`` is OpenCV's way to fill what lies outside the picture.

        As in MediaPipe, crop pixel i samples the picture at region coordinate i / side, read as a pixel index: half a
        pixel from the centre-to-centre convention. The networks' points are only comparable with the same choice.
        """
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = cv2.warpAffine(rgb, self.matrix(side), (side, side), flags=flags, borderMode=border)
        return np.asarray(crop, dtype=np.uint8)

    def to_image(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., 2) region coordinates 0..1 -> image pixels."""
        matrix = self.matrix()
        return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float32)


def whole(rgb: Image, angle_rad: float = 0.0) -> Region:
    """The smallest square around a picture."""
    height, width = rgb.shape[:2]
    side = float(max(width, height))
    return Region((width / 2, height / 2), (side, side), angle_rad)
