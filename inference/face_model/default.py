"""The face model that ships with the project."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from .. import arkit
from ..errors import UsageError
from .types import FaceModel

DEFAULT_FILE = Path(__file__).with_name("default.npz")


@cache
def load_default() -> FaceModel:
    """The face model that ships with the project.

    Its 478 vertices are the landmarks. Iris points (468-477) have no expression: gaze turns them about `eye_centres_cm`,
    which an identity shifts as it shifts the centre of the iris (468 right, 473 left). The last three identity modes are
    height, slant and spacing of the brows. mouthClose = jawOpen closes the lips, as ARKit has it (ICT's own closes 1.2
    times as much). The arrays are read-only: callers share them.
    """
    with np.load(DEFAULT_FILE, allow_pickle=False) as data:
        if tuple(str(name) for name in data["names"]) != arkit.NAMES:
            raise UsageError(f"{DEFAULT_FILE.name} has other expressions; rebuild it with models/build_face_model.py.")
        model = FaceModel(
            name="default",
            mean_cm=data["mean_cm"].astype(np.float32),
            identity_modes_cm=data["identity_modes_cm"].astype(np.float32),
            expressions_cm=data["expressions_cm"].astype(np.float32),
            triangles=data["triangles"].astype(np.int32),
            landmark_corners=np.tile(np.arange(len(data["mean_cm"]), dtype=np.int32)[:, None], 3),
            landmark_weights=np.tile(np.array([1, 0, 0], np.float32), (len(data["mean_cm"]), 1)),
            eye_centres_cm=data["eye_centres_cm"].astype(np.float32),
            eye_radius_cm=float(data["eye_radius_cm"]),
            source_vertices=np.arange(len(data["mean_cm"]), dtype=np.int32),
        )
    for value in vars(model).values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    return model
