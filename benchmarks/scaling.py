"""How cost and memory grow: with resolution, faces in the picture, length of the shot, and the networks that are on.

    python3 run.py bench scaling [--what resolution,faces,length,networks] [--small] [--out FILE.jsonl] [--chart FILE.png]

The performance that ships with the project is written as H.264 at other sizes, beside itself, and there and back; each
point then runs in a process of its own. CPU milliseconds of a frame, all threads together: `read` (decoding and
colours), `capture` (following the faces, without reading), `solve` (the first face; with `--quality high` the pixels
too). `wall` is the clock's from file to take; `memory_mib` the most that the process held. Length is fitted with a line:
milliseconds once and for each frame, and MiB for a thousand frames. JSON lines.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from machine import announce
from understudy.inference.media import VideoWriter, read_frames
from understudy.inference.media.types import Image

CLIP: Final = Path(__file__).resolve().parents[1] / "samples" / "performance.mp4"
FPS: Final = 24
AXES: Final = ("resolution", "faces", "length", "networks")
FRAMES: Final = 66
FEW_FRAMES: Final = 32
LINES: Final = (256, 512, 720, 1080, 1440, 2160)
LINES_SMALL: Final = (256, 512, 1080, 2160)
FACES: Final = (1, 2, 4)
LENGTHS: Final = (64, 128, 256, 512, 1024)
LENGTHS_SMALL: Final = (64, 128, 256, 512)
NETWORKS: Final = (
    ("fast", "best"),
    ("standard", "mediapipe"),
    ("standard", "best"),
    ("high", "mediapipe"),
    ("high", "best"),
)
"""Quality, and whose points: the best are our network's, where the quality asks it."""

Line = dict[str, object]


