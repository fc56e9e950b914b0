"""Writes a shard: a folder of arrays with a row for each picture. The layout is in README.md."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..inference.capture.landmarks import straight_region
from ..inference.capture.region import Region

SIDE: int = 384
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
    skin: np.float32
    """Luminance, linear 0..1."""
    actor: np.int32
    weight: Floats | None = None
    """(546,) how far each point may be believed; None where all are true."""


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


def write_shard(folder: Path, rows: Sequence[Row]) -> None:
    """Write the arrays; the folder has its name only when it is whole."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in (field.name for field in fields(Row)):
        column = [getattr(row, name) for row in rows]
        if column[0] is not None:
            np.save(partial / f"{name}.npy", np.stack(column))
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)
