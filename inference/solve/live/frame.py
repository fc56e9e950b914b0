"""One frame at a time: robust steps of the head pose, and bounded coefficients, for the live solver.

The same error model as the whole-shot solver's, with the algebra laid out for one frame of 468 points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from ... import arkit
from ...face_model.types import FaceModel
from ..certainty import spreads
from ..coefficients import (
    ACTIVE_GAIN,
    EXCLUSIVE,
    EXCLUSIVE_MARGIN,
    QUIET_SPREAD,
    USUAL_SPREAD,
    USUAL_VALUE,
    Bounds,
    with_twins,
)
from ..evidence import facing, point_errors_cm, robust_weights, rough_weights, visibility
from ..gaze import full_look_rad
from ..geometry import Array, Camera, Poses
from ..identity import Actor, mesh_points
from ..landmark_groups import LEFT_LOWER_LID, LEFT_UPPER_LID, MESH_COUNT, RIGHT_LOWER_LID, RIGHT_UPPER_LID
from ..lids import BLINKS, CLOSING_RANGE, CONTACT_FACTOR, GAP_ERROR_CM
from ..lips import CLOSE, largest_close, lip_evidence, snapped
from ..performance import EYE_LOOK, POSE_FREEDOM, USUAL_EXPRESSION, USUAL_MOTION_CM
from ..pose import INDEPENDENT_PART

MOST_NEWTON_STEPS = 12
SHAPES = len(arkit.NAMES)
STEP, STILL_STEP = 0.2, 0.04
"""Standard deviation of what a coefficient changes by in 1/30 s: any one, and one that rests."""
LOOKS = np.array(
    [[arkit.INDEX[f"eyeLook{way}{side}"] for side in ("Left", "Right")] for way in ("Out", "In", "Up", "Down")]
)
OUTWARD = np.array([[1.0, -1.0], [1.0, 1.0]])
"""Yaw is positive to the actor's left: outward for the left eye, inward for the right."""
UPPER_LIDS = np.array([LEFT_UPPER_LID, RIGHT_UPPER_LID])
LOWER_LIDS = np.array([LEFT_LOWER_LID, RIGHT_LOWER_LID])


@dataclass(frozen=True)
class Past:
    """What the frames before say about the free coefficients."""

    expected: Array
    """(F,)."""
    frames: float
    """Frame times since."""

    @property
    def precision(self) -> float:
        """Inverse variance of a change of which nothing is known yet."""
        return 1.0 / (STEP**2 * self.frames)

    def precisions(self, change: Array) -> Array:
        """(F,) the same once values seem to change so much: small changes are noise, large ones are not."""
        return np.asarray(1.0 / (STILL_STEP**2 * self.frames + change**2))


@dataclass(frozen=True)
class Estimate:
    """Coefficients of one frame and how sure they are."""

    coefficients: Array
    """(52,) with blinks as the face model has them: `FrameSolver.closing` is closed."""
    hessian: Array
    """(F, F) of the free ones, priors not included."""
    off_cm: float
    """Root mean square of what the points were off by before."""


