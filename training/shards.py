"""Writes a shard: a folder of arrays with a row for each picture. The layout is in README.md."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..inference.arkit import NAMES
from ..inference.capture.face_points import POINT_COUNT
from ..inference.capture.landmarks import straight_region
from ..inference.capture.region import Region
from ..inference.errors import InputError

SIDE: Final = 384
MARGIN = 1.5
"""Side of a picture in sides of the straightened box of the face's 478 points; training cuts tighter crops out of it."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Row:
    """One picture and what is known of it; lengths are its pixels, corner convention."""

    images: NDArray[np.uint8]
    """(384, 384, 3) RGB."""
    points: Floats
    """(546, 3) x, y, and depth behind the head's origin."""
    visible: NDArray[np.uint8]
    """(546,)."""
    coefficients: Floats
    """(52,) or NaN."""
    rotation: Floats
    """(3, 3) head axes to camera axes."""
    skin: float
    """Luminance, linear 0..1."""
    actor: int
    weight: Floats | None = None
    """(546,) how far each point may be believed; None where all are true."""
    beard: float | None = None
    glasses: bool | None = None
    hair_over: bool | None = None
    """Whether hair or a thing is before the face."""
    child: float | None = None
    """How much the face has a child's proportions, 0..1."""
    seed: int | None = None
    """From which all of the picture follows."""


ARRAYS: Final[dict[str, tuple[tuple[int, ...], str]]] = {
    "images": ((SIDE, SIDE, 3), "u1"),
    "points": ((POINT_COUNT, 3), "f4"),
    "visible": ((POINT_COUNT,), "u1"),
    "coefficients": ((len(NAMES),), "f4"),
    "rotation": ((3, 3), "f4"),
    "skin": ((), "f4"),
    "actor": ((), "i4"),
    "weight": ((POINT_COUNT,), "f4"),
    "beard": ((), "f4"),
    "glasses": ((), "u1"),
    "hair_over": ((), "u1"),
    "child": ((), "f4"),
    "seed": ((), "i8"),
}
"""Shape and type of one row of each array of a shard, by the row's field."""


def framed(rgb: NDArray[np.uint8], points_px: Floats) -> tuple[NDArray[np.uint8], Floats, Region]:
    """The picture (384, 384, 3) around a face, its points (546, 3) in it, and where it lies in the original."""
    region = straight_region(points_px[:478, :2], MARGIN)
    scale = SIDE / region.size_px[0]
    matrix = region.matrix(SIDE)
    flat = (points_px[:, :2] - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    return region.sample(rgb, SIDE), np.column_stack([flat, scale * points_px[:, 2]]).astype(np.float32), region


def upright(rotation: NDArray[np.float64], region: Region) -> Floats:
    """(3, 3) a head's rotation as it is seen in the region's picture, which is turned."""
    cos, sin = np.cos(region.angle_rad), np.sin(region.angle_rad)
    return np.asarray(np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ rotation, np.float32)


def write_shard(folder: Path, rows: Iterable[Row], count: int) -> None:
    """Write so many rows as they come; the folder has its name only when it is whole. All rows know the same things."""
    partial = folder.with_name(f"{folder.name}.partial.{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        arrays: dict[str, Any] = {}
        for number, row in enumerate(rows):
            known = {name: value for name in ARRAYS if (value := getattr(row, name)) is not None}
            arrays = arrays or {name: _new_array(partial / f"{name}.npy", count, *ARRAYS[name]) for name in known}
            for name, value in known.items():
                arrays[name][number] = value
        if not arrays:
            raise InputError(f"No face was found for {folder.name}; give pictures or films that show one.")
        for array in arrays.values():
            array.flush()
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _new_array(path: Path, rows: int, shape: tuple[int, ...], kind: str) -> Any:
    """A .npy file that is written in place: a shard of pictures is larger than it need be held."""
    return np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=(rows, *shape))  # type: ignore[no-untyped-call]
