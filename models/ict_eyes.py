"""The eyeballs of ICT-FaceKit: where they are and how gaze turns them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..inference.face_model.ict_folder import EYEBALLS, eyeball

__all__ = ["EYEBALLS", "eyeball", "gaze_rotation"]


def gaze_rotation(yaw_rad: float, pitch_rad: float) -> NDArray[np.float64]:
    """(3, 3) rotation of an eye that looks `yaw` to the actor's left (+x) and `pitch` up."""
    cy, sy, cp, sp = np.cos(yaw_rad), np.sin(yaw_rad), np.cos(pitch_rad), np.sin(pitch_rad)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    return about_y @ about_x
