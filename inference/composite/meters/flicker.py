"""Flicker: what changes from frame to frame although nothing moved, along the optical flow of the untouched picture.

The warping error of a picture is what is left of it after the picture before was moved along the flow (Lai et al.,
"Learning blind video temporal consistency", 2018), where forward and backward flow agree. Footage has such an error of its own
(noise, coding, flow), so only the excess over that counts. Two weaknesses of the plain ratio are mended here: on very
clean footage it divides by next to nothing, so errors below one 8-bit level count as one; and noise, which nobody minds,
outweighs a slow pulsing of the light, which everybody sees, so that is told on its own, from the low-passed error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..pictures import cv2, low_pass, shrink
from ..types import Floats
from .pixels import Mask, grey, levels

FLOOR: Final = 1.0
"""Squared 8-bit levels: the smallest change that an 8-bit picture can show."""
_AGREE_PX: Final = 1.0
_SMALLER: Final = 4
_PULSE_SIGMA: Final = 0.05
"""Parts of the region's width; what is finer is noise or a wrong flow."""


@dataclass(frozen=True)
class Change:
    """Between two frames in a row."""

    error: float
    """Mean squared change of pixels in 8-bit levels."""
    pulse: float
    """Root mean square of the change of the low-passed picture in 8-bit levels."""


class FlickerMeter:
    """Follows one untouched picture from frame to frame."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def changes(
        self, own: tuple[NDArray[Any], NDArray[Any]], pictures: tuple[NDArray[Any], NDArray[Any]], inside: Mask
    ) -> tuple[Change, Change] | None:
        """Change of the pictures (before, now) and of the untouched ones, all (H, W, 3); None where no flow is sure."""
        before, now = (np.rint(grey(levels(image))).astype(np.uint8) for image in own)
        back = self._flow.calc(now, before, None)
        forth = self._flow.calc(before, now, None)
        rows, columns = np.mgrid[: now.shape[0], : now.shape[1]].astype(np.float32)
        x, y = columns + back[..., 0], rows + back[..., 1]
        returned = cv2.remap(forth, x, y, cv2.INTER_LINEAR)
        in_picture = (x >= 0) & (y >= 0) & (x <= now.shape[1] - 1) & (y <= now.shape[0] - 1)
        steady = inside & in_picture & (np.linalg.norm(back + returned, axis=-1) < _AGREE_PX)
        if not steady.any():
            return None
        return _change(*pictures, x, y, steady), _change(*own, x, y, steady)


def flicker_excess(error: float, own_error: float) -> float:
    """Mean squared change over that of the untouched picture, minus 1; changes below a level count as one."""
    return (error - own_error) / max(own_error, FLOOR)


def _change(before: NDArray[Any], now: NDArray[Any], x: Floats, y: Floats, steady: Mask) -> Change:
    residual = levels(now) - cv2.remap(levels(before), x, y, cv2.INTER_CUBIC)
    return Change(float((residual[steady] ** 2).mean()), _pulse(residual, steady))


def _pulse(residual: Floats, steady: Mask) -> float:
    """Root mean square of the low-passed residual (H, W, 3), on a smaller picture: it is smooth."""
    height, width = steady.shape
    size = (max(2, width // _SMALLER), max(2, height // _SMALLER))
    weight = shrink(steady.astype(np.float32), size)
    mean = shrink(residual * steady[..., None], size) / np.maximum(weight, np.float32(1e-3))[..., None]
    broad = low_pass(mean, weight, max(1.0, _PULSE_SIGMA * float(np.sqrt(steady.sum())) / _SMALLER))
    where = weight >= weight.max() / 2
    return float(np.sqrt((broad[where] ** 2).mean()))
