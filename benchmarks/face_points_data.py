"""Faces whose every point is known: shards of the training renderers, and frames of rendered performances."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from face_points_figures import Known
from numpy.typing import NDArray
from true_points import performance_of, true_points
from understudy.inference import arkit, face_model
from understudy.inference.face_model.ict_folder import IctModel
from understudy.inference.media import read_frames
from understudy.inference.media.types import Image
from understudy.inference.report.accuracy import known_coefficients

TRAITS: Final = ("skin", "beard", "glasses", "child", "hair_over")


@dataclass(frozen=True)
class Faces:
    """Pictures and their truth."""

    name: str
    images: NDArray[np.uint8] | list[Image]
    known: Known

    def __len__(self) -> int:
        return len(self.images)

    def every(self, step: int) -> Faces:
        """Each `step`-th of them."""
        known = self.known
        part = Known(
            known.points_px[::step],
            known.visible[::step],
            known.coefficients[::step],
            known.rotation[::step],
            known.shot[::step],
            {name: values[::step] for name, values in known.traits.items()},
        )
        return Faces(self.name, self.images[::step], part)


def shards_of(folder: Path) -> list[Path]:
    """The folder itself if it is a shard, else those in it."""
    if (folder / "images.npy").is_file():
        return [folder]
    return sorted(path.parent for path in folder.rglob("images.npy"))


def read_shard(folder: Path) -> Faces:
    """A shard; pictures stay on disk until they are read."""
    stored = {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy")}
    count = len(stored["images"])
    traits = {name: np.asarray(stored[name], np.float64) for name in TRAITS if name in stored}
    return Faces(
        folder.name,
        stored["images"],
        Known(
            np.asarray(stored["points"], np.float64),
            np.asarray(stored["visible"], bool),
            np.asarray(stored["coefficients"], np.float64),
            np.asarray(stored["rotation"], np.float64),
            np.asarray(stored["actor"], np.int64),
            {name: values.reshape(count) for name, values in traits.items()},
        ),
    )


def read_clip(clip: Path, ict: IctModel, spec: str) -> Faces:
    """Every frame of a rendered performance; what its own geometry hides is not known and counts as visible."""
    truth = clip.with_suffix(".truth.npz")
    images = [frame.rgb for frame in read_frames(clip)]
    points = true_points(truth, ict, face_model.load(spec))[: len(images)]
    rotation = performance_of(truth).rotation[: len(images)]
    curves = known_coefficients(truth)
    nothing = np.full(len(images), np.nan)
    coefficients = np.stack([curves.get(name, nothing)[: len(images)] for name in arkit.NAMES], axis=1)
    return Faces(
        clip.stem,
        images,
        Known(points, np.ones(points.shape[:2], bool), coefficients, rotation, np.zeros(len(images), np.int64), {}),
    )
