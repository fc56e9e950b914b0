"""Steps at the same time: a stream made some items ahead in a thread of its own, calls beside a stream, calls behind.

Decoding, networks, OpenCV, most of NumPy and encoding leave Python's lock while they work, so threads are enough. Every
result comes in the order, and every failure in the class and at the place, in which one thread alone would bring it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from typing import ParamSpec, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")
Arguments = ParamSpec("Arguments")


def ahead(stream: Iterable[Item], size: int) -> Generator[Item]:
    """The same items in the same order; up to ``size`` of them are made while the last one is being used.

    What goes wrong in the making is raised here, where the item would have come. Closing it ends the thread, and leaves
    the stream to whoever made it.
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
            _forget(waiting)


def beside(
    call: Callable[[Item], Made], stream: Iterable[Item], size: int, pool: Executor | None = None
) -> Generator[Made]:
    """What a call makes of every item, in order; it is made in a thread while the stream goes on here.

    At most ``size`` items are under way when one is handed out. When the stream fails, all that came before is handed
    out first. Without a ``pool`` of threads, which may make several items at a time, there is one thread.
    """
    with nullcontext(pool) if pool is not None else ThreadPoolExecutor(1) as threads:
        waiting: deque[Future[Made]] = deque()
        streaming = True
        try:
            try:
                for item in stream:
                    streaming = False
                    waiting.append(threads.submit(call, item))
                    if len(waiting) > size:
                        yield waiting.popleft().result()
                    streaming = True
            finally:
                while streaming and waiting:
                    yield waiting.popleft().result()
        finally:
            _forget(waiting)
            # A pool that was shut down tells nobody of what was cancelled: waiting for that would never end.
            wait([one for one in waiting if not one.cancelled()])


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


def _forget(waiting: Iterable[Future[Made]]) -> None:
    """What has not begun is never done."""
    for unwanted in waiting:
        unwanted.cancel()
