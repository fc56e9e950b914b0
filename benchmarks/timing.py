"""How long something takes: warmed up, repeated, the least of the processor's time and the median of the clock's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

Run = Callable[[], object]


class Spent(NamedTuple):
    """Seconds of one call."""

    cpu_s: float
    """The least processor time of any repetition: what the work costs when nothing disturbs it."""
    wall_s: float
    """The median of the clock's time."""
    calls: int


def spent(run: Run, least_s: float = 1.0, warm: int = 2, fewest: int = 5) -> Spent:
    """Call it again and again for `least_s`; a call that is too short for the clock is timed in rounds of many."""
    for _ in range(warm):
        run()
    began = time.perf_counter()
    run()
    in_round = max(1, int(0.005 / max(time.perf_counter() - began, 1e-7)))
    cpu, wall = list[float](), list[float]()
    while len(wall) < fewest or sum(wall) * in_round < least_s:
        began, began_cpu = time.perf_counter(), time.process_time()
        for _ in range(in_round):
            run()
        wall.append((time.perf_counter() - began) / in_round)
        cpu.append((time.process_time() - began_cpu) / in_round)
    return Spent(min(cpu), statistics.median(wall), in_round * len(wall))


def seconds_of(run: Run, least_s: float = 1.0, warm: int = 3) -> tuple[float, int]:
    """Median seconds of the clock per call, and how many calls; the call must end with its result at hand."""
    found = spent(run, least_s, warm)
    return found.wall_s, found.calls
