"""The solver's state and steps for the frames of one shot in which the face was seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
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
from .gaze import IRIS_DROP_CM, conjugate, full_look_rad, gaze_angles, look_coefficients, watched
from .geometry import Array, Camera, Linearised, Poses, Real, Single, chunks, linearise, project
from .identity import Actor, KeyPoints, adjust, first_actor, key_frames, mesh_points, usual_focal_px
from .landmark_groups import EYE_CORNERS, LEFT_LIDS, MESH_COUNT, RIGHT_LIDS
from .landmark_network import Response, measured, view_terms
from .lids import BLINKS, closing_blinks, lid_evidence, lid_habits, openness, relative_openings, shut
from .lips import CLOSE, largest_close, lip_contact, lip_evidence, lip_gaps_cm, noise_cm, snapped
from .pose import PosedPoints, first_poses, refine_poses
from .products import Shapes, by_axis, displaced, rows_of, weighted_products
from .timeline import Timeline, quieted

MOST_KEY_ROUNDS = 20
SETTLED = 0.03
"""Key frames are solved until what they leave over and the focal length change by no more than this part."""
TRIAL_ROUNDS = 3
"""After so many rounds it is clear which reading of the points fits."""
PLAINLY = 0.9
"""Points usually come from a network: geometry must fit so much better. Measured: 0.7 to 0.8 for points of known places,
1.1 to 1.5 for those of the network."""
FIRST_POSES = 3
SHOT_ROUNDS = 2
STEPS = 1 + SHOT_ROUNDS
POSE_FREEDOM = np.repeat([0.05, 0.8], 3)
"""Standard deviations (rad, cm) by which the head pose may still be wrong while coefficients are solved."""
USUAL_EXPRESSION = 0.25
USUAL_MOTION_CM = 0.15
"""Points that usual coefficients move further than this say less about the head."""
SHAKING_FRAMES = 9
NEUTRAL_SPREAD = 0.01
"""Standard deviation of coefficients in frames that somebody says are neutral, at noise level 1."""
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
    hessian: Real
    """(N, 52, 52) of the coefficients, priors and smoothness not included."""


@dataclass(frozen=True)
class KeyState:
    """What is known of the K key frames."""

    actor: Actor
    poses: Poses
    coefficients: Array
    """(K, 52)."""
    level: float
    misfit_cm: float
    """Root mean square of what the points are off by."""


class PerformanceSolver:
    """Solves the frames of one shot; holds what the steps share: the points, the face model and the error model."""

    steps = STEPS
    """How often `solve` says that a step is done."""
    rounds = SHOT_ROUNDS
    """How often poses and coefficients of all frames are solved by turns."""

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
        self.use(None)
        self.readings: tuple[Response | None, ...] = (None, measured())
        self.normals = facing(model)
        rigid = 1.0 / (1.0 + ((USUAL_EXPRESSION * self.expressions) ** 2).sum((0, 2)) / USUAL_MOTION_CM**2)
        self.seen = PosedPoints(self.points_px, self.normals, rigid)
        self.full_look = full_look_rad(model)
        self.usual_focal = usual_focal_px(size, self.points_px, self.mean)
        self.first_camera = Camera(self.usual_focal, (size[0] / 2, size[1] / 2))

    @cached_property
    def means(self) -> sparse.csr_matrix:
        """Of neighbouring points, see `noise_level`."""
        return neighbourhood_means(self.mean)

    def solve(self, step_done: Callable[[int], None]) -> Performance:
        """Key frames give the actor and the camera; then all frames give poses and coefficients together."""
        camera = self.first_camera
        still = np.broadcast_to(self.mean, self.points_px.shape[:2] + (3,))
        poses = first_poses(self.points_px, self.mean, camera)
        poses = refine_poses(self.seen, still, poses, camera, None, 1.0, FIRST_POSES)
        openings = relative_openings(self.points_px, self.mean, poses, camera)
        self.lid_habits = lid_habits(openings, self.neutral, self.timeline)
        self.lip_noise_cm = noise_cm(lip_gaps_cm(self.points_px, poses, camera))
        actor, level = self.find_actor(poses)
        step_done(1)
        coefficients = np.zeros((len(self.points_px), len(arkit.NAMES)))
        for done in range(self.rounds):
            marks = self.marks(actor, coefficients, poses)
            steps = FIRST_POSES if done == 0 else 1
            poses = refine_poses(self.seen, marks, poses, actor.camera, self.timeline, level, steps, self.network)
            refined = self.refine(slice(None), poses, actor, coefficients, self.timeline, level)
            coefficients = refined.coefficients
            step_done(2 + done)
        residual = self.residuals(slice(None), poses, actor, coefficients)
        closing = closing_blinks(actor.points_cm, self.expressions)
        sigma = spreads(refined.hessian)
        coefficients[:, BLINKS] = np.minimum(coefficients[:, BLINKS] / closing, 1.0)
        sigma[:, BLINKS] /= closing
        return Performance(actor, poses, coefficients, refined.gaze, np.sqrt((residual**2).mean((1, 2))), sigma)

    def use(self, network: Response | None) -> None:
        """Take the points for places on the face (None), or for what a landmark network reports of it."""
        self.network = network
        self.shapes = self.expressions
        if network is not None:
            there = self.expressions.any((1, 2), keepdims=True)
            self.shapes = self.expressions + there * network.expressions
        self.shapes_by_axis = by_axis(self.shapes)

    def find_actor(self, poses: Poses) -> tuple[Actor, float]:
        """The actor, the camera and how large the errors of this shot are, from key frames.

        Where nobody says where points come from, both readings are tried, and the one that explains the points is kept.
        """
        keys = self.with_neutral(key_frames(poses, self.points_px))
        tried = []
        for network in self.readings:
            self.use(network)
            actor = first_actor(self.model, self.first_camera, network)
            start = KeyState(actor, poses[keys], np.zeros((len(keys), len(arkit.NAMES))), 1.0, np.inf)
            tried.append((self.key_rounds(keys, start, TRIAL_ROUNDS), network))
        plain, filtered = tried[0], tried[-1]
        found, network = plain if plain[0].misfit_cm < PLAINLY * filtered[0].misfit_cm else filtered
        self.use(network)
        found = self.key_rounds(keys, found, MOST_KEY_ROUNDS)
        return found.actor, found.level

    def key_rounds(self, keys: NDArray[np.int64], state: KeyState, rounds: int) -> KeyState:
        """The actor and the expressions of the key frames by turns, until they settle."""
        apart = Timeline(self.timeline.time_s[keys], connected=False)
        for _ in range(rounds):
            marks = self.marks(state.actor, state.coefficients, state.poses)
            seen = KeyPoints(self.points_px[keys], marks, self.normals)
            actor, poses = adjust(
                seen, state.poses, state.actor, self.model, self.usual_focal, state.level, self.network
            )
            coefficients = self.refine(keys, poses, actor, state.coefficients, apart, state.level).coefficients
            residual = self.residuals(keys, poses, actor, coefficients)
            misfit_cm = max(float(np.sqrt((residual**2).mean())), 1e-9)
            before, level = state, noise_level(residual, self.means)
            state = KeyState(actor, poses, coefficients, level, misfit_cm)
            changes = misfit_cm / before.misfit_cm, actor.camera.focal_px / before.actor.camera.focal_px
            if np.abs(np.log(np.maximum(changes, 1e-9))).max() < SETTLED:
                break
        return state

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
        hessian, gradient = self.evidence(frames, poses, actor, coefficients, level)
        if more is not None:
            hessian += more[0]
            gradient += more[1]
        for part in chunks(len(points_px)):
            by_lids = lid_evidence(opened[part], actor.points_cm, self.expressions, level)
            hessian[part] += by_lids[0] + lip_evidence(contact[part], coefficients[part], self.expressions, level)
            gradient[part] += by_lids[1]
        hessian[self.neutral[frames]] += np.diag(~EYES) / (NEUTRAL_SPREAD * level) ** 2
        values = solve_coefficients(hessian, gradient, bounds, timeline, coefficients)
        values = snapped(values, contact, self.expressions)
        values = shut(values, opened, actor.points_cm, self.mean, self.expressions)
        return Refined(values, angles, hessian)

    def faces(self, actor: Actor, coefficients: Array) -> Array:
        """(N, 468, 3) the actor's face in every frame, in head axes."""
        moved = coefficients @ self.expressions.reshape(len(arkit.NAMES), -1)
        return np.asarray(actor.points_cm + moved.reshape(-1, MESH_COUNT, 3))

    def marks(self, actor: Actor, coefficients: Array, poses: Poses) -> Single:
        """(N, 468, 3) where the points are expected, in head axes: on the face, or where the network puts them."""
        marks = displaced(actor.points_cm, coefficients, self.shapes_by_axis)
        if self.network is not None:
            bias = displaced(
                np.tensordot(actor.people, self.network.people, 1),
                view_terms(poses.rotation),
                self.network.bias_by_axis,
            )
            marks = marks + bias
        return marks

    def residuals(self, frames: NDArray[np.int64] | slice, poses: Poses, actor: Actor, coefficients: Array) -> Array:
        """(N, 468, 2) cm: seen minus predicted."""
        px_per_cm = actor.camera.focal_px / -poses.translation_cm[:, 2]
        parts = [
            project(self.marks(actor, coefficients[part], poses[part]), poses[part], actor.camera)
            for part in chunks(len(coefficients))
        ]
        return np.asarray((self.points_px[frames] - np.concatenate(parts)) / px_per_cm[:, None, None])

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
        together = conjugate(angles, watched(np.minimum(opened, 1.0), timeline))
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
        self, frames: NDArray[np.int64] | slice, poses: Poses, actor: Actor, coefficients: Array, level: float
    ) -> tuple[Array, Array]:
        """Normal equations (N, 52, 52), (N, 52) of the coefficients, with small changes of the pose integrated out."""
        size = len(arkit.NAMES)
        index = np.arange(len(self.points_px))[frames]
        hessian, gradient = np.empty((len(index), size, size)), np.empty((len(index), size))
        for part in chunks(len(index)):
            linear = linearise(self.marks(actor, coefficients[part], poses[part]), poses[part], actor.camera)
            residual = residuals_cm(self.points_px[index[part]], linear)
            weight = self.point_weights(index[part], residual, linear.px_per_cm, poses[part], level)
            hessian[part], pull = self.normal_equations(linear, residual, weight, level)
            gradient[part] = pull + (hessian[part] @ coefficients[part, :, None])[..., 0]
        return hessian, gradient

    def point_weights(
        self, frames: NDArray[np.int64], residual_cm: Real, px_per_cm: Array, poses: Poses, level: float
    ) -> Real:
        """(N, 468) inverse variances of the points of these frames, for the coefficients."""
        errors_cm = self.errors_cm if self.network is None else self.network.point_errors
        return robust_weights(residual_cm, level * errors_cm, visibility(self.normals, poses.rotation))

    def pose_equations(
        self, poses: Poses, actor: Actor, coefficients: Array, level: float
    ) -> tuple[Array, Array] | None:
        """What the points say about steps of the poses, (N, 6, 6) and (N, 6); None: nothing that other evidence lacks."""
        return None

    def shot_level(self, poses: Poses, actor: Actor, coefficients: Array) -> float:
        """How large the points' errors are in all frames, given what was found."""
        return noise_level(self.residuals(slice(None), poses, actor, coefficients), self.means)

    def misfit(self, found: tuple[Poses, Array], reference: tuple[Poses, Array], actor: Actor, level: float) -> Array:
        """(N,) half the weighted squares of what poses and coefficients leave over, weighted as at the reference."""
        off = self.residuals(slice(None), found[0], actor, found[1])
        usual = self.residuals(slice(None), reference[0], actor, reference[1])
        weight = self.judging_weights(usual, reference[0], actor, level)
        return np.asarray(0.5 * (weight * (off**2).sum(-1)).sum(1))

    def judging_weights(self, residual_cm: Array, poses: Poses, actor: Actor, level: float) -> Array:
        """(N, 468) inverse variances of the points of all frames, as they count beside other evidence."""
        return robust_weights(residual_cm, level * self.errors_cm, visibility(self.normals, poses.rotation))

    def normal_equations(
        self, linear: Linearised, residual_cm: Real, weight: Real, level: float
    ) -> tuple[Array, Array]:
        """Those of steps of one chunk: everything that moves points in one product, then all but the shapes eliminated."""
        size = len(arkit.NAMES)
        aside, precision = self.aside(linear, level)
        shapes = Shapes(self.shapes_by_axis, linear.point_rows)
        product = weighted_products(weight, [shapes, *aside, rows_of(residual_cm)])
        hessian, cross, own = product[:, :size, :size], product[:, :size, size:-1], product[:, size:-1, size:-1]
        sideways = np.concatenate([np.swapaxes(cross, 1, 2), product[:, size:-1, -1:]], -1)
        less = cross @ np.linalg.solve(own + np.diag(precision), sideways)
        return hessian - less[..., :-1], product[:, :size, -1] - less[..., -1]

    def aside(self, linear: Linearised, level: float) -> tuple[list[Real], Array]:
        """Columns that move the points besides: a wrong pose, errors that they have in common; (A,) their precision."""
        pose = 1 / POSE_FREEDOM**2
        if self.network is None:
            return [linear.pose_rows], pose
        errors = self.network.error_rows[None]
        return [linear.pose_rows, errors], np.concatenate([pose, np.full(errors.shape[1], level**-2.0)])
