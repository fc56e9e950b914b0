"""From file to take: frames per second, processor time and memory of whole runs, beside MediaPipe on the same files.

    python3 run.py bench pipeline [CLIP.mp4] [--sizes 512,720,1080,2160] [--frames 300] [--repeats 3] [--composite]
                                  [--task face_landmarker.task] [--out FILE.jsonl]

The clip is enlarged, there and back, and written as H.264 (kept in the folder for temporary files). Each run is a process
of its own; systems take turns, and what is told of several runs is the best. The clock starts with everything loaded:
ours reads, follows, solves (`understudy track` without writing the take, a few milliseconds); MediaPipe's get their
pictures from OpenCV, as its own examples do, the Face Landmarker in video mode with scores and head matrix.

Figures of a frame: `wall` and `cpu` in milliseconds (cpu: all threads together), `fps`; `decode alone` is the clock's and
the processor's time of the same reading with nothing beside it, `track` (reading, following) and `solve` are the clock's
of our two parts; `memory` is the most that the process held. With `--composite` also frames per second from footage, take
and rendered pictures to a movie. By default the clip and the task of the shared material beside the checkout; without a
task the Face Landmarker is left out. Needs the package mediapipe.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from machine import announce
from scaling import most_mib
from understudy.inference.media import VideoWriter, read_frames
from understudy.inference.media.types import Image

SHARED: Final = Path(os.environ.get("UNDERSTUDY_SHARED", Path(__file__).resolve().parents[2] / "shared"))
SIZES: Final = (512, 720, 1080, 2160)
FPS: Final = 25
COMPOSITED: Final = 40
"""Frames of the composite."""

Line = dict[str, object]
Figures = dict[str, float | int | None]


class Timer:
    """Seconds since it was made, by the clock and of the processor."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def wall_s(self) -> float:
        """The clock's."""
        return time.perf_counter() - self._wall

    def cpu_s(self) -> float:
        """Of all threads together."""
        return time.process_time() - self._cpu


def enlarged(clip: Path, lines: int, frames: int) -> Path:
    """The clip so many lines high, there and back until it is long enough."""
    path = Path(tempfile.gettempdir()) / "understudy-pipeline" / f"{clip.stem}-{lines}-{frames}.mp4"
    if path.is_file():
        return path
    path.parent.mkdir(exist_ok=True)
    pictures = [frame.rgb for frame in read_frames(clip, 0, frames)]
    order = [*range(len(pictures)), *range(len(pictures) - 2, 0, -1)]
    height, width = pictures[0].shape[:2]
    size = (round(lines * width / height / 2) * 2, lines)
    kernel = cv2.INTER_CUBIC if lines > height else cv2.INTER_AREA
    with VideoWriter(path, *size, Fraction(FPS)) as writer:
        for number in range(frames):
            writer.write(cv2.resize(pictures[order[number % len(order)]], size, interpolation=kernel), number / FPS)
    return path


def understudy(clip: Path, quality: str) -> Figures:
    """Reading alone, then everything from file to take."""
    from understudy.inference.capture.shot import CaptureOptions, track_shot
    from understudy.inference.face_model import load
    from understudy.inference.solve import solve_shot

    options = {"device": "cpu", "quality": quality}
    model = load("default")
    first = track_shot(clip, CaptureOptions(**options, frames=(0, 9)))
    solve_shot(first, first.tracks[0], model)  # so that nothing is loaded or begun while the clock runs
    reading = Timer()
    frames = sum(1 for _ in read_frames(clip, exact_colours=False))
    alone = {"decode_alone_wall_s": reading.wall_s(), "decode_alone_cpu_s": reading.cpu_s()}
    whole = Timer()
    shot = track_shot(clip, CaptureOptions(**options))
    track_s = whole.wall_s()
    take = solve_shot(shot, shot.tracks[0], model)
    seen = int((take.confidence > 0).sum())
    return whole_run(whole, frames, seen) | alone | {"track_s": track_s, "solve_s": whole.wall_s() - track_s}


def opencv_pictures(clip: Path) -> Iterator[Image]:
    """RGB, as MediaPipe's examples read files."""
    video = cv2.VideoCapture(str(clip))
    try:
        while True:
            is_there, picture = video.read()
            if not is_there:
                return
            yield np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
    finally:
        video.release()


def mediapipe_run(clip: Path, has_face: Callable[[Image, int], bool]) -> Figures:
    """Reading alone, then every picture shown with its time in milliseconds."""
    warm = next(opencv_pictures(clip))
    for number in range(3):
        has_face(warm, number)
    reading = Timer()
    frames = sum(1 for _ in opencv_pictures(clip))
    alone = {"decode_alone_wall_s": reading.wall_s(), "decode_alone_cpu_s": reading.cpu_s()}
    whole = Timer()
    seen = sum(has_face(picture, 1000 + number * 40) for number, picture in enumerate(opencv_pictures(clip)))
    return whole_run(whole, frames, seen) | alone


