"""What is done to a face before it must be put back: known changes of place, light, sharpness and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

GAMMA: Final = 2.2
EYES: Final = (33, 263)
OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
_FACE: Final = 0.93
"""Of the outline of the landmarks: hair and background stay out."""
_EDGE_EYES: Final = 0.04
"""Eye distances: how soft the plate's blurred patch ends."""
_BLUR_EYES: Final = 0.126
"""Eye distances: the blur that takes the plate's own face away."""
_BORDER: Final = 9


@dataclass(frozen=True)
class Change:
    """A change of one face; the first one is that of the shared tool."""

    name: str
    turn_deg: float = 0.0
    scale: float = 1.0
    aspect: float = 1.0
    """Width grows by this, height stays."""
    shift_px: tuple[float, float] = (0.0, 0.0)
    stops: float = 0.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Factors of linear red, green and blue."""
    slope: tuple[float, float] = (0.0, 0.0)
    """Share by which the light grows per eye distance to the right and downward."""
    contrast: float = 1.0
    """Power of linear light about middle grey."""
    blur_px: float = 0.0
    noise: float = 0.0
    """Standard deviation in 8-bit levels."""

    def affine(self, centre: Floats) -> Floats:
        """(2, 3) from the real face's pixels to the changed one's."""
        turn = np.radians(self.turn_deg)
        stretch = self.scale * np.diag([self.aspect, 1.0])
        linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ stretch
        return np.column_stack([linear, centre - linear @ centre + self.shift_px]).astype(np.float32)

    def apply(self, picture: Image, points_px: Floats, seed: int) -> Image:
        """The changed picture (H, W, 3) of a face with landmarks (478, 2)."""
        height, width = picture.shape[:2]
        centre = points_px.mean(0)
        moved = cv2.warpAffine(
            picture, self.affine(centre), (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        linear = (moved.astype(np.float32) / 255) ** GAMMA
        linear = self.light(linear, points_px)
        encoded = np.clip(linear, 0, 1) ** np.float32(1 / GAMMA)
        if self.blur_px:
            encoded = cv2.GaussianBlur(encoded, (0, 0), self.blur_px)
        if self.noise:
            encoded = encoded + np.random.default_rng(seed).normal(0, self.noise / 255, encoded.shape)
        return np.rint(np.clip(encoded, 0, 1) * 255).astype(np.uint8)

    def light(self, linear: Floats, points_px: Floats, back: bool = False) -> Floats:
        """Linear light (H, W, 3) under the change, or what it was before it."""
        height, width = linear.shape[:2]
        eyes, centre = eye_distance(points_px), points_px.mean(0)
        x = (np.arange(width, dtype=np.float32) - centre[0]) / eyes
        y = (np.arange(height, dtype=np.float32) - centre[1]) / eyes
        field = np.clip(1 + self.slope[0] * x[None] + self.slope[1] * y[:, None], 0.2, 5)
        gain = (2**self.stops * field)[..., None] * np.float32(self.tint)
        grey = np.float32(0.18)
        if back:
            return (np.maximum(linear / gain, 0) / grey) ** np.float32(1 / self.contrast) * grey
        return (np.maximum(linear, 0) / grey) ** np.float32(self.contrast) * grey * gain


TOOL: Final = Change(
    "tool", scale=1.01, shift_px=(0.7, -0.5), stops=-0.4, tint=(1.12, 1.0, 0.86), slope=(0.18, 0.0), blur_px=0.6
)
CHANGES: Final = {
    change.name: change
    for change in (
        TOOL,
        Change("turned", turn_deg=1.5, scale=0.97, aspect=1.02, shift_px=(-1.4, 2.0), stops=0.3, tint=(0.93, 1.0, 1.1)),
        Change("lamp", shift_px=(1.0, 0.6), stops=0.8, tint=(0.9, 1.0, 1.12), slope=(-0.25, -0.2), contrast=0.9),
        Change("soft", scale=1.02, shift_px=(-0.8, 0.4), stops=-0.2, blur_px=1.2, noise=2.0),
    )
}


def eye_distance(points_px: Floats) -> float:
    """Pixels between the outer corners of the eyes."""
    return float(np.linalg.norm(points_px[EYES[0]] - points_px[EYES[1]]))


def face_mask(shape: tuple[int, ...], points_px: Floats) -> Image:
    """(H, W) 255 inside the face."""
    hull = points_px[list(OVAL)]
    centre = hull.mean(0)
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [(centre + (hull - centre) * _FACE).astype(np.int32)], 255)
    return mask


def without_face(picture: Image, mask: Image, points_px: Floats) -> Image:
    """The picture with the face's own detail blurred away inside the mask: to copy the plate must not win."""
    eyes = eye_distance(points_px)
    inner = (
        cv2.GaussianBlur(mask, (0, 0), _EDGE_EYES * eyes).astype(np.float32)[..., None] / 255 * (mask[..., None] > 0)
    )
    blurred = cv2.GaussianBlur(picture, (0, 0), _BLUR_EYES * eyes)
    return np.rint(picture * (1 - inner) + blurred * inner).astype(np.uint8)


def render(picture: Image, mask: Image, points_px: Floats, change: Change, seed: int) -> Image:
    """(H, W, 4) the changed face with an alpha a little larger than the mask."""
    alpha = cv2.dilate(mask, np.ones((_BORDER, _BORDER), np.uint8))
    return np.dstack([change.apply(picture, points_px, seed), alpha])
