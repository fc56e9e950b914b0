"""Parts of the face in the 478-point topology, as the compositor needs them: outline, holes in the skin, steady points."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .pictures import cv2, distance
from .types import Floats, Region

OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""The outline of the face, in order."""

EYES: Final = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)
BROWS: Final = ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46), (300, 293, 334, 296, 336, 285, 295, 282, 283, 276))
LIPS: Final = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
NOSTRILS: Final = (98, 97, 2, 326, 327, 94)

STEADY: Final = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 98, 327, 2, 129, 358)
"""Eye corners and nose: the bone moves them, hardly the expression."""

INNER: Final = (*STEADY, 70, 105, 107, 336, 334, 300, 61, 291, 0, 17, 159, 145, 386, 374, 50, 280)
"""Where the interior is held while the outline moves: eyes, brows, nose, mouth, front of the cheeks."""

_SUBPIXEL_BITS = 4


def face_width_px(points_px: Floats) -> float:
    """Size of a face that hardly changes when the head turns: the mean of its width and 0.75 of its height."""
    size = np.ptp(points_px[list(OVAL)], axis=0)
    return float((size[0] + 0.75 * size[1]) / 2)


def face_region(points_px: Floats, frame_size: tuple[int, int]) -> Region:
    """The part of a frame (W, H) in which a face with landmarks (478, 2) is, with some room around its outline."""
    return Region.around(points_px[list(OVAL)], 0.08 * face_width_px(points_px) + 4, frame_size)


def fill(canvas: Floats, polygon_px: Floats) -> NDArray[np.uint8]:
    """0..255 anti-aliased fill of a polygon in corner-convention pixels, of the size of ``canvas`` (H, W)."""
    image = np.zeros(canvas.shape, np.uint8)
    # cv2 draws with pixel centres at whole numbers.
    corners = np.rint((polygon_px - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(image, [corners], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
    return image


def features(canvas: Floats, points_px: Floats) -> NDArray[np.uint8]:
    """255 on what is not skin inside the face: eyes, brows, lips, nostrils; of the size of ``canvas`` (H, W)."""
    image = np.zeros(canvas.shape, np.uint8)
    for group in (*EYES, *BROWS, LIPS, NOSTRILS):
        hull = cv2.convexHull(points_px[list(group)] - 0.5)[:, 0]
        grown = hull + 0.15 * (hull - hull.mean(0))
        cv2.fillConvexPoly(
            image, np.rint(grown * (1 << _SUBPIXEL_BITS)).astype(np.int32), 255, cv2.LINE_8, _SUBPIXEL_BITS
        )
    return image


def skin_matte(points_px: Floats, matte: Floats, rim_px: float) -> Floats:
    """(H, W) where colour is compared: the inside of a matte without eyes, brows, lips and nostrils."""
    return np.where(features(matte, points_px) > 0, 0, inner_matte(matte, rim_px)).astype(np.float32)


def inner_matte(matte: Floats, rim_px: float) -> Floats:
    """(H, W) 0..1 rising from half of ``rim_px`` to all of it inside the matte: at the rim hair, its shadow and grazing light
    are mixed with the skin.
    """
    return np.clip(2 * (distance(matte > 0.5) / rim_px) - 1, 0, 1)