class FrameSolver:
    """Solves single frames; holds the face model in the layout that this needs. Nothing in it changes.

    Arrays here have the points last, so that every step works on long rows.
    """

    def __init__(self, model: FaceModel) -> None:
        self.mean, self.modes, self.expressions = mesh_points(model)
        self.flat_expressions = np.ascontiguousarray(self.expressions.reshape(SHAPES, -1))
        self.normals = facing(model)
        self.errors_cm = point_errors_cm()
        self.rigid = 1.0 / (1.0 + ((USUAL_EXPRESSION * self.expressions) ** 2).sum((0, 2)) / USUAL_MOTION_CM**2)
        self.full_look = full_look_rad(model)
        # Looks are known from the irises, and shapes that move no point cannot be seen.
        self.free = np.flatnonzero(~EYE_LOOK & (np.abs(self.expressions).max((1, 2)) > 0))
        by_axis = self.expressions[self.free].transpose(2, 0, 1)
        self.by_axis = np.ascontiguousarray(by_axis, np.float32).reshape(3, -1)
        self.columns = np.empty((6 + len(self.free) + 1, 2, MESH_COUNT), np.float32)
        twins = with_twins(np.zeros((1, SHAPES, SHAPES)))[0]
        self.twins = twins[np.ix_(self.free, self.free)]
        self.lid_change = lid_gaps(self.expressions)
        place = {int(shape): n for n, shape in enumerate(self.free)}
        self.exclusive = [(place[a], place[b]) for a, b in EXCLUSIVE if a in place and b in place]

    def face(self, actor: Actor, coefficients: Array) -> Array:
        """(468, 3) the actor's face in head axes."""
        return np.asarray(actor.points_cm + (coefficients @ self.flat_expressions).reshape(-1, 3))

    def pose_equations(self, points_px: Array, face_cm: Array, pose: Poses, camera: Camera, level: float) -> PoseFit:
        """Normal equations of the pose step of one frame of (468, 2) points, and how far the points are off."""
        by_pose, residual = linear_frame(points_px, face_cm, pose, camera)
        weight = rough_weights(residual.T[None], visibility(self.normals, pose.rotation))[0] * self.rigid
        scaled = (by_pose * (weight * (INDEPENDENT_PART / level**2))).reshape(6, -1)
        return PoseFit(scaled @ by_pose.reshape(6, -1).T + 1e-6 * np.eye(6), scaled @ residual.ravel(), residual)

    def coefficient_equations(
        self, points_px: Array, pose: Poses, actor: Actor, coefficients: Array, level: float
    ) -> tuple[Array, Array, float]:
        """Normal equations (F, F), (F,) of the free coefficients, with small changes of the pose integrated out.

        With them, how far the points are off (root mean square, cm).
        """
        by_pose, residual = linear_frame(points_px, self.face(actor, coefficients), pose, actor.camera)
        seen = visibility(self.normals, pose.rotation)
        root = np.sqrt(robust_weights(residual.T[None], level * self.errors_cm, seen)[0])
        # The turned shapes seen in perspective, and the steps of the pose, weighted, in one product.
        turned = (pose.rotation[0].astype(np.float32) @ self.by_axis).reshape(3, -1, MESH_COUNT)
        across, down = (root * by_pose[5]).astype(np.float32)
        scale = (root * by_pose[3, 0]).astype(np.float32)
        np.multiply(turned[2], across, out=self.columns[6:-1, 0])
        np.multiply(turned[2], down, out=self.columns[6:-1, 1])
        turned[:2] *= scale
        self.columns[6:-1, 0] += turned[0]
        self.columns[6:-1, 1] -= turned[1]
        np.multiply(by_pose, root, out=self.columns[:6], casting="same_kind")
        np.multiply(residual, root, out=self.columns[-1], casting="same_kind")
        rows = self.columns.reshape(len(self.columns), -1)
        product = (rows @ rows.T).astype(np.float64)
        own = product[:6, :6] + np.diag(1.0 / POSE_FREEDOM**2)
        product[6:, 6:] -= product[6:, :6] @ np.linalg.solve(own, product[:6, 6:])
        hessian = product[6:-1, 6:-1]
        gradient = product[6:-1, -1] + hessian @ coefficients[self.free]
        return hessian, gradient, float(np.sqrt((residual**2).mean()))

    def coefficients(self, seen: SeenFrame, actor: Actor, start: Array, level: float, past: Past | None) -> Estimate:
        """Coefficients of one frame, solved from `start` (52,): sparse first, then refitted on what is active."""
        free, now = self.free, np.where(EYE_LOOK, self.looks(seen.gaze), start)
        hessian, gradient, off_cm = self.coefficient_equations(seen.points_px, seen.pose, actor, now, level)
        self.add_lids(hessian, gradient, seen.opened, actor, now, level)
        if seen.contact.any():
            hessian += lip_evidence(seen.contact[None], now[None], self.expressions, level)[0][np.ix_(free, free)]
        hessian_with_twins = hessian + self.twins
        gradient -= 1.0 / USUAL_VALUE
        bounds = self.bounds(now, actor, seen.contact)
        expected = np.zeros(len(free)) if past is None else past.expected
        held = np.full(len(free), 0.0 if past is None else past.precision)
        prior = held + 1.0 / USUAL_SPREAD**2
        found = bounded(hessian_with_twins + np.diag(prior), gradient + held * expected, bounds, now[free])
        bounds = self.without_excluded(found, bounds)
        if past is not None:
            held = past.precisions(found - expected)
        prior = held + 1.0 / np.clip(ACTIVE_GAIN * found, QUIET_SPREAD, 1.0) ** 2
        now[free] = bounded(hessian_with_twins + np.diag(prior), gradient + held * expected, bounds, found)
        if seen.contact.any():
            now = snapped(now[None], seen.contact[None], self.expressions)[0]
        return Estimate(now, hessian, off_cm)

    def add_lids(
        self, hessian: Array, gradient: Array, opened: Array, actor: Actor, coefficients: Array, level: float
    ) -> None:
        """Add `lids.lid_evidence` to the equations of the free coefficients; looks already move the lids."""
        neutral = lid_gaps(actor.points_cm)
        error = level * GAP_ERROR_CM * (CONTACT_FACTOR + (1.0 - CONTACT_FACTOR) * np.minimum(opened, 1.0))
        by_looks = np.where(EYE_LOOK, coefficients, 0.0) @ self.lid_change
        rows = self.lid_change[self.free] / error
        hessian += rows @ rows.T
        gradient += rows @ (((opened - 1.0) * neutral - by_looks) / error)

    def looks(self, gaze: Array) -> Array:
        """(52,) the eyeLook coefficients that show the gaze (2, 2), see `gaze.look_coefficients`."""
        yaw, pitch = gaze.T * OUTWARD
        turns = np.stack([yaw, -yaw, pitch, -pitch])
        result = np.zeros(SHAPES)
        result[LOOKS] = np.clip(turns / self.full_look[LOOKS], 0.0, 1.0)
        return result

    def spread(self, estimate: Estimate, actor: Actor) -> Array:
        """(52,) standard deviations of the coefficients as shown, see `certainty.spreads`."""
        hessian = np.zeros((1, SHAPES, SHAPES))
        hessian[0][np.ix_(self.free, self.free)] = estimate.hessian
        result = spreads(hessian)[0]
        result[BLINKS] /= self.closing(actor)
        return np.asarray(result)

    def bounds(self, coefficients: Array, actor: Actor, contact: Array) -> Bounds:
        """(F,) each: blinks end where the lids meet, lips close no further than the jaw is open."""
        upper = np.ones(SHAPES)
        upper[BLINKS] = self.closing(actor)
        upper[CLOSE] = largest_close(contact[None], coefficients[None])[0]
        return Bounds(np.zeros(len(self.free)), upper[self.free])

    def closing(self, actor: Actor) -> Array:
        """(2,) `lids.closing_blinks`: the blink coefficients at which this actor's lids meet."""
        travel = -self.lid_change[BLINKS, [0, 1]]
        return np.asarray(np.clip(lid_gaps(actor.points_cm) / np.maximum(travel, 1e-6), *CLOSING_RANGE))

    def without_excluded(self, found: Array, bounds: Bounds) -> Bounds:
        """Close the weaker one of every exclusive pair."""
        upper = bounds.upper.copy()
        for first, second in self.exclusive:
            if abs(found[first] - found[second]) > EXCLUSIVE_MARGIN:
                upper[first if found[first] < found[second] else second] = 0.0
        return Bounds(bounds.lower, upper)


