"""The landmarks of takes as they are drawn: read once, found by the frame of the footage, never read while drawing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference import take as takes
from ...inference.errors import InputError

_KEPT = 3
"""Takes of as many scenes; 5,000 frames are 20 MB."""
_SAME_RATE = 1e-3
_EARLY_FRAMES = 0.05
"""Times are rounded in some containers: a frame that begins this little later is the one that is shown."""


@dataclass(frozen=True)
class TakePoints:
    """What a take shows over its footage."""

    first: int
    """Frame of the footage with which the take begins."""
    fps: float
    """The take's mean rate."""
    time_s: NDArray[np.float64]
    """(T,) when each frame begins, from the first one on, ascending."""
    points_px: NDArray[np.float32]
    """(T, 478, 2), NaN where the face is lost."""
    confidence: NDArray[np.float32]
    """(T,)"""
    frame_size: tuple[int, int]

    def row(self, frame: int, player_fps: float = 0.0) -> int | None:
        """Which frame of the take is shown when a player is at `frame`; None outside of the take and where the face is
        lost.

        Blender plays footage without a constant rate at a rate of its own, `player_fps`; 0 means the take's.
        """
        # What differs by rounding only (29.97) is one rate: frame numbers must not drift apart.
        fps = player_fps if player_fps and abs(player_fps / self.fps - 1) > _SAME_RATE else self.fps
        position, frame = self.time_s * fps, frame - self.first
        row = int(np.searchsorted(position, frame + _EARLY_FRAMES, side="right")) - 1
        if row < 0 or (row == len(position) - 1 and frame >= position[row] + 1 - _EARLY_FRAMES):
            return None
        return row if self.confidence[row] > 0 else None


_read: dict[str, TakePoints | None] = {}
_wanted: set[str] = set()


def of_take(take: takes.Take) -> TakePoints:
    """What drawing needs of a take. Players count in a constant rate, so frames of a varying one are found by time."""
    first = int(take.frame_index[0]) if len(take) else 0
    time_s = take.time_s - take.time_s[0] if len(take) else take.time_s
    return TakePoints(first, float(take.fps), time_s, take.landmarks_px, take.confidence, take.frame_size)


def remember(path: Path, take: takes.Take | None) -> None:
    """Keep what was read from a file; the take that was read first goes when there are too many."""
    _read.pop(str(path), None)
    while len(_read) >= _KEPT:
        del _read[next(iter(_read))]
    _read[str(path)] = of_take(take) if take is not None else None


def find(path: Path, then: Callable[[], None]) -> TakePoints | None:
    """The landmarks of a take if they were read; else they will be when Blender is idle, and `then` is called."""
    key = str(path)
    if key in _read:
        return _read[key]
    if key not in _wanted:
        _wanted.add(key)
        bpy.app.timers.register(lambda: _read_now(path, then), first_interval=0.0)
    return None


def forget() -> None:
    """Let go of everything."""
    _read.clear()
    _wanted.clear()


def _read_now(path: Path, then: Callable[[], None]) -> None:
    """A timer that runs once: read a take that a redraw asked for."""
    key = str(path)
    if key not in _wanted:  # forgotten meanwhile
        return
    _wanted.discard(key)
    try:
        remember(path, takes.load(path))
    except InputError:
        remember(path, None)
    then()
