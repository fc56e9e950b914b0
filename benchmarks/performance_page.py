"""Writes the tables of docs/performance.md from the results files, so that the page cannot disagree with them.

    python3 run.py bench performance_page [--results FOLDER] [--check]

A table stands between `<!-- figures: NAME -->` and `<!-- end -->`; the text around is written by hand. With `--check`
nothing is written, and the program fails when a table is not what the results say.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from performance_results import Line, Run, in_order, job_of, number, read_run, table
from performance_targets import targets

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "performance.md"
RESULTS: Final = Path(__file__).resolve().parent / "results"
FILES: Final = ("floor", "capture", "pipeline", "composite_speed", "live_latency", "scaling", "gpu")
NOTHING: Final = "*Not measured yet.*"
_PLACE: Final = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_NETWORKS: Final = {
    "face_detector_short": "detector, near faces",
    "face_detector_full": "detector, small faces",
    "face_landmarks_attention": "MediaPipe's landmarks",
    "face_points": "our own network",
    "inswapper_128": "inswapper-128 (random weights)",
    "gfpgan_clean_512": "GFPGAN-clean 512 (random weights)",
    "scrfd_10g_640": "SCRFD-10g at 640 (random weights)",
}
_GPU_COLUMNS: Final = (
    "part", "stage", "case", "kind", "batch", "fps", "ms_per_frame", "least_ms_per_frame", "bus_bytes_per_frame",
    "device_bytes", "gpu_busy_percent", "gpu_memory_mib",
)  # fmt: skip
_COMPOSITE_STEPS: Final = {
    "warp": "swap", "matte": "matte", "colour": "colour", "poisson": "poisson", "flow": "flow", "grain": "grain",
    "finish": "finish",
}  # fmt: skip
"""Stages as floors name them, and as the compositor's clock does."""

Runs = dict[str, Run]


def machine_table(runs: Runs) -> str:
    """Where each file's figures come from."""
    rows = []
    for run in runs.values():
        if run.facts:
            told = [str(run.facts.get(key, "-")) for key in ("machine", "date", "tree", "load", "command")]
            rows.append([f"`{run.name}.jsonl`", *told[:4], f"`{told[4]}`"])
    return table(("results", "machine", "date", "tree", "load before", "command"), rows) if rows else NOTHING


def peak_table(runs: Runs) -> str:
    """The machine at its best."""
    rows = [
        (str(line["figure"]), f"{number(line['value'])} {line['unit']}")
        for line in runs["floor"].lines
        if line.get("part") == "peak"
    ]
    return table(("at best", "measured"), rows) if rows else NOTHING


def network_table(runs: Runs) -> str:
    """Floors of networks beside what one costs on one core."""
    floor = runs["floor"]
    peak = floor.value(part="peak", figure="float32 products, one core")
    graphs = {str(line["graph"]): line for line in floor.lines if line.get("part") == "graph"}
    rows = []
    for name, title in _NETWORKS.items():
        graph = job_of(graphs, name)
        if graph is None:
            continue
        operations, least = float(str(graph["multiply_adds"])), float(str(graph["least_ms"]))
        spent = floor.value("cpu_ms", part="cost", stage=name)
        share = f"{100 * 2 * operations / (spent * 1e6 * peak):.0f} %" if spent and peak else "-"
        megabytes = [number(float(str(graph[key])) / 1e6) for key in ("weight_bytes", "between_bytes")]
        rows.append([title, number(operations / 1e6), *megabytes, number(least), number(spent), share])
    head = ("network, one item", "million multiply-adds", "MB of weights", "MB between the nodes", "floor, ms")
    return table((*head, "measured, ms", "of the core's peak"), rows) if rows else NOTHING


def stage_table(runs: Runs) -> str:
    """Floors of everything else beside what it costs."""
    floor, speed = runs["floor"], runs["composite_speed"]
    rows = []
    seen = set[str]()
    for line in floor.lines:
        if line.get("part") != "stage":
            continue
        name = str(line["stage"])
        step = _COMPOSITE_STEPS.get(name)
        spent = floor.value("cpu_ms", part="cost", stage=name)
        if step is not None:
            seen.add(f"step {step}")
            spent = speed.value(figure=f"step {step}")
        least = float(str(line["least_ms"]))
        amounts = [number(float(str(line[key])) / 1e6) for key in ("multiply_adds", "moved_bytes")]
        times = number(spent / least, 2) if spent is not None else "-"
        rows.append([name, *amounts, number(least), number(spent), times, str(line["counted"])])
    for line in speed.lines:
        figure = str(line.get("figure"))
        if figure.startswith("step ") and figure not in seen:
            rows.append([figure.removeprefix("step "), "-", "-", "-", number(line["value"]), "-", "no floor counted"])
    head = ("stage", "million multiply-adds", "MB", "floor, ms", "measured, ms", "times", "what the floor counts")
    return table(head, rows) if rows else NOTHING


def composite_table(runs: Runs) -> str:
    """A whole composited frame beside the peers."""
    rows = [
        (str(line["system"]), number(line["value"]))
        for line in runs["composite_speed"].lines
        if line.get("figure") == "composite"
    ]
    return table(("system", "ms of a 1080p frame, face 500 px"), rows) if rows else NOTHING


def capture_table(runs: Runs) -> str:
    """Whole systems; then what a frame of ours is spent on."""
    lines = [line for line in runs["capture"].lines if "figure" in line]
    whole, stages = (
        [line for line in lines if (line.get("part") == "stages") == is_stage] for is_stage in (False, True)
    )
    parts = [long_table(whole)]
    if stages:
        parts.append(long_table([{key: line[key] for key in line if key != "part"} for line in stages]))
    return "\n\n".join(parts)


