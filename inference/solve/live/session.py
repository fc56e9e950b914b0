"""One actor in front of the live solver: what is remembered from frame to frame, and the order of a frame's work."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ...face_model.types import FaceModel
from ..geometry import Array, Camera, Poses, project
from ..identity import Actor, first_actor
from ..landmark_groups import MESH_COUNT
from ..lids import BLINKS, USUAL_PERCENTILE
from .actor import ActorLearner, KeyFrame, look
from .eyes import LiveEyes
from .frame import SHAPES, FrameSolver, Past, SeenFrame
from .lips import LiveLips
from .pose import PoseFilter
from .rest import PARTS, was_acted, without_rest

GOING_ON, SPEED_PART = 0.7, 0.5
"""How much of its speed a coefficient is expected to keep; weight of the newest frame in that speed."""
QUICK_ROUNDS = 12
"""The actor is learned in every frame until adjusted so often, then every `SELDOM` frame times."""
SELDOM = 3.0
"""Frame times after which what need not be done in every frame is done: more frames a second cost it no more."""
BLEND_FRAMES = 9.0
"""Time constant with which a newly learned actor takes over."""
QUALITY_FRAMES = 60.0
"""Time constant of how far points are usually off."""
MOST_RESTING = 256
"""Of more frames than this the last ones count."""
OPEN_PART = 0.8
"""Eyes that are open less than this part of what is usual are closing."""


@dataclass(frozen=True)
class Found:
    """One frame's performance."""

    coefficients: Array
    """(52,)."""
    sigma: Array
    """(52,) of this frame or one of the two before."""
    pose: Poses
    """Of one frame."""
    gaze: Array
    """(2, 2)."""
    quality: float
    """1 for a frame that fits as usual, less for one that fits worse."""


@dataclass(frozen=True)
class RestingFrame:
    """A frame in which the face is known to be neutral."""

    landmarks_px: Array
    """(478, 2)."""
    pose: Poses
    opening: Array
    """(2,) of the eyes, see `LiveEyes.opening`."""


