"""An ICT-FaceKit head in the shape of the actor of a take that was made with ICT-FaceKit; no bpy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ....inference.face_model.ict_folder import EYEBALLS, IctModel
from ....inference.face_model.types import FaceModel
from ....inference.texture.layout import CENTRE, HEAD_REACH, face_surface
from .face_skin import SKIN_COUNT
from .head_shape import LEFT_IRIS, LIP_CORNERS, RIGHT_IRIS, warp_between
from .mesh import Points

INSIDE_MOUTH = ("M_GumsTongue", "M_Teeth")
NEIGHBOURS = 8
FADE_CM = 4.0
"""How far beyond the fitted mesh its finest differences are felt."""
HEAD_CM = 16.0
"""Way from the face oval over the head to the end of the layout."""


@dataclass(frozen=True)
class IctActor:
    """The fitted face: `neutral_cm` (V, 3) in the topology of `model`, whose first vertices are those of the head."""

    model: FaceModel
    neutral_cm: NDArray[np.float32]

    @property
    def marks(self) -> Points:
        """(478, 3) the actor's landmarks."""
        return self.model.at_landmarks(self.neutral_cm.astype(np.float64))

    def shaped(self, head: IctModel) -> IctModel:
        """The head with this face; what was not fitted follows smoothly, eyeballs and teeth are moved, not bent."""
        fitted = np.flatnonzero(self.model.source_vertices >= 0)
        source = self.model.source_vertices[fitted]
        mean, marks = self.model.landmark_mean_cm, self.marks
        warp = warp_between(mean[:SKIN_COUNT], marks[:SKIN_COUNT])
        points = warp(head.neutral_cm)
        off = self.neutral_cm[fitted].astype(np.float64) - points[source]
        rest = np.setdiff1d(np.arange(len(points)), source)
        points[rest] += _spread(head.neutral_cm[rest], head.neutral_cm[source], off)
        points[source] += off
        for ball, iris in zip(EYEBALLS, (LEFT_IRIS, RIGHT_IRIS), strict=True):
            part = head.part(ball)
            points[part] = head.neutral_cm[part] + marks[iris] - mean[iris]
        corners = list(LIP_CORNERS)
        wide = float((marks[corners[1], 0] - marks[corners[0], 0]) / (mean[corners[1], 0] - mean[corners[0], 0]))
        inside = head.part(*(name for name in INSIDE_MOUTH if name in head.materials))
        moved = head.neutral_cm[inside] - mean[corners].mean(axis=0)
        points[inside] = marks[corners].mean(axis=0) + np.clip(wide, 0.85, 1.15) * moved
        return replace(head, neutral_cm=points)

    def uv(self, points: Points) -> NDArray[np.float64]:
        """(N, 2) places of skin points of this head in the texture of `inference.texture`."""
        from ....inference.face_model.surface import nearest_on_surface

        surface = face_surface()
        skin = surface.matrix @ self.marks[:SKIN_COUNT]
        corners, shares = nearest_on_surface(points, skin, surface.triangles.astype(np.int32))
        places = (shares[..., None] * surface.uv[corners]).sum(axis=1)
        away = np.linalg.norm((shares[..., None] * skin[corners]).sum(axis=1) - points, axis=1)
        outside = (np.isin(corners, surface.oval) | (shares < 1e-6)).all(axis=1)
        along = np.where(outside, np.clip(away / HEAD_CM, 0.0, 1.0), 0.0)
        return np.asarray(CENTRE + (places - CENTRE) * (1 + (HEAD_REACH - 1) * along)[:, None])


def _spread(points: Points, known: Points, values: Points) -> Points:
    """(N, 3) values of the nearest known points, fading with the distance to them."""
    found = np.empty_like(points)
    for start in range(0, len(points), 1024):
        part = points[start : start + 1024]
        square = (part**2).sum(1)[:, None] + (known**2).sum(1) - 2 * part @ known.T
        near = np.argpartition(square, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        distance = np.sqrt(np.maximum(np.take_along_axis(square, near, axis=1), 1e-6))
        weight = 1 / distance
        weight /= weight.sum(axis=1, keepdims=True)
        fade = np.exp(-((distance.min(axis=1) / FADE_CM) ** 2))
        found[start : start + 1024] = fade[:, None] * (weight[..., None] * values[near]).sum(axis=1)
    return found
