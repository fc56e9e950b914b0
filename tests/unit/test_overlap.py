"""Steps at the same time: order, bounds, failures, and nothing left running."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from understudy.inference.errors import InputError
from understudy.inference.overlap import ahead, behind, beside


def test_ahead_keeps_order_and_runs_no_farther_than_told():
    made: list[int] = []
    threads = set()

    def numbers():
        for number in range(20):
            made.append(number)
            threads.add(threading.get_ident())
            yield number

    taken = []
    for number in ahead(numbers(), 3):
        assert len(made) <= number + 1 + 3
        taken.append(number)
    assert taken == list(range(20))
    assert threads == {*threads} - {threading.get_ident()}


def test_ahead_raises_where_the_item_would_have_come_and_closes_what_it_leaves():
    closed = []

    def numbers():
        try:
            yield 1
            yield 2
            raise InputError("broken")
        finally:
            closed.append(True)

    stream = ahead(numbers(), 2)
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(InputError, match="broken"):
        next(stream)
    left = ahead(numbers(), 1)
    next(left)
    left.close()
    del left
    assert closed == [True, True]


def test_behind_keeps_order_and_tells_of_failures():
    written: list[int] = []

    def write(number: int) -> None:
        if number == 5:
            raise InputError("disk full")
        written.append(number)

    def write_all() -> None:
        with behind(write, 2) as later:
            for number in range(100):
                later(number)

    with pytest.raises(InputError, match="disk full"):
        write_all()
    assert written[:5] == [0, 1, 2, 3, 4]
    assert len(written) < 20


def test_beside_does_what_one_thread_would_and_lets_no_more_wait_than_told():
    started: list[int] = []
    threads = set()

    def stream():
        for number in range(20):
            started.append(number)
            yield number

    def square(number: int) -> int:
        threads.add(threading.get_ident())
        return number * number

    taken = []
    for made in beside(square, stream(), 3):
        taken.append(made)
        assert len(started) <= len(taken) + 3
    assert taken == [number * number for number in range(20)]
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


def test_beside_hands_out_what_came_before_the_stream_failed():
    def stream():
        yield from range(5)
        raise KeyboardInterrupt

    taken: list[float] = []
    with pytest.raises(KeyboardInterrupt):
        taken.extend(beside(float, stream(), 3))
    assert taken == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_beside_raises_a_failed_call_in_its_place_and_does_not_begin_the_rest():
    begun: list[int] = []

    def call(number: int) -> int:
        begun.append(number)
        if number == 2:
            raise InputError("torn")
        return number

    taken: list[int] = []
    with pytest.raises(InputError, match="torn"):
        taken.extend(beside(call, range(1000), 2))
    assert taken == [0, 1]
    assert max(begun) < 10


def test_beside_with_a_pool_makes_items_at_the_same_time_in_the_stream_s_order():
    both = threading.Barrier(2, timeout=30)

    def call(number: int) -> int:
        both.wait()
        return number

    with ThreadPoolExecutor(2) as pool:
        assert list(beside(call, range(20), 3, pool)) == list(range(20))
        with pytest.raises(InputError):
            list(beside(call, stopping_after(4), 3, pool))
        assert pool.submit(int, "3").result() == 3, "the pool is its owner's"


def stopping_after(count: int):
    yield from range(count)
    raise InputError("torn")


def test_beside_ends_when_its_pool_was_shut_down_before_it():
    second, go_on = threading.Event(), threading.Event()

    def call(number: int) -> int:
        if number == 1:
            second.set()
            go_on.wait(30)
        return number

    pool = ThreadPoolExecutor(1)
    stream = beside(call, range(20), 3, pool)
    assert next(stream) == 0
    assert second.wait(30)
    pool.shutdown(wait=False, cancel_futures=True)
    go_on.set()
    closing = threading.Thread(target=stream.close, daemon=True)
    closing.start()
    closing.join(10)
    assert not closing.is_alive(), "waits for calls that nobody will make"


@pytest.mark.parametrize("taken", [0, 1, 4])
def test_streams_that_are_left_early_leave_no_thread(taken):
    before = threading.active_count()
    for stream in (ahead(iter(range(9)), 3), beside(float, iter(range(9)), 3)):
        for _ in range(taken):
            next(stream)
        stream.close()
    assert threading.active_count() == before
