"""Pictures of a run on the device: of every face in every frame the piece around it, or whole frames where that is less.

Bytes on the device for a run of 32 frames, of one upright face 40 % as high as the frame; counted, not measured there:

| | 512 x 512, whole frames | 1920 x 1080, pieces | 3840 x 2160, pieces |
|---|---|---|---|
| pieces of coarse readings (6) | none of their own | 11 MB | 42 MB |
| pieces of all frames | 25 MB | 57 MB | 226 MB |
| `crops`: places and pixels of the parts, weighed | 104 MB | 0.45 GB | 1.8 GB |
| crops of 192 and 256 px, float32 | 40 MB | 40 MB | 40 MB |
| the networks' largest maps, two at a time | 0.3 GB | 0.3 GB | 0.3 GB |

Longer runs and more faces take proportionally more; ONNX Runtime keeps what it once had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ...media.types import Picture
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


Shown = tuple[Integers, Stored, tuple[Integers, Integers]]
"""(M,) which of the cells asked for a block shows; the block; (M,) its pieces, and (M, 2) where those begin."""


class Pictures:
    """Frames of one size, numbered from 0, for ``cells`` (a face in a frame each); bytes go to the device when needed."""

    def __init__(self, frames: Sequence[Picture], frame_of: Integers, choice: Choice) -> None:
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

    def showing(self, cells: Integers, regions: Regions, side: int) -> Iterator[Shown]:
        """Where the (N,) cells are shown, and at that what crops of ``side`` pixels of (N, 4) regions need."""
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
        self._note(np.stack([frame[:, :] for frame in self._frames]), every, self._frame_of)
        self._low[:], self._high[:] = 0, self.size

    def _note(self, pieces: NDArray[np.uint8], cells: Integers, numbers: Integers) -> None:
        self._where[cells], self._piece[cells] = len(self._stored), numbers
        self._stored.append(Stored(on_device(pieces, self._choice), (pieces.shape[2], pieces.shape[1])))
        self.bytes_sent += pieces.nbytes
