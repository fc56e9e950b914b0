"""How a job speaks to whoever started it: a progress bar for people, JSON lines for programs."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import UnderstudyError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tqdm import tqdm


class Console(Protocol):
    """What the command line needs to say; a console is also a `Progress`."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is."""

    def show(self, frame_index: int, points_px: NDArray[np.float32]) -> None:
        """A `Watch`: where a face is in a frame."""

    def say(self, event: str, text: str, **facts: Any) -> None:
        """One sentence for people, with its facts for programs."""

    def fail(self, error: UnderstudyError) -> None:
        """The last line on standard error: what is wrong and what to do."""

    def close(self) -> None:
        """End any open bar."""


class TerminalConsole:
    """Bars with rate and time left on standard error, results on standard output."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Move the stage's bar."""
        if self._bar is None or stage != self._stage:
            from tqdm import tqdm

            self.close()
            self._bar = tqdm(
                desc=stage, total=total or None, unit="", unit_scale=True, dynamic_ncols=True, mininterval=0.2
            )
            self._stage = stage
        self._bar.total = total or None
        self._bar.update(done - self._bar.n)

    def show(self, frame_index: int, points_px: NDArray[np.float32]) -> None:
        """A terminal shows no pictures."""

    def say(self, event: str, text: str, **facts: Any) -> None:
        """Print the sentence."""
        self.close()
        print(text, flush=True)

    def fail(self, error: UnderstudyError) -> None:
        """Print the sentence on standard error."""
        self.close()
        print(error, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class JsonConsole:
    """One JSON object per line on standard output: progress, results, the error."""

    INTERVAL_S = 0.1
    """A program does not need to hear of every frame."""
    SHOWN_EVERY_S = 0.25

    def __init__(self) -> None:
        self._last_s = self._shown_s = 0.0
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Write a progress event, not more often than a program can use."""
        now_s = time.monotonic()
        if stage != self._stage or done == total or now_s - self._last_s >= self.INTERVAL_S:
            self._write(event="progress", stage=stage, done=done, total=total)
            self._stage, self._last_s = stage, now_s

    def show(self, frame_index: int, points_px: NDArray[np.float32]) -> None:
        """Write the points a few times a second, to a tenth of a pixel."""
        now_s = time.monotonic()
        if now_s - self._shown_s >= self.SHOWN_EVERY_S:
            self._shown_s = now_s
            points = [[round(float(x), 1), round(float(y), 1)] for x, y in points_px]
            self._write(event="landmarks", frame=frame_index, points=points)

    def say(self, event: str, text: str, **facts: Any) -> None:
        """Write the event with its facts."""
        self._write(event=event, text=text, **facts)

    def fail(self, error: UnderstudyError) -> None:
        """Write the error event, and the sentence on standard error."""
        self._write(event="error", message=str(error), exit_code=error.exit_code)
        print(error, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing is held open."""

    def _write(self, **event: Any) -> None:
        print(json.dumps(event, default=str), flush=True)
