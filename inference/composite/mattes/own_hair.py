"""The avatar's own hair inside the actor's outline: sideburns and a low hair line are not its face, and stay out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..pictures import blur, cv2, distance, enlarge, shrink
from ..regions import features
from ..types import Floats

RIM: Final = 0.16
"""Face widths from the matte's edge inward in which hair is looked for."""
DARKER: Final = (0.55, 0.75)
"""Brightness of the colour-matched avatar over the actor's: below the first it is hair on what is skin of the actor, above
the second skin on skin. Shadows are the actor's too, once the colours are matched."""
TOP, CHIN, NOSE_TIP = 10, 152, 4
"""Landmarks."""
_SMALL_WIDTH: Final = 128
"""Face width in pixels of the pictures that are compared."""


def without_own_hair(face: Floats, plate: Floats, matte: Floats, faces_px: Sequence[Floats], width_px: float) -> Floats:
    """(H, W) 0..1 share of the matte that stays, from encoded face and plate (H, W, 3) of a region.

    ``faces_px`` are landmarks (478, 2) in the region, the actor's and the avatar's: their brows and eyes are no hair.
    """
    full = (matte.shape[1], matte.shape[0])
    scale = min(1.0, _SMALL_WIDTH / width_px)
    size = (max(2, round(full[0] * scale)), max(2, round(full[1] * scale)))
    inside = shrink(matte, size)
    per_px = np.array(size, np.float32) / np.array(full, np.float32)
    kept = np.maximum.reduce([features(inside, points * per_px) for points in faces_px])
    ratio = _brightness(face, size) / np.maximum(_brightness(plate, size), np.float32(0.02))
    skin = np.clip((ratio - DARKER[0]) / (DARKER[1] - DARKER[0]), 0, 1)
    rim = distance(np.pad(inside > 0.5, 1))[1:-1, 1:-1] < RIM * width_px * scale
    looked_at = rim & _above_nose(faces_px[0] * per_px, size) & (cv2.dilate(kept, np.ones((7, 7), np.uint8)) == 0)
    hair = np.where(looked_at, 1 - skin, 0).astype(np.float32)
    # With the half-dark pixels around it, and soft.
    hair = blur(cv2.dilate(hair, np.ones((3, 3), np.uint8)), 1.0)
    return np.clip(1 - enlarge(hair, full), 0, 1)


def _above_nose(points_px: Floats, size: tuple[int, int]) -> NDArray[np.bool_]:
    """(h, w) above the tip of the nose, as the head is held: sideburns and hair lines; folds of a cheek are no hair."""
    up = points_px[TOP] - points_px[CHIN]
    x, y = np.arange(size[0], dtype=np.float32) + 0.5, np.arange(size[1], dtype=np.float32) + 0.5
    above: NDArray[np.bool_] = x[None] * up[0] + y[:, None] * up[1] > float(points_px[NOSE_TIP] @ up)
    return above


def _brightness(encoded: Floats, size: tuple[int, int]) -> NDArray[np.float32]:
    small: Floats = shrink(encoded, size).mean(-1)
    return blur(small, 0.7)
