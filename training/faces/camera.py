"""Where the camera stands: lens, distance, place of the head in the picture and how the head is turned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

NEAREST_CM: Final = 32.0
FACE_WIDTH_CM: Final = 15.5


@dataclass(frozen=True)
class View:
    """The head before the camera, in camera axes: x right in the picture, y up, z to the camera."""

    rotation: NDArray[np.float64]
    """(3, 3) head axes to camera axes."""
    position_cm: NDArray[np.float64]
    """(3,) origin of the head; z is negative."""


def random_view(rng: np.random.Generator) -> View:
    """Lens of 25 to 85 degrees, a face of a tenth to six tenths of the picture's width, anywhere in it.

    The nearer and the further out the face, the stronger its perspective; the lens itself shows in nothing else.
    """
    half = np.tan(np.radians(rng.uniform(25, 85)) / 2)
    share = np.exp(rng.uniform(np.log(0.12), np.log(0.6)))
    distance = max(FACE_WIDTH_CM / (2 * half * share), NEAREST_CM)
    room = max(1.0 - share * 1.2, 0.0) * half
    place = np.clip(rng.normal(0, 0.45, 2), -1, 1) * room * [1.0, 0.7]
    yaw = rng.normal(0, 21) if rng.random() < 0.7 else rng.uniform(-60, 60)
    pitch = rng.normal(0, 11) if rng.random() < 0.8 else rng.uniform(-30, 30)
    roll = rng.normal(0, 9) if rng.random() < 0.85 else rng.uniform(-25, 25)
    angles = np.clip([yaw, pitch, roll], [-60, -30, -25], [60, 30, 25])
    toward = np.array([*place, -1.0])
    # Turned against the ray to the head, so that a face at the edge of the picture is seen from all sides alike.
    ray = Rotation.align_vectors([-toward], [[0, 0, 1.0]])[0]
    turn = (ray if rng.random() < 0.5 else Rotation.identity()) * Rotation.from_euler("YXZ", angles, degrees=True)
    return View(turn.as_matrix(), toward * distance)
