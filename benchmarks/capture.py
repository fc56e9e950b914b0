"""CPU cost of finding and following faces, beside MediaPipe's two ways and YuNet, on the same pictures in one process.

    python benchmarks/capture.py [CLIP.mp4] [--sizes 512,720,1080,2160] [--faces 1,4] [--frames 78] [--repeats 3]

One thread each, decoding excluded. The first size is the clip as it is, with a whole-shot solve: `understudy track` costs
the sum of "understudy" (capture) and "understudy solve", and the same of "understudy fast". "understudy high" reads every
face in two views, "understudy mediapipe points" leaves our own network out. Larger pictures are the clip enlarged, with
its edges repeated at the sides; four faces are four clips in the quarters of a picture; of these fewer frames are read.
All systems take turns, some frames each; the least CPU time of the repeats counts. "YuNet + landmarks" finds faces in
every frame in a picture of 320 px and reads them with MediaPipe's network through ONNX Runtime.

One JSON line per figure: {"benchmark", "case", "system", "figure", "value", "unit"}, and with "part": "stages" what our
tracker spends where. By default the clips, the task and YuNet of the shared material beside the checkout; a peer whose
file or package is missing is left out, and a line says so.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from capture_systems import FaceLandmarker, FaceMesh, Ours, System, YuNet, stages
from machine import announce
from understudy.inference.capture.shot import CaptureOptions, track_shot
from understudy.inference.face_model import load as load_face_model
from understudy.inference.media import read_frames
from understudy.inference.media.types import Image
from understudy.inference.solve import solve_shot

SHARED = Path(os.environ.get("UNDERSTUDY_SHARED", Path(__file__).resolve().parents[2] / "shared"))
OTHERS = ("d18", "d19", "s32")
"""Clips in the other quarters."""
TURN = 12
"""Frames that one system sees before it is the next one's turn."""
FEWER = 24
"""Frames of all cases but the first."""
FPS = 25.0


