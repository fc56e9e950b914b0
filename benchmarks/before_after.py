"""Contact sheets of real clips: the frame, MediaPipe's points and ours, and an avatar's face moved by each of the takes.

    python3 run.py bench before_after [NAME ...] --face-model ict:ICT_FOLDER [--quality standard|high] [--rows N] [--out FOLDER]

One FOLDER/NAME.png per clip of real_clips.json. Half of the rows are spread over the clip, half are the frames in which the
two takes differ most. Left to right: picture, points before (MediaPipe's), points after (ours), avatar before and after:
the face model's mean face, not the actor's, turned as the head. The number is the frame; eyes, brows and lips are lines.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from avatar_picture import CELL_PX, Avatar
from numpy.typing import NDArray
from real_clips import SHARED, observations
from understudy.inference import face_model
from understudy.inference.capture.shot import CaptureOptions
from understudy.inference.jobs.tracking import track_video
from understudy.inference.media import read_frames
from understudy.inference.media.images import write_png
from understudy.inference.media.types import Image
from understudy.inference.solve.landmark_groups import OVAL
from understudy.inference.take import Take

CONTOURS: Final = (
    ((33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246), True),
    ((263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466), True),
    ((61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185), True),
    ((78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191), True),
    ((70, 63, 105, 66, 107), False),
    ((300, 293, 334, 296, 336), False),
    ((469, 470, 471, 472), True),
    ((474, 475, 476, 477), True),
    (OVAL, True),
)
APART: Final = 4
"""Frames that are shown lie at least this far apart."""
_MARGIN: Final = 1.35
_FINE: Final = 4  # fractional bits of what cv2 draws


def shown_frames(before: Take, after: Take, rows: int) -> list[int]:
    """Half spread evenly, half those in which the takes differ most."""
    even = np.linspace(0, len(before) - 1, rows - rows // 2 + 2).round().astype(int)[1:-1].tolist()
    apart = np.abs(before.coefficients - after.coefficients).sum(1)
    chosen = list(even)
    for frame in np.argsort(-apart).tolist():
        if len(chosen) == rows:
            break
        if min(abs(frame - other) for other in chosen) >= APART:
            chosen.append(frame)
    return sorted(chosen)


def _window(points_px: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
    """Corner and side of a square around a face."""
    low, high = points_px.min(0).astype(float), points_px.max(0).astype(float)
    side = float((high - low).max()) * _MARGIN
    return (low + high - side) / 2, side


def _cut(rgb: Image, corner: NDArray[np.float64], side: float) -> Image:
    scale = CELL_PX / side
    shift = -corner * scale + (scale - 1) / 2
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.warpAffine(rgb, matrix, (CELL_PX, CELL_PX), flags=way), np.uint8)


def _with_points(cell: Image, points: NDArray[np.float64]) -> Image:
    """The cell with the 478 points (in its pixels) and the contours."""
    drawn = cell.copy()
    whole = np.round((points - 0.5) * 2**_FINE).astype(np.int32)
    for x, y in whole[:468]:
        cv2.circle(drawn, (int(x), int(y)), 2**_FINE, (90, 220, 255), -1, cv2.LINE_AA, _FINE)
    for contour, closed in CONTOURS:
        cv2.polylines(drawn, [whole[list(contour)]], closed, (255, 210, 60), 1, cv2.LINE_AA, _FINE)
    return drawn


def _row(rgb: Image, takes: tuple[Take, Take], frame: int, avatar: Avatar) -> Image:
    seen = next((take.landmarks_px[frame] for take in takes if np.isfinite(take.landmarks_px[frame]).all()), None)
    if seen is None:
        return np.zeros((CELL_PX, 5 * CELL_PX, 3), np.uint8)
    corner, side = _window(seen)
    picture = _cut(rgb, corner, side)
    points = [_with_points(picture, (take.landmarks_px[frame] - corner) * CELL_PX / side) for take in takes]
    faces = [avatar.draw(take.coefficients[frame], take.rotation[frame], take.gaze[frame]) for take in takes]
    cv2.putText(picture, str(takes[0].frame_index[frame]), (6, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
    return np.hstack([picture, *points, *faces])


def sheet(clip: Path, takes: tuple[Take, Take], avatar: Avatar, rows: int) -> Image:
    """All rows of one clip."""
    wanted = shown_frames(*takes, rows)
    frames = {frame.index: frame.rgb for frame in read_frames(clip) if frame.index in takes[0].frame_index[wanted]}
    return np.vstack([_row(frames[int(takes[0].frame_index[row])], takes, row, avatar) for row in wanted])


def main() -> None:
    """Draw the sheets."""
    notes = observations()
    parser = argparse.ArgumentParser(prog="before_after", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*notes, []], help=", ".join(notes))
    parser.add_argument("--clips", type=Path, default=SHARED / "data" / "clips", help="folder of NAME.mp4")
    parser.add_argument("--face-model", default="default", help="the avatar's; ict:FOLDER has a fine mesh")
    parser.add_argument("--quality", choices=("standard", "high"), default="standard")
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("out") / "before_after")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    avatar = Avatar(face_model.load(options.face_model))
    for name in options.names or notes:
        clip = options.clips / f"{name}.mp4"
        before, after = (
            track_video(clip, CaptureOptions(quality=options.quality, points=points), 0, "default")
            for points in ("mediapipe", "best")
        )
        write_png(options.out / f"{name}.png", sheet(clip, (before, after), avatar, options.rows))
        print(options.out / f"{name}.png", flush=True)


if __name__ == "__main__":
    main()
