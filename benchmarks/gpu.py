"""Capture and composite on a GPU beside the card's own peak: one script for a machine with CUDA, numpy and ONNX Runtime.

    python3 benchmarks/gpu.py [--device cuda:0|cpu] [--what peak,capture,composite] [--out benchmarks/results/gpu.jsonl]

Nothing is installed and nothing else is needed: Python 3.11 or newer, `pip install numpy onnxruntime-gpu[cuda,cudnn]` (or
CUDA and cuDNN on the system, those that PyTorch brings, or a folder of them in UNDERSTUDY_CUDA), this checkout, and its
`models/weights` copied along or built by any `python3 run.py understudy doctor`. `--device cpu` runs everything in small,
to prove the script. JSON lines: machine, card and driver; the card's peak (products, memory, bus); then a line for each
case, with frames per second, bytes over the bus as the measured code moves them, what `nvidia-smi` saw meanwhile, and
`least_ms_per_frame`, the multiply-adds of its networks (counted by `bench floor`) over the measured peak.
Networks whose weights nobody may pass on are drawn with random ones, and their names say so.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import checkout

checkout.make_importable()

import numpy as np  # noqa: E402
import onnxruntime as ort  # noqa: E402
import peak  # noqa: E402
from machine import facts  # noqa: E402
from nvidia import Watcher, describe  # noqa: E402
from performance_results import job_of  # noqa: E402
from understudy.inference.errors import UnderstudyError  # noqa: E402
from understudy.inference.networks.bound import memory_of  # noqa: E402
from understudy.inference.networks.providers import Choice, choose, first_line, session_errors  # noqa: E402

PARTS: Final = {"capture": "gpu_capture", "composite": "gpu_composite"}
"""The module that measures each part, by `measure_gpu(device)`."""
FLOORS: Final = Path(__file__).resolve().parent / "results" / "floor.jsonl"

Line = dict[str, object]


def load_cuda() -> None:
    """Load NVIDIA's libraries, wherever they are; `choose` says what is missing then."""
    if not hasattr(ort, "preload_dlls"):
        return
    torch = importlib.util.find_spec("torch")
    with contextlib.redirect_stdout(sys.stderr):
        if torch is not None and torch.origin is not None:
            ort.preload_dlls(directory=str(Path(torch.origin).parent / "lib"))
        ort.preload_dlls()


def peak_line(choice: Choice) -> Line:
    """The card at its best."""
    memory, index = memory_of(choice)
    sizes = peak.SMALL if choice.device == "cpu" else peak.FULL
    found = peak.measure_device(choice.session_providers(), memory, index, sizes)
    return {
        "part": "peak",
        **{f"gflops_{kind}": round(value) for kind, value in found.gflops.items()},
        "memory_gb_s": round(found.memory_gb_s, 1),
        "bus_gb_s": None if found.bus_gb_s is None else [round(rate, 2) for rate in found.bus_gb_s],
    }


def case_lines(part: str, device: str, limits: Line | None, watcher: Watcher) -> Iterator[Line]:
    """What a part measures, with what the card did meanwhile and its floor."""
    program = importlib.import_module(PARTS[part])
    counts = known_counts(FLOORS)
    watcher.taken()
    try:
        for case in program.measure_gpu(device):
            yield {"part": part, **case, **watcher.taken(), **floor_of(case, counts, limits)}
    except session_errors() as error:
        # What was measured before is worth keeping, and so is the next part.
        yield {"part": part, "failed": first_line(error)}


def known_counts(path: Path) -> dict[str, int]:
    """Multiply-adds of a run of each network, by its file's name, as `bench floor` has counted them."""
    if not path.is_file():
        return {}
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return {str(line["graph"]): int(line["multiply_adds"]) for line in lines if line.get("part") == "graph"}


def floor_of(case: Mapping[str, object], counts: Mapping[str, int], limits: Mapping[str, object] | None) -> Line:
    """The least milliseconds of a frame: operations over the peak, bytes over the bus, the longer of the two.

    Nothing where a network of the case was not counted: half a floor is none.
    """
    graphs = case.get("graphs")
    operations = case.get("multiply_adds_per_frame")
    if operations is None and isinstance(graphs, Mapping) and graphs:
        found = [(job_of(counts, Path(str(name)).stem) or math.nan) * float(runs) for name, runs in graphs.items()]
        operations = sum(found)
    gflops = (limits or {}).get(f"gflops_{case.get('kind', 'float32')}")
    if not (isinstance(operations, int | float) and math.isfinite(operations) and isinstance(gflops, int | float)):
        return {}
    bus, bus_bytes = (limits or {}).get("bus_gb_s"), case.get("bus_bytes_per_frame")
    moved_ms = 0.0
    if isinstance(bus, list) and isinstance(bus_bytes, int | float):
        moved_ms = bus_bytes / max(bus) / 1e6
    return {
        "multiply_adds_per_frame": round(operations),
        "least_ms_per_frame": float(f"{max(2 * operations / gflops / 1e6, moved_ms):.3g}"),
    }


def lines(parts: list[str], device: str) -> Iterator[Line]:
    """The machine first; then everything that was asked for."""
    load_cuda()
    choice = choose(device)
    about: Line = {**facts("gpu"), "device": device, "provider": choice.provider, "onnxruntime": ort.__version__}
    about["numpy"] = np.__version__
    card = describe(choice.index) if choice.device != "cpu" else None
    yield about | (
        card or {"gpu": "none" if choice.device == "cpu" else "nvidia-smi is absent: no name, no utilisation"}
    )
    limits = None
    if "peak" in parts:
        limits = peak_line(choice)
        yield limits
    with Watcher(choice.index) if choice.device != "cpu" else contextlib.nullcontext(Watcher()) as watcher:
        for part in parts:
            if part in PARTS:
                yield from case_lines(part, device, limits, watcher)


def main() -> int:
    """Print the lines; 0 when all was measured, 1 when a part failed, else one sentence says why nothing was."""
    known = ["peak", *PARTS]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda:0", help="cuda:0 and so on, or cpu: everything in small")
    parser.add_argument("--what", default=",".join(known), metavar=",".join(known))
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="keep the lines")
    options = parser.parse_args()
    parts = options.what.split(",")
    if unknown := sorted(set(parts) - set(known)):
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    kept, failed = list[str](), False
    try:
        for line in lines(parts, options.device):
            kept.append(json.dumps({"benchmark": "gpu", **line}))
            print(kept[-1], flush=True)
            failed = failed or "failed" in line
    except UnderstudyError as error:
        print(f"Nothing was measured on {options.device}. {error}", file=sys.stderr)
        return error.exit_code
    if options.out is not None:
        options.out.write_text("\n".join(kept) + "\n", "utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
