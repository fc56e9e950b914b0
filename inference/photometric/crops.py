"""Small grey pictures of one face through a shot, kept on disk so that long shots do not fill the memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ..media.types import Glimpsed, Picture, VideoFrame
from ..solve.geometry import Array

LARGEST_SIDE_PX = 384
"""Pictures of faces that are larger are made smaller: skin holds little more for the solver, and time is limited."""
MARGIN = 1.25
"""Side of the crop over the side of the landmarks' box."""


@dataclass(frozen=True)
class FaceCrops:
    """N square pictures and where they lie in their frames: crop pixel = (frame pixel - origin) * scale."""

    grey: NDArray[np.uint8]
    """(N, side, side); stored in a temporary file that goes when this does."""
    origin_px: Array
    """(N, 2)."""
    scale: Array
    """(N,) at most 1."""

    def to_crop(self, points_px: NDArray[np.float32], frames: slice) -> NDArray[np.float32]:
        """(n, P, 2) frame pixels of these frames to pixels of their crops."""
        return np.asarray((points_px - self.origin_px[frames, None]) * self.scale[frames, None, None], np.float32)


Kind = TypeVar("Kind", bound=np.generic)


def stored(shape: tuple[int, ...], kind: type[Kind]) -> NDArray[Kind]:
    """A zeroed array in a temporary file that nobody else sees."""
    with tempfile.TemporaryFile() as file:
        return np.asanyarray(np.memmap(file, dtype=kind, mode="w+", shape=shape))


def read_crops(
    frames: Iterable[Glimpsed | VideoFrame],
    frame_index: NDArray[np.int64],
    landmarks_px: Array,
    read: Callable[[int], None],
) -> FaceCrops:
    """Cut the face out of the frames whose indices are given, (N,), around its landmarks (N, P, 2)."""
    low, high = landmarks_px.min(1), landmarks_px.max(1)
    centre, box_px = (low + high) / 2, MARGIN * (high - low).max(1)
    side = int(np.clip(np.ceil(box_px.max()), 16, LARGEST_SIDE_PX))
    source_px = np.maximum(np.ceil(box_px), side).astype(int)
    origin = np.round(centre - source_px[:, None] / 2).astype(int)
    grey = stored((len(frame_index), side, side), np.uint8)
    place = {int(index): row for row, index in enumerate(frame_index)}
    for frame in frames:
        row = place.get(frame.index)
        if row is not None:
            grey[row] = cut(frame.rgb, origin[row], int(source_px[row]), side)
            read(row + 1)
    return FaceCrops(grey, origin.astype(float), side / source_px)


def cut(rgb: Picture, origin_px: NDArray[np.int64], source_px: int, side: int) -> NDArray[np.uint8]:
    """(side, side) grey square of the picture; its border pixels go on outside."""
    height, width = rgb.shape[:2]
    columns = np.clip(np.arange(origin_px[0], origin_px[0] + source_px), 0, width - 1)
    rows = np.clip(np.arange(origin_px[1], origin_px[1] + source_px), 0, height - 1)
    inside = rgb[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    grey = cv2.cvtColor(np.ascontiguousarray(inside), cv2.COLOR_RGB2GRAY)
    grey = grey[np.ix_(rows - rows[0], columns - columns[0])]
    return np.asarray(grey if source_px == side else cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA))
