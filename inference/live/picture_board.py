"""The newest picture for whoever shows it: memory that two programs of this machine share. No queue: two places, written
in turns.

On Windows the memory goes away with the last program that holds it; elsewhere it is a file without a name as soon as the
writer has opened it, so that no crash leaves anything behind.
"""

from __future__ import annotations

import mmap
import os
import secrets
import struct
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

LONGEST_SIDE = 640
_COUNT = struct.Struct("<Q")
_HEAD = struct.Struct("<QQIIfI")
"""Count of pictures before and with this one (0 while it is written), frame, width, height, focal length, nothing."""
_PIXELS = LONGEST_SIDE * LONGEST_SIDE * 4
_PLACE = _HEAD.size + _PIXELS
BYTES = _COUNT.size + 2 * _PLACE
_IN_MEMORY = Path("/dev/shm")
_PREFIX = "understudy-live-"


@dataclass(frozen=True, eq=False)
class BoardPicture:
    """A picture as Blender wants it."""

    count: int
    """How many were shown before, and this one."""
    frame: int
    """As the sample's that was made of it."""
    focal: float
    """Focal length of the camera, in widths of the picture."""
    rgba: NDArray[np.uint8]
    """(H, W, 4), the bottom row first."""


class PictureBoard:
    """Who looks makes the memory; who shows opens it by `name`."""

    def __init__(self) -> None:
        """Raises `InputError` where the system has no room."""
        try:
            if sys.platform == "win32":
                self.name = f"{_PREFIX}{os.getpid()}-{secrets.token_hex(8)}"
                self._memory = mmap.mmap(-1, BYTES, tagname=self.name)
            else:
                folder = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None
                handle, self.name = tempfile.mkstemp(prefix=_PREFIX, dir=folder)
                try:
                    os.ftruncate(handle, BYTES)
                    self._memory = mmap.mmap(handle, BYTES)
                finally:
                    os.close(handle)
        except OSError as error:
            raise InputError(
                f"There is no room for the live picture: {error.strerror}; close other programs."
            ) from error

    def newest(self, frame: int = -1) -> BoardPicture | None:
        """The picture of a frame while it is there, else the newest; None before the first, and while it is exchanged."""
        newest = int(_COUNT.unpack_from(self._memory)[0])
        if not newest:
            return None
        places = [newest % 2, (newest + 1) % 2]
        heads = [_head(self._memory, place) for place in places]
        n = 1 if heads[1][0] and heads[1][1] == frame != heads[0][1] else 0
        count, shown, width, height, focal, _ = heads[n]
        if not count or not 0 < width <= LONGEST_SIDE or not 0 < height <= LONGEST_SIDE:
            return None
        rgba = _pixels(self._memory, places[n], width, height).copy()
        if _head(self._memory, places[n]) != heads[n]:
            return None
        return BoardPicture(count, shown, focal, rgba)

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()
        _unname(self.name)


class BoardWriter:
    """Shows pictures on somebody's board; never waits."""

    def __init__(self, name: str) -> None:
        """Raises `InputError` where there is no such board."""
        try:
            if sys.platform == "win32":
                self._memory = mmap.mmap(-1, BYTES, tagname=name)
            else:
                self._memory = _mapped(Path(name))
                _unname(name)
        except (OSError, ValueError) as error:
            raise InputError(f"There is no place for pictures called {name}; start live from Blender.") from error
        self._count = 0

    def show(self, rgba: NDArray[np.uint8], frame: int, focal: float) -> None:
        """Show a picture (H, W, 4), neither side longer than `LONGEST_SIDE`, its bottom row first."""
        height, width = rgba.shape[:2]
        self._count += 1
        place = self._count % 2
        _HEAD.pack_into(self._memory, _at(place), 0, frame, width, height, focal, 0)
        _pixels(self._memory, place, width, height)[:] = rgba
        _HEAD.pack_into(self._memory, _at(place), self._count, frame, width, height, focal, 0)
        _COUNT.pack_into(self._memory, 0, self._count)

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()


def _mapped(path: Path) -> mmap.mmap:
    """Only what a board made: a file of ours, as long as one."""
    handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        if not path.name.startswith(_PREFIX) or os.fstat(handle).st_size != BYTES:
            raise ValueError(path)
        return mmap.mmap(handle, BYTES)
    finally:
        os.close(handle)


def _unname(name: str) -> None:
    if sys.platform != "win32":
        with suppress(OSError):
            Path(name).unlink()


def _at(place: int) -> int:
    return _COUNT.size + place * _PLACE


def _head(memory: mmap.mmap, place: int) -> tuple[int, int, int, int, float, int]:
    count, frame, width, height, focal, nothing = _HEAD.unpack_from(memory, _at(place))
    return count, frame, width, height, focal, nothing


def _pixels(memory: mmap.mmap, place: int, width: int, height: int) -> NDArray[np.uint8]:
    found = np.frombuffer(memory, np.uint8, width * height * 4, _at(place) + _HEAD.size)
    return found.reshape(height, width, 4)
