"""Step 1 of the face model: pictures of posed ICT-FaceKit heads in which the landmark network can show where it sees its points.

usage: python -m understudy.models.landmark_renders FACEXMODEL_FOLDER OUT_FOLDER     (about four minutes on two cores)
"""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

import numpy as np

from ..inference.face_model.ict_folder import read_ict
from .ict_eyes import gaze_rotation
from .ict_look import Look
from .ict_render import HeadScene

SIZE_PX = 512
FOCAL_PX = 1150.0
DISTANCE_CM = 62.0
IDENTITIES = 6
YAWS_RAD = (-0.45, 0.0, 0.45)
JAW_OPEN = (0.0, 0.35)

_SKINS = (
    (0.52, 0.30, 0.21),
    (0.62, 0.40, 0.30),
    (0.20, 0.095, 0.055),
    (0.42, 0.23, 0.14),
    (0.58, 0.36, 0.28),
    (0.33, 0.17, 0.10),
)


def main(folder: Path, out: Path) -> None:
    """Write `NNN.png` and `poses.npz` (identity (N,100), jaw_open (N,), rotation (N,3,3), position_cm (N,3))."""
    ict = read_ict(folder, with_identity=True)
    rng = np.random.default_rng(7)
    rows: list[tuple[np.ndarray, float, np.ndarray, np.ndarray]] = []
    for person in range(IDENTITIES):
        identity = rng.normal(0.0, 0.6, 100) if person else np.zeros(100)
        neutral = ict.neutral_cm + np.einsum("i,ivk->vk", identity, ict.identity_cm)
        look = Look(skin=_SKINS[person], key_side=1.0 if person % 2 else -1.0, noise_seed=float(person))
        scene = HeadScene(ict, neutral, look, SIZE_PX, FOCAL_PX)
        scene.add_wall(look, DISTANCE_CM)
        for yaw, jaw in itertools.product(YAWS_RAD, JAW_OPEN):
            rotation = gaze_rotation(yaw, 0.05)
            position = np.array([0.0, -2.0, -DISTANCE_CM])
            scene.render(neutral + jaw * ict.shapes_cm["jawOpen"], rotation, position, out / f"{len(rows):03d}.png")
            rows.append((identity, jaw, rotation, position))
    identities, jaws, rotations, positions = (np.array(column) for column in zip(*rows, strict=True))
    np.savez(out / "poses.npz", identity=identities, jaw_open=jaws, rotation=rotations, position_cm=positions)


if __name__ == "__main__":
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.flush()
    os._exit(0)  # bpy can hang in the interpreter's teardown
