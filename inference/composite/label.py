"""The visible label: a line of text in a corner of every composited frame, for those who want or need to show it."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

TEXT: Final = "AI-generated likeness"
_HDR_WHITE: Final = 0.58
"""Share of the code of HDR footage that is as bright as paper (203 cd/m2 in PQ), where full code would dazzle."""


def labelled(picture: NDArray[Any], *, is_hdr: bool = False) -> NDArray[Any]:
    """A copy of a picture (H, W, 3), of integers or linear light, with the label at its lower left."""
    height, width = picture.shape[:2]
    white, dark, place = _stencils(height, width)
    top = 1.0 if picture.dtype.kind == "f" else float(np.iinfo(picture.dtype).max)
    part = picture[place].astype(np.float32)
    part = part * (1 - dark) + white * (top * (_HDR_WHITE if is_hdr else 1.0))
    made = picture.copy()
    made[place] = part if picture.dtype.kind == "f" else np.rint(np.clip(part, 0, top)).astype(picture.dtype)
    return made


@cache
def _stencils(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32], tuple[slice, slice]]:
    """How much of white, and how much of anything but the picture there is at each pixel, (h, w, 1); and where."""
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, height / 900
    (unit, _), _ = cv2.getTextSize(TEXT, font, 1.0, 1)
    scale = max(min(scale, 0.9 * width / unit), 0.1)
    thick = max(round(2 * scale), 1)
    (across, up), below = cv2.getTextSize(TEXT, font, scale, thick)
    margin = max(round(up * 0.8), 1)
    box = (min(up + below + 2 * margin, height), min(across + 2 * margin, width))
    drawn = []
    for wide in (thick, 3 * thick):
        stencil = np.zeros(box, np.uint8)
        cv2.putText(stencil, TEXT, (margin, box[0] - below - margin), font, scale, (255,), wide, cv2.LINE_AA)
        drawn.append(stencil[..., None].astype(np.float32) / 255)
    return drawn[0], np.maximum(*drawn), (slice(height - box[0], height), slice(0, box[1]))
