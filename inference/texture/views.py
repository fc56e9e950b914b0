"""The actor's dense face in single frames: where it is in the picture, how it is turned, what of it can be seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, UsageError
from ..face_model.rims import BROW, LOWER_LIP, SKIN, UPPER_LIP
from ..face_model.skin import vertex_normals
from ..face_model.types import FaceModel
from ..take import Take
from .layout import CENTRE, FACE_RADII, Array, Indices, face_surface

CELL_CM = 0.3
BEHIND_CM = 0.6
"""Cells of the depth picture, and how far behind the nearest skin of its cell a vertex may lie and still be seen."""
GRAZING, FRONTAL = 0.2, 0.75
"""Cosines between normal and line of sight from which skin begins to count, and counts fully."""
LEFT_BROW = (300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
BROW_TAILS = (70, 46, 300, 276)
NOSTRILS = (459, 309, 392, 289, 305, 290, 250, 458, 239, 79, 166, 59, 75, 60, 20, 238)
LID_CM, BROW_CM, LIP_CM, NOSTRIL_CM = 1.0, 0.9, 0.5, 0.6
"""Skin nearer to these features has another colour than the rest."""
HAIRLINE = 0.88
"""Share of the way from the middle of the layout to the oval beyond which hair may cover the skin."""
LEAST_CONFIDENCE = 0.3


@dataclass(frozen=True)
class View:
    """The V vertices in one frame."""

    points_px: NDArray[np.float32]
    """(V, 2)."""
    normals: NDArray[np.float32]
    """(V, 3) in camera-aligned axes."""
    weight: NDArray[np.float32]
    """(V,) 0 unseen, 1 seen from the front."""
    px_per_cm: float


class ActorFace:
    """The dense face of a take's actor, frame by frame."""

    def __init__(self, take: Take, model: FaceModel) -> None:
        """Raises UsageError when `model` is not the one that the take was made with."""
        if take.face_model != model.name or len(take.neutral_cm) != len(model.mean_cm):
            raise UsageError(
                f"The take was made with the face model {take.face_model}; name the same model with --face-model."
            )
        self.take = take
        surface = face_surface()
        self._matrix = surface.matrix
        self._triangles: Indices = surface.triangles
        self.marks_cm = model.at_landmarks(take.neutral_cm.astype(np.float64))[:SKIN]
        self._expressions = model.landmark_expressions_cm[:, :SKIN].reshape(len(take.names), -1)
        self.points_cm = self._matrix @ self.marks_cm

    def view(self, frame: int) -> View:
        """The face as frame `frame` (row of the take) shows it."""
        take = self.take
        marks = self.marks_cm + (take.coefficients[frame].astype(np.float64) @ self._expressions).reshape(-1, 3)
        placed = (self._matrix @ marks) @ take.rotation[frame].T.astype(np.float64) + take.translation_cm[frame]
        depth = np.maximum(-placed[:, 2], 1.0)
        (focal_x, _, centre_x), (_, focal_y, centre_y), _ = take.camera_matrix
        points_px = np.stack([centre_x + focal_x * placed[:, 0] / depth, centre_y - focal_y * placed[:, 1] / depth], 1)
        normals = vertex_normals(placed, self._triangles.astype(np.int32))
        facing = -(placed * normals).sum(1) / np.linalg.norm(placed, axis=1)
        width, height = take.frame_size
        inside = ((points_px > 1) & (points_px < np.array([width, height]) - 1)).all(1)
        weight = np.clip((facing - GRAZING) / (FRONTAL - GRAZING), 0.0, 1.0) * inside * self._uncovered(placed)
        scale = float(focal_x / -take.translation_cm[frame, 2])
        return View(points_px.astype(np.float32), normals.astype(np.float32), weight.astype(np.float32), scale)

    def _uncovered(self, placed: Array) -> NDArray[np.bool_]:
        """(V,) no other part of the face lies in front."""
        samples = np.concatenate([placed, placed[self._triangles].mean(axis=1)])
        flat = samples[:, :2] / -samples[:, 2:] * -placed[:, 2].mean()
        cells = np.floor((flat - flat.min(0)) / CELL_CM).astype(int)
        nearest = np.full(tuple(cells.max(0) + 1), -np.inf)
        np.maximum.at(nearest, tuple(cells.T), samples[:, 2])
        return np.asarray(placed[:, 2] > nearest[tuple(cells[: len(placed)].T)] - BEHIND_CM)

    def good_frames(self) -> Indices:
        """Rows of the take that show the face surely enough; raises InputError where none does."""
        confidence = self.take.confidence
        rows = np.flatnonzero((confidence > 0) & (confidence >= LEAST_CONFIDENCE * confidence.max()))
        if not len(rows):
            raise InputError("The take has no frame with a face; track other footage.")
        return rows


def plain_skin(points_cm: Array) -> NDArray[np.bool_]:
    """(V,) vertices of the dense face `points_cm` away from eyes, brows, lips, nostrils and hairline."""
    reach = np.linalg.norm((face_surface().uv - CENTRE) / FACE_RADII, axis=1)
    return np.asarray(featureless(points_cm) & (reach < HAIRLINE))


def featureless(points_cm: Array, but: tuple[int, ...] = ()) -> NDArray[np.bool_]:
    """(V,) vertices away from eyes, brows, lips and nostrils; landmarks of brows in `but` do not count."""
    out = np.zeros(len(points_cm), bool)
    for marks, reach in (
        (np.flatnonzero(opening_edges()), LID_CM),
        (np.array([mark for mark in BROW + LEFT_BROW if mark not in but]), BROW_CM),
        (np.array(sorted(UPPER_LIP | LOWER_LIP)), LIP_CM),
        (np.array(NOSTRILS), NOSTRIL_CM),
    ):
        out |= np.linalg.norm(points_cm[:, None] - points_cm[None, marks], axis=2).min(1) < reach
    return np.asarray(~out)


@cache
def opening_edges() -> NDArray[np.bool_]:
    """(V,) on the edge of an eye or of the mouth."""
    surface = face_surface()
    edges = np.concatenate([surface.triangles[:, [k, (k + 1) % 3]] for k in range(3)])
    pairs, sides = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    border = np.zeros(len(surface.uv), bool)
    border[pairs[sides == 1]] = True
    border[surface.oval] = False
    return border


def linear(encoded: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """SRGB 0..1 to linear light."""
    values = np.asarray(encoded, np.float32)
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0) + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )


def encoded(light: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Linear light to sRGB 0..1."""
    values = np.clip(np.asarray(light, np.float32), 0.0, 1.0)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055).astype(np.float32)
