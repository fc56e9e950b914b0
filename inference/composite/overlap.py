"""Steps at the same time: a stream that is made a few items ahead in a thread of its own, and calls that follow behind.

Decoding, OpenCV, most of NumPy and encoding leave Python's lock while they work, so threads are enough.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

Item = TypeVar("Item")
Arguments = ParamSpec("Arguments")


def ahead(stream: Iterable[Item], size: int) -> Iterator[Item]:
    """The same items in the same order; up to ``size`` of them are made while the last one is being used.

    What goes wrong in the making is raised here, where the item would have come.
    """
    making = iter(stream)
    end = object()
    with ThreadPoolExecutor(1) as thread:
        waiting: deque[Future[Item | object]] = deque(thread.submit(next, making, end) for _ in range(size))
        try:
            while (item := waiting.popleft().result()) is not end:
                waiting.append(thread.submit(next, making, end))
                yield item  # type: ignore[misc]
        finally:
            for unwanted in waiting:
                unwanted.cancel()


@contextmanager
def behind(call: Callable[Arguments, object], size: int) -> Iterator[Callable[Arguments, None]]:
    """A call that returns at once and is done in a thread, in order; at most ``size`` wait to be done.

    What goes wrong is raised by one of the next calls, or at the end.
    """
    waiting: deque[Future[object]] = deque()

    def later(*arguments: Arguments.args, **named: Arguments.kwargs) -> None:
        waiting.append(thread.submit(call, *arguments, **named))
        while len(waiting) > size:
            waiting.popleft().result()

    with ThreadPoolExecutor(1) as thread:
        yield later
        for last in waiting:
            last.result()
