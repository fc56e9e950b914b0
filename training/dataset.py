"""Shards of pictures with their truth, as crops that the network sees. The layout of a shard is in README.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ..inference.capture.face_points import MIRROR_COEFFICIENTS, MIRROR_POINTS, region_of_face
from ..inference.capture.region import Region
from ..inference.solve.landmark_groups import LEFT_LIDS, LIPS, OVAL, RIGHT_LIDS
from .augmentation import Floats, Picture, Rng, covered, cut, harmed, jittered
from .network import POINTS, SIDE

HIDDEN_WEIGHT = 0.4
"""Points that cannot be seen count less: there the network can only guess."""
COVERED, CUT = 0.08, 0.12
"""Shares of the crops with something before the face, and at an edge of the picture."""


def importance() -> Floats:
    """(546,) how much a point counts: what moves with expressions and gaze, and is small, more than skin and outline."""
    weight = np.ones(POINTS, np.float32)
    weight[list(OVAL)] = 0.6
    weight[[*LIPS, *range(478 + 48, 478 + 68)]] = 2.0
    weight[[*LEFT_LIDS, *RIGHT_LIDS, *range(478 + 36, 478 + 48)]] = 2.5
    weight[468:478] = 4.0
    return weight


IMPORTANCE = importance()


@dataclass(frozen=True)
class Shard:
    """Pictures in one folder; arrays are mapped, not read."""

    images: NDArray[np.uint8]
    points: Floats
    visible: NDArray[np.uint8]
    coefficients: Floats
    weight: Floats | None
    """None where every point is true; else the points have no depth."""

    @staticmethod
    def read(folder: Path) -> Shard:
        """Map the arrays of a folder."""

        def array(name: str) -> NDArray[np.generic]:
            return np.load(folder / f"{name}.npy", mmap_mode="r")

        weight = array("weight") if (folder / "weight.npy").is_file() else None
        return Shard(array("images"), array("points"), array("visible"), array("coefficients"), weight)


def in_region(points: Floats, region: Region) -> Floats:
    """Image pixels (..., 2) -> region coordinates 0..1."""
    matrix = region.matrix()
    return np.asarray((points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T, np.float32)


class Crops(Dataset[tuple[Tensor, ...]]):
    """Crops of shards; harmed and turned at random when `seed` is given, plain ones otherwise."""

    def __init__(self, shards: Sequence[Shard], seed: int | None) -> None:
        self._shards, self._seed = shards, seed
        self._ends = np.cumsum([len(shard.images) for shard in shards])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, number: int) -> tuple[Tensor, ...]:
        """The picture (3, 256, 256) and the fields of `Truth`; a number beyond the end is another harm of the same."""
        turn, index = divmod(number, len(self))
        which = int(np.searchsorted(self._ends, index, side="right"))
        row = index - (int(self._ends[which - 1]) if which else 0)
        rng = None if self._seed is None else np.random.default_rng([self._seed, turn, index])
        return crop(self._shards[which], row, rng)


def crop(shard: Shard, row: int, rng: Rng | None) -> tuple[Tensor, ...]:
    """One picture of a shard as the network gets it."""
    image, points = np.asarray(shard.images[row]), np.array(shard.points[row])
    visible, coefficients = shard.visible[row].astype(np.float32), np.array(shard.coefficients[row])
    known = np.ones(len(points), np.float32) if shard.weight is None else np.array(shard.weight[row])
    region = region_of_face(points[:478, :2])
    if rng is not None:
        region = jittered(region, rng)
    picture: Picture = region.sample(image, SIDE)
    points = np.concatenate([in_region(points[:, :2], region), points[:, 2:] / region.size_px[0]], 1, dtype=np.float32)
    if rng is not None:
        if rng.random() < 0.5:
            picture, points = np.ascontiguousarray(picture[:, ::-1]), points[MIRROR_POINTS]
            points[:, 0] = 1 - points[:, 0]
            visible, known, coefficients = (
                visible[MIRROR_POINTS],
                known[MIRROR_POINTS],
                coefficients[MIRROR_COEFFICIENTS],
            )
        if rng.random() < COVERED:
            picture, hidden = covered(picture, SIDE * points[:, :2], rng)
            visible = visible * ~hidden
        if rng.random() < CUT:
            picture, outside = cut(picture, SIDE * points[:, :2], rng)
            visible = visible * ~outside
        picture = harmed(picture, rng)
    weight = IMPORTANCE * known * np.where(visible > 0, 1.0, HIDDEN_WEIGHT).astype(np.float32)
    tensor = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float() / 255
    depth_known = torch.tensor(float(shard.weight is None))
    arrays = (torch.from_numpy(np.ascontiguousarray(a, dtype=np.float32)) for a in (points, weight))
    return (tensor, *arrays, depth_known, torch.from_numpy(visible), torch.from_numpy(coefficients))
