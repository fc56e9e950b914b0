"""A stream seen through a window: every frame together with its neighbours before and after it, so filters need no lag."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..types import Floats

Item = TypeVar("Item")


def windows(stream: Iterable[Item], radius: int) -> Iterator[tuple[Item, tuple[Item, ...], int]]:
    """Each item, the items at most ``radius`` away (itself included) and its own place among them.

    At most ``2 * radius + 1`` items are held, however long the stream is.
    """
    held: deque[Item] = deque(maxlen=2 * radius + 1)
    ahead = 0
    for item in stream:
        held.append(item)
        ahead += 1
        if ahead > radius:
            place = len(held) - 1 - radius
            yield held[place], tuple(held), place
    for remaining in range(min(radius, ahead), 0, -1):
        place = len(held) - remaining
        yield held[place], tuple(held)[max(0, place - radius) :], min(place, radius)


def run_around(items: Sequence[Item], place: int, is_joined: Callable[[Item, Item], bool]) -> list[tuple[int, Item]]:
    """The neighbours reached from ``place`` without a break, with their offsets; breaks are cuts and lost faces."""
    run = [(0, items[place])]
    for step in (-1, 1):
        here = place
        while 0 <= here + step < len(items):
            before, after = sorted((here, here + step))
            if not is_joined(items[before], items[after]):
                break
            here += step
            run.append((here - place, items[here]))
    return sorted(run, key=lambda entry: entry[0])


def gaussian_mean(offsets: Sequence[int], values: Sequence[NDArray[np.floating[Any]]], sigma: float) -> Floats:
    """Weighted mean over time, for parameters that should hardly change."""
    weights = np.exp(-0.5 * (np.asarray(offsets) / sigma) ** 2)
    return np.tensordot(weights / weights.sum(), np.stack(values), 1).astype(np.float32)