@dataclass(frozen=True)
class Point:
    """What one process measures."""

    axis: str
    label: str
    x: float
    lines: int = 512
    wide: bool = False
    """16:9 instead of a square."""
    faces: int = 1
    frames: int = FRAMES
    quality: str = "standard"
    points: str = "best"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return (self.lines * 16 // 9 // 2 * 2 if self.wide else self.lines, self.lines)


def points_of(axis: str, small: bool) -> list[Point]:
    """All points of an axis; in small, fewer and shorter ones."""
    frames = FEW_FRAMES if small else FRAMES
    if axis == "resolution":
        chosen = LINES_SMALL if small else LINES
        return [Point(axis, f"{lines} lines", lines, lines=lines, wide=True, frames=frames) for lines in chosen]
    if axis == "faces":
        return [Point(axis, f"{n} in 1080p", n, lines=1080, wide=True, faces=n, frames=frames) for n in FACES]
    if axis == "length":
        return [Point(axis, f"{n} frames", n, frames=n) for n in (LENGTHS_SMALL if small else LENGTHS)]
    return [
        Point(axis, quality + ("" if points == "best" else ", MediaPipe alone"), n, quality=quality, points=points)
        for n, (quality, points) in enumerate(NETWORKS)
    ]


def write_clip(path: Path, point: Point) -> None:
    """The performance there and back, as large as it fits, beside itself for more faces."""
    pictures = [frame.rgb for frame in read_frames(CLIP)]
    order = [*range(len(pictures)), *range(len(pictures) - 2, 0, -1)]
    shown: dict[int, Image] = {}
    with VideoWriter(path, *point.size, Fraction(FPS)) as writer:
        for number in range(point.frames):
            source = order[number % len(order)]
            if source not in shown:
                shown[source] = arranged(pictures, source, point)
            writer.write(shown[source], number / FPS)


def arranged(pictures: list[Image], first: int, point: Point) -> Image:
    """So many faces in equal cells, each a few frames further on than the one before."""
    width, height = point.size
    columns = 2 if point.faces > 1 else 1
    rows = -(-point.faces // columns)
    canvas = np.full((height, width, 3), 90, np.uint8)
    cell = (width // columns, height // rows)
    for face in range(point.faces):
        picture = pictures[(first + 7 * face) % len(pictures)]
        side = min(cell)
        fitted = cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC)
        x = face % columns * cell[0] + (cell[0] - side) // 2
        y = face // columns * cell[1] + (cell[1] - side) // 2
        canvas[y : y + side, x : x + side] = fitted
    return canvas


def measure(point: Point, clip: Path) -> Line:
    """In this process: reading alone, then everything from file to take."""
    from understudy.inference.capture.shot import CaptureOptions, track_shot
    from understudy.inference.face_model import load
    from understudy.inference.photometric import PixelRefiner
    from understudy.inference.solve import solve_shot

    options = {"max_faces": point.faces, "quality": point.quality, "points": point.points, "device": "cpu"}
    model = load("default")
    track_shot(clip, CaptureOptions(**options, frames=(0, 1)))  # opens the networks
    began = time.process_time()
    count = sum(1 for _ in read_frames(clip, exact_colours=False))
    read_s = time.process_time() - began
    began, began_wall = time.process_time(), time.perf_counter()
    shot = track_shot(clip, CaptureOptions(**options))
    tracked_s = time.process_time() - began
    began = time.process_time()
    refine = PixelRefiner(shot).refine if point.quality == "high" else None
    solve_shot(shot, shot.tracks[0], model, refine=refine)
    solved_s, wall_s = time.process_time() - began, time.perf_counter() - began_wall
    each = 1000 / count
    return {
        **asdict(point),
        "found": len(shot.tracks),
        "read_ms": round(read_s * each, 2),
        "capture_ms": round(max(tracked_s - read_s, 0) * each, 2),
        "solve_ms": round(solved_s * each, 2),
        "wall_ms": round(wall_s * each, 2),
        "memory_mib": most_mib(),
    }


def most_mib() -> int | None:
    """The most memory that this process held so far; None where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    told = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM"))
    return round(int(told.split()[1]) / 1024)


def in_a_process(point: Point, clip: Path) -> Line:
    """Measure a point in a new process, so that its memory is its own."""
    command = [sys.executable, __file__, "--point", json.dumps(asdict(point)), "--clip", str(clip)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"The point {point.label!r} failed: see above.")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def fits(lines: list[Line]) -> Iterator[Line]:
    """What is spent once and for each frame, of the shots of different lengths."""
    frames = np.array([float(str(line["frames"])) for line in lines])
    if len(frames) < 2:
        return
    for figure in ("read_ms", "capture_ms", "solve_ms", "wall_ms"):
        total = np.array([float(str(line[figure])) for line in lines]) * frames
        each, once = np.polyfit(frames, total, 1)
        yield {"axis": "length", "fit": figure, "once_ms": round(float(once)), "each_ms": round(float(each), 2)}
    held = [line["memory_mib"] for line in lines]
    if None not in held:
        each, once = np.polyfit(frames, np.array(held, float), 1)
        yield {
            "axis": "length",
            "fit": "memory_mib",
            "once": round(float(once)),
            "each_1000": round(1000 * float(each)),
        }


def run(axes: list[str], small: bool) -> Iterator[Line]:
    """Every point of every axis, then the fits."""
    for axis in axes:
        found = []
        for point in points_of(axis, small):
            with tempfile.TemporaryDirectory() as folder:
                clip = Path(folder) / "clip.mp4"
                write_clip(clip, point)
                found.append(in_a_process(point, clip))
            yield found[-1]
        if axis == "length":
            yield from fits(found)


def main() -> None:
    """Print a line for each point."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--what", default=",".join(AXES), metavar=",".join(AXES))
    parser.add_argument("--small", action="store_true", help="fewer points, shorter clips")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="keep the lines")
    parser.add_argument("--chart", type=Path, metavar="FILE.png", help="draw them, too")
    parser.add_argument("--point", help=argparse.SUPPRESS)
    parser.add_argument("--clip", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.point is not None:
        print(json.dumps(measure(Point(**json.loads(options.point)), options.clip)))
        return
    axes = options.what.split(",")
    if unknown := sorted(set(axes) - set(AXES)):
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(AXES)}")
    kept = [json.dumps(announce("scaling"))]
    found = []
    for line in run(axes, options.small):
        found.append(line)
        kept.append(json.dumps({"benchmark": "scaling", **line}))
        print(kept[-1], flush=True)
    if options.out is not None:
        options.out.write_text("\n".join(kept) + "\n", "utf-8")
    if options.chart is not None:
        from scaling_picture import draw

        draw(options.chart, found)


if __name__ == "__main__":
    main()
