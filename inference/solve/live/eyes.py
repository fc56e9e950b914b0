"""Openness and gaze of the two eyes while they are watched: `lids` and `gaze`, from the past alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...face_model.types import FaceModel
from ..gaze import IRIS_DROP_CM, OPEN_ENOUGH, gaze_angles
from ..geometry import Array, Camera, Poses, project
from ..identity import Actor, mesh_points
from ..landmark_groups import EYE_CORNERS, LEFT_LIDS, RIGHT_LIDS
from ..lids import CLOSED_PART, EYES, INNER_CORNER, LidHabits, lid_habits, openness

REMEMBERED = 256
"""Frames whose openings say what is usual."""
OFTEN, OFTEN_UNTIL = 6, 30
"""Habits are measured in every frame at first, then in every sixth."""
SHAKING_FRAMES = 4.0
"""Time constant of the slow part of what the corners of the eyes are off by."""
VERGENCE_FRAMES = 60.0
"""Time constant of the difference between the two eyes."""
STILL_RAD = 0.005
NOISE_RAD = 0.03
"""Gaze that moves less than its noise from one frame to the next rests; what moves more is followed at once."""
LARGEST_VERGENCE_RAD = (-0.02, 0.12)
LIDS = np.array([LEFT_LIDS, RIGHT_LIDS])
LID_POINTS = np.array([[*upper, *lower, lids[0], lids[INNER_CORNER]] for lids, upper, lower in EYES])
"""(2, 16) upper lid, lower lid, outer and inner corner of the left and right eye."""


class LiveEyes:
    """What is remembered of an actor's eyes."""

    def __init__(self, model: FaceModel) -> None:
        self._mean = mesh_points(model)[0]
        self._centres_cm, self._radius_cm = model.eye_centres_cm.astype(np.float64), model.eye_radius_cm
        self._openings = np.zeros((REMEMBERED, 2))
        self._count = 0
        self._habits = LidHabits(np.ones(2), np.full(2, CLOSED_PART))
        self._neutral: Array | None = None
        self._off_px: Array | None = None
        self._difference, self._common = np.zeros(2), np.zeros(2)
        self._open_frames = 0.0

    def opening(self, landmarks_px: Array, pose: Poses, camera: Camera) -> Array:
        """(2,) `lids.relative_openings` of one frame."""
        expected = project(self._mean[LID_POINTS].reshape(-1, 3), pose, camera).reshape(2, -1, 2)
        return np.asarray(gap_ratios(landmarks_px[LID_POINTS]) / np.maximum(gap_ratios(expected), 1e-6))

    def remember(self, opening: Array) -> None:
        """Let one frame's opening count for what is usual."""
        self._openings[self._count % REMEMBERED] = opening
        self._count += 1
        if self._count < OFTEN_UNTIL or self._count % OFTEN == 0:
            known = self._openings[: min(self._count, REMEMBERED)]
            habits = lid_habits(known, np.zeros(len(known), bool))
            self._habits = habits if self._neutral is None else replace(habits, usual=self._neutral)

    def calibrate(self, opening: Array) -> None:
        """Take this opening for the usual one from now on."""
        self._neutral = opening
        self._habits = replace(self._habits, usual=opening)

    def openness(self, opening: Array) -> Array:
        """(2,) 1 as wide as usual, 0 closed, not above 2; see `lids.openness`."""
        return np.asarray(openness(opening[None], self._habits)[0])

    def angles(self, landmarks_px: Array, pose: Poses, actor: Actor) -> Array:
        """(2, 2) yaw and pitch of each eye in radians, of this frame alone."""
        moved = actor.points_cm - self._mean
        shift = moved[LIDS].mean(1)
        eyes_cm = self._centres_cm + shift - np.array([0.0, IRIS_DROP_CM, 0.0])
        return np.asarray(gaze_angles(landmarks_px[None], pose, actor.camera, eyes_cm, self._radius_cm)[0])

    def follow(self, landmarks_px: Array, pose: Poses, actor: Actor, opened: Array, frames: float) -> Array:
        """(2, 2) gaze after `frames` frame times: both eyes together, held while they are closed."""
        expected = project(actor.points_cm[list(EYE_CORNERS)], pose, actor.camera)[0]
        off = (landmarks_px[list(EYE_CORNERS)] - expected).mean(0)
        if self._off_px is None:
            self._off_px = off
        self._off_px = self._off_px + (off - self._off_px) * min(1.0, frames / SHAKING_FRAMES)
        if opened.max() > OPEN_ENOUGH:
            angles = self.angles(landmarks_px - (off - self._off_px), pose, actor)
            self._look(angles, np.maximum(np.minimum(opened, 1.0) ** 2, 1e-3), frames)
        turned_in = float(np.clip(-self._difference[0] / 2, *LARGEST_VERGENCE_RAD))
        vergence = np.array([turned_in, 0.0])
        return np.stack([self._common - vergence, self._common + vergence])

    def _look(self, angles: Array, weight: Array, frames: float) -> None:
        """Take new angles (2, 2) into what both eyes have in common, and slowly into what they differ by."""
        self._open_frames += frames
        part = min(1.0, max(frames / VERGENCE_FRAMES, frames / self._open_frames))
        self._difference = self._difference + part * (angles[0] - angles[1] - self._difference)
        centred = angles - 0.5 * np.stack([self._difference, -self._difference])
        change = (weight @ centred) / weight.sum() - self._common
        real = STILL_RAD**2 * frames + change @ change
        first = self._open_frames == frames
        self._common = self._common + change * (1.0 if first else real / (real + NOISE_RAD**2))


def gap_ratios(lids_px: Array) -> Array:
    """(2,) `lids.gap_ratio` of the (2, 16, 2) points of `LID_POINTS`."""
    gap, across = lids_px[:, :7] - lids_px[:, 7:14], lids_px[:, 14] - lids_px[:, 15]
    return np.asarray(np.sqrt((gap**2).sum(-1)).mean(1) / np.maximum(np.sqrt((across**2).sum(-1)), 1e-9))
