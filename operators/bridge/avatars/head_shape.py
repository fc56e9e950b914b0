"""Whose head is built: the face model's mean, or one actor's, with the rest of the head following smoothly; no bpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ....inference.face_model import load
from ....inference.face_model.types import FaceModel
from .face_skin import SKIN_COUNT
from .mesh import Points

REACH_CM = 16.0
"""Beyond this distance from the face only the head's overall size follows the actor's."""
STIFFNESS = 1e-3
"""Neighbouring landmarks whose ways differ are smoothed a little, or the head around them would fold."""
LEFT_IRIS, RIGHT_IRIS = 473, 468
LIP_CORNERS = (61, 291)


def _stay(points: Points) -> Points:
    return points


@dataclass(frozen=True)
class HeadShape:
    """A face in the topology of the embedded model, and where the space around the mean head goes with it."""

    model: FaceModel
    """Its mean is this actor's neutral face."""
    warp: Callable[[Points], Points] = _stay
    """(N, 3) points of the mean head to this head, centimetres."""

    def mouth(self, points: Points) -> Points:
        """Teeth and tongue of the mean head moved and scaled, not bent, into this mouth."""
        mean = load("default").mean_cm[list(LIP_CORNERS)].astype(np.float64)
        own = self.model.mean_cm[list(LIP_CORNERS)].astype(np.float64)
        return own.mean(axis=0) + self.mouth_scale * (points - mean.mean(axis=0))

    @property
    def mouth_scale(self) -> float:
        """Width of this mouth over that of the mean one, as far as teeth follow."""
        mean = load("default").mean_cm[list(LIP_CORNERS), 0]
        own = self.model.mean_cm[list(LIP_CORNERS), 0]
        return float(np.clip((own[1] - own[0]) / (mean[1] - mean[0]), 0.85, 1.15))


def mean_head() -> HeadShape:
    """The default avatar's head."""
    return HeadShape(load("default"))


def actor_head(landmarks_cm: NDArray[np.floating], expressions_cm: NDArray[np.floating] | None = None) -> HeadShape:
    """The head of an actor whose neutral face has its 478 landmarks at `landmarks_cm`.

    `expressions_cm` (52, 478, 3) are those of the model that saw the actor, None for the embedded one's.
    """
    model = load("default")
    marks = np.asarray(landmarks_cm, np.float64)
    shift = marks[[LEFT_IRIS, RIGHT_IRIS]] - model.mean_cm[[LEFT_IRIS, RIGHT_IRIS]]
    changes: dict[str, object] = {
        "mean_cm": marks.astype(np.float32),
        "eye_centres_cm": (model.eye_centres_cm + shift).astype(np.float32),
    }
    if expressions_cm is not None:
        changes["expressions_cm"] = np.asarray(expressions_cm, np.float32)
    own = replace(model, **changes)  # type: ignore[arg-type]
    return HeadShape(own, warp_between(model.mean_cm[:SKIN_COUNT].astype(np.float64), marks[:SKIN_COUNT]))


def warp_between(source: Points, target: Points) -> Callable[[Points], Points]:
    """A smooth map of space that takes `source` to `target` (N, 3): size and place everywhere, the rest near the face."""
    scale, shift = _size_and_place(source, target)
    kernel = _bump(source, source)
    weights = np.linalg.solve(kernel + STIFFNESS * np.eye(len(source)), target - (source * scale + shift))

    def warp(points: Points) -> Points:
        moved = points * scale + shift
        for start in range(0, len(points), 4096):
            part = slice(start, start + 4096)
            moved[part] += _bump(points[part], source) @ weights
        return moved

    return warp


def _size_and_place(source: Points, target: Points) -> tuple[Points, Points]:
    """(3,) scale and shift of the head. How deep a head is the face alone hardly tells: half of what its width says."""
    from_centre, to_centre = source - source.mean(axis=0), target - target.mean(axis=0)
    wide, high, _ = (from_centre * to_centre).sum(axis=0) / (from_centre**2).sum(axis=0)
    scale = np.array([wide, high, 1 + 0.5 * (wide - 1)])
    return scale, target.mean(axis=0) - scale * source.mean(axis=0)


def _bump(points: Points, centres: Points) -> NDArray[np.float64]:
    """(N, C) Wendland's C2 function of the distance: 1 at a centre, 0 from `REACH_CM` on."""
    square = (points**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1) - 2 * points @ centres.T
    r = np.minimum(np.sqrt(np.maximum(square, 0.0)) / REACH_CM, 1.0)
    return (1 - r) ** 4 * (4 * r + 1)
