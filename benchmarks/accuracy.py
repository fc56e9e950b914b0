"""Accuracy of takes beside MediaPipe's own scores, on rendered performances whose truth is known.

    python benchmarks/accuracy.py [CLIP.mp4 ...] [--task face_landmarker.task]

The truth of CLIP.mp4 is CLIP.truth.npz beside it. One JSON line per clip and system: mean correlation and mean absolute
error of the active shapes, leakage into inactive ones, head rotation error, and CPU milliseconds per frame (of the
solver alone for ours, of landmarks and scores together for MediaPipe). By default the performances and the task of the
shared material beside the checkout; without a task MediaPipe is left out. Needs the package mediapipe.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from understudy.inference import arkit, face_model
from understudy.inference.capture.shot import track_shot
from understudy.inference.media import read_frames
from understudy.inference.progress import silent
from understudy.inference.report.accuracy import score
from understudy.inference.solve import solve_shot
from understudy.inference.take import Take

SHARED = Path(os.environ.get("UNDERSTUDY_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def understudy(clip: Path) -> tuple[Take, float]:
    """Our take with the default face model, and the solver's CPU milliseconds per frame."""
    shot = track_shot(clip)
    start = time.process_time()
    take = solve_shot(shot, shot.tracks[0], face_model.load("default"), silent)
    return take, (time.process_time() - start) / len(take) * 1000


def mediapipe(clip: Path, task: Path) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Scores (T, 52) in ARKit order, head rotations (T, 3, 3), CPU milliseconds per frame; zeros where no face is seen."""
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(task)),
        running_mode=vision.RunningMode.VIDEO,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    frames = list(read_frames(clip))
    scores = np.zeros((len(frames), len(arkit.NAMES)), np.float32)
    rotation = np.broadcast_to(np.eye(3, dtype=np.float32), (len(frames), 3, 3)).copy()
    start = time.process_time()
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for row, frame in enumerate(frames):
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(frame.rgb))
            found = landmarker.detect_for_video(image, round(frame.time_s * 1000))
            if found.face_blendshapes:
                for shape in found.face_blendshapes[0]:
                    if shape.category_name in arkit.INDEX:
                        scores[row, arkit.INDEX[shape.category_name]] = shape.score
                rotation[row] = found.facial_transformation_matrixes[0][:3, :3]
    return scores, rotation, (time.process_time() - start) / len(frames) * 1000


def report(clip: Path, system: str, take: Take, cpu_ms: float) -> None:
    """Print one line."""
    figures = {name: round(value, 4) for name, value in asdict(score(take, clip.with_suffix(".truth.npz"))).items()}
    line = {"benchmark": "accuracy", "clip": clip.name, "system": system, **figures}
    print(json.dumps({**line, "cpu_ms_per_frame": round(cpu_ms, 2)}), flush=True)


def main() -> None:
    """Score every system on every clip."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    default = [SHARED / "data" / "synthetic" / f"performance_{seed}.mp4" for seed in (11, 12)]
    parser.add_argument("clips", type=Path, nargs="*", default=default)
    parser.add_argument("--task", type=Path, default=SHARED / "models" / "face_landmarker.task")
    options = parser.parse_args()
    for clip in options.clips:
        take, cpu_ms = understudy(clip)
        report(clip, "understudy", take, cpu_ms)
        if options.task.is_file():
            scores, rotation, cpu_ms = mediapipe(clip, options.task)
            report(clip, "mediapipe face landmarker", replace(take, coefficients=scores, rotation=rotation), cpu_ms)


if __name__ == "__main__":
    main()