class Session:
    """Learns one actor while solving the frames in which the face is seen."""

    def __init__(
        self, model: FaceModel, solver: FrameSolver, camera: Camera, focal_spread: float, landmarks_px: Array
    ) -> None:
        """The first frame shows a face: its head is found and the actor adjusted to it once."""
        self.actor = first_actor(model, camera)
        self._solver, self._eyes, self._head = solver, LiveEyes(model), PoseFilter(solver)
        self._lips = LiveLips()
        self._learner = ActorLearner(solver, self.actor, focal_spread, self._review)
        self._coefficients, self._speed, self._resting = (np.zeros(SHAPES) for _ in range(3))
        self._usual_off_cm, self._frames, self._clock = 0.0, 0, 0.0
        self._head.start(landmarks_px[:MESH_COUNT], solver.mean, camera)
        self._landmarks_px = landmarks_px
        self._rest: deque[RestingFrame] = deque(maxlen=MOST_RESTING)
        self._eyes.remember(self._eyes.opening(landmarks_px, self._head.pose, camera))
        self._learner.offer(self._key())
        self._learner.finish_round()
        self.actor = self._learner.actor
        self._head.restart(self._learner.keys[0].pose)

    def step(self, landmarks_px: Array, frames: float, search: bool) -> Found:
        """The performance `frames` frame times after the last; `search` where the head may be anywhere by now."""
        self._landmarks_px, self._frames = landmarks_px, self._frames + 1
        before, self._clock = self._clock, self._clock + frames
        if passes(before, self._clock, 0.0) or self._learner.rounds < QUICK_ROUNDS:
            self._learner.work()
        self._take_over(frames)
        points_px, level, camera = landmarks_px[:MESH_COUNT], self._learner.level, self.actor.camera
        expected = np.clip(self._coefficients + GOING_ON * frames * self._speed, 0.0, 1.0)
        face_cm = self._solver.face(self.actor, expected)
        if search:
            self._head.start(points_px, face_cm, camera)
        else:
            self._head.follow(points_px, face_cm, camera, level, frames)
        pose = self._head.pose
        opening = self._eyes.opening(landmarks_px, pose, camera)
        self._eyes.remember(opening)
        opened = self._eyes.openness(opening)
        gaze = self._eyes.follow(landmarks_px, pose, self.actor, opened, frames)
        self._lips.follow(points_px, pose, camera)
        free = self._solver.free
        past = None if search else Past(expected[free], frames)
        estimate = self._solver.coefficients(
            SeenFrame(points_px, pose, gaze, opened, self._lips.contact), self.actor, self._coefficients, level, past
        )
        moved = np.zeros(SHAPES) if search else (estimate.coefficients - self._coefficients) / frames
        self._speed += SPEED_PART * (moved - self._speed)
        self._coefficients = estimate.coefficients
        self._learner.offer(self._key())
        if self._frames == 1 or passes(before, self._clock, SELDOM / 2):
            self._sigma = self._solver.spread(estimate, self.actor)
        shown = estimate.coefficients.copy()
        shown = without_rest(shown, self._resting)
        shown[BLINKS] = np.minimum(shown[BLINKS] / self._solver.closing(self.actor), 1.0)
        return Found(shown, self._sigma, pose, gaze, self._quality(estimate.off_cm))

    def rest(self) -> None:
        """The last frame's face is known to be neutral; kept until `calibrate`."""
        opening = self._eyes.opening(self._landmarks_px, self._head.pose, self.actor.camera)
        self._rest.append(RestingFrame(self._landmarks_px, self._head.pose, opening))

    def calibrate(self) -> bool:
        """The faces kept by `rest`, or the last one, are neutral; False where they moved, with nothing changed."""
        if not self._rest:
            self.rest()
        usual, frames = at_rest(list(self._rest))
        self._rest.clear()
        keys = [self._neutral_key(part) for part in parted(frames)]
        if was_acted(np.stack([self._review(key, self.actor, self._learner.level) for key in keys])):
            return False
        self._eyes.calibrate(usual)
        self._learner.calibrate(self._neutral_key(frames))
        return True

    def _neutral_key(self, frames: list[RestingFrame]) -> KeyFrame:
        """The middle one of some frames, with their points' noise averaged away."""
        middle, camera = frames[len(frames) // 2], self.actor.camera
        expected = [project(self.actor.points_cm, frame.pose, camera)[0] for frame in frames]
        size = [-camera.focal_px / float(frame.pose.translation_cm[0, 2]) for frame in frames]
        off = [(f.landmarks_px[:MESH_COUNT] - seen) / px for f, seen, px in zip(frames, expected, size, strict=True)]
        points = middle.landmarks_px.copy()
        points[:MESH_COUNT] = expected[len(frames) // 2] + np.mean(off, axis=0) * size[len(frames) // 2]
        return KeyFrame(points, look(points, middle.pose), middle.pose, np.zeros(SHAPES), neutral=True)

    def _key(self) -> KeyFrame:
        pose = self._head.pose
        return KeyFrame(self._landmarks_px, look(self._landmarks_px, pose), pose, self._coefficients)

    def _take_over(self, frames: float) -> None:
        """Let what has been learned take over little by little."""
        goal, now = self._learner.actor, self.actor
        part = 1.0 - float(np.exp(-frames / BLEND_FRAMES))
        self._resting = self._resting + part * (self._learner.resting - self._resting)
        farther = (goal.camera.focal_px / now.camera.focal_px) ** part
        self._head.refocus(farther)
        self.actor = Actor(
            camera=replace(now.camera, focal_px=now.camera.focal_px * farther),
            focal_spread=goal.focal_spread,
            identity=now.identity + part * (goal.identity - now.identity),
            offsets_cm=now.offsets_cm + part * (goal.offsets_cm - now.offsets_cm),
            points_cm=now.points_cm + part * (goal.points_cm - now.points_cm),
        )

    def _review(self, key: KeyFrame, actor: Actor, level: float) -> Array:
        """The coefficients of a key frame, solved again."""
        opened = self._eyes.openness(self._eyes.opening(key.landmarks_px, key.pose, actor.camera))
        gaze = self._eyes.angles(key.landmarks_px, key.pose, actor)
        points_px = key.landmarks_px[:MESH_COUNT]
        seen = SeenFrame(points_px, key.pose, gaze, opened, self._lips.contact_of(points_px, key.pose, actor.camera))
        return self._solver.coefficients(seen, actor, key.coefficients, level, None).coefficients

    def _quality(self, off_cm: float) -> float:
        """See `shot.fit_quality`; beside what is usual so far."""
        part = max(1.0 / self._frames, 1.0 / QUALITY_FRAMES)
        self._usual_off_cm += part * (off_cm - self._usual_off_cm)
        return float(np.clip(1.5 * self._usual_off_cm / max(off_cm, 1e-9), 0.1, 1.0))


def passes(before: float, now: float, phase: float) -> bool:
    """Whether a multiple of `SELDOM`, and `phase` more, lies between two moments in frame times."""
    return (now - phase) // SELDOM > (before - phase) // SELDOM


def at_rest(frames: list[RestingFrame]) -> tuple[Array, list[RestingFrame]]:
    """(2,) how far the eyes are usually open in some frames, and those in which they are not closing."""
    openings = np.stack([frame.opening for frame in frames])
    usual = np.maximum(np.percentile(openings, USUAL_PERCENTILE, axis=0), 1e-6)
    kept = [frame for frame, opening in zip(frames, openings, strict=True) if (opening > OPEN_PART * usual).all()]
    return usual, kept or frames


def parted(frames: list[RestingFrame]) -> list[list[RestingFrame]]:
    """Some frames in parts that follow each other."""
    ends = np.linspace(0, len(frames), min(len(frames), PARTS) + 1).astype(int)
    return [frames[first:last] for first, last in pairwise(ends.tolist())]
