"""The face model: the one interface behind the embedded default, ICT-FaceKit, FLAME and BFM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FaceModel:
    """A linear 3D morphable face. Centimetres; x to the actor's left, y up, z out of the face; ICT-FaceKit's origin.

    A face is ``mean_cm + identity @ identity_modes_cm + coefficients @ expressions_cm`` with 0 <= coefficients <= 1 and
    unit-variance identity parameters. Vertices of the default model are the 478 landmarks themselves.
    """

    name: str
    mean_cm: NDArray[np.float32]
    """(V, 3)."""
    identity_modes_cm: NDArray[np.float32]
    """(I, V, 3), one standard deviation each."""
    expressions_cm: NDArray[np.float32]
    """(52, V, 3), in the order of `arkit.NAMES`; a shape the model lacks is all zero."""
    triangles: NDArray[np.int32]
    """(F, 3) counter-clockwise seen from outside."""
    landmark_vertices: NDArray[np.int32]
    """(478,) the vertex of each landmark."""
    eye_centres_cm: NDArray[np.float32]
    """(2, 3) centres of the actor's left and right eyeball, of the mean face."""
    eye_radius_cm: float


@dataclass(frozen=True)
class LandmarkNoise:
    """How the landmark network's points differ from the default model's vertices, measured on rendered heads.

    Fitting ``vertex + offset_cm`` instead of the vertex explains the network's points better: it marks the outline, the
    nostrils and the lid folds at places that no point of the surface explains from all sides.
    """

    offset_cm: NDArray[np.float32]
    """(478, 3) in head axes, from the vertex to the point that the network's marks agree on."""
    spread_cm: NDArray[np.float32]
    """(478,) typical distance of a mark from the vertex, across the line of sight."""
