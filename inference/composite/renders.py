"""The folder of rendered frames: pictures by source frame index, and where the avatar's landmarks are in them."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..capture.types import LANDMARK_COUNT
from ..errors import InputError
from ..media import read_png
from .pictures import cv2
from .types import Floats, Region

LANDMARKS_FILE = "landmarks.npz"


@dataclass(frozen=True)
class Render:
    """One rendered frame, cut to what is not transparent."""

    rgba: NDArray[np.uint8] | NDArray[np.uint16]
    """(h, w, 4) encoded, straight alpha."""
    region: Region
    """Where the cut lies in the frame."""


class RenderFolder:
    """Rendered frames ``frame_000012.png`` of one shot; a missing picture is no error, a wrong one is."""

    def __init__(self, folder: Path, frame_size: tuple[int, int]) -> None:
        """Raises `InputError` when there is not one rendered frame."""
        self._folder = folder
        self._frame_size = frame_size
        names = (re.fullmatch(r"frame_(\d{6,})\.png", path.name) for path in folder.glob("frame_*.png"))
        self.frame_indices = frozenset(int(name[1]) for name in names if name)
        if not self.frame_indices:
            raise InputError(f"There are no rendered frames in {folder}; make them with 'understudy render'.")
        self._landmarks_px = _read_landmarks(folder / LANDMARKS_FILE)

    def load(self, frame_index: int) -> Render | None:
        """The picture of a source frame; None when it is missing or wholly transparent.

        Raises:
            InputError: unreadable, without alpha, or of another size than the footage.
        """
        if frame_index not in self.frame_indices:
            return None
        path = self.path(frame_index)
        rgba = read_png(path)
        height, width = rgba.shape[:2]
        if (width, height) != self._frame_size:
            raise InputError(
                f"{path} is {width}x{height}, the footage {self._frame_size[0]}x{self._frame_size[1]}; render again."
            )
        if rgba.shape[2] != 4:
            raise InputError(f"{path} has no alpha channel; render with a transparent film.")
        x, y, w, h = cv2.boundingRect((rgba[..., 3] > 0).view(np.uint8))
        if w == 0 or h == 0:
            return None
        region = Region(x, y, w, h)
        return Render(np.ascontiguousarray(rgba[region.slices]), region)

    def path(self, frame_index: int) -> Path:
        """Where the picture of a source frame is."""
        return self._folder / f"frame_{frame_index:06d}.png"

    def landmarks_px(self, frame_index: int) -> Floats | None:
        """(478, 2) projected landmarks of the avatar in a frame, when the renderer wrote them."""
        return self._landmarks_px.get(frame_index)


def _read_landmarks(path: Path) -> dict[int, Floats]:
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as stored:
            indices, points = stored["frame_index"], stored["landmarks_px"].astype(np.float32)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged; render again or delete it.") from error
    if points.shape != (len(indices), LANDMARK_COUNT, 2):
        raise InputError(f"{path} has landmarks of shape {points.shape}; render again or delete it.")
    usable = np.isfinite(points).all(axis=(1, 2))
    return {int(index): face for index, face, ok in zip(indices, points, usable, strict=True) if ok}
