"""The matte: how much of each pixel the avatar replaces. Zero outside the actor's face, soft at its edge."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..pictures import blur, cv2, distance
from ..regions import OVAL, features, fill
from ..types import Floats

INSET: Final = 0.006
OUTLINE_INSET: Final = 0.015
"""Face widths; the matte starts this far inside the render's alpha and the tracked outline, which is less sure, so that no
background creeps in."""
FEATHER: Final = 0.012
"""Face widths; standard deviation of the soft edge, which lies wholly inside."""

RIM: Final = 0.2
"""Face widths; colour is trusted fully this deep inside the matte, and not at all at half of it."""


def face_matte(points_px: Floats, alpha: Floats, width_px: float, feather: float = 1.0) -> Floats:
    """(H, W) 0..1 inside the face's outline (478 points in pixels of the region) where the render is opaque.

    ``feather`` widens the soft edge, inward.
    """
    outline = fill(alpha, points_px[list(OVAL)]).astype(np.float32) / 255
    # The frame's border is no edge of the face: what is cut there goes on outside.
    outline = cv2.erode(outline, _disc(OUTLINE_INSET * width_px), borderType=cv2.BORDER_REPLICATE)
    cover = np.minimum(outline, cv2.erode(alpha, _disc(INSET * width_px), borderType=cv2.BORDER_REPLICATE))
    sigma = max(feather * FEATHER * width_px, 0.5)
    blurred = blur(cover, sigma)
    soft = np.clip(2 * blurred - 1, 0, 1)
    soft = soft * soft * (3 - 2 * soft)
    return np.where(cover > 0, soft, 0).astype(np.float32)


def skin_matte(points_px: Floats, matte: Floats, width_px: float) -> Floats:
    """(H, W) where colour is compared: the matte without eyes, brows, lips, nostrils, fading toward the rim.

    At the rim hair, its shadow and grazing light are mixed with the skin.
    """
    return np.where(features(matte, points_px) > 0, 0, inner_matte(matte, width_px)).astype(np.float32)


def inner_matte(matte: Floats, width_px: float) -> Floats:
    """(H, W) 0..1 rising from half of `RIM` to all of it inside the matte."""
    depth = distance(matte > 0.5) / (RIM * width_px)
    return np.clip(2 * depth - 1, 0, 1)


def _disc(radius_px: float) -> NDArray[np.uint8]:
    """Structuring element of a whole number of pixels, at least one."""
    size = 2 * max(1, round(radius_px)) + 1
    disc: NDArray[np.uint8] = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return disc
