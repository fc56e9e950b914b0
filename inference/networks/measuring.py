"""How fast the networks of capture are on one device: the work of one process, which a provider may take down with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, cast

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from .providers import CPU, choose
from .registry import Form, network
from .sessions import exact_form, has_form, open_session
from .tuned import Measured

FOLLOWED = ("face_landmarks_attention", "face_points")
"""The networks that read every face of every frame."""
NETWORKS = (*FOLLOWED, "face_detector_full")
BATCHES = (1, 8)
_LEAST_S = 0.4
_LEAST_RUNS = 5
_NO_NUMBER = 1e6
_pool = ThreadPoolExecutor(len(FOLLOWED))


def forms_of(provider: str) -> tuple[Form, ...]:
    """The forms that are worth measuring with a provider: the CPU has no arithmetic of half precision."""
    exact = exact_form(provider)
    return (exact, "half") if provider != CPU and any(has_form(name, "half") for name in NETWORKS) else (exact,)


def measure(device: str, form: str, threads: int, since_s: float) -> Measured:
    """Open the networks on a device, and time them; ``since_s``: when the process was started (`time.time`).

    Raises as `open_session` does.
    """
    sessions = {name: _open(name, device, form, threads) for name in NETWORKS}
    faces = {name: _images(name, 1) for name in NETWORKS}
    found = {name: sessions[name].run(None, {"image": faces[name]}) for name in NETWORKS}
    start_s = max(time.time() - since_s, 0.0)
    exact = {name: _open(name, "cpu", "cpu", 1).run(None, {"image": faces[name]}) for name in NETWORKS}
    networks_ms = {
        name: {str(batch): _time(partial(_run, {name: session}, batch), batch)[0] for batch in BATCHES}
        for name, session in sessions.items()
    }
    followed = {name: sessions[name] for name in FOLLOWED}
    face_ms, processor_ms = min(_time(partial(_run, followed, batch), batch) for batch in BATCHES)
    deviation = round(max(_deviation(found[name], exact[name]) for name in NETWORKS), 9)
    return Measured(device, form, threads, face_ms, processor_ms, round(start_s, 2), deviation, networks_ms)


def _open(name: str, device: str, form: str, threads: int) -> ort.InferenceSession:
    """The wanted form of a network, or its exact one where it has no such form."""
    wanted = cast(Form, form)
    return open_session(
        name, device, threads, wanted if has_form(name, wanted) else exact_form(choose(device).provider)
    )


def _run(sessions: dict[str, ort.InferenceSession], batch: int) -> None:
    """One run of each, side by side in a thread each, as while a shot is tracked."""
    jobs = [_pool.submit(session.run, None, {"image": _images(name, batch)}) for name, session in sessions.items()]
    for job in jobs:
        job.result()


@cache
def _images(name: str, batch: int) -> NDArray[np.float32]:
    """Soft coloured blots in the range that a network takes: as smooth as crops of films are."""
    side = cast(int, network(name).inputs[0].shape[1])
    coarse = np.random.default_rng(0).random((batch, 8, 8, 3))
    rows = np.linspace(0, 7, side)
    columns = np.minimum(rows.astype(int), 6)
    share = (rows - columns)[:, None, None]
    tall = coarse[:, columns] * (1 - share) + coarse[:, columns + 1] * share
    share = share[:, 0]
    full = tall[:, :, columns] * (1 - share) + tall[:, :, columns + 1] * share
    return np.ascontiguousarray(full * 2 - 1 if "-1" in network(name).inputs[0].meaning else full, np.float32)


def _time(run: Callable[[], None], batch: int) -> tuple[float, float]:
    """Milliseconds of one item, by the clock and of the processor: the least of some runs, for other work only adds."""
    for _ in range(2):
        run()
    took_ms: list[tuple[float, float]] = []
    begun_s = time.perf_counter()
    while len(took_ms) < _LEAST_RUNS or time.perf_counter() - begun_s < _LEAST_S:
        clock_s, processor_s = time.perf_counter(), time.process_time()
        run()
        took_ms.append(((time.perf_counter() - clock_s) * 1e3, (time.process_time() - processor_s) * 1e3))
    clock_ms, processor_ms = (min(values) / batch for values in zip(*took_ms, strict=True))
    return round(clock_ms, 3), round(processor_ms, 3)


def _deviation(found: list[NDArray[Any]], exact: list[NDArray[Any]]) -> float:
    """The largest difference, as a share of each output's largest value."""
    shares = [
        np.abs(one - other).max() / max(float(np.abs(other).max()), 1e-6)
        for one, other in zip(found, exact, strict=True)
    ]
    return min(float(np.nan_to_num(shares, nan=_NO_NUMBER).max()), _NO_NUMBER)
