"""The neutral calibration: for two seconds the actor holds a neutral face."""

from __future__ import annotations

NEUTRAL_S = 2.0
_LONGEST_STEP_S = 0.2
"""A gap between frames counts as no more than this."""


class Calibration:
    """How far it is: the time during which a face was seen counts."""

    def __init__(self) -> None:
        self.running = False
        self.progress = 0.0
        """0..1; 1 once it is over."""
        self.refused = False
        """Whether the face moved in the last one, which then changed nothing."""
        self._counted_s = 0.0
        self._last_s: float | None = None

    def begin(self) -> None:
        """From the next frame on the face is neutral."""
        self.running, self.progress, self.refused = True, 0.0, False
        self._counted_s, self._last_s = 0.0, None

    def count(self, time_s: float, seen: bool) -> bool:
        """Count a frame; returns whether it was the last one that is needed."""
        step_s = 0.0 if self._last_s is None else min(max(time_s - self._last_s, 0.0), _LONGEST_STEP_S)
        self._last_s = time_s
        if seen:
            self._counted_s += step_s
        self.progress = min(self._counted_s / NEUTRAL_S, 1.0)
        # Sums of frame times may miss a whole number by a bit.
        if self.progress > 1.0 - 1e-6:
            self.running, self.progress = False, 1.0
            return True
        return False
