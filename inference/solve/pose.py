"""Head pose of every frame: a closed-form start, then robust Gauss-Newton steps, lightly smooth along time."""

from __future__ import annotations

import numpy as np

from .evidence import residuals_cm, rough_weights, visibility
from .geometry import Array, Camera, Poses, linearise, nearest_rotation
from .timeline import Timeline, solve_along_time

ROTATION_ACCELERATION_RAD = 0.02
TRANSLATION_ACCELERATION_CM = 0.4
"""Standard deviation of a head's second difference from frame to frame at 30 frames per second."""


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


def refine_poses(
    points_px: Array,
    faces_cm: Array,
    normals: Array,
    poses: Poses,
    camera: Camera,
    rigid: Array,
    timeline: Timeline | None,
    steps: int,
) -> Poses:
    """Fit the poses of (T, P, 3) faces to (T, P, 2) points, `rigid` (P,) weighing them; smooth when a timeline is given."""
    for _ in range(steps):
        model = linearise(faces_cm, poses, camera)
        residual = residuals_cm(points_px, model)
        weight = rough_weights(residual, visibility(normals, poses.rotation)) * rigid
        scaled = (model.by_pose * weight[..., None, None]).reshape(len(weight), -1, 6)
        flat = model.by_pose.reshape(len(weight), -1, 6)
        hessian = np.swapaxes(scaled, 1, 2) @ flat
        gradient = (np.swapaxes(scaled, 1, 2) @ residual.reshape(len(weight), -1, 1))[..., 0]
        hessian[:, range(6), range(6)] += 1e-6
        if timeline is None:
            step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
        else:
            step = smooth_step(hessian, gradient, poses, timeline)
        poses = poses.moved(limited(step))
    return poses


def smooth_step(hessian: Array, gradient: Array, poses: Poses, timeline: Timeline) -> Array:
    """(T, 6) the step to poses whose second differences are small; rotations are smoothed in their tangent space."""
    spread = np.repeat([ROTATION_ACCELERATION_RAD, TRANSLATION_ACCELERATION_CM], 3) * timeline.second_difference_scale
    bend = timeline.second_differences()
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
