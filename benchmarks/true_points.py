"""What a perfect landmark network with one pixel of noise would have seen in a rendered performance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from performance_script import LID_TRAVEL_RAD, Performance
from truth_file import CAMERA_HEIGHT_CM, in_camera, neutral_of, posed, project
from understudy.inference import arkit
from understudy.inference.capture.types import LANDMARK_COUNT, ShotTracks
from understudy.inference.face_model.ict_folder import IctModel, eyeball
from understudy.inference.face_model.types import FaceModel
from understudy.models.ict_eyes import gaze_rotation

NOISE_PX = 1.0


def performance_of(truth_path: Path) -> Performance:
    """The performance that a truth file tells; where it lacks the gaze, that which the lids follow."""
    with np.load(truth_path, allow_pickle=False) as truth:
        names = [str(name) for name in truth["names"]]
        coefficients = truth["coefficients"].astype(float)
        gaze = truth["gaze"].astype(float) if "gaze" in truth else _gaze_of_lids(names, coefficients)
        # Clips differ in the height of their camera; a performance tells it as a shift of the head.
        lower = np.array([0.0, CAMERA_HEIGHT_CM - float(truth["camera_height_cm"]), 0.0])
        return Performance(
            names=names,
            coefficients=coefficients,
            identity=truth["identity"].astype(float),
            rotation=truth["rotation"].astype(float),
            translation_cm=truth["translation_cm"].astype(float) + lower,
            gaze=gaze,
            camera_matrix=truth["K"].astype(float),
            camera_distance_cm=float(truth["camera_distance_cm"]),
        )


def _gaze_of_lids(names: list[str], coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 2, 2) yaw and pitch of each eye."""

    def angle(shape: str, side: str) -> NDArray[np.float64]:
        return np.asarray(coefficients[:, names.index(f"eyeLook{shape}{side}")] * LID_TRAVEL_RAD[shape])

    pitch = [angle("Up", side) - angle("Down", side) for side in ("_L", "_R")]
    left, right = angle("Out", "_L") - angle("In", "_L"), angle("In", "_R") - angle("Out", "_R")
    return np.stack([np.stack([left, pitch[0]], 1), np.stack([right, pitch[1]], 1)], 1)


def with_true_points(shot: ShotTracks, truth_path: Path, ict: IctModel, model: FaceModel, seed: int = 0) -> ShotTracks:
    """The shot with its first face's landmarks replaced: points of the actor's true surface in every frame, with noise.

    `model` is ICT-FaceKit as a face model: it says where on the surface the 478 landmarks lie.
    """
    points = true_points(truth_path, ict, model)[:, :LANDMARK_COUNT, :2]
    landmarks = points + np.random.default_rng(seed).normal(0, NOISE_PX, points.shape)
    nothing = np.full((len(landmarks), len(arkit.NAMES)), np.nan, np.float32)
    track = replace(
        shot.tracks[0],
        landmarks_px=landmarks.astype(np.float32),
        confidence=np.ones(len(landmarks), np.float32),
        depth_px=np.zeros(landmarks.shape[:2], np.float32),
        sigma_px=np.full(landmarks.shape[:2], NOISE_PX, np.float32),
        visible=np.ones(landmarks.shape[:2], np.float32),
        coefficients=nothing,
        coefficient_sigma=nothing,
        mediapipe_px=None,
    )
    return replace(shot, tracks=(track,))


def true_points(truth_path: Path, ict: IctModel, model: FaceModel) -> NDArray[np.float64]:
    """(T, 546, 3) pixels: the 478 landmarks on the actor's surface, then the 68 known points.

    The third is depth in the same pixels, smaller is nearer, 0 at the head's origin.
    """
    performance = performance_of(truth_path)
    neutral = neutral_of(ict, performance.identity)
    points = []
    for frame in range(len(performance.coefficients)):
        vertices = posed(ict, performance, neutral, frame)
        surface = _surface(ict, model, vertices, neutral, performance.gaze[frame])
        known = np.concatenate([model.at_landmarks(surface), vertices[ict.landmarks68]])
        seen, origin = (in_camera(performance, frame, part) for part in (known, np.zeros((1, 3))))
        depth = (origin[:, 2] - seen[:, 2]) * performance.camera_matrix[0, 0] / -origin[0, 2]
        points.append(np.column_stack([project(performance, seen), depth]))
    return np.stack(points)


def _surface(
    ict: IctModel,
    model: FaceModel,
    vertices: NDArray[np.float64],
    neutral: NDArray[np.float64],
    gaze: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(V, 3) the face model's vertices on the actor's posed head; irises, which ICT-FaceKit lacks, turn with the eyes."""
    added = model.source_vertices < 0
    surface = np.empty((len(added), 3))
    surface[~added] = vertices[model.source_vertices[~added]]
    if added.any():
        rest = model.mean_cm[added].astype(np.float64)
        side_of = np.linalg.norm(rest[:, None] - model.eye_centres_cm, axis=2).argmin(1)
        turned = np.empty_like(rest)
        for side in (0, 1):
            centre, _ = eyeball(ict, neutral, side)
            turn = gaze_rotation(*gaze[side])
            turned[side_of == side] = (rest[side_of == side] - model.eye_centres_cm[side]) @ turn.T + centre
        surface[added] = turned
    return surface
