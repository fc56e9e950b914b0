"""The eyeballs of ICT-FaceKit: where they are and how gaze turns them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..inference.face_model.ict_folder import IctModel

EYEBALLS: Final = ("M_IrisLeft", "M_IrisRight")
"""Materials of the actor's left and right eyeball."""


def eyeball(ict: IctModel, vertices_cm: NDArray[np.floating], side: int) -> tuple[NDArray[np.float64], float]:
    """Centre (3,) and radius in cm of the left (0) or right (1) eyeball: a sphere through its rear, the cornea left out."""
    points = np.asarray(vertices_cm, dtype=np.float64)[ict.part(EYEBALLS[side])]
    low, high = points.min(axis=0), points.max(axis=0)
    radius = float((high[:2] - low[:2]).mean() / 2)
    return np.array([*(low[:2] + high[:2]) / 2, low[2] + radius]), radius


def gaze_rotation(yaw_rad: float, pitch_rad: float) -> NDArray[np.float64]:
    """(3, 3) rotation of an eye that looks `yaw` to the actor's left (+x) and `pitch` up."""
    cy, sy, cp, sp = np.cos(yaw_rad), np.sin(yaw_rad), np.cos(pitch_rad), np.sin(pitch_rad)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    return about_y @ about_x
