"""How many samples come in a second, lately."""

from __future__ import annotations

from collections import deque

_OVER_S = 1.0


class Rate:
    """Counts over the last second."""

    def __init__(self) -> None:
        self._times_s: deque[float] = deque()

    def add(self, now_s: float) -> float:
        """Count one; returns how many there are in a second."""
        self._times_s.append(now_s)
        while now_s - self._times_s[0] > _OVER_S:
            self._times_s.popleft()
        passed_s = now_s - self._times_s[0]
        return (len(self._times_s) - 1) / passed_s if passed_s > 0 else 0.0
