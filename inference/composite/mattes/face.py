"""The matte: how much of each pixel the avatar replaces. Zero outside the actor's face, soft at its edge."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..pictures import blur, cv2, enlarge, shrink
from ..regions import OVAL, fill
from ..types import Floats

INSET: Final = 0.006
OUTLINE_INSET: Final = 0.015
"""Face widths; the matte starts this far inside the render's alpha and the tracked outline, which is less sure, so that no
background creeps in."""
FEATHER: Final = 0.012
"""Face widths; standard deviation of the soft edge, which lies wholly inside."""

_BROAD_PX: Final = 4.0
"""Standard deviation from which an edge is as smooth when it is softened at half the size."""


def face_matte(points_px: Floats, alpha: Floats, width_px: float, feather: float = 1.0) -> Floats:
    """(H, W) 0..1 inside the face's outline (478 points in pixels of the region) where the render is opaque.

    ``feather`` widens the soft edge, inward.
    """
    # The frame's border is no edge of the face: what is cut there goes on outside. Bytes are eroded quicker than floats.
    cover = np.minimum(
        cv2.erode(fill(alpha, points_px[list(OVAL)]), _disc(OUTLINE_INSET * width_px), borderType=cv2.BORDER_REPLICATE),
        cv2.erode(_bytes(alpha), _disc(INSET * width_px), borderType=cv2.BORDER_REPLICATE),
    )
    share = cover * np.float32(1 / 255)
    sigma = max(feather * FEATHER * width_px, 0.5)
    if sigma < _BROAD_PX:
        blurred = blur(share, sigma)
    else:
        size = (share.shape[1], share.shape[0])
        blurred = enlarge(blur(shrink(share, (-(-size[0] // 2), -(-size[1] // 2))), sigma / 2), size)
    soft = np.clip(2 * blurred - 1, 0, 1)
    soft = soft * soft * (3 - 2 * soft)
    soft[cover == 0] = 0
    return soft


def _bytes(alpha: Floats) -> NDArray[np.uint8]:
    """0..255 of 0..1."""
    codes: NDArray[np.uint8] = cv2.addWeighted(alpha, 255, alpha, 0, 0, dtype=cv2.CV_8U)
    return codes


def _disc(radius_px: float) -> NDArray[np.uint8]:
    """Structuring element of a whole number of pixels, at least one."""
    size = 2 * max(1, round(radius_px)) + 1
    disc: NDArray[np.uint8] = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return disc
