"""The actor and the camera, learned while the live solver runs: key frames kept from the past, adjusted in small slices.

The step is `identity.adjust`'s: poses, focal length, identity and static offsets together, expressions held. Here it is
cut so that every frame pays for one slice only, and it never ends: key frames are replaced when better ones come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..evidence import neighbourhood_means, noise_level, residuals_cm, rough_weights, visibility
from ..geometry import Array, Poses, linearise
from ..identity import Actor, focal_trust
from ..landmark_groups import MESH_COUNT
from ..pose import INDEPENDENT_PART, limited
from .frame import SHAPES, FrameSolver
from .rest import resting_of

OFFSET_CM = 0.06
MOST_KEYS = 12
NEW_LOOK = 0.12
"""Frames closer than this to a key frame, in the measure of `look`, tell nothing new."""
STRANGE = 3.0
"""Key frames whose points are off by this many times the usual are dropped: something was in front of the face."""
NEUTRAL_WEIGHT = 1.0
"""Key frames that the one counts for in which the user says that the face is neutral: what its points are off by is much the
same in all its frames, and with more weight becomes the actor's.
"""
NEUTRAL_ROUNDS = 2
LARGEST_FOCAL_STEP = 0.2


@dataclass
class KeyFrame:
    """A frame of the past, with what is now known about it."""

    landmarks_px: Array
    """(478, 2)."""
    look: Array
    pose: Poses
    coefficients: Array
    """(52,)."""
    neutral: bool = False
    off_cm: float = 0.0
    """Root mean square of what the points are off by."""


def look(landmarks_px: Array, pose: Poses) -> Array:
    """What head and face look like, such that distances tell how different two frames are."""
    points = landmarks_px[:MESH_COUNT] - landmarks_px[:MESH_COUNT].mean(0)
    shape = 4.0 * points / np.sqrt((points**2).sum())
    return np.concatenate([2.0 * pose.rotation[0, 2], 0.5 * pose.rotation[0, 0], shape.ravel()])


class ActorLearner:
    """Keeps key frames and improves `actor` (what is known now) and `level` (the size of the points' errors)."""

    def __init__(
        self, solver: FrameSolver, actor: Actor, focal_spread: float, review: Callable[[KeyFrame, Actor, float], Array]
    ) -> None:
        """`review` solves the coefficients of a key frame again, for an actor and a noise level."""
        self.actor, self.level = actor, 1.0
        self.keys: list[KeyFrame] = []
        self.resting = np.zeros(SHAPES)
        """(52,) what the neutral face showed nevertheless, when it was learned."""
        self.rounds = 0
        self._solver, self._review = solver, review
        self._usual_focal, self._focal_spread = actor.camera.focal_px, focal_spread
        self._means = neighbourhood_means(solver.mean)
        self._slices = self._learn()

    def offer(self, key: KeyFrame) -> None:
        """Keep the frame if it shows something new; of a full set the frame goes that is most like another one."""
        if not self.keys:
            self.keys.append(key)
            return
        looks = np.stack([other.look for other in self.keys])
        distance = np.sqrt(((looks - key.look) ** 2).sum(1))
        if distance.min() <= NEW_LOOK:
            return
        if len(self.keys) < MOST_KEYS:
            self.keys.append(key)
            return
        product = looks @ looks.T
        own = np.diagonal(product)
        between = np.sqrt(np.maximum(own + own[:, None] - 2.0 * product, 0.0)) + np.diag(np.full(len(own), np.inf))
        nearest = np.where([other.neutral for other in self.keys], np.inf, between.min(1))
        loser = int(np.argmin(nearest))
        if np.delete(distance, loser).min() > nearest[loser]:
            self.keys[loser] = key

    def calibrate(self, neutral: KeyFrame) -> None:
        """Let this neutral key frame take the place of an earlier one, and adjust the actor to it."""
        others = [key for key in self.keys if not key.neutral][: MOST_KEYS - 1]
        self.keys = [neutral, *others]
        self._slices = self._learn()
        for _ in range(NEUTRAL_ROUNDS):
            self.finish_round()
        self.resting = resting_of(self._review(neutral, self.actor, self.level))
        self.rounds = 0  # what the other key frames show is now read anew

    def work(self) -> None:
        """Do one slice."""
        next(self._slices)

    def finish_round(self) -> None:
        """Work until the actor has been adjusted once more."""
        rounds = self.rounds
        while self.rounds == rounds:
            self.work()

    def _learn(self) -> Iterator[None]:
        while True:
            keys = list(self.keys)
            bundle = Bundle(self._solver, self.actor, self.level, len(keys), self._usual_focal, self._focal_spread)
            for n, key in enumerate(keys):
                if not key.neutral:
                    key.coefficients = self._review(key, self.actor, self.level)
                yield
                bundle.add(n, key)
                yield
            bundle.eliminate_offsets()
            yield
            self.actor = bundle.solved(keys)
            yield
            self._measure(keys)
            self.rounds += 1
            yield

    def _measure(self, keys: list[KeyFrame]) -> None:
        """The noise level, and which key frame does not fit at all."""
        faces = np.stack([self._solver.face(self.actor, key.coefficients) for key in keys])
        points = np.stack([key.landmarks_px[:MESH_COUNT] for key in keys])
        residual = residuals_cm(points, linearise(faces, together([key.pose for key in keys]), self.actor.camera))
        self.level = noise_level(residual, self._means)
        for key, size in zip(keys, np.sqrt((residual**2).mean((1, 2))), strict=True):
            key.off_cm = float(size)
        usual = float(np.median([key.off_cm for key in keys]))
        self.keys = [key for key in self.keys if key.neutral or key.off_cm <= STRANGE * usual]


def together(poses: list[Poses]) -> Poses:
    """The poses of several frames as one."""
    return Poses(
        np.concatenate([pose.rotation for pose in poses]), np.concatenate([pose.translation_cm for pose in poses])
    )


class Bundle:
    """The normal equations of `identity.bundle_step`, gathered key frame by key frame."""

    def __init__(
        self, solver: FrameSolver, actor: Actor, level: float, count: int, usual_focal: float, focal_spread: float
    ) -> None:
        self._solver, self._actor, self._count = solver, actor, count
        self._usual_focal, self._focal_spread = usual_focal, focal_spread
        self._identity_precision = max(1.0, level**2 / INDEPENDENT_PART)
        points, modes = len(solver.mean), len(solver.modes)
        self._modes = np.ascontiguousarray(solver.modes.transpose(1, 2, 0))
        self._size = 6 * count + 1 + modes
        self._shared = slice(6 * count, self._size)
        self._system, self._right = np.zeros((self._size, self._size)), np.zeros(self._size)
        self._own = np.zeros((points, 3, 3))
        self._pull = -actor.offsets_cm / OFFSET_CM**2
        self._cross = np.zeros((points, 3, self._size))

    def add(self, n: int, key: KeyFrame) -> None:
        """Add the evidence of key frame n."""
        solver, own = self._solver, slice(6 * n, 6 * n + 6)
        linear = linearise(solver.face(self._actor, key.coefficients)[None], key.pose, self._actor.camera)
        residual = residuals_cm(key.landmarks_px[None, :MESH_COUNT], linear)
        weight = rough_weights(residual, visibility(solver.normals, key.pose.rotation))[0] * self._count**-0.5
        weight = weight * (NEUTRAL_WEIGHT * self._count**0.5 if key.neutral else 1.0)
        root = np.sqrt(weight)[:, None, None]
        by_offset = linear.by_point[0] * root
        by_pose, by_focal = linear.by_pose[0] * root, linear.by_log_focal[0][..., None] * root
        right = residual[0][..., None] * root
        every = np.concatenate([by_pose, by_focal, by_offset @ self._modes, right], -1).reshape(2 * len(weight), -1)
        product = every.T @ every
        self._system[own, own] = product[:6, :6] + 1e-6 * np.eye(6)
        self._system[own, self._shared] = product[:6, 6:-1]
        self._system[self._shared, own] = product[6:-1, :6]
        self._right[own] = product[:6, -1]
        self._system[self._shared, self._shared] += product[6:-1, 6:-1]
        self._right[self._shared] += product[6:-1, -1]
        turned = np.swapaxes(by_offset, 1, 2)
        self._own += turned @ by_offset
        self._pull += (turned @ right)[..., 0]
        self._cross[..., own] = turned @ by_pose
        self._cross[..., 6 * self._count] += (turned @ by_focal)[..., 0]

    def eliminate_offsets(self) -> None:
        """Prepare the offsets' part of the Schur complement."""
        self._cross[..., 6 * self._count + 1 :] = self._own @ self._modes
        self._inverse = np.linalg.inv(self._own + np.eye(3) / OFFSET_CM**2)
        self._solved = self._inverse @ self._cross

    def solved(self, keys: list[KeyFrame]) -> Actor:
        """The adjusted actor; the key frames' poses are adjusted with it."""
        actor, trust = self._actor, focal_trust(together([key.pose for key in keys]))
        spread = self._focal_spread * trust
        precision = np.concatenate([[1 / spread**2], np.full(len(actor.identity), self._identity_precision)])
        wish = np.concatenate([[np.log(self._usual_focal / actor.camera.focal_px)], -actor.identity])
        shared = range(self._shared.start, self._shared.stop)
        self._system[shared, shared] += precision
        self._right[self._shared] += precision * wish
        rows, solved = self._cross.reshape(-1, self._size), self._solved.reshape(-1, self._size)
        inverse = np.linalg.inv(self._system - rows.T @ solved)
        step = inverse @ (self._right - solved.T @ self._pull.ravel())
        offset_step = (self._inverse @ self._pull[..., None])[..., 0] - (solved @ step).reshape(-1, 3)
        for n, key in enumerate(keys):
            key.pose = key.pose.moved(limited(step[None, 6 * n : 6 * n + 6]))
        longer = float(np.clip(step[shared[0]], -LARGEST_FOCAL_STEP, LARGEST_FOCAL_STEP))
        camera = replace(actor.camera, focal_px=actor.camera.focal_px * float(np.exp(longer)))
        identity, offsets = actor.identity + step[shared[1] :], actor.offsets_cm + offset_step
        points = self._solver.mean + (self._modes @ identity) + offsets
        return Actor(camera, float(np.sqrt(inverse[shared[0], shared[0]])) / trust, identity, offsets, points)