@dataclass(frozen=True)
class PoseFit:
    """What one frame says about the step to a better pose."""

    hessian: Array
    """(6, 6)."""
    gradient: Array
    """(6,)."""
    residual_cm: Array
    """(2, 468) before the step."""


@dataclass(frozen=True)
class SeenFrame:
    """A frame's points, and what is known before its coefficients."""

    points_px: Array
    """(468, 2)."""
    pose: Poses
    """Of one frame."""
    gaze: Array
    """(2, 2)."""
    opened: Array
    """(2,)."""
    contact: Array
    """(3,) where the lips touch, see `lips.lip_contact`."""


def linear_frame(points_px: Array, face_cm: Array, pose: Poses, camera: Camera) -> tuple[Array, Array]:
    """`geometry.linearise` of one frame of (468, 3) points: change with the pose (6, 2, 468), residual (2, 468) in cm."""
    x, y, z = turned = pose.rotation[0] @ face_cm.T
    placed = turned + pose.translation_cm[0][:, None]
    away = placed[:2] / placed[2]
    across, down = -away[0], away[1]
    scale = pose.translation_cm[0, 2] / placed[2]
    px_per_cm = -camera.focal_px / pose.translation_cm[0, 2]
    by_pose = np.empty((6, 2, len(scale)))
    for n, (change_x, change_y) in enumerate(
        ((across * y, z + down * y), (z - across * x, -down * x), (-y, -x), (1.0, 0.0), (0.0, -1.0), (across, down))
    ):
        by_pose[n, 0], by_pose[n, 1] = change_x, change_y
    by_pose *= scale
    seen = points_px.T - np.array(camera.centre_px)[:, None]
    seen[0] -= camera.focal_px * across
    seen[1] -= camera.focal_px * down
    return by_pose, seen / px_per_cm


def lid_gaps(points_cm: Array) -> Array:
    """(..., 2) mean height of the gap between the lids of the left and right eye of (..., 468, 3) points."""
    return np.asarray((points_cm[..., UPPER_LIDS, 1] - points_cm[..., LOWER_LIDS, 1]).mean(-1))


def bounded(hessian: Array, gradient: Array, bounds: Bounds, start: Array) -> Array:
    """The (N,) minimum of ``x'Hx/2 - g'x`` within bounds: projected Newton steps (Bertsekas 1982) from `start`.

    Each step solves for all values that are not held at a bound, and is shortened until it gains.
    """
    values = np.clip(start, bounds.lower, bounds.upper)
    slope = hessian @ values - gradient
    for _ in range(MOST_NEWTON_STEPS):
        held = ((values <= bounds.lower) & (slope > 0)) | ((values >= bounds.upper) & (slope < 0))
        open_ = np.flatnonzero(~held)
        if not len(open_) or np.abs(slope[open_]).max() < 1e-6 * (1.0 + np.abs(gradient).max()):
            break
        step = np.zeros_like(values)
        step[open_] = -lapack.dposv(hessian[np.ix_(open_, open_)], slope[open_])[1]
        length = 1.0
        while length > 1e-3:
            moved = np.clip(values + length * step, bounds.lower, bounds.upper) - values
            change = hessian @ moved
            if slope @ moved + 0.5 * (moved @ change) < 0:
                break
            length *= 0.5
        else:
            break
        values, slope = values + moved, slope + change
    return values
