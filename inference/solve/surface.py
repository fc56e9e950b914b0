"""The solver for points that lie on the face model's surface, each with its own standard deviation: our network's.

Points count by their standard deviations and visibility, and the actor is found together with the expressions of the key
frames (`joint`). Where MediaPipe's network saw the face too, its evidence is added (`second_reading`), and how far the
eyes are open and where its irises stand is taken from it: it sees real eyes better.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.spatial.distance import cdist

from .. import arkit
from ..face_model.types import FaceModel
from . import surface_response
from .certainty import spreads
from .coefficients import solve_coefficients
from .evidence import lengths, residuals_cm
from .geometry import Array, Poses, Real, Single, chunks, linearise, project
from .identity import FOV_SPREAD, Actor, focal_trust, key_frames, mesh_points
from .joint import JointStep, KeyColumns, Priors, joint_step
from .landmark_groups import IRIS_CENTRES, MESH_COUNT
from .lids import BLINKS, LARGEST_REMAINDER, closing_blinks, lid_evidence, seen_of_blinks, shut
from .lids import EYES as LIDS
from .lips import largest_close, lip_contact, lip_depth_evidence, lip_evidence, lip_gaps_cm, snapped
from .performance import (
    EYE_LOOK,
    EYES,
    NEUTRAL_SPREAD,
    SHOT_ROUNDS,
    STEPS,
    Performance,
    PerformanceSolver,
    Refined,
)
from .pose import first_poses, limited, smooth_step
from .products import by_axis, displaced, rows_of, weighted_products
from .reading import SurfaceReading
from .second_reading import SecondReading, lids_and_lips, second_reading
from .seen_coefficients import SeenCoefficients
from .timeline import Timeline

INFLATION = 4.0
"""Errors of neighbouring points and frames go together, so standard deviations are taken so many times larger."""
HEAD_TRUST = 0.03
"""What the points of a frame err in company looks like a step of the head, and lasts: beside a head's inertia they count
for so much. Measured on rendered clips: its tremble falls to a quarter, no lag; film trembles half as much."""
FLOOR_CM = 0.01
"""The face model does not come nearer than this to an actor's surface."""
ROBUST_LIMIT = 3.0
"""Points further off than this many times what is usual in their frame count less (Huber)."""
LEVELS = (0.5, 300.0)
"""Range of how many times larger than stated the errors are; at the start, far from the actor, they are very large."""
BIAS_CM = 0.02
BIAS_REACH_CM = 1.5
BIAS_FIELDS = 16
"""What the network misjudges of an actor is the same in all frames: smooth fields over the face, for each axis."""
KEY_ROUNDS = 5
FIRST_POSES = 2
PLAYED = 0.01
FREE_SPREAD = 0.2
PULL = 0.4
"""Evidence has to exceed so many standard deviations of what its own noise pulls before a coefficient leaves rest: a
constant would be nothing for shapes that are seen well, and too much for those that are hardly seen."""
QUIET_SPREAD = 0.03
"""By how much coefficients of key frames follow the actor, those in play and those at rest, here as in every frame."""
REFITS = 2
"""Points that know how sure they are tell better what is active: what the first refit leaves is refitted again."""


