"""The contact sheet: actor | landmarks | avatar | composite, one row per telling frame."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .. import arkit
from ..errors import InputError
from ..media import read_frames
from ..media.images import read_png
from ..take import Take

ROWS = 8
CELL_PX = 256
COLUMNS = ("actor", "landmarks", "avatar", "composite")
_BACKDROP = np.array([58, 62, 68], np.uint8)
_EDGE_PX = 4
_DOT = 13
"""Radius of a landmark in sixteenths of a pixel."""

Picture = NDArray[np.uint8]


def telling_frames(take: Take, count: int = ROWS) -> list[int]:
    """Positions in the take that show what happened: the peaks of the performance, then evenly spread ones.

    Only frames with a face are chosen; fewer than `count` when the take is short.
    """
    seen = np.flatnonzero(take.confidence > 0)
    if not len(seen):
        return []
    curves = {name: take.coefficients[seen, arkit.INDEX[name]] for name in take.names}
    yaw = np.arctan2(take.rotation[seen, 0, 2], take.rotation[seen, 2, 2])
    signals = [
        curves["jawOpen"],
        curves["eyeBlinkLeft"] + curves["eyeBlinkRight"],
        curves["mouthSmileLeft"] + curves["mouthSmileRight"],
        curves["browInnerUp"] + curves["browOuterUpLeft"] + curves["browOuterUpRight"],
        yaw,
        -yaw,
    ]
    peaks = [int(seen[signal.argmax()]) for signal in signals if np.ptp(signal) > 0.05]
    spread = [int(seen[i]) for i in np.linspace(0, len(seen) - 1, count).astype(int)]
    chosen: list[int] = []
    for position in peaks + spread:
        if len(chosen) < count and all(abs(position - other) > len(seen) // (4 * count) for other in chosen):
            chosen.append(position)
    return sorted(chosen)


def draw_landmarks(rgb: Picture, points_px: NDArray[np.float32]) -> Picture:
    """The picture with its landmarks, irises in another colour."""
    canvas = rgb.copy()
    for index, (x, y) in enumerate(points_px - 0.5):
        colour = (255, 196, 0) if index >= 468 else (64, 255, 128)
        cv2.circle(canvas, (round(float(x) * 16), round(float(y) * 16)), _DOT, colour, -1, cv2.LINE_AA, 4)
    return canvas


def contact_sheet(footage: Path, take: Take, render_dir: Path, composite: Path) -> Picture:
    """(H, W, 3) sheet of the telling frames; raises `InputError` when the footage cannot be read."""
    positions = telling_frames(take)
    wanted = {int(take.frame_index[position]): position for position in positions}
    actors = _pick(footage, wanted)
    composites = _pick(composite, wanted) if composite.is_file() else {}
    rows = [_heading()]
    for index, position in wanted.items():
        if index not in actors:
            raise InputError(
                f"{footage} ends before frame {index} of the take; use the footage the take was made from."
            )
        square = _face_square(take.landmarks_px[position], actors[index].shape)
        actor = actors[index]
        avatar = _avatar_picture(render_dir / f"frame_{index:06d}.png")
        shown, *others = [_cell(picture, square) for picture in (actor, avatar, composites.get(index))]
        points_px = (take.landmarks_px[position] - square[:2]) * (CELL_PX / square[2])
        cells = [_framed(cell) for cell in (shown, draw_landmarks(shown, points_px), *others)]
        label = f"frame {index}   {take.time_s[position]:.2f} s"
        cv2.putText(cells[0], label, (6, CELL_PX - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
        rows.append(np.hstack(cells))
    return np.vstack(rows)


def _pick(video: Path, wanted: dict[int, int]) -> dict[int, Picture]:
    """The wanted frames of a video, by index."""
    if not wanted:
        return {}
    frames = read_frames(video, min(wanted), max(wanted) + 1)
    return {frame.index: frame.rgb for frame in frames if frame.index in wanted}


def _face_square(points_px: NDArray[np.float32], shape: tuple[int, ...]) -> tuple[int, int, int]:
    """x, y, side of a square around the head and inside the picture, in pixels."""
    low, high = points_px.min(axis=0), points_px.max(axis=0)
    side = int(min(2.1 * float((high - low).max()), *shape[:2]))
    corner = (low + high) / 2 - np.array([0.5, 0.58]) * side
    x, y = np.clip(corner, 0, np.array([shape[1] - side, shape[0] - side])).astype(int)
    return int(x), int(y), side


def _avatar_picture(path: Path) -> Picture | None:
    """The rendered frame over a plain backdrop."""
    if not path.is_file():
        return None
    rgba = read_png(path).astype(np.float32)
    alpha = rgba[..., 3:] / 255
    return np.asarray(rgba[..., :3] * alpha + _BACKDROP * (1 - alpha), np.uint8)


def _cell(picture: Picture | None, square: tuple[int, int, int]) -> Picture:
    """The square of a picture at cell size; blank when there is no picture."""
    cell = np.full((CELL_PX, CELL_PX, 3), _BACKDROP, np.uint8)
    if picture is not None:
        x, y, side = square
        scale = CELL_PX / side
        cell_from_picture = np.array([[scale, 0, -x * scale], [0, scale, -y * scale]])
        if scale < 1:
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 / scale), np.uint8)
        interpolation = cv2.INTER_LINEAR if scale < 1 else cv2.INTER_CUBIC
        cell = np.asarray(cv2.warpAffine(picture, cell_from_picture, (CELL_PX, CELL_PX), flags=interpolation), np.uint8)
    return cell


def _framed(cell: Picture) -> Picture:
    """A cell with a white edge at its right and bottom."""
    cell[:, -_EDGE_PX:] = 255
    cell[-_EDGE_PX:, :] = 255
    return cell


def _heading() -> Picture:
    """The names of the columns."""
    strip = np.full((28, CELL_PX * len(COLUMNS), 3), 255, np.uint8)
    for column, name in enumerate(COLUMNS):
        cv2.putText(
            strip, name, (column * CELL_PX + 8, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (40, 40, 40), 1, cv2.LINE_AA
        )
    return strip
