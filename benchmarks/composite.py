"""Composites beside feathered paste, seamlessClone and Reinhard: self-reinsertion, flicker, seam, occluders, cost.

    python3 run.py bench composite [CLIP.mp4 ...] [--what reinsertion,occluder,speed,memory] [--frames N]
                                   [--changes tool,turned,lamp,soft] [--tool reinsertion.py] [--out FILE.jsonl]

Self-reinsertion: the face of a real clip is taken out, changed in a known way (`composite_changes.py`), the plate's own
face is blurred away, and the face is put back, ours through the command line. Everything is measured inside the face
against the untouched clip, by the same meters for every system; `oracle` knows the change and takes it back. With
`--tool` the sets, figures and peers of that program are used beside our own. Occluders: hand, cup, microphone and strand
with known alpha cross the face. Speed: a 1080p frame with a face 500 pixels wide, peers on the same pictures. Memory:
5000 frames. One JSON line per figure: {"benchmark", "part", "clip", "case", "system", "figure", "value", "aim"}.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

import composite_cost
import composite_occluder
import numpy as np
from composite_changes import CHANGES, Change, Image
from composite_figures import figures
from composite_peers import PEERS, oracle
from composite_sets import Clip, Reinsertion, make_set, read_clip, read_movie
from machine import announce
from understudy.inference import cli
from understudy.inference import take as takes
from understudy.inference.errors import UnderstudyError
from understudy.inference.media import read_png

SHARED = Path(os.environ.get("UNDERSTUDY_SHARED", Path(__file__).resolve().parents[2] / "shared"))
CLIPS: Final = ("d3.mp4", "d10.mp4", "s32.mp4")
PARTS: Final = ("reinsertion", "occluder", "speed", "memory")
OURS: Final = "understudy"
MEMORY_FRAMES: Final = 5000
AIMS: Final = {
    "psnr": ">= 36, >= best peer + 6",
    "ssim": ">= 0.97",
    "outside_max": "0",
    "flicker_excess": "<= 0.05",
    "seam_ratio_of_truth": "0.9-1.15",
    "edge_delta_e": "< 2",
    "alignment_median": "<= 0.3",
    "alignment_p95": "< 0.8",
    "grain_ratio": "0.8-1.25",
    "iou": ">= 0.8",
    "painted_frames": "<= 2",
    "composite": "<= 60",
    "growth": "flat",
}


class Line(NamedTuple):
    """One figure."""

    part: str
    clip: str
    case: str
    system: str
    figure: str
    value: float


def reinsertion(clip: Clip, change: Change, folder: Path) -> Iterator[Line]:
    """Figures of every system on one set, and by how much ours is above the best peer."""
    made = make_set(clip, change, folder)
    plates = read_movie(made.plate)
    systems = _peer_pictures(clip, change, made, plates)
    systems[OURS] = through_the_command_line(made, folder / "ours")
    psnr = {}
    for system, pictures in systems.items():
        found = figures(clip, plates, pictures)
        if system == OURS:
            found |= _own_report(folder / "ours")
        psnr[system] = found["psnr"]
        for figure, value in found.items():
            yield Line("reinsertion", clip.name, change.name, system, figure, value)
    best = max(psnr[name] for name in PEERS)
    yield Line("reinsertion", clip.name, change.name, OURS, "psnr above best peer", psnr[OURS] - best)


def through_the_command_line(made: Reinsertion, folder: Path) -> list[Image]:
    """Our composite of a set, lossless, with its report."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["--take", made.take, "--render", made.renders, "--report", folder, "--reference", made.truth]
    _agree(made.plate)
    _command("composite", made.plate, *words, "-o", folder / "out.mkv", "--overwrite", "--json")
    return read_movie(folder / "out.mkv")


def by_the_tool(tool: Path, path: Path, frames: int, folder: Path) -> Iterator[Line]:
    """The shared tool's own sets, peers and figures."""
    program = _load(tool)
    program.make(str(path), str(folder), frames)
    renders = folder / "named"
    renders.mkdir()
    for picture in sorted((folder / "render").glob("*.png")):
        shutil.copy(picture, renders / f"frame_{int(picture.stem):06d}.png")
    clip = read_clip(path, frames)
    points = np.load(folder / "lm.npz")["landmarks"].astype(np.float32)
    known = len(clip.take) == len(points)
    take = clip.take.part(slice(0, len(points)))
    if known:
        take = takes.Take(**{**vars(take), "landmarks_px": points})
    takes.save(take, folder / "take.npz")
    out = folder / "out.mkv"
    _agree(folder / "plate.mkv")
    _command("composite", folder / "plate.mkv", "--take", folder / "take.npz", "--render", renders, "-o", out, "--json")
    systems = {OURS: program.figures(str(folder), program.read(str(out))), **program.peers(str(folder))}
    for system, found in systems.items():
        for figure, value in found.items():
            yield Line("reinsertion by the tool", path.stem, "tool", system, figure, value)


