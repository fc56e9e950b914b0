"""The user's own matte: numbered pictures or a movie, white where the avatar goes, of any depth.

Its edge is left as it is. Numbers are those of the footage's frames: the first frame of a movie is 0, pictures of a
numbered footage have its numbers, without gaps. Frames before the first and after the last get the default matte.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...media import read_picture, read_plates
from ...media.sequence import find_sequence
from ...media.types import Plate
from ..pictures import cv2
from ..types import Floats, Region

_CODEC_NOISE: Final = 0.012
"""Black and white of a compressed movie are not quite black and white."""


class UserMatte:
    """Mattes by frame index, each read when it is asked for."""

    def __init__(self, path: Path, frame_size: tuple[int, int], first_number: int = 0) -> None:
        """``first_number`` is the number of the footage's first picture, 0 for movies.

        Raises:
            InputError: no picture belongs to a frame, or there is nothing at ``path``.
        """
        self._path, self._frame_size = path, frame_size
        sequence = find_sequence(path)
        self._files: dict[int, Path] | None = None
        if sequence is not None:
            self._files = {sequence.first_number + at - first_number: file for at, file in enumerate(sequence.paths)}
            if max(self._files, default=-1) < 0:
                raise InputError(
                    f"The pictures of {path} end before number {first_number}, the first of the footage; number them as it."
                )
        self._stream: Iterator[Plate] | None = None
        self._next = 0

    def of(self, frame_index: int) -> Floats | None:
        """(H, W) 0..1, white = the avatar; None where there is none.

        Raises:
            InputError: it cannot be read or has another size than the footage.
        """
        if self._files is not None:
            file = self._files.get(frame_index)
            return None if file is None else self._checked(_grey(read_picture(file)), str(file))
        plate = self._played(frame_index)
        if plate is None:
            return None
        grey = self._checked(_grey(plate.pixels), f"{self._path}, frame {frame_index},")
        return np.clip((grey - _CODEC_NOISE) / (1 - 2 * _CODEC_NOISE), 0, 1).astype(np.float32)

    def _played(self, frame_index: int) -> Plate | None:
        """A frame of the movie; frames are mostly asked for in order."""
        if self._stream is None or frame_index < self._next:
            self._stream, self._next = read_plates(self._path, frame_index), frame_index
        for plate in self._stream:
            self._next = plate.index + 1
            if plate.index == frame_index:
                return plate
        return None

    def _checked(self, matte: Floats, name: str) -> Floats:
        height, width = matte.shape
        if (width, height) != self._frame_size:
            raise InputError(
                f"The matte {name} is {width}x{height}, the footage {self._frame_size[0]}x{self._frame_size[1]}; "
                "make it as large as the footage."
            )
        return matte


def reach(matte: Floats, region: Region) -> Region:
    """A region and all that a matte (H, W) shows beside it."""
    x, y, width, height = cv2.boundingRect((matte > 0).view(np.uint8))
    if width == 0:
        return region
    x0, y0 = min(x, region.x), min(y, region.y)
    x1, y1 = max(x + width, region.x + region.width), max(y + height, region.y + region.height)
    return Region(x0, y0, x1 - x0, y1 - y0)


def _grey(pixels: NDArray[Any]) -> Floats:
    """(H, W) 0..1 of (H, W, 3 or 4) of any depth; what is transparent is black."""
    values = pixels.astype(np.float32)
    if pixels.dtype.kind == "u":
        values *= np.float32(1 / np.iinfo(pixels.dtype).max)
    grey = values[..., :3].mean(-1)
    if pixels.shape[2] == 4:
        grey = grey * values[..., 3]
    clean: Floats = np.clip(np.nan_to_num(grey), 0, 1).astype(np.float32)
    return clean
