"""The faces of one frame of a video, for a person to choose from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..media.images import write_png
from ..media.reader import probe, read_frames
from ..media.types import Image
from .region import Region
from .shot import detect_landmarks

PICTURE_PX = 128
_MARGIN = 0.35
"""Of the face's size, around it in its picture."""


@dataclass(frozen=True)
class FrameFaces:
    """What one frame shows."""

    frame: int
    """Index in the source, from 0."""
    frame_size: tuple[int, int]
    """Width and height, pixels."""
    boxes_px: NDArray[np.float32]
    """(N, 4) x0, y0, x1, y1, the largest face first."""
    pictures: tuple[Image, ...]
    """N squares of `PICTURE_PX`."""


def faces_of_frame(video: Path, frame: int, device: str = "auto") -> FrameFaces:
    """Find the faces of one frame; raises `UsageError` when the video has no such frame and else like `track_shot`."""
    shown = next(iter(read_frames(video, frame, frame + 1)), None)
    if shown is None:
        raise UsageError(f"{video} has no frame {frame}; it has {probe(video).frame_count}, counted from 0.")
    height, width = shown.rgb.shape[:2]
    found = [face.points_px for face in detect_landmarks(shown.rgb, device)]
    boxes = [np.concatenate([points.min(axis=0), points.max(axis=0)]) for points in found]
    return FrameFaces(
        frame=frame,
        frame_size=(width, height),
        boxes_px=np.array(boxes, np.float32).reshape(-1, 4),
        pictures=tuple(_picture(shown.rgb, box) for box in boxes),
    )


def write_pictures(faces: FrameFaces, folder: Path) -> tuple[Path, ...]:
    """Write each face's picture into `folder`, made where there is none; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = tuple(folder / f"face_{number}.png" for number in range(len(faces.pictures)))
    for path, picture in zip(paths, faces.pictures, strict=True):
        write_png(path, picture)
    return paths


def _picture(rgb: Image, box: NDArray[np.float32]) -> Image:
    """A square cut-out around a face."""
    centre = (box[:2] + box[2:]) / 2
    side = float((box[2:] - box[:2]).max()) * (1 + 2 * _MARGIN)
    return Region((float(centre[0]), float(centre[1])), (side, side), 0.0).sample(rgb, PICTURE_PX)
