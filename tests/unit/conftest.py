"""What the tests of the face models share: a made face in a maker's hands, and a performance that any model can play."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from understudy.inference import arkit
from understudy.inference.capture.types import FaceTrack, ShotTracks
from understudy.inference.face_model.assembly import ict_landmarks
from understudy.inference.face_model.default import load_default
from understudy.inference.face_model.surface import nearest_on_surface
from understudy.inference.face_model.types import FaceModel
from understudy.inference.media.types import VideoInfo
from understudy.inference.progress import silent
from understudy.inference.solve import solve_shot
from understudy.inference.solve.gaze import IRIS_DROP_CM, PUPIL_DEPTH, full_look_rad, look_coefficients
from understudy.inference.solve.geometry import Camera, Poses, project, rotation_from_vector
from understudy.inference.solve.landmark_groups import LEFT_LIDS, RIGHT_LIDS
from understudy.inference.solve.lids import closing_blinks

Array = NDArray[np.float64]
SKIN = 468
INNER_LIPS_OF_68 = {60: 78, 61: 81, 62: 13, 63: 311, 64: 308, 65: 402, 66: 14, 67: 178}
"""Lips touch at rest, so that the nearest point cannot say which of them is meant."""


@dataclass(frozen=True)
class MadeFace:
    """The default model's face, each triangle split in four, moved and turned as a maker's own axes may be."""

    points_cm: Array
    """(V, 3); the first 468 are the skin landmarks."""
    triangles: NDArray[np.int64]
    shapes_cm: Array
    """(52, V, 3)."""
    modes_cm: Array
    """(40, V, 3)."""
    eyes_cm: Array
    """(2, 3) centres."""
    marks: NDArray[np.int64]
    """(68,) triangle of each classic landmark."""
    mark_weights: Array
    """(68, 3)."""


SIZE, TURN, SHIFT_CM = 1.04, rotation_from_vector(np.array([0.06, 0.0, 0.0])), np.array([0.0, 3.0, -2.5])


@pytest.fixture(scope="session")
def made_face() -> MadeFace:
    ours = load_default()
    triangles = ours.triangles.astype(np.int64)
    edges = np.unique(np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)
    middle = {tuple(edge): SKIN + n for n, edge in enumerate(edges.tolist())}
    split = []
    for a, b, c in triangles.tolist():
        ab, bc, ca = (middle[min(p, q), max(p, q)] for p, q in ((a, b), (b, c), (c, a)))
        split += [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    finer = np.array(split)

    def refined(values: Array) -> Array:
        skin = values[..., :SKIN, :].astype(np.float64)
        return np.concatenate([skin, skin[..., edges, :].mean(-2)], axis=-2)

    points = refined(ours.mean_cm)
    corners, weights = nearest_on_surface(ict_landmarks()["landmarks68_cm"].astype(float), points, finer)
    order = {tuple(sorted(t)): n for n, t in enumerate(finer.tolist())}
    marks = np.array([order[tuple(sorted(t))] for t in corners.tolist()])
    weights = np.array([
        [dict(zip(found, share, strict=True))[corner] for corner in finer[mark].tolist()]
        for mark, found, share in zip(marks, corners.tolist(), weights, strict=True)
    ])  # fmt: skip
    for number, landmark in INNER_LIPS_OF_68.items():
        marks[number] = np.flatnonzero((finer == landmark).any(1))[0]
        weights[number] = finer[marks[number]] == landmark
    return MadeFace(
        (SIZE * points @ TURN.T) + SHIFT_CM,
        finer,
        SIZE * refined(ours.expressions_cm) @ TURN.T,
        SIZE * refined(ours.identity_modes_cm[:40]) @ TURN.T,
        SIZE * ours.eye_centres_cm @ TURN.T + SHIFT_CM,
        marks,
        weights,
    )


@dataclass(frozen=True)
class Replayed:
    """How well the solver finds a performance that a face model played, from points without noise."""

    coefficient_error: Array
    """(T, 52)."""
    head_error_deg: Array
    """(T,)."""


PLAYED = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "mouthFunnel", "browDownLeft", "browDownRight")


@pytest.fixture(scope="session")
def replay() -> Callable[[FaceModel], Replayed]:
    """Play 40 frames of turning head, speaking, smiling, looking and one blink on a model, and solve them."""
    return _replay


def _replay(model: FaceModel) -> Replayed:
    frames, size = 40, 512
    time = np.arange(frames)
    camera = Camera(700.0, (size / 2, size / 2))
    turns = np.stack([0.12 * np.cos(time / 7), 0.35 * np.sin(time / 8), 0.05 * np.sin(time / 9)], 1)
    places = np.stack([np.sin(time / 9), 0.5 * np.cos(time / 11), -46 - 2 * np.sin(time / 13)], 1)
    poses = Poses(rotation_from_vector(turns), places)
    gaze = np.stack([0.25 * np.sin(time / 8), 0.12 * np.cos((time - frames // 2) / 10)], 1)
    played = look_coefficients(np.stack([gaze, gaze], 1), full_look_rad(model))
    for n, name in enumerate(PLAYED):
        bump = 0.7 * np.exp(-0.5 * ((time - frames * (n + 0.5) / len(PLAYED)) / 3) ** 2)
        played[:, arkit.INDEX[name]] = bump
    blinks = [arkit.INDEX["eyeBlinkLeft"], arkit.INDEX["eyeBlinkRight"]]
    played[:, blinks] = np.exp(-0.5 * ((time - frames // 2) / 1.3) ** 2)[:, None]
    mean, expressions = model.landmark_mean_cm, model.landmark_expressions_cm
    identity = 0.7 * np.random.default_rng(1).normal(size=len(model.identity_modes_cm))
    neutral = mean + np.tensordot(identity, model.landmark_modes_cm, 1)
    raw = played.copy()
    raw[:, blinks] *= closing_blinks(neutral[:SKIN], expressions[:, :SKIN])
    points = neutral + np.tensordot(raw, expressions, 1)
    yaw, pitch = gaze.T
    look = np.stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], 1)
    for eye, (irises, lids) in enumerate(((slice(473, 478), LEFT_LIDS), (slice(468, 473), RIGHT_LIDS))):
        moved = (neutral - mean)[list(lids)].mean(0) - np.array([0, IRIS_DROP_CM, 0])
        points[:, irises] = (model.eye_centres_cm[eye] + moved + PUPIL_DEPTH * model.eye_radius_cm * look)[:, None]
    seen = project(points, poses, camera).astype(np.float32)
    info = VideoInfo(Path("made.mp4"), size, size, Fraction(25), frames, frames / 25, 0, 8, "h264", False)
    track = FaceTrack(0, seen, np.zeros((frames, 478), np.float32), np.ones(frames, np.float32))
    take = solve_shot(ShotTracks(info, "0" * 64, time, time / 25, (track,)), track, model, silent)
    between = take.rotation @ np.swapaxes(poses.rotation, 1, 2)
    turned = np.degrees(np.arccos(np.clip((np.trace(between, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    return Replayed(np.abs(take.coefficients - played), turned)
