"""docs/performance.md: its tables are what the results say, what was not measured is owed, and the last run counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
FACTS = {
    "benchmark": "x",
    "machine": "a machine, 2 cores",
    "tree": "abc",
    "date": "today",
    "load": 0,
    "command": "x.py",
}


@pytest.fixture(scope="module")
def page(benchmarks: Callable[[str], ModuleType]) -> ModuleType:
    return benchmarks("performance_page")


def write(folder: Path, name: str, *lines: dict[str, object]) -> None:
    """A results file."""
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def made(page: ModuleType, name: str, folder: Path) -> str:
    """One table of the page."""
    return str(page.filled(f"before\n<!-- figures: {name} -->\nold\n<!-- end -->\nafter", folder))


def test_the_page_is_what_the_results_say(page: ModuleType) -> None:
    text = page.PAGE.read_text("utf-8")
    assert page.filled(text, page.RESULTS) == text, "run `python3 run.py bench performance_page`"
    assert {name for name in page.TABLES if f"<!-- figures: {name} -->" in text} == set(page.TABLES)


def test_text_around_a_table_stays(page: ModuleType, tmp_path: Path) -> None:
    assert made(page, "peak", tmp_path) == f"before\n<!-- figures: peak -->\n{page.NOTHING}\n<!-- end -->\nafter"


def test_an_unknown_table_is_an_error(page: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="speed"):
        made(page, "speed", tmp_path)


def test_only_the_last_run_of_a_file_counts(page: ModuleType, tmp_path: Path) -> None:
    def peak(value: float) -> dict[str, object]:
        return {"part": "peak", "figure": "memory, one core", "value": value, "unit": "GB/s"}

    write(tmp_path, "floor", FACTS, peak(10), FACTS, peak(20))
    assert "| memory, one core | 20 GB/s |" in made(page, "peak", tmp_path)
    assert "10 GB/s" not in made(page, "peak", tmp_path)
    write(tmp_path, "floor", peak(10))
    assert page.NOTHING in made(page, "peak", tmp_path), "nobody knows where these lines come from"


def test_without_results_all_that_was_aimed_at_is_owed(page: ModuleType, tmp_path: Path) -> None:
    table = made(page, "targets", tmp_path)
    assert table.count("**owed**") == 6


def test_targets_are_read_from_the_runs(page: ModuleType, tmp_path: Path) -> None:
    def capture(system: str, value: float) -> dict[str, object]:
        return {"clip": "d0", "system": system, "figure": "cpu", "value": value, "unit": "ms/frame"}

    write(
        tmp_path, "capture", FACTS,
        capture("understudy", 6.5), capture("understudy solve", 3.0), capture("mediapipe face landmarker", 7.8),
    )  # fmt: skip
    write(
        tmp_path, "pipeline", FACTS,
        {"lines": 1080, "system": "understudy", "fps": 150.0},
        {"lines": 1080, "system": "mediapipe face landmarker", "fps": 100.0},
    )  # fmt: skip
    live = {"source_fps": 60, "recording": False, "received_fps": 59.9, "dropped_percent": 0.1, "event_ms_median": 14.0}
    write(
        tmp_path, "live_latency", FACTS, {**live, "event_ms_p95": 18.0, "memory_growth_mb": 0.4, "seconds": 600},
        {"where": "Blender 4.5", "tick_ms_median": 1.2, "tick_ms_p95": 2.5,
         "event_to_avatar_ms_median": 24.0, "event_to_avatar_ms_p95": 30.0},
    )  # fmt: skip
    on_a_card = [
        {"part": "capture", "case": case, "stage": stage, "kind": "float16", "fps": fps}
        for case, stage, fps in (
            ("1080p, 1 face", "capture naive chain", 150.0),
            ("1080p, 1 face", "networks alone, one picture at a time", 200.0), ("1080p, 1 face", "capture batch 32", 2500.0),
            ("1080p, 1 face", "stage crops, batch 32", 90000.0), ("512, 1 face", "capture batch 32", 5000.0),
        )
    ]  # fmt: skip
    write(tmp_path, "gpu", {**FACTS, "device": "cpu"}, *on_a_card)
    assert "| tick ms median | 1.2 |" in made(page, "live", tmp_path)
    assert "| source fps | 60 |" in made(page, "live", tmp_path)
    table = made(page, "targets", tmp_path)
    assert "standard 9.5 ms" in table
    assert "7.8 ms in the same run" in table
    assert "standard 150 fps, 1.5 times" in table
    assert "event to sample 14 ms (95 %: 18 ms), to Blender's avatar 24 ms (95 %: 30 ms)" in table
    assert "| 1.2 ms (95 %: 2.5 ms) | `bench live_latency --blender` |" in table
    assert "2,500 fps" not in table, "what ran on the processor says nothing of a card"
    write(tmp_path, "gpu", {**FACTS, "device": "cuda:0"}, *on_a_card)
    assert "2,500 fps (capture batch 32, float16); one picture at a time 200 fps: 12 times" in made(
        page, "targets", tmp_path
    )


def test_stages_stand_beside_what_they_cost(page: ModuleType, tmp_path: Path) -> None:
    def stage(name: str, least_ms: float) -> dict[str, object]:
        amounts = {"multiply_adds": 2_000_000, "moved_bytes": 500_000}
        return {"part": "stage", "stage": name, **amounts, "least_ms": least_ms, "counted": "something"}

    write(
        tmp_path, "floor", FACTS, stage("decode", 0.5), stage("warp", 0.25), stage("link", 0.1),
        {"part": "cost", "stage": "decode", "cpu_ms": 4.0},
    )  # fmt: skip
    write(
        tmp_path, "composite_speed", FACTS,
        {"figure": "step swap", "value": 1.0}, {"figure": "step observe", "value": 7.0},
    )  # fmt: skip
    rows = made(page, "stages", tmp_path).splitlines()
    assert "| decode | 2 | 0.5 | 0.5 | 4 | 8 | something |" in rows
    assert "| warp | 2 | 0.5 | 0.25 | 1 | 4 | something |" in rows
    assert "| link | 2 | 0.5 | 0.1 | - | - | something |" in rows
    assert "| observe | - | - | - | 7 | - | no floor counted |" in rows
    assert not any(row.startswith("| swap") for row in rows), "it is the warp"


def test_what_a_captured_frame_is_spent_on_has_a_table_of_its_own(page: ModuleType, tmp_path: Path) -> None:
    def line(case: str, system: str, value: float, **more: str) -> dict[str, object]:
        return {"case": case, "system": system, "figure": "cpu", "value": value, "unit": "ms/frame", **more}

    write(
        tmp_path, "capture", FACTS,
        line("512, 1 face", "understudy", 7.0), line("512, 4 faces", "understudy", 25.0),
        line("512, 1 face", "understudy: own network", 4.0, part="stages"),
    )  # fmt: skip
    text = made(page, "capture", tmp_path)
    whole, stages = text.split("\n\n")
    assert "| 512, 1 face | understudy | 7 |" in whole
    assert "| 512, 4 faces | understudy | 25 |" in whole
    assert "| 512, 1 face | understudy: own network | 4 |" in stages
    assert "own network" not in whole


def test_a_network_s_share_of_the_peak(page: ModuleType, tmp_path: Path) -> None:
    write(
        tmp_path, "floor", FACTS,
        {"part": "peak", "figure": "float32 products, one core", "value": 100.0, "unit": "GFLOP/s"},
        {"part": "graph", "graph": "face_points", "multiply_adds": 100_000_000, "weight_bytes": 8_000_000,
         "between_bytes": 9_000_000, "least_ms": 2.0},
        {"part": "cost", "stage": "face_points", "cpu_ms": 4.0},
    )  # fmt: skip
    assert "| our own network | 100 | 8 | 9 | 2 | 4 | 50 % |" in made(page, "networks", tmp_path)


def test_what_ran_on_a_card_stands_beside_its_peak(page: ModuleType, tmp_path: Path) -> None:
    card = {**FACTS, "device": "cuda:0", "gpu": "H200", "driver": "580", "onnxruntime": "1.31", "provider": "CUDA"}
    peak = {"part": "peak", "gflops_float32": 400_000, "bus_gb_s": [25.0, 24.0]}
    case = {"part": "capture", "stage": "batch", "kind": "float32", "batch": 32, "fps": 2500.0, "graphs": {"a": 1}}
    write(tmp_path, "gpu", card, peak, case, {"part": "composite", "failed": "out of memory"})
    table = made(page, "gpu", tmp_path)
    assert "H200, driver 580, ONNX Runtime 1.31, CUDA" in table
    assert "| 400,000 | 25, 24 |" in table
    assert "| capture | batch | - | float32 | 32 | 2,500 |" in table
    assert "graphs" not in table
    assert "| composite | this part failed: out of memory |" in table
    assert table.count("failed") == 1


def test_numbers_as_a_reader_writes_them(benchmarks: Callable[[str], ModuleType]) -> None:
    number = benchmarks("performance_results").number
    told = [number(value) for value in (0, 0.00001, 0.01234, 1.5, 12.345, 217.4, 48213.6, None, True, "7")]
    assert told == ["0", "< 0.001", "0.0123", "1.5", "12.3", "217", "48,214", "-", "-", "-"]
