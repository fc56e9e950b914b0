"""Pictures of which only what is looked at becomes RGB, bit by bit as if all of it had."""

from __future__ import annotations

from fractions import Fraction
from threading import Lock
from typing import Final

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from .pixels import clockwise_turn, copied_part, to_rgb
from .types import Image, Picture

_SQUARE: Final = Fraction(1)
_AROUND: Final = 8
"""A part grows by its size divided by this on each side: the next who looks looks nearby."""
_MOST: Final = 3
"""From one in so many of all pixels on everything is converted."""


class Glimpses:
    """A decoded frame, see `Picture`; threads may share it."""

    def __init__(self, frame: av.VideoFrame) -> None:
        self._frame = frame
        self._lock = Lock()
        self._known: Image = np.empty((0, 0, 3), np.uint8)
        self._origin = (0, 0)
        """Row and column of what is known."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and 3."""
        return (self._frame.height, self._frame.width, 3)

    def __getitem__(self, part: tuple[slice, slice], /) -> Image:
        """RGB of some rows and columns."""
        rows, columns = (range(length)[asked] for asked, length in zip(part, self.shape, strict=False))
        with self._lock:
            if not self._knows(rows, columns):
                self._look(rows, columns)
            top, left = self._origin
            return self._known[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]

    def _knows(self, rows: range, columns: range) -> bool:
        return all(
            first <= asked.start and asked.stop <= first + length
            for asked, first, length in zip((rows, columns), self._origin, self._known.shape, strict=False)
        )

    def _look(self, rows: range, columns: range) -> None:
        height, width = self.shape[:2]
        (top, bottom), (left, right) = _grown(rows, height), _grown(columns, width)
        if (bottom - top) * (right - left) * _MOST < height * width:
            part, self._origin = copied_part(self._frame, (left, top), (right - left, bottom - top)), (top, left)
        else:
            part, self._origin = self._frame, (0, 0)
        self._known = to_rgb(part, VideoReformatter(), _SQUARE, exact=False)


def shown(frame: av.VideoFrame, reformatter: VideoReformatter, pixel_aspect: Fraction) -> Picture:
    """A frame upright and with square pixels; all of it now where its parts cannot be had alone."""
    in_parts = frame.format.name == "yuv420p" and frame.width % 2 == frame.height % 2 == 0
    if in_parts and pixel_aspect == 1 and clockwise_turn(frame) == 0:
        return Glimpses(frame)
    return to_rgb(frame, reformatter, pixel_aspect, exact=False)


def _grown(asked: range, length: int) -> tuple[int, int]:
    """Begin and end, even."""
    more = len(asked) // _AROUND
    return max(asked.start - more, 0) // 2 * 2, min(-(-(asked.stop + more) // 2) * 2, length)
