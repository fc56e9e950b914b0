"""The solver's state and steps for the frames of one shot in which the face was seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from .. import arkit
from ..face_model.types import FaceModel
from .certainty import spreads
from .coefficients import Bounds, solve_coefficients
from .evidence import (
    facing,
    neighbourhood_means,
    noise_level,
    point_errors_cm,
    residuals_cm,
    robust_weights,
    visibility,
)  # fmt: skip
from .gaze import IRIS_DROP_CM, conjugate, full_look_rad, gaze_angles, look_coefficients
from .geometry import Array, Camera, Linearised, Poses, chunks, linearise, project
from .identity import Actor, adjust, first_actor, key_frames, mesh_points, usual_focal_px
from .landmark_groups import EYE_CORNERS, LEFT_LIDS, MESH_COUNT, RIGHT_LIDS
from .lids import BLINKS, closing_blinks, lid_evidence, lid_habits, openness, relative_openings
from .lips import CLOSE, largest_close, lip_contact, lip_evidence, lip_gaps_cm, noise_cm, snapped
from .pose import PosedPoints, first_poses, refine_poses
from .timeline import Timeline, quieted

MOST_KEY_ROUNDS = 20
SETTLED = 0.03
"""Key frames are solved until what they leave over and the focal length change by no more than this part."""
SHOT_ROUNDS = 2
STEPS = 1 + SHOT_ROUNDS
POSE_FREEDOM = np.repeat([0.05, 0.8], 3)
"""Standard deviations (rad, cm) by which the head pose may still be wrong while coefficients are solved."""
USUAL_EXPRESSION = 0.25
USUAL_MOTION_CM = 0.15
"""Points that usual coefficients move further than this say less about the head."""
SYMMETRIC = (np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 1, 2, 2]))
SHAKING_FRAMES = 9
NEUTRAL_SPREAD = 0.01
"""Standard deviation of coefficients in frames that somebody says are neutral."""
NEUTRAL_KEYS = 8
"""So many of them are looked at for the actor's face, beside the key frames."""
EYE_LOOK = np.array([name.startswith("eyeLook") for name in arkit.NAMES])
EYES = np.array([name.startswith(("eyeLook", "eyeBlink")) for name in arkit.NAMES])
"""Shapes that a neutral face may show: it still looks somewhere, and it may blink."""


@dataclass(frozen=True)
class Performance:
    """What the solver found, for the N seen frames."""

    actor: Actor
    poses: Poses
    coefficients: Array
    """(N, 52)."""
    gaze: Array
    """(N, 2, 2)."""
    residual_cm: Array
    """(N,) root mean square of what the points are off by."""
    sigma: Array
    """(N, 52) standard deviation of the coefficients."""


@dataclass(frozen=True)
class Refined:
    """One round's result for N frames."""

    coefficients: Array
    """(N, 52)."""
    gaze: Array
    """(N, 2, 2)."""
    hessian: Array
    """(N, 52, 52) of the coefficients, priors and smoothness not included."""