def face_mesh(clip: Path, _task: Path) -> Figures:
    """The legacy solution with refined landmarks, video mode; it has no scores."""
    from mediapipe.python.solutions.face_mesh import FaceMesh

    with FaceMesh(static_image_mode=False, refine_landmarks=True) as mesh:
        return mediapipe_run(clip, lambda picture, _: mesh.process(picture).multi_face_landmarks is not None)


def face_landmarker(clip: Path, task: Path) -> Figures:
    """The Face Landmarker task, video mode, with blend shapes and head matrix."""
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(task)),
        running_mode=vision.RunningMode.VIDEO,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    with vision.FaceLandmarker.create_from_options(options) as landmarker:

        def has_face(picture: Image, time_ms: int) -> bool:
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=picture)
            return bool(landmarker.detect_for_video(image, time_ms).face_blendshapes)

        return mediapipe_run(clip, has_face)


def whole_run(timer: Timer, frames: int, seen: int) -> Figures:
    """What every system tells of its run."""
    return {"wall_s": timer.wall_s(), "cpu_s": timer.cpu_s(), "frames": frames, "seen": seen, "memory_mib": most_mib()}


SYSTEMS: Final[dict[str, Callable[[Path, Path], Figures]]] = {
    "understudy fast": lambda clip, _: understudy(clip, "fast"),
    "understudy": lambda clip, _: understudy(clip, "standard"),
    "mediapipe face landmarker": face_landmarker,
    "mediapipe face mesh": face_mesh,
}


def in_a_process(system: str, clip: Path, task: Path) -> Figures:
    """Run a system in a new process, so that its memory is its own."""
    command = [sys.executable, __file__, str(clip), "--one", system, "--task", str(task)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{system} failed on {clip.name}: {' '.join(command)}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def best(runs: list[Figures]) -> Line:
    """The least of each time and the most memory, of one frame."""
    frames = runs[0]["frames"]
    assert frames
    least = {name: min(run[name] or 0 for run in runs) * 1000 / frames for name in runs[0] if name.endswith("_s")}
    memory = [run["memory_mib"] for run in runs if run["memory_mib"] is not None]
    return {
        "frames": frames,
        "seen": runs[0]["seen"],
        "fps": round(1000 / least["wall_s"], 1),
        **{f"{name.removesuffix('_s')}_ms": round(value, 2) for name, value in least.items()},
        "memory_mib": max(memory) if memory else None,
    }


def composite(clip: Path, lines: int) -> Line:
    """Footage, take and rendered pictures to a movie, at 1080p by default with a face 500 pixels wide."""
    from composite_changes import TOOL
    from composite_cost import SIZE, enlarged, write_landmarks
    from composite_sets import make_set, read_clip
    from understudy.inference.composite.shot import composite_shot
    from understudy.inference.composite.types import CompositeOptions

    large = enlarged(read_clip(clip, lines))
    with tempfile.TemporaryDirectory() as folder:
        made = make_set(large, TOOL, Path(folder))
        write_landmarks(made.renders, len(large.pictures))
        timer = Timer()
        options = CompositeOptions(stages=("swap", "colour", "poisson"), device="cpu")
        composite_shot(made.plate, large.take, made.renders, Path(folder) / "out.mp4", options)
        wall_s, cpu_s = timer.wall_s(), timer.cpu_s()
    count = len(large.pictures)
    return {
        "system": "understudy composite",
        "size": f"{SIZE[0]}x{SIZE[1]}",
        "frames": count,
        "fps": round(count / wall_s, 2),
        "cpu_ms": round(cpu_s * 1000 / count, 1),
    }


def run(clip: Path, sizes: list[int], frames: int, repeats: int, task: Path) -> Iterator[Line]:
    """A line for each system and size."""
    systems = [name for name in SYSTEMS if name != "mediapipe face landmarker" or task.is_file()]
    for lines in sizes:
        movie = enlarged(clip, lines, frames)
        runs: dict[str, list[Figures]] = {name: [] for name in systems}
        for _ in range(repeats):
            for name in systems:
                runs[name].append(in_a_process(name, movie, task))
        found = {name: best(each) for name, each in runs.items()}
        for name, line in found.items():
            yield {"clip": clip.name, "lines": lines, "system": name, **line}


def main() -> None:
    """Print a line for each system and size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clip", type=Path, nargs="?", default=SHARED / "data" / "clips" / "s32.mp4")
    parser.add_argument("--task", type=Path, default=SHARED / "models" / "face_landmarker.task")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), metavar="LINES,...")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--composite", action="store_true", help="also the composite, at 1080p")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="append the lines to a file")
    parser.add_argument("--one", choices=list(SYSTEMS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(SYSTEMS[options.one](options.clip, options.task)))
        return
    announce("pipeline", options.out)
    lines = run(
        options.clip, [int(size) for size in options.sizes.split(",")], options.frames, options.repeats, options.task
    )
    for line in lines if not options.composite else [*lines, composite(options.clip, COMPOSITED)]:
        told = json.dumps({"benchmark": "pipeline", **line})
        print(told, flush=True)
        if options.out is not None:
            with options.out.open("a", encoding="utf-8") as kept:
                kept.write(told + "\n")


if __name__ == "__main__":
    main()