@dataclass(frozen=True)
class Case:
    """One kind of picture."""

    size: int | None
    """Lines; the clip as it is when None."""
    faces: int

    def pictures(self, clips: Sequence[Sequence[Image]], first: int, stop: int) -> list[Image]:
        """These frames."""
        return [self._picture([clip[i % len(clip)] for clip in clips]) for i in range(first, stop)]

    def _picture(self, frames: Sequence[Image]) -> Image:
        if self.size is None and self.faces == 1:
            return frames[0]
        height = self.size or frames[0].shape[0]
        width = height if self.size is None or self.size <= 512 else height * 16 // 9
        if self.faces == 1:
            return _fitted(frames[0], width, height)
        quarters = [_fitted(frame, width // 2, height // 2) for frame in frames[: self.faces]]
        return np.ascontiguousarray(np.vstack([np.hstack(quarters[:2]), np.hstack(quarters[2:])]))


def _fitted(rgb: Image, width: int, height: int) -> Image:
    """A picture enlarged to a height, with its edges repeated at the sides or cut off there."""
    wide = round(rgb.shape[1] * height / rgb.shape[0])
    resized = cv2.resize(rgb, (wide, height), interpolation=cv2.INTER_CUBIC)
    missing = width - wide
    if missing < 0:
        return np.ascontiguousarray(resized[:, -missing // 2 :][:, :width])
    left = missing // 2
    return np.asarray(cv2.copyMakeBorder(resized, 0, 0, left, missing - left, cv2.BORDER_REPLICATE), np.uint8)


@dataclass
class Spent:
    """What a system needed for all frames, and what it found."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    found: int = 0

    def step(self, system: System, picture: Image, time_s: float) -> None:
        """Show it a picture."""
        cpu, wall = time.process_time(), time.perf_counter()
        self.found += system.step(picture, time_s)
        self.cpu_s += time.process_time() - cpu
        self.wall_s += time.perf_counter() - wall


def once(case: Case, systems: dict[str, System], clips: Sequence[Sequence[Image]], frames: int) -> dict[str, Spent]:
    """Every system sees all frames, in turns."""
    spent = {name: Spent() for name in systems}
    with ExitStack() as stack:
        opened = {name: stack.enter_context(system) for name, system in systems.items()}
        for first in range(0, frames, TURN):
            pictures = case.pictures(clips, first, min(first + TURN, frames))
            for name, system in opened.items():
                for i, picture in enumerate(pictures, first):
                    spent[name].step(system, picture, i / FPS)
    return spent


def measure(case: Case, systems: dict[str, System], clips: Sequence[Sequence[Image]], frames: int, repeats: int) -> Any:
    """(system, CPU ms, wall ms, share of the faces found), the least of the repeats."""
    runs = [once(case, systems, clips, frames) for _ in range(repeats)]
    for name in systems:
        cpu_s, wall_s = (min(getattr(run[name], field) for run in runs) for field in ("cpu_s", "wall_s"))
        yield name, cpu_s / frames * 1000, wall_s / frames * 1000, runs[0][name].found / frames / case.faces


def ours(case: Case) -> dict[str, System]:
    """Our tracker; the qualities in which it is rarely used only at one face and the clip's own size."""
    found: dict[str, System] = {
        "understudy fast": Ours(quality="fast", max_faces=case.faces),
        "understudy": Ours(max_faces=case.faces),
    }
    if case == Case(None, 1):
        found["understudy high"] = Ours(quality="high")
        found["understudy mediapipe points"] = Ours(points="mediapipe")
    return found


def peers(case: Case, task: Path, yunet: Path) -> dict[str, System]:
    """Those that are here."""
    found: dict[str, System] = {}
    if find_spec("mediapipe") is not None:
        found["mediapipe face mesh"] = FaceMesh(case.faces)
        if task.is_file():
            found["mediapipe face landmarker"] = FaceLandmarker(case.faces, task)
    if yunet.is_file():
        found["YuNet + landmarks"] = YuNet(case.faces, yunet)
    return found


def solves(clip: Path, frames: int, repeats: int) -> Iterator[tuple[str, float, float]]:
    """(system, CPU ms, wall ms per frame) of the whole-shot solve of a clip that was captured beforehand."""
    model = load_face_model()
    for system, quality in (("understudy fast solve", "fast"), ("understudy solve", "standard")):
        shot = track_shot(clip, CaptureOptions(device="cpu", frames=(0, frames - 1), quality=quality))
        runs = []
        for _ in range(repeats):
            cpu, wall = time.process_time(), time.perf_counter()
            solve_shot(shot, shot.tracks[0], model)
            runs.append((time.process_time() - cpu, time.perf_counter() - wall))
        cpu_s, wall_s = np.min(runs, axis=0) / frames * 1000
        yield system, float(cpu_s), float(wall_s)


def stage_times(case: Case, clips: Sequence[Sequence[Image]], frames: int) -> Iterator[tuple[str, str, float]]:
    """(system, stage, CPU ms per frame) of our tracker; the stages are timed one by one, which takes time itself."""
    for system, tracker in ours(case).items():
        with stages() as clock:
            total = once(case, {system: tracker}, clips, frames)[system].cpu_s
        for stage, seconds in [*clock.items(), ("the rest", total - sum(clock.values()))]:
            yield system, stage, seconds / frames * 1000


def report(case: str, system: str, figures: dict[str, tuple[float, str]], **more: str) -> None:
    """Print a line for each figure."""
    for figure, (value, unit) in figures.items():
        line = {"benchmark": "capture", **more, "case": case, "system": system, "figure": figure}
        print(json.dumps({**line, "value": round(value, 4), "unit": unit}), flush=True)


def named(case: Case, clips: Sequence[Sequence[Image]]) -> str:
    """As it stands in the lines."""
    height, width = case.pictures(clips, 0, 1)[0].shape[:2]
    return f"{width}x{height}, {case.faces} face{'s' if case.faces > 1 else ''}"


def cases(sizes: str, faces: str) -> list[Case]:
    """The first size is the clip's own."""
    lines = [None, *(int(size) for size in sizes.split(",")[1:])]
    return [Case(size, int(count)) for size in lines for count in faces.split(",")]


def main() -> None:
    """Run every system on every case and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clip", type=Path, nargs="?", default=SHARED / "data" / "clips" / "d0.mp4")
    parser.add_argument(
        "--sizes", default="512,720,1080,2160", help="lines of the pictures; the first: the clip as it is"
    )
    parser.add_argument("--faces", default="1,4", help="faces in a picture: 1, 4 or both")
    parser.add_argument("--task", type=Path, default=SHARED / "models" / "face_landmarker.task")
    parser.add_argument("--yunet", type=Path, default=SHARED / "models" / "face_detection_yunet_2023mar.onnx")
    parser.add_argument("--frames", type=int, default=78)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    announce("capture")
    cv2.setNumThreads(1)
    others = [arguments.clip.with_name(f"{name}.mp4") for name in OTHERS]
    wanted = cases(arguments.sizes, arguments.faces)
    if any(case.faces > 1 for case in wanted) and not all(path.is_file() for path in others):
        print(f"Left out: four faces, which need {', '.join(OTHERS)} beside the clip.", file=sys.stderr)
        wanted = [case for case in wanted if case.faces == 1]
        others = []
    clips = [
        [frame.rgb for frame in read_frames(path, 0, arguments.frames, exact_colours=False)]
        for path in (arguments.clip, *others)
    ]
    missing = {"mediapipe face mesh", "mediapipe face landmarker", "YuNet + landmarks"}
    for name in sorted(missing - peers(wanted[0], arguments.task, arguments.yunet).keys()):
        print(f"Left out: {name}, whose file or package is missing.", file=sys.stderr)
    for case in wanted:
        is_first = case == wanted[0]
        frames = len(clips[0]) if is_first else min(FEWER, len(clips[0]))
        systems = {**ours(case), **peers(case, arguments.task, arguments.yunet)}
        repeats = arguments.repeats if is_first else min(2, arguments.repeats)
        for system, cpu_ms, wall_ms, share in measure(case, systems, clips, frames, repeats):
            figures = {"cpu": (cpu_ms, "ms/frame"), "wall": (wall_ms, "ms/frame"), "faces found": (share, "share")}
            report(named(case, clips), system, figures)
        if is_first:
            for system, cpu_ms, wall_ms in solves(arguments.clip, frames, arguments.repeats):
                report(named(case, clips), system, {"cpu": (cpu_ms, "ms/frame"), "wall": (wall_ms, "ms/frame")})
        if case.size is None:
            for system, stage, cpu_ms in stage_times(case, clips, frames):
                report(named(case, clips), f"{system}: {stage}", {"cpu": (cpu_ms, "ms/frame")}, part="stages")


if __name__ == "__main__":
    main()
