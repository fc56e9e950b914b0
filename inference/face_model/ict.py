"""ICT-FaceKit as a face model: the face part of the official folder's mesh, in our conventions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .. import arkit
from ..errors import InputError
from .assembly import Head, assemble, ict_landmarks
from .ict_folder import EYEBALLS, IctModel, eyeball, read_ict
from .surface import Array
from .types import FaceModel

NARROW_FACE = 6706
"""ICT-FaceKit's own "narrow face area" is its first vertices: brow to throat, ear to ear, nothing inside the head."""


def model_files(folder: Path) -> list[Path]:
    """The files that the model is made from."""
    inner = folder / "FaceXModel"
    return [*(inner if inner.is_dir() else folder).glob("*.obj"), *folder.glob("*.json"), *inner.glob("*.json")]


def build_ict(folder: Path) -> FaceModel:
    """Read and convert (some ten seconds); raises InputError for what is no ICT-FaceKit folder."""
    ict = read_ict(folder, with_identity=True)
    where = ict_landmarks()
    if len(ict.neutral_cm) != int(where["vertices"]):
        raise InputError(
            f"{folder} has {len(ict.neutral_cm)} vertices where ICT-FaceKit has {int(where['vertices'])}: "
            "choose the FaceXModel folder of ICT-FaceKit, as it was published."
        )
    (left, radius), (right, _) = (eyeball(ict, ict.neutral_cm, side) for side in (0, 1))
    triangles = ict.triangles("M_Face")
    return assemble(
        Head(
            name="ict",
            mean_cm=ict.neutral_cm[:NARROW_FACE],
            modes_cm=ict.identity_cm[:, :NARROW_FACE].astype(np.float64),
            expressions_cm=np.stack([arkit_offset(ict, name) for name in arkit.NAMES]),
            triangles=triangles[(triangles < NARROW_FACE).all(1)].astype(np.int32),
            corners=where["corners"].astype(np.int32),
            weights=where["weights"].astype(np.float64),
            eye_centres_cm=np.stack([left, right]),
            eye_radius_cm=radius,
            eye_modes_cm=np.stack([ict.identity_cm[:, ict.part(ball)].mean(1) for ball in EYEBALLS], 1).astype(float),
            source_vertices=np.arange(NARROW_FACE, dtype=np.int32),
        )
    )


def arkit_offset(ict: IctModel, name: str) -> Array:
    """(6706, 3) ICT-FaceKit's offset of an ARKit shape; zero where it has none (tongueOut)."""
    shape = ict.arkit_shape(name)
    return np.zeros((NARROW_FACE, 3)) if shape is None else shape[:NARROW_FACE].astype(np.float64)
