"""The face model: the one interface behind the embedded default, ICT-FaceKit, FLAME and BFM."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Real = TypeVar("Real", np.float32, np.float64)


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
    landmark_corners: NDArray[np.int32]
    """(478, 3) landmarks lie anywhere on the surface: the vertices between which each lies."""
    landmark_weights: NDArray[np.float32]
    """(478, 3) the share of each of these vertices; rows add up to 1."""
    eye_centres_cm: NDArray[np.float32]
    """(2, 3) centres of the actor's left and right eyeball, of the mean face."""
    eye_radius_cm: float
    source_vertices: NDArray[np.int32]
    """(V,) the vertex of the maker's own file that each vertex is; -1 for the ones that were added (irises)."""

    def at_landmarks(self, values: NDArray[Real]) -> NDArray[Real]:
        """(..., 478, 3) of any positions or offsets (..., V, 3), in their own precision."""
        weights = self.landmark_weights.astype(values.dtype, copy=False)
        parts = [weights[:, k, None] * values[..., self.landmark_corners[:, k], :] for k in range(3)]
        return np.asarray(parts[0] + parts[1] + parts[2], values.dtype)

    @cached_property
    def landmark_mean_cm(self) -> NDArray[np.float64]:
        """(478, 3) `mean_cm` at the landmarks; read-only, as the next two are."""
        return self._sampled(self.mean_cm)

    @cached_property
    def landmark_modes_cm(self) -> NDArray[np.float64]:
        """(I, 478, 3) `identity_modes_cm` at the landmarks."""
        return self._sampled(self.identity_modes_cm)

    @cached_property
    def landmark_expressions_cm(self) -> NDArray[np.float64]:
        """(52, 478, 3) `expressions_cm` at the landmarks."""
        return self._sampled(self.expressions_cm)

    def _sampled(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        points = self.at_landmarks(values).astype(np.float64)
        points.setflags(write=False)
        return points
