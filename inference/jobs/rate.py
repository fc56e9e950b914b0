"""How fast a stage goes and how long it will take, from the counts it reports."""

from __future__ import annotations

from collections import deque

WINDOW_S = 20.0
"""The rate is that of so many last seconds: what the first frames cost says little about the rest."""
SURE_AFTER_S = 1.5


class Rate:
    """Feed it the counts of one stage after another."""

    def __init__(self) -> None:
        self._stage = ""
        self._counts: deque[tuple[float, int]] = deque()

    def add(self, stage: str, done: int, now_s: float) -> None:
        """`done` steps of the stage are finished at the time `now_s`."""
        if stage != self._stage or (self._counts and done < self._counts[-1][1]):
            self._counts.clear()
            self._stage = stage
        self._counts.append((now_s, done))
        while self._counts[-1][0] - self._counts[0][0] > WINDOW_S:
            self._counts.popleft()

    def per_second(self) -> float | None:
        """Steps per second; None while it is too early to tell."""
        if not self._counts:
            return None
        (first_s, first), (last_s, last) = self._counts[0], self._counts[-1]
        if last_s - first_s < SURE_AFTER_S or last <= first:
            return None
        return (last - first) / (last_s - first_s)

    def left_s(self, total: int) -> float | None:
        """Seconds until `total` steps are finished; None while it is too early to tell."""
        speed = self.per_second()
        return None if speed is None or not total else max(total - self._counts[-1][1], 0) / speed
