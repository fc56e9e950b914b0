"""Live pictures for a board: small enough, upright, bottom row first."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..media.types import Image
from ..solve.identity import Actor
from .picture_board import LONGEST_SIDE, BoardWriter

USUAL_FOCAL = 1.2
"""Of the longer side, while nothing is known of the camera."""


class Preview:
    """Shows pictures on the board of a name."""

    def __init__(self, name: str) -> None:
        """Raises `InputError` where there is no such board."""
        self._board = BoardWriter(name)

    def show(self, rgb: Image, frame: int, actor: Actor | None) -> None:
        """Show the picture of a frame, and with it the focal length as known now."""
        height, width = rgb.shape[:2]
        focal_px = USUAL_FOCAL * max(width, height) if actor is None else actor.camera.focal_px
        self._board.show(preview_of(rgb), frame, focal_px / width)

    def close(self) -> None:
        """End."""
        self._board.close()


def preview_of(rgb: Image) -> NDArray[np.uint8]:
    """(H, W, 4) RGBA of a picture, its longer side at most `LONGEST_SIDE`, its bottom row first."""
    height, width = rgb.shape[:2]
    scale = LONGEST_SIDE / max(width, height)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.cvtColor(cv2.flip(rgb, 0), cv2.COLOR_RGB2RGBA), np.uint8)