def occluder(clip: Clip, folder: Path) -> Iterator[Line]:
    """Every object."""
    for kind in composite_occluder.OBJECTS:
        found = composite_occluder.measure(clip, kind, folder / kind)
        for figure, value in vars(found).items():
            yield Line("occluder", clip.name, kind, OURS, figure, value)


def speed(clip: Clip, folder: Path) -> Iterator[Line]:
    """Milliseconds per frame."""
    found = composite_cost.speed(clip, folder)
    for name, value in found.items():
        system = name if name in PEERS else OURS
        yield Line("speed", clip.name, "1080p, face 500 px", system, "composite" if name in PEERS else name, value)
    if found.get("poisson alone"):
        faster = found["seamlessClone"] / found["poisson alone"]
        yield Line("speed", clip.name, "1080p, face 500 px", OURS, "Poisson faster than seamlessClone", faster)


def memory(clip: Clip, folder: Path, frames: int) -> Iterator[Line]:
    """MiB."""
    for name, value in composite_cost.memory_mb(clip, folder, frames).items():
        yield Line("memory", clip.name, f"{frames} frames", OURS, name, value)


def _peer_pictures(clip: Clip, change: Change, made: Reinsertion, plates: list[Image]) -> dict[str, list[Image]]:
    faces = [read_png(made.renders / f"frame_{index:06d}.png")[..., :3].copy() for index in range(len(plates))]
    frames = list(zip(plates, faces, clip.masks, clip.points_px, strict=True))
    pictures = {name: [peer(plate, face, mask) for plate, face, mask, _ in frames] for name, peer in PEERS.items()}
    pictures["oracle"] = [oracle(plate, face, mask, points, change) for plate, face, mask, points in frames]
    return pictures


def _own_report(folder: Path) -> dict[str, float]:
    """What the composite says of itself at the edge of its own matte, which is not the benchmark's."""
    told = json.loads((folder / "composite.json").read_text("utf-8"))["figures"]
    names = ("seam_ratio", "seam_ratio_plate", "edge_step_delta_e", "edge_step_delta_e_plate", "outside_change_max")
    return {f"own {name}": float(told[name]) for name in names if name in told}


def _agree(plate: Path) -> None:
    """The composite asks whose face it is; those of the clips are licensed for measuring."""
    whose = ("--performer", "As the clip's licence names them", "--purpose", "benchmark", "--overwrite")
    _command("consent", plate, *whose)


def _command(*words: object) -> None:
    # Only figures go to the standard output.
    with redirect_stdout(io.StringIO()):
        code = cli.main([str(word) for word in words])
    if code != 0:
        raise SystemExit(code)


def _load(tool: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("reinsertion_tool", tool)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{tool} is no Python program.")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program


def _lines(arguments: argparse.Namespace, folder: Path) -> Iterator[Line]:
    for path in arguments.clips:
        wanted = set(arguments.what)
        clip = read_clip(path, arguments.frames)
        here = folder / clip.name
        if "reinsertion" in wanted:
            for name in arguments.changes:
                yield from reinsertion(clip, CHANGES[name], here / name)
            if arguments.tool is not None:
                yield from by_the_tool(arguments.tool, path, arguments.frames, here / "by_the_tool")
        if "occluder" in wanted:
            yield from occluder(clip, here / "occluder")
        if path == arguments.clips[-1]:
            # What a frame costs depends on its size, not on who is seen.
            if "speed" in wanted:
                yield from speed(clip, here / "speed")
            if "memory" in wanted:
                yield from memory(clip, here / "memory", arguments.memory_frames)
        shutil.rmtree(here, ignore_errors=True)


def _some_of(known: tuple[str, ...], text: str) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    return chosen


def main() -> None:
    """Print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="*", default=[SHARED / "data" / "clips" / name for name in CLIPS])
    parser.add_argument("--what", type=lambda text: _some_of(PARTS, text), default=PARTS, metavar=",".join(PARTS))
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument(
        "--changes", type=lambda text: _some_of(tuple(CHANGES), text), default=tuple(CHANGES), metavar=",".join(CHANGES)
    )
    parser.add_argument("--memory-frames", type=int, default=MEMORY_FRAMES)
    parser.add_argument("--tool", type=Path, metavar="reinsertion.py", help="use its sets, peers and figures too")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="keep the lines")
    arguments = parser.parse_args()
    kept = [json.dumps(announce("composite"))]
    try:
        with tempfile.TemporaryDirectory() as folder:
            for line in _lines(arguments, Path(folder)):
                text = json.dumps(_told(line))
                kept.append(text)
                print(text, flush=True)
    except UnderstudyError as error:
        sys.exit(str(error))
    if arguments.out is not None:
        arguments.out.write_text("\n".join(kept) + "\n", "utf-8")


def _told(line: Line) -> dict[str, object]:
    told: dict[str, object] = {"benchmark": "composite", **line._asdict(), "value": round(float(line.value), 4)}
    if line.system == OURS and line.figure in AIMS:
        told["aim"] = AIMS[line.figure]
    return told


if __name__ == "__main__":
    main()
