"""What the network has to learn from a picture: where our points are in it, and which of them are seen."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ...inference.capture.landmarks import straight_region
from ..faces.camera import View
from ..hidden import BEHIND_CM, LEAST_FACING
from ..shards import MARGIN
from .drawing import DRAWN, SIZE, Crop
from .head import Head

Floats = NDArray[np.float32]

_IRISES: Final = slice(468, 478)


def in_camera(view: View, points_cm: Floats) -> Floats:
    """(N, 3) points of the head in camera axes."""
    return np.asarray(points_cm @ view.rotation.T + view.position_cm, np.float32)


def project(placed_cm: Floats, crop: Crop) -> Floats:
    """(N, 2) pixels of points in camera axes."""
    plane = (placed_cm[:, :2] / -placed_cm[:, 2:] - crop.centre) / crop.half
    return np.asarray((plane * [0.5, -0.5] + 0.5) * SIZE, np.float32)


def labels_px(placed_cm: Floats, view: View, crop: Crop) -> Floats:
    """(N, 3) pixels and depth behind the head's origin, in pixels at the origin's distance."""
    away = -float(view.position_cm[2])
    depth = (-placed_cm[:, 2] - away) * crop.focal_px / away
    return np.column_stack([project(placed_cm, crop), depth]).astype(np.float32)


def crop_of(placed_cm: Floats) -> Crop:
    """The square of MARGIN times the box of the points with level eyes, itself upright."""
    plane = placed_cm[:, :2] / -placed_cm[:, 2:] * np.array([1.0, -1.0], np.float32)  # y down, as in pictures
    region = straight_region(plane, MARGIN)
    return Crop((region.centre_px[0], -region.centre_px[1]), region.size_px[0] / 2)


def visible_points(
    head: Head, placed_cm: Floats, normals: Floats, crop: Crop, mark: NDArray[np.uint8], distance_cm: Floats
) -> NDArray[np.uint8]:
    """(546,) 1 where nothing is drawn before the point; on a silhouette the furthest of the neighbours counts.

    `placed_cm` (546, 3) and `normals` (V, 3) in camera axes; an iris is seen where `mark` says that an eyeball is drawn.
    """
    xy = project(placed_cm, crop)
    column, row = np.clip((xy * (DRAWN / SIZE)).astype(int), 0, DRAWN - 1).T
    furthest = cv2.dilate(distance_cm, np.ones((3, 3), np.uint8))
    visible = -placed_cm[:, 2] <= furthest[row, column] + BEHIND_CM
    skin = (normals[head.landmarks] * head.landmark_weights[..., None]).sum(1)
    facing = np.concatenate([skin, np.zeros((10, 3), np.float32), normals[head.known]])
    ray = -placed_cm / np.linalg.norm(placed_cm, axis=1, keepdims=True)
    visible &= (facing * ray).sum(1) > LEAST_FACING
    column, row = np.clip(xy[_IRISES].astype(int), 0, SIZE - 1).T
    visible[_IRISES] = mark[row, column] < 128
    return visible.astype(np.uint8)
