"""Pictures of a run on the device: of every face in every frame the piece around it, or whole frames where that is less.

Bytes on the device for a run of 32 frames with one face 40 % of the frame's height, regions 1.4 times as large, pieces 1.25
times as large as those, float32 crops of 192 and 256 px (counted, not measured on a device):

| | 512 x 512, whole | 1080p, pieces | 4K, pieces |
|---|---|---|---|
| pieces of coarse readings (8) | the same | 14 MB | 55 MB |
| pieces of all (32) | 25 MB | 55 MB | 219 MB |
| parts of `crops`: places (int32), pixels (float32), twice while they are weighed | 104 MB | 0.5 GB | 1.9 GB |
| crops and networks' maps, both | 0.3 GB | 0.3 GB | 0.3 GB |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ...media.types import Image
from ...networks.bound import on_device
from ...networks.providers import Choice
from .regions import Regions
from .sampling import Integers, parts_of

_ROOM = 1.25
"""Pieces are so much larger than what they are cut for, so that readings a little beside need no other."""
_WHOLE_FROM = 0.6
"""Whole frames are taken where pieces would have so large a share of their pixels."""
_ROUND_UP = 64


@dataclass(frozen=True)
class Stored:
    """Pieces of pictures on the device."""

    pieces: ort.OrtValue
    """(M, height, width, 3) uint8."""
    size: tuple[int, int]
    """Width and height of a piece."""


class Pictures:
    """Frames of one size, numbered from 0, for ``cells`` (a face in a frame each); bytes go to the device when needed."""

    def __init__(self, frames: Sequence[Image], frame_of: Integers, choice: Choice) -> None:
        """``frame_of`` (cells,) is the frame of each cell."""
        self._frames, self._frame_of, self._choice = frames, frame_of, choice
        self._stored: list[Stored] = []
        cells = len(frame_of)
        self._where = np.full(cells, -1)
        self._piece = np.zeros(cells, np.int64)
        self._low, self._high = np.zeros((cells, 2), np.int64), np.zeros((cells, 2), np.int64)
        self.size = (frames[0].shape[1], frames[0].shape[0])
        """Width and height of the frames."""
        self.bytes_sent = 0
        """To the device, so far."""

    def showing(
        self, cells: Integers, regions: Regions, side: int
    ) -> Iterator[tuple[Integers, Stored, tuple[Integers, Integers]]]:
        """Which of the (N,) cells each stored block shows, and of those the pieces and their beginnings; all are shown."""
        parts = parts_of(regions, side, self.size)
        unseen = np.any((parts.low < self._low[cells]) | (parts.high > self._high[cells]), axis=1)
        if unseen.any():
            self._store(cells[unseen], parts.low[unseen], parts.high[unseen])
        for number in np.unique(self._where[cells]):
            rows = np.flatnonzero(self._where[cells] == number)
            yield rows, self._stored[number], (self._piece[cells[rows]], self._low[cells[rows]])

    def _store(self, cells: Integers, low: Integers, high: Integers) -> None:
        room = np.ceil((high - low).max(axis=0) * _ROOM / _ROUND_UP).astype(np.int64) * _ROUND_UP
        width, height = np.minimum(room, self.size).tolist()
        share = width * height * len(cells) / (self.size[0] * self.size[1] * len(np.unique(self._frame_of[cells])))
        if share > _WHOLE_FROM:
            self._store_whole()
            return
        begin = np.clip((low + high - (width, height)) // 2, 0, np.subtract(self.size, (width, height)))
        pieces = np.empty((len(cells), height, width, 3), np.uint8)
        for piece, (x, y), frame in zip(pieces, begin.tolist(), self._frame_of[cells].tolist(), strict=True):
            piece[:] = self._frames[frame][y : y + height, x : x + width]
        self._note(pieces, cells, np.arange(len(cells)))
        self._low[cells], self._high[cells] = begin, begin + (width, height)

    def _store_whole(self) -> None:
        """Every frame, for every cell."""
        every = np.arange(len(self._frame_of))
        self._note(np.stack(self._frames), every, self._frame_of)
        self._low[:], self._high[:] = 0, self.size

    def _note(self, pieces: NDArray[np.uint8], cells: Integers, numbers: Integers) -> None:
        self._where[cells], self._piece[cells] = len(self._stored), numbers
        self._stored.append(Stored(on_device(pieces, self._choice), (pieces.shape[2], pieces.shape[1])))
        self.bytes_sent += pieces.nbytes
