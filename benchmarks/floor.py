"""The least that each stage has to do (operations and bytes, counted) beside what it costs here, with this machine's peak.

    python3 run.py bench floor [--seconds S] [--graph FILE.onnx ...] [--out FILE.jsonl]

Peak: float32 products of one core and a copy in memory, measured in the same run. Graphs: multiply-adds and bytes of
every network that is here, and of those that nobody may pass on by their architecture, at batch 1, counted from shapes;
`least_ms` is the longer of operations over the peak and of bytes (weights, input, output) over the memory's speed;
`between_bytes` is what would move if no two nodes were fused. Stages: the same for what is no network, from its sizes (a
frame of 1080p, a face 500 pixels wide), and `cpu_ms`, what the stage costs alone; the compositor's steps are measured by
`bench composite --what speed`. JSON lines.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import stage_costs
import stage_sizes
from architectures.__main__ import FOLDER as ARCHITECTURES
from counting import count_file
from machine import announce
from peak import Peak, measure_core
from stage_sizes import Stage
from understudy.inference.networks.registry import find_file, networks

FOLDERS = ("models/weights", "models/trained")
ROOT = Path(__file__).resolve().parents[1]
HALF = ".half"
READ_POINTS = 546
"""That our network tells of a face."""

Line = dict[str, object]


def peak_lines(peak: Peak) -> Iterator[Line]:
    """The machine at its best."""
    yield {"part": "peak", "figure": "float32 products, one core", "value": round(peak.gflops, 1), "unit": "GFLOP/s"}
    yield {"part": "peak", "figure": "the same by numpy", "value": round(peak.numpy_gflops, 1), "unit": "GFLOP/s"}
    yield {"part": "peak", "figure": "memory, one core", "value": round(peak.memory_gb_s, 1), "unit": "GB/s"}


def graph_lines(paths: list[Path], peak: Peak) -> Iterator[Line]:
    """Every network, as it lies here."""
    for path in paths:
        found = count_file(path, sizes={"H": 640, "W": 640})
        yield {
            "part": "graph",
            "graph": path.stem,
            "multiply_adds": found.multiply_adds,
            "by_operator": found.by_operator,
            "weight_bytes": found.weight_bytes,
            "least_bytes": found.least_bytes,
            "between_bytes": found.between_bytes,
            "least_ms": _rounded(peak.least_ms(found.multiply_adds, found.least_bytes)),
        }


def architecture_lines(peak: Peak) -> Iterator[Line]:
    """Networks that nobody may pass on, with random weights."""
    files = [path for path in sorted(ARCHITECTURES.glob("*.onnx")) if not path.stem.endswith(HALF)]
    for line in graph_lines(files, peak):
        yield line | {"weights": "random"}


def stages() -> list[Stage]:
    """All that are no networks."""
    sizes = stage_sizes.sizes_of()
    return [
        *stage_sizes.film_stages(),
        stage_sizes.crop_stage("crop for the detector", 128),
        stage_sizes.crop_stage("crop for MediaPipe's network", 192),
        stage_sizes.crop_stage("crop for our network", 256),
        stage_sizes.solve_stage(READ_POINTS),
        stage_sizes.refine_stage(sizes),
        *stage_sizes.composite_stages(sizes),
        *stage_sizes.live_stages(),
    ]


def stage_lines(peak: Peak) -> Iterator[Line]:
    """The floors of the stages."""
    for stage in stages():
        yield {
            "part": "stage",
            "stage": stage.name,
            "multiply_adds": round(stage.multiply_adds),
            "moved_bytes": round(stage.moved_bytes),
            "least_ms": _rounded(peak.least_ms(stage.multiply_adds, stage.moved_bytes)),
            "counted": stage.counted,
        }


def cost_lines(least_s: float) -> Iterator[Line]:
    """What they cost."""
    for name, cpu_ms in stage_costs.costs(stage_sizes.FRAME, stage_sizes.FACE_PX, least_s):
        yield {"part": "cost", "stage": name, "cpu_ms": _rounded(cpu_ms)}


def graphs_here() -> list[Path]:
    """The networks' files of the checkout and those the user has added."""
    shipped = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.onnx"))]
    added = [found[0] for entry in networks().values() if (found := find_file(entry)) is not None]
    return list({path.resolve(): path for path in [*shipped, *added]}.values())


def _rounded(value: float) -> float:
    """Three digits that count."""
    return float(f"{value:.3g}")


def main() -> None:
    """Print a line for each figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each small thing is repeated")
    parser.add_argument("--graph", type=Path, nargs="*", default=[], help="count these ONNX files, too")
    parser.add_argument("--no-costs", action="store_true", help="only count")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="keep the lines")
    options = parser.parse_args()
    kept = [json.dumps(announce("floor"))]

    def tell(lines: Iterator[Line]) -> None:
        for line in lines:
            kept.append(json.dumps({"benchmark": "floor", **line}))
            print(kept[-1], flush=True)

    peak = measure_core(options.seconds)
    tell(peak_lines(peak))
    tell(graph_lines([*graphs_here(), *options.graph], peak))
    tell(architecture_lines(peak))
    tell(stage_lines(peak))
    if not options.no_costs:
        tell(cost_lines(options.seconds))
    if options.out is not None:
        options.out.write_text("\n".join(kept) + "\n", "utf-8")


if __name__ == "__main__":
    main()