class PerformanceSolver:
    """Solves the frames of one shot; holds what the steps share: the points, the face model and the error model."""

    def __init__(
        self, landmarks_px: Array, time_s: Array, size: tuple[int, int], model: FaceModel,
        neutral: NDArray[np.bool_] | None = None,
    ) -> None:  # fmt: skip
        """Take (N, 478, 2) points of seen frames; `neutral` (N,) marks those that somebody knows to be neutral."""
        self.landmarks_px = landmarks_px
        self.neutral = np.zeros(len(landmarks_px), bool) if neutral is None else neutral
        self.points_px = landmarks_px[:, :MESH_COUNT]
        self.timeline = Timeline(time_s)
        self.model = model
        self.mean, _, self.expressions = mesh_points(model)
        self.errors_cm = point_errors_cm()
        self.products = expression_products(self.expressions)
        self.means = neighbourhood_means(self.mean)
        self.normals = facing(model)
        rigid = 1.0 / (1.0 + ((USUAL_EXPRESSION * self.expressions) ** 2).sum((0, 2)) / USUAL_MOTION_CM**2)
        self.seen = PosedPoints(self.points_px, self.normals, rigid)
        self.full_look = full_look_rad(model)
        self.usual_focal = usual_focal_px(size, self.points_px, self.mean)
        self.first_camera = Camera(self.usual_focal, (size[0] / 2, size[1] / 2))

    def solve(self, step_done: Callable[[int], None]) -> Performance:
        """Key frames give the actor and the camera; then all frames give poses and coefficients together."""
        actor = first_actor(self.model, self.first_camera)
        still = np.broadcast_to(self.mean, self.points_px.shape[:2] + (3,))
        poses = first_poses(self.points_px, self.mean, actor.camera)
        poses = refine_poses(self.seen, still, poses, actor.camera, None, 1.0, 3)
        self.lid_habits = lid_habits(relative_openings(self.points_px, self.mean, poses, actor.camera), self.neutral)
        self.lip_noise_cm = noise_cm(lip_gaps_cm(self.points_px, poses, actor.camera))
        actor, level = self.find_actor(actor, poses)
        step_done(1)
        coefficients = np.zeros((len(self.points_px), len(arkit.NAMES)))
        for done in range(SHOT_ROUNDS):
            faces = self.faces(actor, coefficients)
            steps = 3 if done == 0 else 1
            poses = refine_poses(self.seen, faces, poses, actor.camera, self.timeline, level, steps)
            refined = self.refine(slice(None), poses, actor, coefficients, self.timeline, level)
            coefficients = refined.coefficients
            step_done(2 + done)
        residual = self.residuals(slice(None), poses, actor, coefficients)
        closing = closing_blinks(actor.points_cm, self.expressions)
        sigma = spreads(refined.hessian)
        coefficients[:, BLINKS] = np.minimum(coefficients[:, BLINKS] / closing, 1.0)
        sigma[:, BLINKS] /= closing
        return Performance(actor, poses, coefficients, refined.gaze, np.sqrt((residual**2).mean((1, 2))), sigma)

    def find_actor(self, actor: Actor, poses: Poses) -> tuple[Actor, float]:
        """The actor, the camera and how large the errors of this shot are, from key frames."""
        keys = self.with_neutral(key_frames(poses, self.points_px))
        poses, level, before = poses[keys], 1.0, np.zeros(2)
        apart = Timeline(self.timeline.time_s[keys], connected=False)
        coefficients = np.zeros((len(keys), len(arkit.NAMES)))
        for _ in range(MOST_KEY_ROUNDS):
            actor, poses = adjust(
                self.points_px[keys], coefficients, poses, actor, self.model, self.normals, self.usual_focal, level
            )
            coefficients = self.refine(keys, poses, actor, coefficients, apart, level).coefficients
            residual = self.residuals(keys, poses, actor, coefficients)
            level = noise_level(residual, self.means)
            state = np.log([max(float(np.sqrt((residual**2).mean())), 1e-9), actor.camera.focal_px])
            if np.abs(state - before).max() < SETTLED:
                break
            before = state
        return actor, level

    def with_neutral(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """The key frames and some of the frames known to be neutral, in order."""
        known = np.flatnonzero(self.neutral)
        some = known[np.linspace(0, len(known) - 1, min(len(known), NEUTRAL_KEYS)).astype(int)]
        return np.union1d(keys, some)

    def refine(
        self, frames: NDArray[np.int64] | slice, poses: Poses, actor: Actor, coefficients: Array, timeline: Timeline,
        level: float, more: tuple[Array, Array] | None = None,
    ) -> Refined:  # fmt: skip
        """New coefficients and gaze of the given frames; `more` is evidence (N, 52, 52), (N, 52) beside the landmarks'."""
        points_px = self.points_px[frames]
        openings = quieted(relative_openings(points_px, self.mean, poses, actor.camera), timeline)
        opened = openness(openings, self.lid_habits)
        angles = self.gaze(self.landmarks_px[frames], poses, actor, opened, timeline)
        contact = lip_contact(lip_gaps_cm(points_px, poses, actor.camera), self.lip_noise_cm)
        bounds = self.bounds(angles, largest_close(contact, coefficients), actor)
        hessian, gradient = self.evidence(points_px, poses, actor, coefficients, level)
        if more is not None:
            hessian, gradient = hessian + more[0], gradient + more[1]
        for part in chunks(len(points_px)):
            by_lids = lid_evidence(opened[part], actor.points_cm, self.expressions, level)
            hessian[part] += by_lids[0] + lip_evidence(contact[part], coefficients[part], self.expressions, level)
            gradient[part] += by_lids[1]
        hessian[self.neutral[frames]] += np.diag(~EYES) / NEUTRAL_SPREAD**2
        values = solve_coefficients(hessian, gradient, bounds, timeline, coefficients)
        return Refined(snapped(values, contact, self.expressions), angles, hessian)

    def faces(self, actor: Actor, coefficients: Array) -> Array:
        """(N, 468, 3) the actor's face in every frame, in head axes."""
        moved = coefficients @ self.expressions.reshape(len(arkit.NAMES), -1)
        return np.asarray(actor.points_cm + moved.reshape(-1, MESH_COUNT, 3))

    def residuals(self, frames: NDArray[np.int64] | slice, poses: Poses, actor: Actor, coefficients: Array) -> Array:
        """(N, 468, 2) cm: seen minus predicted."""
        points = self.points_px[frames]
        parts = [
            residuals_cm(points[part], linearise(self.faces(actor, coefficients[part]), poses[part], actor.camera))
            for part in chunks(len(points))
        ]
        return np.concatenate(parts)

    def eyes_cm(self, actor: Actor) -> Array:
        """(2, 3) centres of the actor's eyes as the iris points see them: the model's, moved as the lids are."""
        moved = actor.points_cm - self.mean
        shift = np.stack([moved[list(lids)].mean(0) for lids in (LEFT_LIDS, RIGHT_LIDS)])
        return np.asarray(self.model.eye_centres_cm + shift - np.array([0.0, IRIS_DROP_CM, 0.0]))

    def gaze(self, landmarks_px: Array, poses: Poses, actor: Actor, opened: Array, timeline: Timeline) -> Array:
        """(N, 2, 2) yaw and pitch of the two eyes; closed eyes take the gaze of the frames around them.

        The head is smooth along time and the points are not, so the quick part of what the corners of the eyes are off
        by is taken from the irises too; the slow part is not, because the corners follow the irises a little.
        """
        expected = project(actor.points_cm[list(EYE_CORNERS)], poses, actor.camera)
        off = (landmarks_px[:, list(EYE_CORNERS)] - expected).mean(1, keepdims=True)
        shaking = off - uniform_filter1d(off, SHAKING_FRAMES, axis=0, mode="nearest") if timeline.connected else 0.0
        eyes_cm = self.eyes_cm(actor)
        angles = gaze_angles(landmarks_px - shaking, poses, actor.camera, eyes_cm, self.model.eye_radius_cm)
        together = conjugate(angles, np.minimum(opened, 1.0))
        return quieted(together.reshape(-1, 4), timeline).reshape(together.shape)

    def bounds(self, angles: Array, largest_close: Array, actor: Actor) -> Bounds:
        """Looks are fixed by the gaze, blinks end where the lids meet, lips close no further than the jaw is open."""
        look = look_coefficients(angles, self.full_look)
        lower = np.where(EYE_LOOK, look, 0.0)
        upper = np.where(EYE_LOOK, look, 1.0)
        upper[:, BLINKS] = closing_blinks(actor.points_cm, self.expressions)
        upper[:, CLOSE] = largest_close
        return Bounds(lower, upper)

    def evidence(
        self, points_px: Array, poses: Poses, actor: Actor, coefficients: Array, level: float
    ) -> tuple[Array, Array]:
        """Normal equations (N, 52, 52), (N, 52) of the coefficients, with small changes of the pose integrated out."""
        size = len(arkit.NAMES)
        hessian, gradient = np.empty((len(points_px), size, size)), np.empty((len(points_px), size))
        for part in chunks(len(points_px)):
            linear = linearise(self.faces(actor, coefficients[part]), poses[part], actor.camera)
            residual = residuals_cm(points_px[part], linear)
            visible = visibility(self.normals, poses.rotation[part])
            weight = robust_weights(residual, level * self.errors_cm, visible)
            hessian[part], gradient[part] = self.normal_equations(linear, residual, weight, coefficients[part])
        return hessian, gradient

    def normal_equations(
        self, linear: Linearised, residual_cm: Array, weight: Array, coefficients: Array
    ) -> tuple[Array, Array]:
        """The evidence of one chunk. Products of shapes are made once, so all frames' matrices are one multiplication."""
        count, size = weight.shape[0], len(arkit.NAMES)
        weighted = linear.by_point * weight[..., None, None]
        metric = np.swapaxes(weighted, -1, -2) @ linear.by_point
        packed = metric[..., SYMMETRIC[0], SYMMETRIC[1]].reshape(count, -1).astype(np.float32) @ self.products
        hessian = np.take(packed, unpacking(size), axis=1).reshape(count, size, size).astype(np.float64)
        shapes = self.expressions.reshape(size, -1).T
        pull = np.swapaxes(weighted, -1, -2) @ residual_cm[..., None]
        gradient = pull.reshape(count, -1) @ shapes + (hessian @ coefficients[..., None])[..., 0]
        pose_by_point = np.swapaxes(linear.by_pose, -1, -2) @ weighted
        cross = pose_by_point.transpose(0, 2, 1, 3).reshape(count, 6, -1) @ shapes
        flat = linear.by_pose.reshape(count, -1, 6)
        scaled = np.swapaxes(flat * np.repeat(weight, 2, axis=1)[..., None], 1, 2)
        own = scaled @ flat + np.diag(1 / POSE_FREEDOM**2)
        turn = (scaled @ residual_cm.reshape(count, -1, 1) + cross @ coefficients[..., None])[..., 0]
        solved = np.linalg.solve(own, np.concatenate([cross, turn[..., None]], -1))
        sideways = np.swapaxes(cross, 1, 2)
        return hessian - sideways @ solved[..., :-1], gradient - (sideways @ solved[..., -1:])[..., 0]


@cache
def unpacking(size: int) -> NDArray[np.int64]:
    """(size * size,) where each entry of a symmetric matrix is among those of its upper triangle, row by row."""
    place = np.zeros((size, size), np.int64)
    place[np.triu_indices(size)] = np.arange(size * (size + 1) // 2)
    return np.maximum(place, place.T).ravel()


def expression_products(expressions_cm: Array) -> NDArray[np.float32]:
    """(468 * 6, 52 * 53 / 2): for every point and symmetric 3 x 3 entry the products of every two shapes there."""
    shapes = np.ascontiguousarray(expressions_cm.transpose(1, 2, 0), np.float32)
    one, other = shapes[:, SYMMETRIC[0]], shapes[:, SYMMETRIC[1]]
    twice = np.where(SYMMETRIC[0] == SYMMETRIC[1], np.float32(0.5), np.float32(1.0))[:, None]
    count = shapes.shape[2]
    products = np.empty((*one.shape[:2], count * (count + 1) // 2), np.float32)
    end = 0
    for first in range(count):
        start, end = end, end + count - first
        mixed = one[..., first, None] * other[..., first:]
        mixed += other[..., first, None] * one[..., first:]
        np.multiply(mixed, twice, out=products[..., start:end])
    return products.reshape(len(shapes) * len(SYMMETRIC[0]), -1)
