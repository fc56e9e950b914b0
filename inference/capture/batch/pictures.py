"""Pictures of a run on the device: of every face in every frame the piece around it, or whole frames where that is less.

Bytes on the device for a run of 32 frames, of one upright face 40 % as high as the frame; counted, not measured there:

| | 512 x 512, whole frames | 1920 x 1080, pieces | 3840 x 2160, pieces |
|---|---|---|---|
| pieces of coarse readings (6) | none of their own | 9 MB | 34 MB |
| pieces of all frames | 25 MB | 48 MB | 182 MB |
| `crops`: places and pixels of the parts, weighed | 104 MB | 0.45 GB | 1.8 GB |
| crops of 192 and 256 px, float32 | 40 MB | 40 MB | 40 MB |
| the networks' largest maps, two at a time | 0.3 GB | 0.3 GB | 0.3 GB |

Longer runs and more faces take proportionally more, until `crops` takes 2 to 4 GB: then batches are split. ONNX Runtime
keeps what it once had.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ...media.types import Picture
from ...networks.bound import memory_of, on_device
from ...networks.providers import Choice
from .regions import Regions
from .sampling import Integers, parts_of

_ROOM = 1.12
"""Pieces are so much larger than what they are cut for, so that readings a little beside need no other."""
_WHOLE_FROM = 0.6
"""Whole frames are taken where pieces would have so large a share of their pixels."""
_ROUND_UP = 32


@dataclass(frozen=True)
class Stored:
    """Pieces of pictures on the device."""

    pieces: ort.OrtValue
    """(M, height, width, 3) uint8."""
    size: tuple[int, int]
    """Width and height of a piece."""


Shown = tuple[Integers, Stored, tuple[Integers, Integers]]
"""(M,) which of the cells asked for a block shows; the block; (M,) its pieces, and (M, 2) where those begin."""


class Staging:
    """Memory in which pieces come together on their way to the device; used again, for fresh pages cost as much as copying.

    For one thread.
    """

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._room = np.empty(0, np.uint8)

    def room(self, *shape: int) -> NDArray[np.uint8]:
        """Room for an array, until the next one is asked for."""
        if memory_of(self._choice)[0] == "cpu":
            return np.empty(shape, np.uint8)  # what is sent there is not copied, and must last
        size = math.prod(shape)
        if size > len(self._room):
            self._room = np.empty(size, np.uint8)
        return self._room[:size].reshape(shape)

    def sent(self, array: NDArray[np.uint8]) -> ort.OrtValue:
        """The array on the device."""
        return on_device(array, self._choice)


class Pictures:
    """Frames of one size, numbered from 0, for ``cells`` (a face in a frame each); bytes go to the device when needed."""

    def __init__(self, frames: Sequence[Picture], frame_of: Integers, staging: Staging) -> None:
        """``frame_of`` (cells,) is the frame of each cell."""
        self._frames, self._frame_of, self._staging = frames, frame_of, staging
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
        pieces = self._staging.room(len(cells), height, width, 3)
        for piece, (x, y), frame in zip(pieces, begin.tolist(), self._frame_of[cells].tolist(), strict=True):
            piece[:] = self._frames[frame][y : y + height, x : x + width]
        self._note(pieces, cells, np.arange(len(cells)))
        self._low[cells], self._high[cells] = begin, begin + (width, height)

    def _store_whole(self) -> None:
        """Every frame, for every cell."""
        every = np.arange(len(self._frame_of))
        pieces = self._staging.room(len(self._frames), *self._frames[0].shape)
        for piece, frame in zip(pieces, self._frames, strict=True):
            piece[:] = frame[:, :]
        self._note(pieces, every, self._frame_of)
        self._low[:], self._high[:] = 0, self.size

    def _note(self, pieces: NDArray[np.uint8], cells: Integers, numbers: Integers) -> None:
        self._where[cells], self._piece[cells] = len(self._stored), numbers
        self._stored.append(Stored(self._staging.sent(pieces), (pieces.shape[2], pieces.shape[1])))
        self.bytes_sent += pieces.nbytes
