"""The live solver beside the whole-shot solver and MediaPipe's video mode: accuracy, lag, jitter and time per frame.

    python benchmarks/live.py [CLIP.mp4 ...] [--task face_landmarker.task]

The truth of CLIP.mp4 is CLIP.truth.npz beside it; a clip without one gives the times only. One JSON line per clip and
system. "understudy live" meets actor and camera with the clip's first frame; "understudy live, actor known" has seen the
clip forward and backward before. Milliseconds are CPU time of one thread: of the solver alone for ours, of landmarks and
scores together for MediaPipe. By default the performances and the task of the shared material beside the checkout;
without a task MediaPipe is left out. Needs the package mediapipe.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from machine import announce
from numpy.typing import NDArray
from peers import mediapipe
from understudy.inference import face_model
from understudy.inference.capture.shot import CaptureOptions, track_shot
from understudy.inference.capture.types import ShotTracks
from understudy.inference.report.accuracy import score
from understudy.inference.solve import solve_shot
from understudy.inference.solve.live import LiveFrame, LiveSolver
from understudy.inference.take import Take

SHARED = Path(os.environ.get("UNDERSTUDY_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def show(solver: LiveSolver, shot: ShotTracks, frames: Sequence[int], start_s: float) -> tuple[list[LiveFrame], Times]:
    """Feed the frames in the given order at an even rate from `start_s` on."""
    track, found, spent_ms = shot.tracks[0], [], []
    frame_s = float(np.median(np.diff(shot.time_s)))
    for count, frame in enumerate(frames):
        points = track.landmarks_px[frame] if track.confidence[frame] > 0 else None
        start = time.process_time()
        found.append(solver.step(points, start_s + count * frame_s))
        spent_ms.append((time.process_time() - start) * 1000)
    return found, np.array(spent_ms)


Times = NDArray[np.float64]
"""(T,) CPU milliseconds of each frame."""


def live(shot: ShotTracks, like: Take) -> list[tuple[str, Take, Times]]:
    """The live solver's takes: of an actor it has never seen, and of one it knows."""
    solver = LiveSolver(face_model.load("default"), (shot.info.width, shot.info.height))
    frames = list(range(len(shot.time_s)))
    length_s = len(frames) * float(np.median(np.diff(shot.time_s)))
    first, first_ms = show(solver, shot, frames, 0.0)
    show(solver, shot, frames[::-1], length_s)
    again, again_ms = show(solver, shot, frames, 2 * length_s)
    return [
        ("understudy live", as_take(first, like), first_ms),
        ("understudy live, actor known", as_take(again, like), again_ms),
    ]


def as_take(frames: list[LiveFrame], like: Take) -> Take:
    """Live frames as a take, for scoring; the rest is that of the whole-shot take."""
    return replace(
        like,
        coefficients=np.stack([frame.coefficients for frame in frames]),
        rotation=np.stack([frame.rotation for frame in frames]),
        translation_cm=np.stack([frame.translation_cm for frame in frames]),
        gaze=np.stack([frame.gaze for frame in frames]),
        confidence=np.array([frame.confidence for frame in frames], np.float32),
    )


def report(clip: Path, system: str, take: Take, spent_ms: float | Times) -> None:
    """Print one line."""
    truth = clip.with_suffix(".truth.npz")
    figures = {name: round(value, 4) for name, value in asdict(score(take, truth)).items()} if truth.is_file() else {}
    line = {"benchmark": "live", "clip": clip.name, "system": system, **figures}
    line["cpu_ms_per_frame"] = round(float(np.mean(spent_ms)), 2)
    if isinstance(spent_ms, np.ndarray):
        line["cpu_ms_99th_percentile"] = round(float(np.percentile(spent_ms, 99)), 2)
        line["cpu_ms_first_frame"] = round(float(spent_ms[0]), 2)
    print(json.dumps(line), flush=True)


def main() -> None:
    """Score every system on every clip."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    default = [SHARED / "data" / "synthetic" / f"performance_{seed}.mp4" for seed in (11, 12)]
    parser.add_argument("clips", type=Path, nargs="*", default=default)
    parser.add_argument("--task", type=Path, default=SHARED / "models" / "face_landmarker.task")
    options = parser.parse_args()
    announce("live")
    for clip in options.clips:
        shot = track_shot(clip, CaptureOptions(points="mediapipe"))  # the live solver reads these only
        start = time.process_time()
        whole = solve_shot(shot, shot.tracks[0], face_model.load("default"))
        whole_ms = (time.process_time() - start) / len(whole) * 1000
        for system, take, spent_ms in live(shot, whole):
            report(clip, system, take, spent_ms)
        report(clip, "understudy whole shot", whole, whole_ms)
        if options.task.is_file():
            report(clip, "mediapipe face landmarker, video mode", *mediapipe(clip, options.task, whole))


if __name__ == "__main__":
    main()