class SurfaceSolver(PerformanceSolver):
    """Solves the frames of one shot from a network's `SurfaceReading`."""

    def __init__(
        self, reading: SurfaceReading, time_s: Array, size: tuple[int, int], model: FaceModel,
        neutral: NDArray[np.bool_] | None = None,
    ) -> None:  # fmt: skip
        """Take the reading of N seen frames; `neutral` (N,) marks those that somebody knows to be neutral."""
        super().__init__(reading.points_px, time_s, size, model, neutral)
        self.mediapipe_px, self.mostly_derived, self.size = reading.mediapipe_px, reading.mostly_derived, size
        if reading.mediapipe_px is not None:  # on real eyes its irises are the better ones
            self.landmarks_px = np.concatenate([self.points_px, reading.mediapipe_px[:, MESH_COUNT:]], 1)
        self.second: SecondReading | None = None
        self.steps = STEPS if reading.mediapipe_px is None or reading.mostly_derived else 2 * STEPS
        self.sigma_px = reading.sigma_px[:, :MESH_COUNT].astype(np.float32)
        self.visible = np.clip(reading.visible[:, :MESH_COUNT], 0.0, 1.0).astype(np.float32)
        response = surface_response.measured()
        seen = np.where(EYE_LOOK, np.nan, reading.coefficients)  # where eyes look, irises tell
        self.seen_coefficients = SeenCoefficients.of(seen, response.coefficients)
        self.coefficient_bias = np.zeros(len(arkit.NAMES))
        _, self.identities, _ = mesh_points(model)
        self.fields = bias_fields(self.mean)
        self.shapes = self.expressions + response.expressions
        self.shapes_by_axis = by_axis(self.shapes)
        self.modes = by_axis(np.concatenate([self.identities, self.fields]))
        self.remainder = np.zeros(2)

    def solve(self, step_done: Callable[[int], None]) -> Performance:
        """Key frames give the actor and the camera; then all frames give poses and coefficients together."""
        every, before = slice(None), self.steps - STEPS
        if self.mediapipe_px is not None and not self.mostly_derived:
            self.second = second_reading(
                self.mediapipe_px, self.timeline.time_s, self.size, self.model, self.neutral, step_done
            )
        poses = first_poses(self.points_px, self.mean, self.first_camera)
        nobody = np.zeros(len(self.identities)), np.zeros_like(self.mean), self.mean, np.zeros(len(self.fields))
        actor = Actor(self.first_camera, FOV_SPREAD, *nobody)
        coefficients = np.zeros((len(self.points_px), len(arkit.NAMES)))
        for _ in range(FIRST_POSES):
            poses = self.posed(poses, actor, coefficients, None, 1.0, self.seen.rigid)
        if self.mediapipe_px is not None and self.mostly_derived:
            lids_px = self.mediapipe_px[:, :MESH_COUNT]
            self.second = lids_and_lips(lids_px, poses, self.mean, self.first_camera, self.timeline, self.neutral)
        keys = self.with_neutral(key_frames(poses, self.points_px))
        actor, self.level = self.actor_of(keys, poses[keys], actor)
        step_done(before + 1)
        for _ in range(FIRST_POSES):
            poses = self.posed(poses, actor, coefficients, None, self.level, self.seen.rigid)
        self.remainder = self.lid_remainder(poses, actor)
        for done in range(SHOT_ROUNDS):
            rigid = self.seen.rigid if done == 0 else None
            poses = self.posed(poses, actor, coefficients, self.timeline, self.level, rigid)
            refined = self.refine(every, poses, actor, coefficients, self.timeline, self.level)
            coefficients = refined.coefficients
            self.coefficient_bias = self.seen_coefficients.bias(coefficients)
            step_done(before + 2 + done)
        residual = self.residuals(every, poses, actor, coefficients)
        closing = closing_blinks(actor.points_cm, self.expressions)
        sigma = spreads(refined.hessian)
        coefficients[:, BLINKS] = np.minimum(coefficients[:, BLINKS] / closing, 1.0)
        sigma[:, BLINKS] /= closing
        return Performance(actor, poses, coefficients, refined.gaze, np.sqrt((residual**2).mean((1, 2))), sigma)

    def marks(self, actor: Actor, coefficients: Array, poses: Poses) -> Single:
        """(N, 468, 3) where the points are expected, in head axes: on the face, and what the network misjudges of it."""
        usual = actor.points_cm + np.tensordot(actor.people, self.fields, 1)
        return displaced(usual, coefficients, self.shapes_by_axis)

    def sigma_cm(self, frames: NDArray[np.int64] | slice, px_per_cm: Array) -> Single:
        """(N, 468) standard deviations of the points on the face."""
        sigma = self.sigma_px[frames] / px_per_cm[:, None].astype(np.float32)
        return np.asarray(np.sqrt(sigma**2 + np.float32(FLOOR_CM**2)))

    def point_weights(
        self, frames: NDArray[np.int64], residual_cm: Real, px_per_cm: Array, poses: Poses, level: float
    ) -> Real:
        """(N, 468) inverse variances of the points: what the network says of each, visibility and Huber's weight."""
        sigma = self.sigma_cm(frames, px_per_cm)
        off = lengths(residual_cm) / sigma
        usual = np.maximum(np.median(off, axis=1, keepdims=True), 1.0)
        robust = np.minimum(1.0, ROBUST_LIMIT * usual / np.maximum(off, 1e-9))
        return np.asarray(self.visible[frames] * robust / (level * INFLATION * sigma) ** 2)

    def posed(
        self, poses: Poses, actor: Actor, coefficients: Array, timeline: Timeline | None, level: float,
        rigid: Array | None = None,
    ) -> Poses:  # fmt: skip
        """All poses after one step to the points, see `pose_equations`."""
        hessian, gradient = self.pose_equations(poses, actor, coefficients, level, rigid)
        hessian = hessian + 1e-6 * np.eye(hessian.shape[1])
        if timeline is None:
            return poses.moved(limited(np.linalg.solve(hessian, gradient[..., None])[..., 0]))
        return poses.moved(limited(smooth_step(HEAD_TRUST * hessian, HEAD_TRUST * gradient, poses, timeline)))

    def pose_equations(
        self, poses: Poses, actor: Actor, coefficients: Array, level: float, rigid: Array | None = None
    ) -> tuple[Array, Array]:
        """What the points say about steps of the poses, (N, 6, 6) and (N, 6); `rigid` (468,) weighs the points."""
        parts = []
        for part in chunks(len(coefficients)):
            linear = linearise(self.marks(actor, coefficients[part], poses[part]), poses[part], actor.camera)
            residual = residuals_cm(self.points_px[part], linear)
            frames = np.arange(len(coefficients))[part]
            weight = self.point_weights(frames, residual, linear.px_per_cm, poses[part], level)
            weight = weight if rigid is None else weight * rigid
            parts.append(weighted_products(weight, [linear.pose_rows, rows_of(residual)]))
        product = np.concatenate(parts)
        return product[:, :6, :6], product[:, :6, -1]

    def actor_of(self, keys: NDArray[np.int64], poses: Poses, actor: Actor) -> tuple[Actor, float]:
        """The actor, the camera and how many times larger than stated the errors are, from key frames."""
        apart = Timeline(self.timeline.time_s[keys], connected=False)
        coefficients = np.zeros((len(keys), len(arkit.NAMES)))
        level = self.excess(keys, poses, actor, coefficients)
        for number in range(KEY_ROUNDS):
            linear = linearise(self.marks(actor, coefficients, poses), poses, actor.camera)
            residual = residuals_cm(self.points_px[keys], linear)
            weight = self.point_weights(keys, residual, linear.px_per_cm, poses, level)
            depth_cm = poses.translation_cm[:, 2]
            columns = KeyColumns(linear, residual, weight, depth_cm, self.shapes_by_axis, self.modes)
            step = joint_step(columns, self.priors(keys, poses, actor, coefficients, first=number == 0))
            actor, poses = self.stepped(actor, poses, step)
            coefficients = self.refine(keys, poses, actor, coefficients, apart, level).coefficients
            level = self.excess(keys, poses, actor, coefficients)
        return actor, level

    def priors(
        self, keys: NDArray[np.int64], poses: Poses, actor: Actor, coefficients: Array, first: bool
    ) -> Priors:  # fmt: skip
        """How far coefficients may follow the actor, and what is known of actor and camera beforehand."""
        free = np.where((coefficients > PLAYED) | first, np.maximum(coefficients, FREE_SPREAD), QUIET_SPREAD)
        precision = 1.0 / np.where(EYE_LOOK, PLAYED, free) ** 2
        seen, target = (values[keys] for values in self.seen_coefficients.evidence(self.coefficient_bias))
        trust = focal_trust(poses)
        shared = np.concatenate([[1.0 / (FOV_SPREAD * trust) ** 2], np.ones(len(actor.identity) + len(actor.people))])
        wish = np.log(self.usual_focal / actor.camera.focal_px)
        return Priors(
            target - (precision + seen) * coefficients,
            precision + seen,
            np.concatenate([[wish], -actor.identity, -actor.people]),
            shared,
        )

    def stepped(self, actor: Actor, poses: Poses, step: JointStep) -> tuple[Actor, Poses]:
        """Actor and poses after a step."""
        times = float(np.exp(np.clip(step.log_focal, -0.5, 0.5)))
        camera = replace(actor.camera, focal_px=actor.camera.focal_px * times)
        count = len(actor.identity)
        identity, people = actor.identity + step.modes[:count], actor.people + step.modes[count:]
        points = self.mean + np.einsum("i,ipc->pc", identity, self.identities)
        farther = Poses(poses.rotation, poses.translation_cm * np.array([1.0, 1.0, times]))
        return (
            Actor(camera, step.focal_spread, identity, np.zeros_like(points), points, people),
            farther.moved(limited(step.pose)),
        )

    def excess(self, frames: NDArray[np.int64] | slice, poses: Poses, actor: Actor, coefficients: Array) -> float:
        """How many times larger than stated the points' errors are (by their median: outliers do not count)."""
        residual = self.residuals(frames, poses, actor, coefficients)
        sigma = self.sigma_cm(frames, actor.camera.focal_px / -poses.translation_cm[:, 2])
        square = (residual**2).sum(-1) / sigma**2
        return float(np.clip(np.sqrt(np.median(square) / (2 * np.log(2))), *LEVELS))

    def shot_level(self, poses: Poses, actor: Actor, coefficients: Array) -> float:
        """How many times larger than stated the points' errors are in all frames, given what was found."""
        return self.excess(slice(None), poses, actor, coefficients)

    def judging_weights(self, residual_cm: Array, poses: Poses, actor: Actor, level: float) -> Array:
        """(N, 468) inverse variances of the points of all frames, as they count beside other evidence."""
        px_per_cm = actor.camera.focal_px / -poses.translation_cm[:, 2]
        return self.point_weights(np.arange(len(residual_cm)), residual_cm, px_per_cm, poses, level)

    def refine(
        self, frames: NDArray[np.int64] | slice, poses: Poses, actor: Actor, coefficients: Array, timeline: Timeline,
        level: float, more: tuple[Array, Array] | None = None,
    ) -> Refined:  # fmt: skip
        """New coefficients and gaze of the given frames.

        `more` is evidence (N, 52, 52), (N, 52) beside the points', which brings its own doubts about leaving rest.
        """
        points_px = self.points_px[frames]
        contact = lip_contact(lip_gaps_cm(points_px, poses, actor.camera), 0.0)
        if self.second is None:
            opened = self.opened(points_px, poses, actor)
        else:  # pressed lips, whose red is hidden, look apart to one network or the other
            contact = np.maximum(contact, self.second.touching[frames])
            opened = self.second.opened[frames]
        angles = self.gaze(self.landmarks_px[frames], poses, actor, opened, timeline)
        bounds = self.bounds(angles, largest_close(contact, coefficients), actor)
        hessian, gradient = self.evidence(frames, poses, actor, coefficients, level)
        for other in (more, None if self.second is None else self.second.evidence(frames)):
            if other is not None:
                hessian += other[0]
                gradient += other[1]
        diagonal = np.arange(hessian.shape[1])
        precision, pull = (v[frames] for v in self.seen_coefficients.evidence(self.coefficient_bias))
        hessian[:, diagonal, diagonal] += precision
        gradient += pull
        for part in chunks(len(points_px)):
            by_lids = lid_evidence(opened[part], actor.points_cm, self.expressions, 1.0)
            hessian[part] += by_lids[0] + lip_evidence(contact[part], coefficients[part], self.expressions, 1.0)
            hessian[part] += lip_depth_evidence(contact[part], self.expressions)
            gradient[part] += by_lids[1]
        hessian[self.neutral[frames]] += np.diag(~EYES) / (NEUTRAL_SPREAD * level) ** 2
        told = hessian[:, diagonal, diagonal]
        noise = PULL * np.sqrt(told if more is None else told - more[0][:, diagonal, diagonal])
        values = solve_coefficients(hessian, gradient, bounds, timeline, coefficients, REFITS, QUIET_SPREAD, noise)
        values = snapped(values, contact, self.expressions)
        values = shut(values, opened, actor.points_cm, self.mean, self.expressions)
        return Refined(values, angles, hessian)

    def opened(self, points_px: Array, poses: Poses, actor: Actor) -> Array:
        """(N, 2) how far the eyes are open: the seen gap as a part of that of the actor's neutral face, 0 to 2."""
        up = poses.rotation[:, :2, 1] * np.array([1.0, -1.0])
        up = (up / np.maximum(np.linalg.norm(up, axis=-1, keepdims=True), 1e-9))[:, :, None]
        neutral = project(actor.points_cm, poses, actor.camera)
        gaps = np.empty((2, len(points_px), 2))
        for eye, (_, upper, lower) in enumerate(LIDS):
            for row, points in enumerate((points_px, neutral)):
                gaps[row, :, eye] = ((points[:, list(upper)] - points[:, list(lower)]) @ up)[..., 0].mean(1)
        part = gaps[0] / np.maximum(gaps[1], 1e-6)
        return np.asarray(np.clip((part - self.remainder) / (1.0 - self.remainder), 0.0, 2.0))

    def lid_remainder(self, poses: Poses, actor: Actor) -> Array:
        """(2,) part of the gap that the network still sees when the eyes are closed, from the shot's blinks."""
        return np.clip(seen_of_blinks(self.opened(self.points_px, poses, actor), self.timeline), 0.0, LARGEST_REMAINDER)

    def eyes_cm(self, actor: Actor) -> Array:
        """(2, 3) centres of the actor's eyes: they move with the irises of the identities."""
        modes = self.model.landmark_modes_cm[:, list(IRIS_CENTRES)]
        return np.asarray(self.model.eye_centres_cm + np.einsum("i,iec->ec", actor.identity, modes))


def bias_fields(points_cm: Array) -> Array:
    """(3 B, 468, 3) the smoothest fields of a normal process over the face with Gaussian covariance, one deviation each."""
    covariance = np.exp(-cdist(points_cm, points_cm, "sqeuclidean") / (2 * BIAS_REACH_CM**2))
    last = len(points_cm) - 1
    value, vector = eigh(covariance, subset_by_index=(last - BIAS_FIELDS + 1, last), overwrite_a=True)
    fields = BIAS_CM * (vector * np.sqrt(np.maximum(value, 0.0))).T
    result = np.zeros((3, BIAS_FIELDS, len(points_cm), 3))
    for axis in range(3):
        result[axis, :, :, axis] = fields
    return result.reshape(-1, len(points_cm), 3)
