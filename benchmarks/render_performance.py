"""Renders a performance of an ICT-FaceKit head whose coefficients, head motion, gaze and camera are known for every frame.

usage: python benchmarks/render_performance.py ICT_FOLDER_OR_ARCHIVE -o FOLDER --seeds 101-106 [--style both] [--frames 72]

Writes `seed_N.mp4` (with a synthetic voice) and `seed_N.truth.npz`, in the layout of the project's synthetic clips and
with the gaze of each eye; one after the other, each put in place when it is whole. The seed draws the actor (identity,
skin from smooth to freckled, hair, light, lens, size in the picture) and what it does: odd seeds random events over
random shapes, even seeds a speech script, unless `--style` says which. About one second a picture on one core.
Needs the Blender module (Cycles on the CPU).

The project's sample was rendered by an earlier, slower renderer, which `benchmarks/render_sample.py` keeps.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from performance_script import FPS
from performance_sound import synthetic_voice, write_movie
from tqdm import tqdm
from truth_actor import truth_performance
from truth_file import in_camera, neutral_of, posed, write_truth
from understudy.inference.face_model.ict_folder import IctModel, read_ict
from understudy.models.ict_archive import unpack_ict

FRAMES = 72
FEWEST_FRAMES = 24
"""An event needs its time."""


def render_seed(ict: IctModel, seed: int, style: str, frames: int, pictures: Path, out: Path) -> Path:
    """Render one performance to `out/seed_N.mp4` with its truth; pictures that `pictures` holds are not made again."""
    from truth_scene import TruthScene  # loads Blender

    performance, actor, size = truth_performance(list(ict.shapes_cm), frames, seed, style)
    neutral = neutral_of(ict, performance.identity)
    paths = [pictures / f"seed_{seed}_{frame:04d}.png" for frame in range(frames)]
    scene = TruthScene(ict, neutral, actor, size, float(performance.camera_matrix[0, 0]), seed)
    for frame in tqdm(
        [number for number in range(frames) if not paths[number].is_file()], unit="frame", desc=str(seed)
    ):
        position = in_camera(performance, frame, np.zeros((1, 3)))[0]
        scene.render(
            posed(ict, performance, neutral, frame), performance.rotation[frame], position, frame, paths[frame]
        )
    movie = out / f"seed_{seed}.mp4"
    jaw = performance.coefficients[:, performance.names.index("jawOpen")]
    write_truth(ict, performance, movie.with_suffix(".truth.npz"))
    write_movie(movie, paths, synthetic_voice(jaw, FPS, seed), FPS)
    return movie


def style_of(seed: int, style: str) -> str:
    """The style that a seed has when both are asked for."""
    return style if style != "both" else ("events" if seed % 2 else "speech")


def ict_of(folder_or_archive: Path, scratch: Path) -> IctModel:
    """ICT-FaceKit with its identities, from its folder or from the archive."""
    folder = folder_or_archive if folder_or_archive.is_dir() else unpack_ict(folder_or_archive, scratch)
    return read_ict(folder, with_identity=True)


def seed_range(text: str) -> range:
    """`101-106` or `101`."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main() -> int:
    """Command line; 0 on success."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("ict", type=Path, help="the ICT-FaceKit folder or archive")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder for the clips")
    parser.add_argument("--seeds", type=seed_range, required=True, metavar="A-B")
    parser.add_argument("--style", choices=("both", "speech", "events"), default="both")
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--pictures", type=Path, help="folder that keeps the pictures of an interrupted run")
    options = parser.parse_args()
    if options.frames < FEWEST_FRAMES:
        parser.error(f"a performance needs at least {FEWEST_FRAMES} frames")
    with tempfile.TemporaryDirectory() as scratch:
        ict = ict_of(options.ict, Path(scratch))
        pictures = options.pictures or Path(scratch) / "pictures"
        for folder in (pictures, options.out):
            folder.mkdir(parents=True, exist_ok=True)
        for seed in options.seeds:
            movie = render_seed(ict, seed, style_of(seed, options.style), options.frames, pictures, options.out)
            print(movie, flush=True)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # bpy can hang in the interpreter's teardown
