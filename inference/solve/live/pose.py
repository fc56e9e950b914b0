"""The head's pose from frame to frame: the Kalman filter of the motion model that the whole-shot solver smooths with."""

from __future__ import annotations

import math

import numpy as np

from ..geometry import Array, Camera, Poses
from ..pose import ROTATION_ACCELERATION_RAD, TRANSLATION_ACCELERATION_CM, first_poses, limited
from .frame import FrameSolver

STEPS, FIRST_STEPS = 2, 5
LONG_STEP = 0.4
"""Steps with a part longer than this (rad, cm) may have to be shortened."""
ACCELERATION = np.repeat([ROTATION_ACCELERATION_RAD, TRANSLATION_ACCELERATION_CM], 3) ** 2
SPEED_TO_POSE = np.kron([[0, 1], [0, 0]], np.eye(6))
POSE_NOISE, SPEED_NOISE = (
    np.kron([[1, 0], [0, 0]], np.diag(ACCELERATION)),
    np.kron([[0, 0], [0, 1]], np.diag(ACCELERATION)),
)
SHARED_NOISE = np.kron([[0, 1], [1, 0]], np.diag(ACCELERATION))
FIRST_VARIANCE = np.tile(np.repeat([0.1, 2.0], 3), 2) ** 2 * np.repeat([1.0, 0.01], 6)
"""Of a pose (rad, cm) found without a past, and of its change per frame."""
SETTLED = np.repeat([0.003, 0.05], 3)
"""A step shorter than this (rad, cm) is the last one."""
CALM_LEVEL = 0.2
"""Noise level that live points have at least: nobody smooths over what comes after, so a head trusts one frame less."""
LOST_CM = 0.6
"""Half of the points off by more than this: the head is not where it was expected."""


class PoseFilter:
    """Pose and its change per 1/30 s, with their covariance (12, 12), in the tangent space of `Poses.moved`."""

    def __init__(self, solver: FrameSolver) -> None:
        self._solver = solver

    def start(self, points_px: Array, face_cm: Array, camera: Camera) -> None:
        """Find the head of (468, 3) points where nothing is known of it."""
        pose = first_poses(points_px[None], face_cm, camera)
        for _ in range(FIRST_STEPS):
            fit = self._solver.pose_equations(points_px, face_cm, pose, camera, 1.0)
            pose = moved(pose, limited(np.linalg.solve(fit.hessian, fit.gradient)[None])[0])
        self.restart(pose)

    def restart(self, pose: Poses) -> None:
        """Believe in a pose of one frame; nothing is known of its motion."""
        self.pose, self._speed, self._covariance = pose, np.zeros(6), np.diag(FIRST_VARIANCE)

    def refocus(self, factor: float) -> None:
        """The focal length has been multiplied by this, so the head is that much farther away."""
        self.pose = Poses(self.pose.rotation, self.pose.translation_cm * np.array([1.0, 1.0, factor]))

    def follow(self, points_px: Array, face_cm: Array, camera: Camera, level: float, frames: float) -> None:
        """Predict over `frames` frame times, then fit; a head that is not there is searched."""
        expected = self._speed * frames
        covariance = self._predicted(frames)
        inverse = np.linalg.inv(covariance[:6, :6])
        pose, step = moved(self.pose, expected), np.zeros(6)
        for _ in range(STEPS):
            fit = self._solver.pose_equations(points_px, face_cm, pose, camera, max(level, CALM_LEVEL))
            more = np.linalg.solve(fit.hessian + inverse, fit.gradient - inverse @ step)
            if np.abs(more).max() > LONG_STEP:
                more = limited(more[None])[0]
            pose, step = moved(pose, more), step + more
            if (np.abs(more) < SETTLED).all():
                break
        if np.partition(np.abs(fit.residual_cm).max(0), len(face_cm) // 2)[len(face_cm) // 2] > LOST_CM:
            self.start(points_px, face_cm, camera)
            return
        self.pose = pose
        self._speed = self._speed + covariance[6:, :6] @ inverse @ step
        gain = covariance[:, :6] @ np.linalg.inv(covariance[:6, :6] + np.linalg.inv(fit.hessian))
        self._covariance = covariance - gain @ covariance[:6]

    def _predicted(self, frames: float) -> Array:
        """Covariance after so many frame times of white acceleration."""
        carried = np.eye(12) + frames * SPEED_TO_POSE
        noise = frames**3 / 3 * POSE_NOISE + frames**2 / 2 * SHARED_NOISE + frames * SPEED_NOISE
        return np.asarray(carried @ self._covariance @ carried.T + noise)


def moved(pose: Poses, step: Array) -> Poses:
    """`Poses.moved` of one frame by a step (6,), in plain numbers: arrays of three cost more than they do."""
    x, y, z = (float(value) for value in step[:3])
    angle = math.sqrt(x * x + y * y + z * z)
    sine = math.sin(angle) / angle if angle > 1e-6 else 1.0
    bend = 0.5 * (math.sin(angle / 2) / (angle / 2)) ** 2 if angle > 1e-6 else 0.5
    turn = np.array(
        [
            [1 - bend * (y * y + z * z), bend * x * y - sine * z, bend * x * z + sine * y],
            [bend * x * y + sine * z, 1 - bend * (x * x + z * z), bend * y * z - sine * x],
            [bend * x * z - sine * y, bend * y * z + sine * x, 1 - bend * (x * x + y * y)],
        ]
    )
    return Poses(turn @ pose.rotation, pose.translation_cm + step[3:])
