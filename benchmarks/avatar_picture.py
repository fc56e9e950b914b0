"""A quick shaded picture of a face model's mean face with a frame's coefficients, head rotation and gaze."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from understudy.inference.face_model.types import FaceModel
from understudy.inference.media.types import Image
from understudy.models.ict_eyes import gaze_rotation

CELL_PX: Final = 320
_HEIGHT_CM: Final = 24.0
"""What the picture shows."""
_MIDDLE_CM: Final = (0.0, 0.6, 0.0)
_DISTANCE_CM: Final = 80.0
_LIGHT: Final = np.array([-0.35, 0.55, 0.76])
_SKIN: Final = np.array([205.0, 178.0, 160.0])
_WHITE, _IRIS, _PUPIL = np.array([240.0] * 3), np.array([96.0, 74.0, 52.0]), np.array([12.0] * 3)
_IRIS_ANGLE, _PUPIL_ANGLE = 0.46, 0.2
_BACKGROUND: Final = (42, 44, 50)
_FINE: Final = 4

Array = NDArray[np.float64]


def _sphere(rings: int = 16, sectors: int = 24) -> tuple[Array, NDArray[np.int64]]:
    """Unit vectors about +z and triangles, counter-clockwise from outside."""
    down, around = np.meshgrid(np.linspace(0, np.pi, rings), np.linspace(0, 2 * np.pi, sectors), indexing="ij")
    points = np.stack([np.sin(down) * np.cos(around), np.sin(down) * np.sin(around), np.cos(down)], -1)
    cell = (np.arange(rings - 1)[:, None] * sectors + np.arange(sectors - 1)).ravel()
    corners = np.stack([cell, cell + sectors, cell + sectors + 1, cell, cell + sectors + 1, cell + 1], 1)
    return points.reshape(-1, 3), corners.reshape(-1, 3)


class Avatar:
    """Draws one face model."""

    def __init__(self, model: FaceModel) -> None:
        self._model = model
        self._ball, self._ball_triangles = _sphere()

    def draw(
        self, coefficients: NDArray[np.floating], rotation: NDArray[np.floating], gaze: NDArray[np.floating]
    ) -> Image:
        """(CELL_PX, CELL_PX, 3) painted from back to front."""
        model = self._model
        skin = model.mean_cm + np.tensordot(coefficients.astype(np.float64), model.expressions_cm, 1)
        parts = [(skin, model.triangles.astype(np.int64), np.tile(_SKIN, (len(model.triangles), 1)))]
        for side in (0, 1):
            turned = self._ball @ gaze_rotation(*gaze[side]).T
            ball = model.eye_centres_cm[side] + 0.97 * model.eye_radius_cm * turned
            parts.append((ball, self._ball_triangles, self._eye_colours()))
        picture = np.full((CELL_PX, CELL_PX, 3), _BACKGROUND, np.uint8)
        corners = np.concatenate([points[triangles] for points, triangles, _ in parts]) - _MIDDLE_CM
        self._paint(picture, corners @ rotation.astype(np.float64).T, np.concatenate([part[2] for part in parts]))
        return picture

    def _eye_colours(self) -> Array:
        angle = np.arccos(np.clip(self._ball[self._ball_triangles].mean(1)[:, 2], -1, 1))
        dark = (angle < _IRIS_ANGLE)[:, None]
        return np.where(dark, np.where((angle < _PUPIL_ANGLE)[:, None], _PUPIL, _IRIS), _WHITE)

    @staticmethod
    def _paint(picture: Image, corners: Array, colours: Array) -> None:
        """Draw triangles (F, 3, 3) in camera axes, those that face away left out."""
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        depth = _DISTANCE_CM - corners[..., 2]
        scale = CELL_PX / _HEIGHT_CM * _DISTANCE_CM / depth
        pixels = CELL_PX / 2 + corners[..., :2] * [1, -1] * scale[..., None]
        bright = 0.28 + 0.75 * np.clip(normals @ (_LIGHT / np.linalg.norm(_LIGHT)), 0, 1)
        shaded = np.clip(colours * bright[:, None], 0, 255)
        whole = np.round(pixels * 2**_FINE).astype(np.int32)
        for face in np.argsort(-depth.mean(1)):
            if normals[face, 2] > 0:
                cv2.fillConvexPoly(picture, whole[face], shaded[face].tolist(), cv2.LINE_AA, _FINE)
