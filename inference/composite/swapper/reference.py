"""The reference-expression library: which rendered frame shows the avatar most like the actor looks in another frame.

It finds the sources of the network swapper, whose idea of who someone is depends a little on how he looks, and the
stand-in for a plate that has no render of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...take import Take
from ..types import Floats

TURN: Final = np.radians(30)
"""Radians; a head turned this far counts as much as one expression from none to full."""
SOFTNESS: Final = 0.35
"""Distance over which one source gives way to the next: no switch is ever seen."""
STAND_IN: Final = 0.6
"""Distance up to which a rendered frame may stand in for another one."""


class ExpressionLibrary:
    """The rendered frames of a take, by expression and by the turn of the head."""

    def __init__(self, take: Take, frame_indices: Iterable[int]) -> None:
        """``frame_indices`` are the source frames that have a render."""
        wanted = set(frame_indices)
        seen = (take.confidence > 0) & np.isfinite(take.coefficients).all(1) & np.isfinite(take.rotation).all((1, 2))
        self._take = take
        self._row_of = {int(index): row for row, index in enumerate(take.frame_index)}
        self._rows = np.array([row for row, index in enumerate(take.frame_index) if int(index) in wanted and seen[row]])

    def __len__(self) -> int:
        return len(self._rows)

    def nearest(self, frame_index: int) -> tuple[int, float] | None:
        """The rendered frame most like a frame of the take, and how far it is; None when either is not known."""
        row = self._row_of.get(frame_index)
        if row is None or not len(self._rows):
            return None
        distances = self._distances(row, self._rows)
        best = int(distances.argmin())
        return int(self._take.frame_index[self._rows[best]]), float(distances[best])

    def sources(self, count: int) -> list[int]:
        """At most ``count`` rendered frames that show who it is: the calmest and most frontal, then what differs most."""
        if not len(self._rows):
            return []
        facing = self._take.rotation[self._rows, 2, 2]
        unrest = self._take.coefficients[self._rows].sum(1) + 10 * (1 - facing)
        chosen = [int(self._rows[unrest.argmin()])]
        # A recogniser knows faces by their front.
        frontal = self._rows[facing >= min(np.cos(TURN), facing.max())]
        while len(chosen) < count:
            apart = np.min([self._distances(row, frontal) for row in chosen], axis=0)
            if apart.max() < SOFTNESS / 2:
                break
            chosen.append(int(frontal[apart.argmax()]))
        return [int(self._take.frame_index[row]) for row in chosen]

    def shares(self, frame_index: int, sources: list[int]) -> Floats:
        """(K,) how much each source counts for a frame; they sum to one and change as gently as the expression."""
        row = self._row_of.get(frame_index)
        if row is None or not np.isfinite(self._take.coefficients[row]).all():
            return np.full(len(sources), 1 / len(sources), np.float32)
        distances = self._distances(row, np.array([self._row_of[index] for index in sources]))
        nearness = np.exp(-0.5 * ((distances - distances.min()) / SOFTNESS) ** 2)
        shares: Floats = (nearness / nearness.sum()).astype(np.float32)
        return shares

    def _distances(self, row: int, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """(R,) between a row of the take and others: coefficients (0..1 each) and the turn of the head."""
        take = self._take
        expression = np.linalg.norm(take.coefficients[rows] - take.coefficients[row], axis=1)
        cosine = (np.einsum("rij,ij->r", take.rotation[rows], take.rotation[row]) - 1) / 2
        apart: NDArray[np.float64] = np.hypot(expression, np.arccos(np.clip(cosine, -1, 1)) / TURN)
        return apart
