"""Eyeballs of the default avatar: spheres whose rings follow pupil and iris; no bpy."""

from __future__ import annotations

import numpy as np

from .face_skin import Eye
from .mesh import Piece, grid_faces

ROUND = 48
PUPIL, IRIS = 0.145, 0.42
"""Radii in eyeball radii, as in the shader `avatar_materials.eye`."""


def eyeball(eye: Eye) -> Piece:
    """A sphere about the eye's centre that looks along z; it turns with its bone."""
    off_axis = np.concatenate([
        np.arcsin(np.linspace(0.0, PUPIL, 4)[1:]),
        np.arcsin(np.linspace(PUPIL, IRIS, 7)[1:]),
        np.linspace(np.arcsin(IRIS), np.pi, 22)[1:-1],
    ])  # fmt: skip
    turn = np.arange(ROUND) / ROUND * 2 * np.pi
    across, forward = np.sin(off_axis)[:, None], np.repeat(np.cos(off_axis)[:, None], ROUND, axis=1)
    rings = np.stack([across * np.cos(turn), across * np.sin(turn), forward], axis=2)
    unit = np.concatenate([rings.reshape(-1, 3), [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]])
    count = len(off_axis)
    front, back, last = len(unit) - 2, len(unit) - 1, ROUND * (count - 1)
    # Rings run away from the front pole, so the grid's quads must be turned over to face outward.
    faces = [face[::-1] for face in grid_faces(count, ROUND, closed=True)]
    slot = np.repeat(
        np.where(off_axis[:-1] < np.arcsin(PUPIL) - 1e-9, 2, np.where(off_axis[:-1] < np.arcsin(IRIS) - 1e-9, 1, 0)),
        ROUND,
    )
    faces += [[front, i, (i + 1) % ROUND] for i in range(ROUND)]
    faces += [[back, last + (i + 1) % ROUND, last + i] for i in range(ROUND)]
    slots = np.concatenate([slot, np.full(ROUND, 2), np.zeros(ROUND)]).astype(np.int32)
    points = eye.centre_cm + eye.radius_cm * unit
    return Piece(
        name=f"Eye {eye.side}",
        points_cm=points,
        faces=faces,
        materials=["eye", "iris", "pupil"],
        face_material=slots,
        bone_weights={"eye.L" if eye.side == "Left" else "eye.R": np.ones(len(points))},
        attributes={"rest_cm": points, "iris": np.c_[unit[:, :2], unit[:, 2] > 0.3]},
    )