def long_table(lines: Sequence[Line]) -> str:
    """Lines of {case or clip, system, figure, value, unit}: a row for each case and system, a column for each figure."""
    if not lines:
        return NOTHING
    figures = in_order(_headed(line) for line in lines)
    rows = []
    for case, system in dict.fromkeys((_case(line), str(line.get("system", ""))) for line in lines):
        own = {
            _headed(line): line["value"] for line in lines if (_case(line), line.get("system", "")) == (case, system)
        }
        rows.append([case, system, *(number(own.get(figure)) for figure in figures)])
    return table(("case", "system", *figures), rows)


def _headed(line: Line) -> str:
    unit = line.get("unit")
    return f"{line['figure']}, {unit}" if unit else str(line["figure"])


def _case(line: Line) -> str:
    return ", ".join(str(line[key]) for key in ("part", "clip", "case") if key in line)


def live_table(runs: Runs) -> str:
    """From source to sample, a column for each rate; then what happens in Blender."""
    parts = []
    for where in (False, True):
        lines = [line for line in runs["live_latency"].lines if ("where" in line) == where]
        if lines:
            names = [
                name for name in in_order(key for line in lines for key in line) if name not in ("benchmark", "cores")
            ]
            rows = [[name.replace("_", " "), *(_told(line.get(name)) for line in lines)] for name in names]
            parts.append(table(("in Blender" if where else "to the sample", *[""] * len(lines)), rows))
    return "\n\n".join(parts) or NOTHING


def flat_table(lines: Sequence[Line], hidden: tuple[str, ...]) -> str:
    """Lines that hold everything of a case: a row for each, a column for each of their words."""
    if not lines:
        return NOTHING
    names = [name for name in in_order(key for line in lines for key in line) if name not in hidden]
    rows = [[_told(line.get(name)) for name in names] for line in lines]
    return table([name.replace("_", " ") for name in names], rows)


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_told(one) for one in value)
    return "-" if value is None else number(value) if isinstance(value, int | float) else str(value)


def scaling_table(runs: Runs) -> str:
    """The points, then the lines through the lengths."""
    run = runs["scaling"]
    points = [line for line in run.lines if "label" in line]
    if not points:
        return NOTHING
    keys = ("read_ms", "capture_ms", "solve_ms", "wall_ms", "memory_mib")
    rows = [[str(line["axis"]), str(line["label"]), *(number(line.get(key)) for key in keys)] for line in points]
    parts = [table(("what changes", "point", "read", "capture", "solve", "wall", "most MiB"), rows)]
    fits = [line for line in run.lines if "fit" in line]
    if fits:
        told = [
            (
                str(line["fit"]).removesuffix("_ms").replace("memory_mib", "memory"),
                f"{number(line['once_ms'])} ms" if "once_ms" in line else f"{number(line['once'])} MiB",
                f"{number(line['each_ms'])} ms" if "each_ms" in line else f"{number(line['each_1000'])} MiB for 1000",
            )
            for line in fits
        ]
        parts.append(table(("length", "once", "each frame"), told))
    return "\n\n".join(parts)


def gpu_table(runs: Runs) -> str:
    """The card at its best, then every case that ran on it."""
    run = runs["gpu"]
    if run.facts.get("device", "cpu") == "cpu":
        return NOTHING
    cases = [
        {**line, "stage": f"{line.get('stage', 'this part')} failed: {line['failed']}"} if "failed" in line else line
        for line in run.lines
        if "stage" in line or "failed" in line
    ]
    rows = [[_told(line.get(name)) for name in _GPU_COLUMNS] for line in cases]
    parts = [
        f"{run.facts.get('gpu')}, driver {run.facts.get('driver')}, ONNX Runtime {run.facts.get('onnxruntime')}, "
        f"{run.facts.get('provider')}"
    ]
    peak = run.find(part="peak")
    if peak is not None:
        figures = [name for name in peak if name not in ("benchmark", "part")]
        parts.append(table([name.replace("_", " ") for name in figures], [[_told(peak[name]) for name in figures]]))
    return "\n\n".join([*parts, table([name.replace("_", " ") for name in _GPU_COLUMNS], rows)])


TABLES: Final[dict[str, Callable[[Runs], str]]] = {
    "machines": machine_table,
    "targets": lambda runs: table(("", "peer", "target", "measured", "how"), targets(runs)),
    "peak": peak_table,
    "networks": network_table,
    "stages": stage_table,
    "composite": composite_table,
    "capture": capture_table,
    "pipeline": lambda runs: flat_table(runs["pipeline"].lines, ("benchmark", "frames")),
    "live": live_table,
    "scaling": scaling_table,
    "gpu": gpu_table,
}


def filled(text: str, results: Path) -> str:
    """The page with every table made anew; raises `KeyError` for a name that is none."""
    runs = {name: read_run(results, name) for name in FILES}
    return _PLACE.sub(lambda found: f"{found[1]}{TABLES[found[2]](runs)}\n{found[3]}", text)


def main() -> int:
    """Write the page, or say that it is not what the results say."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    before = PAGE.read_text("utf-8")
    after = filled(before, options.results)
    if options.check:
        if before != after:
            print("docs/performance.md is not what the results say: run `bench performance_page`.", file=sys.stderr)
        return int(before != after)
    PAGE.write_text(after, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
