"""CPU cost of finding and following a face, beside MediaPipe's two ways, on the same decoded frames in one run.

    python benchmarks/capture.py [CLIP.mp4] [--task face_landmarker.task] [--frames 150] [--repeats 3]

One thread each, decoding excluded. `understudy track` costs the sum of "understudy" (capture) and "understudy solve";
"understudy high" reads every face in two views, "understudy mediapipe points" leaves our own network out.
One JSON line per figure: {"benchmark", "clip", "system", "figure", "value", "unit"}. By default the clip and the task
of the shared material beside the checkout; without a task the Face Landmarker is left out. Needs the package mediapipe.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from machine import announce
from understudy.inference.capture.shot import CaptureOptions, make_tracker, track_shot
from understudy.inference.face_model import load as load_face_model
from understudy.inference.media import read_frames
from understudy.inference.media.types import VideoFrame
from understudy.inference.solve import solve_shot

SHARED = Path(os.environ.get("UNDERSTUDY_SHARED", Path(__file__).resolve().parents[2] / "shared"))

Run = Callable[[Sequence[VideoFrame]], int]
"""Processes all frames and counts those with a face."""


@dataclass(frozen=True)
class Capture:
    """Our tracker."""

    options: CaptureOptions

    def __call__(self, frames: Sequence[VideoFrame]) -> int:
        """Follow the faces."""
        tracker = make_tracker(self.options)
        return len({observation.frame for frame in frames for observation in tracker.read(tracker.step(frame.rgb))})


class Solve:
    """The whole-shot solve of a clip that was captured beforehand: what `understudy track` costs on top of capture."""

    def __init__(self, clip: Path, frames: int) -> None:
        self._shot = track_shot(clip, CaptureOptions(device="cpu", frames=(0, frames - 1)))
        self._model = load_face_model()

    def __call__(self, frames: Sequence[VideoFrame]) -> int:
        """Solve all frames, whatever frames are shown."""
        take = solve_shot(self._shot, self._shot.tracks[0], self._model)
        return int((take.confidence > 0).sum())


def mediapipe_face_mesh(frames: Sequence[VideoFrame]) -> int:
    """The legacy solution with refined landmarks, video mode."""
    from mediapipe.python.solutions.face_mesh import FaceMesh

    with FaceMesh(static_image_mode=False, refine_landmarks=True) as mesh:
        return sum(mesh.process(frame.rgb).multi_face_landmarks is not None for frame in frames)


def mediapipe_face_landmarker(frames: Sequence[VideoFrame], task: Path) -> int:
    """The Face Landmarker task, video mode, with blend shapes and head matrix."""
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(task)),
        running_mode=vision.RunningMode.VIDEO,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    found = 0
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for frame in frames:
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(frame.rgb))
            found += bool(landmarker.detect_for_video(image, round(frame.time_s * 1000)).face_landmarks)
    return found


def measure(run: Run, frames: Sequence[VideoFrame], repeats: int) -> tuple[float, float, int]:
    """CPU and wall milliseconds per frame (medians, after a short uncounted run), frames with a face."""
    found = run(frames[:2])
    cpu_ms, wall_ms = [], []
    for _ in range(repeats):
        cpu, wall = time.process_time(), time.perf_counter()
        found = run(frames)
        cpu_ms.append((time.process_time() - cpu) / len(frames) * 1000)
        wall_ms.append((time.perf_counter() - wall) / len(frames) * 1000)
    return statistics.median(cpu_ms), statistics.median(wall_ms), found


def main() -> None:
    """Run every system on the clip and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path, nargs="?", default=SHARED / "data" / "clips" / "d0.mp4")
    parser.add_argument("--task", type=Path, default=SHARED / "models" / "face_landmarker.task")
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    announce("capture")
    frames = list(read_frames(arguments.clip, 0, arguments.frames, exact_colours=False))
    solve = Solve(arguments.clip, len(frames))
    systems: dict[str, Run] = {
        "understudy": Capture(CaptureOptions(device="cpu")),
        "understudy high": Capture(CaptureOptions(device="cpu", quality="high")),
        "understudy mediapipe points": Capture(CaptureOptions(device="cpu", points="mediapipe")),
        "understudy solve": solve,
        "mediapipe face mesh": mediapipe_face_mesh,
    }
    if arguments.task.is_file():
        systems["mediapipe face landmarker"] = lambda shown: mediapipe_face_landmarker(shown, arguments.task)
    for system, run in systems.items():
        cpu_ms, wall_ms, found = measure(run, frames, arguments.repeats)
        for figure, value, unit in (
            ("cpu", round(cpu_ms, 2), "ms/frame"),
            ("wall", round(wall_ms, 2), "ms/frame"),
            ("frames with a face", round(found / len(frames), 4), "share"),
        ):
            line = {"benchmark": "capture", "clip": arguments.clip.name, "system": system}
            print(json.dumps({**line, "figure": figure, "value": value, "unit": unit}), flush=True)


if __name__ == "__main__":
    main()
