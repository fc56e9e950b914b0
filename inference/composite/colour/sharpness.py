"""Sharpness: the render, which is drawn without a lens, made as soft as the plate; a soft render gently sharpened."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..pictures import blur
from ..types import Floats
from .surface import Surface

_LENS: Final = 0.01
"""Face widths; up to this a lens or a codec may have blurred a face, and from double of it something else has."""
_CERTAIN: Final = 1.1
"""Ratio of two blurs up to which they are the same: the measure is good to about a tenth."""
_MOST_BLUR_PX: Final = 2.5
_MOST_SHARPENING_PX: Final = 0.8


def match_sharpness(linear: Floats, surface: Surface, softer: float = 0.0) -> Floats:
    """A face (H, W, C), in linear light, as sharp as the plate.

    ``softer`` is by how many face widths the plate's face is known to be softer: what no lens does is no measure of the
    plate, its face was wiped away.
    """
    lens = float(np.clip(2 - softer / _LENS, 0, 1))
    change = lens * blur_between(surface.render_edge_px, surface.plate_edge_px)
    if change > 0:
        return blur(linear, change)
    if change < 0:
        # The first term of the series of an inverse Gaussian: gentle, for the finest detail is noise by now.
        return np.maximum(2 * linear - blur(linear, -change), 0)
    return linear


def blur_between(own_px: float, wanted_px: float) -> float:
    """Pixels of blur that take a picture from one sharpness to another; below 0 when it has to be sharpened."""
    if not np.isfinite([own_px, wanted_px]).all():
        return 0.0
    # The uncertain part is left out without a step: a face must not switch between two looks.
    if wanted_px > own_px:
        return min(float(np.sqrt(max((wanted_px / _CERTAIN) ** 2 - own_px**2, 0))), _MOST_BLUR_PX)
    return -min(float(np.sqrt(max((own_px / _CERTAIN) ** 2 - wanted_px**2, 0))), _MOST_SHARPENING_PX)
