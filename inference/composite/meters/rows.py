"""What was measured, frame by frame."""

from __future__ import annotations

from array import array
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..types import Floats

Row = dict[str, float]


class Rows:
    """A table with a row per frame, NaN where nothing was measured; a few hundred bytes a frame."""

    def __init__(self) -> None:
        self._indices = array("q")
        self._columns: dict[str, array[float]] = {}

    def add(self, frame_index: int, row: Mapping[str, float]) -> None:
        """One frame's figures."""
        for name in row.keys() - self._columns.keys():
            self._columns[name] = array("f", [float("nan")] * len(self._indices))
        for name, column in self._columns.items():
            column.append(row.get(name, float("nan")))
        self._indices.append(frame_index)

    @property
    def frame_index(self) -> NDArray[np.int64]:
        """(N,) the frames that were measured."""
        return np.array(self._indices, np.int64)

    def column(self, name: str) -> Floats:
        """(N,) one figure of every frame; all NaN when it was never measured."""
        stored = self._columns.get(name)
        return np.full(len(self._indices), np.nan, np.float32) if stored is None else np.array(stored, np.float32)

    @property
    def names(self) -> tuple[str, ...]:
        """What was measured."""
        return tuple(sorted(self._columns))
