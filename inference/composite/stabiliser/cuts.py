"""Cuts: where one shot ends and another begins, nothing is averaged over."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..pictures import shrink
from ..types import Floats, Pixels

CUT_DIFFERENCE: Final = 0.12
"""Mean change of a 32 x 32 picture, 0..1, that is a cut and not motion."""
_SIZE: Final = (32, 32)


def thumbnail(plate: Pixels) -> Floats:
    """(32, 32, 3) encoded, 0..1."""
    # Every pixel of a large plate costs more than it tells.
    step = max(1, min(plate.shape[:2]) // (4 * _SIZE[1]))
    return (
        shrink(np.ascontiguousarray(plate[step // 2 :: step, step // 2 :: step]), _SIZE)
        / np.float32(np.iinfo(plate.dtype).max)
    ).astype(np.float32)


def is_cut(before: Floats, after: Floats) -> bool:
    """Do two thumbnails of frames in a row belong to different shots?"""
    return float(np.abs(before - after).mean()) >= CUT_DIFFERENCE
