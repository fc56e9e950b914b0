"""Accuracy of takes beside MediaPipe's scores and a plain fit, on rendered performances whose truth is known.

    python3 run.py bench accuracy [CLIP.mp4 ...] [--ict ICT_FOLDER] [--systems NAME,...] [--true-landmarks]
                                  [--render ICT_FOLDER_OR_ARCHIVE --seeds A-B --folder DIR]
                                  [--out FILE.jsonl] [--picture FILE.png] [--task face_landmarker.task]

The truth of CLIP.mp4 is CLIP.truth.npz beside it; by default the performances of the shared material beside the
checkout are measured, and with `--render` new ones of these seeds are rendered first (Blender module).
Systems: `mediapipe` (its own scores; needs the package and the task), `plain` (a plain whole-shot fit of ICT-FaceKit,
or of the default model without `--ict`, to MediaPipe's points), `mediapipe_points` (our solver on them), `fast`
(ours with `--quality fast`), `default` (ours), `ict` (ours with ICT-FaceKit, needs `--ict`), `high` (ours with
`--quality high`) and `mediapipe_points_high`.
`--true-landmarks` adds ours with ICT-FaceKit on points of the true surface with one pixel of noise: what the solver
makes of a perfect network.
One JSON line per clip and system, then one per system with the mean over the clips (`inference/report/accuracy.py`
says what the figures mean, `points68.py` those of the 68 known points, in pixels of a picture 512 px wide);
`capture_ms` (with decoding), `solve_ms` and `refine_ms` are CPU milliseconds per frame.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
from accuracy_picture import draw
from machine import announce
from peers import mediapipe, plain_fit
from points68 import classic68, error68
from render_performance import FRAMES, ict_of, seed_range
from understudy.inference import face_model
from understudy.inference.capture.shot import CaptureOptions, Points, Quality, track_shot
from understudy.inference.errors import UnderstudyError
from understudy.inference.face_model.ict_folder import IctModel
from understudy.inference.jobs.tracking import track_video
from understudy.inference.report.accuracy import score
from understudy.inference.solve import solve_shot, surface_response
from understudy.inference.take import Take

SHARED = Path(os.environ.get("UNDERSTUDY_SHARED", Path(__file__).resolve().parents[2] / "shared"))
SYSTEMS = ("mediapipe", "plain", "mediapipe_points", "fast", "default", "ict", "mediapipe_points_high", "high")
TRUE_LANDMARKS = "true landmarks + 1 px"


class Result(NamedTuple):
    """One system on one clip."""

    take: Take
    cost_ms: dict[str, float]
    """CPU milliseconds per frame of each stage."""


@dataclass(frozen=True)
class Bench:
    """What is measured, and with what."""

    systems: tuple[str, ...]
    task: Path
    ict_spec: str | None
    ict: IctModel | None
    """With identities; only for the true landmarks."""

    def run(self, clip: Path) -> Iterator[tuple[str, Result]]:
        """Each system's take of a clip."""
        base = _ours(clip, "default", CaptureOptions(points="mediapipe"))
        for system in self.systems:
            yield system, base if system == "mediapipe_points" else self._one(system, clip, base.take)

    def _one(self, system: str, clip: Path, like: Take) -> Result:
        model = self.ict_spec or "default"
        if system == "mediapipe":
            take, cost = mediapipe(clip, self.task, like)
            return Result(take, {"capture_and_scores": cost})
        if system == "plain":
            take, cost = plain_fit(face_model.load(model), like)
            return Result(take, {"solve": cost})
        if system == TRUE_LANDMARKS:
            return self._on_true_points(clip, model)
        quality: Quality = "fast" if system == "fast" else "high" if system.endswith("high") else "standard"
        points: Points = "mediapipe" if system.startswith("mediapipe_points") else "best"
        return _ours(clip, model if system == "ict" else "default", CaptureOptions(quality=quality, points=points))

    def _on_true_points(self, clip: Path, spec: str) -> Result:
        from true_points import with_true_points

        if self.ict is None:
            raise SystemExit("--true-landmarks needs --ict: the true surface is ICT-FaceKit's.")
        model = face_model.load(spec)
        shot = with_true_points(
            track_shot(clip, CaptureOptions(points="mediapipe")), clip.with_suffix(".truth.npz"), self.ict, model
        )
        clock = StageClock()
        known = surface_response.measured()
        perfect = replace(known, expressions=np.zeros_like(known.expressions))  # true points follow every expression
        with patch.object(surface_response, "measured", lambda: perfect):
            take = solve_shot(shot, shot.tracks[0], model, clock)
        return Result(take, clock.per_frame(len(take)))


