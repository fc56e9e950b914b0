"""The benchmark of whole runs: what is told of several, the movies that it makes, and that ours comes to a take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from understudy.inference.media import probe


@pytest.fixture(scope="module")
def bench(benchmarks: Callable[[str], ModuleType]) -> ModuleType:
    return benchmarks("pipeline")


def test_of_several_runs_the_best_times_and_the_most_memory_count(bench: ModuleType) -> None:
    runs = [
        {"wall_s": 2.0, "cpu_s": 3.0, "solve_s": 0.5, "frames": 100, "seen": 99, "memory_mib": 300},
        {"wall_s": 2.5, "cpu_s": 2.0, "solve_s": 0.6, "frames": 100, "seen": 99, "memory_mib": 320},
    ]
    assert bench.best(runs) == {
        "frames": 100,
        "seen": 99,
        "fps": 50.0,
        "wall_ms": 20.0,
        "cpu_ms": 20.0,
        "solve_ms": 5.0,
        "memory_mib": 320,
    }


def test_a_clip_is_enlarged_there_and_back(
    bench: ModuleType, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.tempfile, "gettempdir", lambda: str(tmp_path))
    path = bench.enlarged(shared / "data" / "clips" / "s32.mp4", 200, 8)
    info = probe(path)
    assert (info.width, info.height, info.frame_count, info.codec) == (356, 200, 8, "h264")
    written = path.stat().st_mtime_ns
    assert bench.enlarged(shared / "data" / "clips" / "s32.mp4", 200, 8) == path
    assert path.stat().st_mtime_ns == written, "made once"


def test_ours_comes_from_file_to_take(bench: ModuleType, shared: Path) -> None:
    found = bench.understudy(shared / "data" / "clips" / "d0.mp4", "fast")
    assert found["frames"] == found["seen"] == 78
    assert 0 < found["track_s"] < found["wall_s"]
    assert found["solve_s"] > 0
