"""How long work tells how far it is.

A `Progress` is called as ``progress(stage, done, total)``; it may raise `StoppedError` to end the work.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Progress(Protocol):
    """Called after every frame or step; ``total`` is 0 while it is unknown."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` steps of a stage are finished."""


def silent(stage: str, done: int, total: int) -> None:
    """Report to nobody."""


class Watch(Protocol):
    """Called with what was seen in a frame, for whoever wants to look on."""

    def __call__(self, frame_index: int, points_px: NDArray[np.float32]) -> None:
        """A face has its (478, 2) points there in that frame of the source."""


def unwatched(frame_index: int, points_px: NDArray[np.float32]) -> None:
    """Nobody looks on."""