class StageClock:
    """A `Progress` that adds up the CPU time of each stage."""

    def __init__(self) -> None:
        self._spent: dict[str, float] = {}
        self._stage, self._last = "", time.process_time()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Time since the last call belongs to the stage that reports now."""
        now = time.process_time()
        self._spent[stage] = self._spent.get(stage, 0.0) + now - self._last
        self._stage, self._last = stage, now

    def per_frame(self, frames: int) -> dict[str, float]:
        """Milliseconds per frame by stage; what came after the last report belongs to its stage."""
        if self._stage:
            self(self._stage, 0, 0)
        return {("capture" if stage == "track" else stage): 1000 * s / frames for stage, s in self._spent.items()}


def _ours(clip: Path, spec: str, options: CaptureOptions) -> Result:
    """What `understudy track` makes of the clip."""
    face_model.load(spec)  # converted and read before the clock runs
    clock = StageClock()
    take = track_video(clip, options, 0, spec, clock)
    return Result(take, clock.per_frame(len(take)))


def figures_of(clip: Path, result: Result) -> dict[str, float]:
    """Accuracy and cost, by name."""
    truth = clip.with_suffix(".truth.npz")
    known = asdict(score(result.take, truth))
    return {**known, **_points68(result.take, truth), **{f"{stage}_ms": cost for stage, cost in result.cost_ms.items()}}


def _points68(take: Take, truth: Path) -> dict[str, float]:
    """Errors of the 68 known points, by name."""
    with np.load(truth, allow_pickle=False) as stored:
        known = stored["landmarks68_px"][: len(take)]
    error = error68(classic68(take.landmarks_px[: len(known)]), known, take.frame_size[0])
    return {f"points68_{figure}": value for figure, value in asdict(error).items()}


def measure(bench: Bench, clips: list[Path], out: Path | None, picture: Path | None) -> None:
    """Measure every system on every clip, print the lines and draw the picture."""
    everything: dict[str, list[dict[str, float]]] = {}
    first: dict[str, Take] = {}
    for clip in clips:
        ours: dict[str, dict[str, float]] = {}
        for system, result in bench.run(clip):
            ours[system] = figures_of(clip, result)
            if clip == clips[0]:
                first[system] = result.take
        for system, figures in ours.items():
            if "mediapipe" in ours and system != "mediapipe":
                figures["jitter_to_mediapipe"] = figures["jitter"] / ours["mediapipe"]["jitter"]
            everything.setdefault(system, []).append(figures)
            _print(clip.name, system, figures, out)
    means = {system: _mean(rows) for system, rows in everything.items()}
    for system, figures in means.items():
        _print(f"mean of {len(clips)}", system, figures, out)
    if picture is not None:
        draw(picture, clips[0], first, means)


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each figure over the clips that have it."""
    mean = {}
    for name in rows[0]:
        values = [row[name] for row in rows if name in row and not math.isnan(row[name])]
        mean[name] = float(np.mean(values)) if values else float("nan")
    return mean


def _print(clip: str, system: str, figures: dict[str, float], out: Path | None) -> None:
    rounded = {name: None if math.isnan(value) else round(value, 4) for name, value in figures.items()}
    line = json.dumps({"benchmark": "accuracy", "clip": clip, "system": system, **rounded})
    print(line, flush=True)
    if out is not None:
        with out.open("a", encoding="utf-8") as lines:
            lines.write(line + "\n")


def _render(ict: Path, seeds: range, folder: Path) -> list[Path]:
    """Clips of these seeds, rendered in a process of its own: Blender's module can hang when Python ends."""
    program = Path(__file__).with_name("render_performance.py")
    span = f"{seeds.start}-{seeds.stop - 1}"
    subprocess.run([sys.executable, program, ict, "-o", folder, "--seeds", span, "--frames", str(FRAMES)], check=True)
    return [folder / f"seed_{seed}.mp4" for seed in seeds]


def _systems(options: argparse.Namespace) -> tuple[str, ...]:
    """Those that were asked for; without a word all that can run here."""
    if options.systems:
        chosen = tuple(options.systems.split(","))
        unknown = sorted(set(chosen) - set(SYSTEMS))
        if unknown:
            raise SystemExit(f"There is no system {', '.join(unknown)}; choose from {', '.join(SYSTEMS)}.")
    else:
        missing = {"mediapipe": not options.task.is_file(), "ict": options.ict is None}
        chosen = tuple(system for system in SYSTEMS if not missing.get(system, False))
    if "ict" in chosen and options.ict is None:
        raise SystemExit("The system ict needs --ict with ICT-FaceKit's folder.")
    return (*chosen, TRUE_LANDMARKS) if options.true_landmarks else chosen


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="accuracy", description=(__doc__ or "").splitlines()[0])
    default = [SHARED / "data" / "synthetic" / f"performance_{seed}.mp4" for seed in (11, 12)]
    parser.add_argument("clips", type=Path, nargs="*", default=default)
    parser.add_argument("--ict", type=Path, help="ICT-FaceKit's folder")
    parser.add_argument("--systems", metavar="NAME,...", help=f"some of {', '.join(SYSTEMS)}")
    parser.add_argument("--true-landmarks", action="store_true", help="also fit to true points with 1 px of noise")
    parser.add_argument("--render", type=Path, metavar="ICT", help="render new clips from ICT-FaceKit first")
    parser.add_argument("--seeds", type=seed_range, metavar="A-B", help="with --render: the seeds of the clips")
    parser.add_argument("--folder", type=Path, default=Path("out") / "truth", help="with --render: where the clips go")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="also append the lines to this file")
    parser.add_argument("--picture", type=Path, default=Path("out") / "accuracy.png", metavar="FILE.png")
    parser.add_argument("--task", type=Path, default=SHARED / "models" / "face_landmarker.task")
    return parser


def main() -> int:
    """Measure every system on every clip."""
    parser = _parser()
    options = parser.parse_args()
    if (options.render is None) != (options.seeds is None):
        parser.error("--render and --seeds go together")
    if options.ict is None and options.render is not None and options.render.is_dir():
        options.ict = options.render
    systems = _systems(options)
    clips = options.clips if options.render is None else _render(options.render, options.seeds, options.folder)
    for clip in clips:
        if not (clip.is_file() and clip.with_suffix(".truth.npz").is_file()):
            parser.error(f"{clip} or its truth {clip.with_suffix('.truth.npz').name} is not there")
    with tempfile.TemporaryDirectory() as scratch:
        ict = ict_of(options.ict, Path(scratch)) if options.true_landmarks and options.ict else None
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    bench = Bench(systems, options.task, None if options.ict is None else f"ict:{options.ict}", ict)
    announce("accuracy", options.out)
    try:
        measure(bench, clips, options.out, options.picture)
    except UnderstudyError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
