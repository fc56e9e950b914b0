"""The source's clock: times that start at 0, always advance, and go on after a reconnection."""

from __future__ import annotations

from fractions import Fraction

_ASTRAY_S = 2.0
"""A live source whose times leave the wall clock by more than this has been set anew."""


class SourceClock:
    """Gives every frame its time."""

    def __init__(self, live: bool) -> None:
        """`live`: frames come when they are made, so that the wall clock tells how long a gap was."""
        self._live = live
        self._last_s: float | None = None
        self._arrived_s = 0.0
        self._anchor: tuple[float, float] | None = None

    def reopen(self) -> None:
        """The source's own times begin anew."""
        self._anchor = None

    def stamp(self, own_s: float | None, arrived_s: float, rate: Fraction) -> float:
        """The time of a frame that says it is shown at `own_s`."""
        if self._last_s is None:
            return self._note(0.0, own_s, arrived_s)
        passed_s = arrived_s - self._arrived_s if self._live else float(1 / rate)
        expected_s = self._last_s + max(passed_s, 1e-3)
        if own_s is None or self._anchor is None:
            return self._note(expected_s, own_s, arrived_s)
        time_s = self._anchor[1] + own_s - self._anchor[0]
        astray = self._live and abs(time_s - expected_s) > _ASTRAY_S
        if time_s <= self._last_s or astray:
            return self._note(expected_s, own_s, arrived_s)
        self._last_s, self._arrived_s = time_s, arrived_s
        return time_s

    def _note(self, time_s: float, own_s: float | None, arrived_s: float) -> float:
        """From here on the source's own times count from this frame."""
        self._anchor = None if own_s is None else (own_s, time_s)
        self._last_s, self._arrived_s = time_s, arrived_s
        return time_s
