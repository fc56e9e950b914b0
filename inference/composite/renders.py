"""The folder of rendered frames: pictures by source frame index, and where the avatar's landmarks are in them."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..capture.types import LANDMARK_COUNT
from ..errors import InputError
from ..media.images import read_picture
from .colour.transfer import decode, encode
from .pictures import cv2, shrink
from .types import Floats, Region

LANDMARKS_FILE = "landmarks.npz"
_OURS: Final = re.compile(r"frame_(\d{6,})\.png")
_NUMBERED: Final = re.compile(r"(?P<before>.*?)(?P<number>\d+)(?P<after>\D*\.(?:png|exr))", re.IGNORECASE)


@dataclass(frozen=True)
class Render:
    """One rendered frame, cut to what is not transparent."""

    rgba: NDArray[Any]
    """(h, w, 4): uint8 or uint16, encoded like sRGB, straight alpha; or float32, linear light times alpha (EXR)."""
    region: Region
    """Where the cut lies in the frame."""

    def light(self, rows: slice, columns: slice) -> Floats:
        """(h, w, 4) linear light times alpha, and alpha, of a part of the cut."""
        part = self.rgba[rows, columns]
        if part.dtype == np.float32 or not part.size:
            return part.astype(np.float32, copy=False)
        if part.dtype == np.uint8:
            light = cv2.LUT(np.ascontiguousarray(part), _light_table())
        else:
            light = np.dstack([decode(part[..., :3]), part[..., 3] * np.float32(1 / np.iinfo(part.dtype).max)])
        opaque = cv2.extractChannel(light, 3)
        if opaque.min(initial=1) < 1:
            cv2.multiply(light, cv2.merge([opaque, opaque, opaque, np.ones_like(opaque)]), dst=light)
        return np.asarray(light, np.float32)

    def small(self, size: tuple[int, int]) -> Floats:
        """(h, w, 4) encoded straight colour and alpha, 0..1, of the cut shown at ``size`` (W, H)."""
        small = shrink(self.rgba, size)
        if small.dtype != np.float32:
            return (small * np.float32(1 / np.iinfo(small.dtype).max)).astype(np.float32, copy=False)
        alpha = small[..., 3:]
        return np.concatenate([encode(small[..., :3] / np.maximum(alpha, 1e-3)), np.clip(alpha, 0, 1)], axis=2)


@cache
def _light_table() -> Floats:
    """(1, 256, 4) linear light of 8-bit colours, and alpha, for `cv2.LUT`."""
    codes = np.arange(256, dtype=np.uint8)
    table: Floats = np.stack([*[decode(codes)] * 3, codes / np.float32(255)], 1)[None].astype(np.float32)
    return table


class RenderFolder:
    """Rendered frames of one shot; a missing picture is no error, a wrong one is.

    Pictures are ours, ``frame_000012.png``, or another numbered sequence of PNG or EXR files, such as ``0012.png`` or
    ``beauty_0012.exr``: the last number of a name is the index of the frame in the footage.
    """

    def __init__(self, folder: Path, frame_size: tuple[int, int]) -> None:
        """Raises `InputError` when there is not one rendered frame, or when there are several sequences."""
        self._frame_size = frame_size
        self._paths = _sequence(folder)
        self.frame_indices = frozenset(self._paths)
        self._landmarks_px = _read_landmarks(folder / LANDMARKS_FILE)

    def load(self, frame_index: int) -> Render | None:
        """The picture of a source frame; None when it was not rendered or shows nothing.

        Raises:
            InputError: it is damaged, has another size than the footage or no alpha.
        """
        path = self._paths.get(frame_index)
        if path is None:
            return None
        rgba = read_picture(path)
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

    def landmarks_px(self, frame_index: int) -> Floats | None:
        """(478, 2) projected landmarks of the avatar in a frame, when the renderer wrote them."""
        return self._landmarks_px.get(frame_index)


def _sequence(folder: Path) -> dict[int, Path]:
    """Pictures by frame index."""
    paths = [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    ours = {int(name[1]): path for path in paths if (name := _OURS.fullmatch(path.name))}
    if ours:
        return ours
    found: dict[str, dict[int, Path]] = {}
    for path in paths:
        name = _NUMBERED.fullmatch(path.name)
        if name:
            found.setdefault(f"{name['before']}#{name['after']}", {})[int(name["number"])] = path
    if not found:
        raise InputError(f"There are no rendered frames in {folder}; make them with 'understudy render'.")
    if len(found) > 1:
        raise InputError(
            f"{folder} holds several sequences ({', '.join(sorted(found))}); give a folder with one of them alone."
        )
    return next(iter(found.values()))


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
