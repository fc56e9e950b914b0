"""Head pose of every frame: a closed-form start, then robust Gauss-Newton steps, lightly smooth along time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .evidence import residuals_cm, robust_weights, rough_weights, visibility
from .geometry import Array, Camera, Poses, Real, chunks, linearise, nearest_rotation
from .landmark_network import Response
from .products import rows_of, weighted_products
from .timeline import Timeline, solve_along_time

ROTATION_ACCELERATION_RAD = 0.006
TRANSLATION_ACCELERATION_CM = 0.15
"""Standard deviation of a head's second difference from frame to frame at 30 frames per second."""

INDEPENDENT_PART = 0.03
"""Errors of neighbouring points go together: so many of them are worth one."""
INDEPENDENT_FRAMES = 0.1
"""A network's errors last: measured, half of what they are five frames before."""


def first_poses(points_px: Array, points_cm: Array, camera: Camera) -> Poses:
    """Weak-perspective poses (POS) of (T, P, 2) points of one rigid (P, 3) face."""
    middle = points_cm.mean(0)
    affine = np.linalg.pinv(points_cm - middle) @ (points_px - points_px.mean(1, keepdims=True))
    rows = np.swapaxes(affine, 1, 2) * np.array([1.0, -1.0])[:, None]
    length = np.maximum(np.linalg.norm(rows, axis=-1), 1e-9)
    scale = length.mean(1)
    unit = rows / length[..., None]
    rotation = nearest_rotation(np.concatenate([unit, np.cross(unit[:, :1], unit[:, 1:])], 1))
    distance = camera.focal_px / scale
    offset = (points_px.mean(1) - np.array(camera.centre_px)) / scale[:, None] * np.array([1.0, -1.0])
    centre = np.concatenate([offset, -distance[:, None]], 1)
    return Poses(rotation, centre - rotation @ middle)


@dataclass(frozen=True)
class PosedPoints:
    """What is known when poses are fitted: points seen, and how much each says about the pose."""

    points_px: Array
    """(T, P, 2)."""
    normals: Array
    """(P, 3) of the face's surface, in head axes."""
    rigid: Array
    """(P,) weight, less where expressions move the face."""


def refine_poses(
    seen: PosedPoints,
    faces_cm: Real,
    poses: Poses,
    camera: Camera,
    timeline: Timeline | None,
    level: float,
    steps: int,
    network: Response | None = None,
) -> Poses:
    """Fit the poses of (T, P, 3) faces; smooth along time, by the shot's noise level, when a timeline is given."""
    for _ in range(steps):
        parts = [pose_evidence(seen, faces_cm, poses, camera, part, network) for part in chunks(len(faces_cm))]
        trust = (INDEPENDENT_PART if network is None else INDEPENDENT_FRAMES) / level**2
        hessian = np.concatenate([part[0] for part in parts]) * trust
        gradient = np.concatenate([part[1] for part in parts]) * trust
        hessian[:, range(6), range(6)] += 1e-6
        if timeline is None:
            step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
        else:
            step = smooth_step(hessian, gradient, poses, timeline)
        poses = poses.moved(limited(step))
    return poses


def pose_evidence(
    seen: PosedPoints, faces_cm: Real, poses: Poses, camera: Camera, part: slice, network: Response | None = None
) -> tuple[Array, Array]:
    """Normal equations (N, 6, 6), (N, 6) of the pose steps of some frames; a network's common errors are eliminated."""
    model = linearise(faces_cm[part], poses[part], camera)
    residual = residuals_cm(seen.points_px[part], model)
    visible = visibility(seen.normals, poses.rotation[part])
    if network is None:
        product = weighted_products(rough_weights(residual, visible) * seen.rigid, [model.pose_rows, rows_of(residual)])
        return product[:, :6, :6], product[:, :6, -1]
    weight = robust_weights(residual, network.point_errors, visible)
    product = weighted_products(weight, [model.pose_rows, network.error_rows[None], rows_of(residual)])
    own = product[:, 6:-1, 6:-1] + np.eye(len(network.error_rows))
    cross = product[:, :6, 6:-1]
    aside = np.linalg.solve(own, np.concatenate([np.swapaxes(cross, 1, 2), product[:, 6:-1, -1:]], -1))
    return product[:, :6, :6] - cross @ aside[..., :6], product[:, :6, -1] - (cross @ aside[..., 6:])[..., 0]


def smooth_step(hessian: Array, gradient: Array, poses: Poses, timeline: Timeline) -> Array:
    """(T, 6) the step to poses whose second differences are small; rotations are smoothed in their tangent space."""
    spread = np.repeat([ROTATION_ACCELERATION_RAD, TRANSLATION_ACCELERATION_CM], 3) * timeline.second_difference_scale
    bend = timeline.second_differences
    turn = np.einsum("tij,tkj->tik", poses.rotation[1:], poses.rotation[:-1])
    vector = (
        np.stack([turn[:, 2, 1] - turn[:, 1, 2], turn[:, 0, 2] - turn[:, 2, 0], turn[:, 1, 0] - turn[:, 0, 1]], -1) / 2
    )
    path = np.concatenate([np.vstack([np.zeros((1, 3)), np.cumsum(vector, 0)]), poses.translation_cm], 1)
    pull = -(bend.T @ (bend @ path)) / spread**2
    return solve_along_time(hessian, gradient + pull, bend, 1.0 / spread**2)


def limited(step: Array) -> Array:
    """Steps no longer than half a radian and 30 cm, so that a bad start cannot turn the head inside out."""
    turn = np.linalg.norm(step[:, :3], axis=1, keepdims=True)
    shift = np.linalg.norm(step[:, 3:], axis=1, keepdims=True)
    shorter = [
        step[:, :3] * np.minimum(1, 0.5 / np.maximum(turn, 1e-9)),
        step[:, 3:] * np.minimum(1, 30 / np.maximum(shift, 1e-9)),
    ]
    return np.concatenate(shorter, 1)
