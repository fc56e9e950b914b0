"""The script for a machine with a GPU: what it imports, that it runs in small on the CPU, its floors, `nvidia-smi`'s lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu.py"
BARE = f"""
import sys, runpy

class Absent:
    "A machine with numpy and ONNX Runtime only, where nothing was installed."
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {{"cv2", "av", "scipy", "onnx", "tqdm", "mediapipe", "bpy"}}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path[:] = [one for one in sys.meta_path if "editable" not in getattr(one, "__module__", "")
                    and "editable" not in getattr(one, "__name__", "").lower()]
sys.path[:] = [one for one in sys.path if "editable" not in one]
sys.meta_path.insert(0, Absent())
sys.argv = [{str(SCRIPT)!r}, *sys.argv[1:]]
sys.path.insert(0, {str(SCRIPT.parent)!r})
runpy.run_path({str(SCRIPT)!r}, run_name="__main__")
"""


def run_bare(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the script in a Python without everything that such a machine lacks."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONPATH", None)
    command = [sys.executable, "-c", BARE, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd="/")


@pytest.mark.parametrize("part", ["peak", "capture", "composite"])
def test_each_part_runs_in_small_on_a_machine_that_has_numpy_and_onnx_runtime_only(part: str, tmp_path: Path) -> None:
    done = run_bare("--device", "cpu", "--what", part, "--out", str(tmp_path / "gpu.jsonl"))
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "gpu.jsonl").read_text("utf-8").splitlines()]
    assert lines[0]["machine"]
    assert lines[0]["provider"] == "CPUExecutionProvider"
    figures = [line for line in lines if line.get("part") == part]
    assert figures
    for line in figures:
        if part == "peak":
            assert line["gflops_float32"] > 0
        else:
            assert line["stage"], line
            assert line["ms_per_frame"] > 0, line


def test_without_the_device_one_sentence_says_why(tmp_path: Path) -> None:
    done = run_bare("--device", "cuda:97", "--what", "peak", "--out", str(tmp_path / "gpu.jsonl"))
    assert done.returncode != 0
    assert done.stdout == ""
    assert "Nothing was measured on cuda:97." in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "gpu.jsonl").exists()


@pytest.fixture
def gpu(benchmarks: Callable[[str], ModuleType]) -> ModuleType:
    return benchmarks("gpu")


def test_the_floor_is_that_of_the_networks_or_of_the_bus(gpu: ModuleType) -> None:
    limits = {"gflops_float32": 1000.0, "gflops_float16": 4000.0, "bus_gb_s": [10.0, 5.0]}
    case = {"graphs": {"models/weights/mesh.onnx": 1, "mine": 2.0}, "bus_bytes_per_frame": 1_000_000}
    counts = {"mesh": 100_000_000, "mine": 50_000_000}
    assert gpu.floor_of(case, counts, limits) == {"multiply_adds_per_frame": 200_000_000, "least_ms_per_frame": 0.4}
    assert gpu.floor_of({**case, "kind": "float16"}, counts, limits)["least_ms_per_frame"] == 0.1
    assert gpu.floor_of({**case, "bus_bytes_per_frame": 50_000_000}, counts, limits)["least_ms_per_frame"] == 5.0
    assert gpu.floor_of({"multiply_adds_per_frame": 500_000_000}, {}, limits)["least_ms_per_frame"] == 1.0


def test_a_form_for_one_device_has_the_floor_of_the_network(gpu: ModuleType) -> None:
    limits = {"gflops_float32": 1000.0}
    counts = {"mesh": 100_000_000, "mesh.cpu": 150_000_000, "points": 90_000_000, "points.plain": 80_000_000}
    for name, operations in (("mesh.half", 100), ("mesh.cpu", 100), ("points", 80), ("w/points.half.onnx", 80)):
        found = gpu.floor_of({"graphs": {name: 1}}, counts, limits)
        assert found["multiply_adds_per_frame"] == 1_000_000 * operations


def test_there_is_no_floor_where_something_was_not_counted(gpu: ModuleType) -> None:
    limits = {"gflops_float32": 1000.0, "bus_gb_s": None}
    assert gpu.floor_of({"graphs": {"mesh": 1, "unknown": 1}}, {"mesh": 5}, limits) == {}
    assert gpu.floor_of({"graphs": {"mesh": 1}}, {"mesh": 5}, None) == {}
    assert gpu.floor_of({}, {}, limits) == {}


def test_a_part_that_fails_loses_nothing_of_what_was_measured(
    gpu: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def measure_gpu(device: str) -> Iterator[dict[str, object]]:
        yield {"stage": "first", "ms_per_frame": 1.0}
        raise RuntimeError(f"out of memory on {device}\nmore words")

    monkeypatch.setitem(sys.modules, "gpu_capture", SimpleNamespace(measure_gpu=measure_gpu))
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", "cpu", "--what", "capture", "--out", str(tmp_path / "x")])
    assert gpu.main() == 1
    kept = [json.loads(line) for line in (tmp_path / "x").read_text("utf-8").splitlines()]
    assert kept[1]["stage"] == "first"
    assert kept[2]["failed"] == "out of memory on cpu"


def test_what_nvidia_smi_says(benchmarks: Callable[[str], ModuleType]) -> None:
    nvidia = benchmarks("nvidia")
    assert nvidia.parse("87, 10240, 412.50\n") == (87.0, 10240.0, 412.5)
    assert nvidia.parse("No devices were found") is None
    assert nvidia.parse("a, b, c") is None
    told = nvidia.parse("3, 512, [N/A]")
    assert told is not None
    assert told.power_w != told.power_w


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_utilisation_is_sampled_while_something_runs(
    benchmarks: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '40, 1000, 300'\necho '60, 3000, 310'\necho '50, 2000, 320'\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    nvidia = benchmarks("nvidia")
    seen: list[dict[str, object]] = []
    deadline = time.monotonic() + 30
    with nvidia.Watcher() as watcher:
        while sum(int(str(one["gpu_samples"])) for one in seen) < 3 and time.monotonic() < deadline:
            seen.append(watcher.taken())
    told = [one for one in seen if one["gpu_samples"]]
    assert sum(int(str(one["gpu_samples"])) for one in told) == 3
    assert max(float(str(one["gpu_memory_mib"])) for one in told) == 3000
    assert all(40 <= float(str(one["gpu_busy_percent"])) <= 60 for one in told)
    assert all(300 <= float(str(one["gpu_power_w"])) <= 320 for one in told)


def test_without_nvidia_smi_there_are_no_samples(
    benchmarks: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    nvidia = benchmarks("nvidia")
    assert nvidia.describe() is None
    with nvidia.Watcher() as watcher:
        assert watcher.taken() == {"gpu_samples": 0}
