"""Renders the project's sample (seed 42): an ICT-FaceKit head whose performance is known, by path tracing with care.

usage: python benchmarks/render_sample.py ICT-FaceKit.tar.xz -o samples/performance.mp4 --seed 42 [--frames 66] [--size 480]

Writes the movie with a synthetic voice and, beside it, `NAME.truth.npz`, as `benchmarks/render_performance.py` does,
which renders many actors fast. Needs the Blender module (Cycles on the CPU, 3 to 8 seconds a frame on two cores).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from performance_script import FPS, Performance, perform
from performance_sound import synthetic_voice, write_movie
from tqdm import tqdm
from truth_file import CAMERA_HEIGHT_CM, neutral_of, posed, write_truth
from understudy.inference.face_model.ict_folder import IctModel, read_ict
from understudy.models.ict_archive import unpack_ict
from understudy.models.ict_look import Look
from understudy.models.ict_render import HeadScene

LOOKS = (
    Look(skin=(0.40, 0.205, 0.125), lips=(0.36, 0.105, 0.085), iris=(0.085, 0.045, 0.02), cloth=(0.30, 0.085, 0.05)),
    Look(skin=(0.60, 0.37, 0.28), lips=(0.47, 0.15, 0.13), hair=(0.10, 0.045, 0.018), iris=(0.07, 0.13, 0.17)),
    Look(skin=(0.17, 0.078, 0.043), lips=(0.20, 0.07, 0.06), hair=(0.012, 0.010, 0.009), iris=(0.05, 0.028, 0.015)),
)


def main() -> int:
    """Command line; 0 on success."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("archive", type=Path, help="the ICT-FaceKit archive")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--frames", type=int, default=66)
    parser.add_argument("--size", type=int, default=480)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument(
        "--pictures", type=Path, help="folder that keeps the pictures; those it holds are not rendered again"
    )
    parser.add_argument("--only", type=int, nargs="*", help="render these frames into --pictures and stop")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        pictures = options.pictures or Path(scratch) / "pictures"
        pictures.mkdir(parents=True, exist_ok=True)
        ict = read_ict(unpack_ict(options.archive, Path(scratch)), with_identity=True)
        performance = perform(list(ict.shapes_cm), options.frames, options.size, options.seed)
        frames = options.only or list(range(options.frames))
        _render(ict, performance, frames, pictures, options)
        if not options.only:
            jaw = performance.coefficients[:, performance.names.index("jawOpen")]
            write_movie(
                options.out, [_picture(pictures, f) for f in frames], synthetic_voice(jaw, FPS, options.seed), FPS
            )
            write_truth(ict, performance, options.out.with_suffix(".truth.npz"))
    return 0


def _picture(folder: Path, frame: int) -> Path:
    return folder / f"frame_{frame:04d}.png"


def _render(
    ict: IctModel, performance: Performance, frames: list[int], folder: Path, options: argparse.Namespace
) -> None:
    neutral = neutral_of(ict, performance.identity)
    look = LOOKS[options.seed % len(LOOKS)]
    focal_px = float(performance.camera_matrix[0, 0])
    scene = HeadScene(ict, neutral, look, options.size, focal_px, options.samples)
    scene.add_wall(look, performance.camera_distance_cm)
    to_camera = np.array([0.0, CAMERA_HEIGHT_CM, performance.camera_distance_cm])
    for frame in tqdm([frame for frame in frames if not _picture(folder, frame).is_file()], unit="frame"):
        position = performance.translation_cm[frame] - to_camera
        vertices = posed(ict, performance, neutral, frame)
        scene.render(vertices, performance.rotation[frame], position, _picture(folder, frame))


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # bpy can hang in the interpreter's teardown
