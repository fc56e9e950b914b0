"""Who spends what: seconds by stage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from time import perf_counter


class Clock:
    """Adds up the time of named stages: ``with clock("warp"): ...``, from any thread."""

    def __init__(self) -> None:
        self._spent: dict[str, float] = defaultdict(float)
        self._lock = Lock()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time what happens inside."""
        started = perf_counter()
        try:
            yield
        finally:
            spent = perf_counter() - started
            with self._lock:
                self._spent[stage] += spent

    def per(self, count: int) -> dict[str, float]:
        """Mean seconds per frame and stage, for so many frames."""
        return {stage: round(spent / max(count, 1), 5) for stage, spent in self._spent.items()}
