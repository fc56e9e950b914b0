"""What our takes are compared with: MediaPipe's own scores, and a plain whole-shot fit of a face model.

The plain fit is what one would write in an afternoon: the same landmarks, one identity per shot, head poses from the
points, then all coefficients of the shot at once by bounded least squares with light smoothing; no sparsity, no noise
model, no exclusive shapes, no contacts.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from understudy.inference import arkit
from understudy.inference.face_model.types import FaceModel
from understudy.inference.media import read_frames
from understudy.inference.take import Take

Array = NDArray[np.float64]

MESH = 468
"""Iris points follow the gaze, not the face."""
FIELD_OF_VIEW_DEG = 35.0
"""A plain fit guesses the lens; of 30, 35 and 45 degrees this did best."""
ROUNDS = 4
IDENTITY_FRAMES = 12
POINT_NOISE_PX = 1.5
COEFFICIENT_RIDGE = 1.0
"""Of 0.02 to 2 the best for the peer, so that it is a fair one."""
SMOOTHING = 0.6
_FLIP = np.diag([1.0, -1.0, -1.0])
"""OpenCV's camera looks along +z with y down, ours along -z with y up."""


def mediapipe(clip: Path, task: Path, like: Take) -> tuple[Take, float]:
    """MediaPipe's face landmarker as a take shaped like ours (zeros where it sees no face), and CPU ms per frame."""
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(task)),
        running_mode=vision.RunningMode.VIDEO,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    frames = list(read_frames(clip))
    scores = np.zeros((len(frames), len(arkit.NAMES)), np.float32)
    rotation = np.broadcast_to(np.eye(3, dtype=np.float32), (len(frames), 3, 3)).copy()
    landmarks = np.full((len(frames), 478, 2), np.nan, np.float32)
    start = time.process_time()
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for row, frame in enumerate(frames):
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(frame.rgb))
            found = landmarker.detect_for_video(image, round(frame.time_s * 1000))
            if not found.face_blendshapes:
                continue
            for shape in found.face_blendshapes[0]:
                if shape.category_name in arkit.INDEX:
                    scores[row, arkit.INDEX[shape.category_name]] = shape.score
            rotation[row] = found.facial_transformation_matrixes[0][:3, :3]
            height, width = frame.rgb.shape[:2]
            landmarks[row] = [(point.x * width, point.y * height) for point in found.face_landmarks[0]]
    spent = (time.process_time() - start) / len(frames) * 1000
    return replace(like, coefficients=scores, rotation=rotation, landmarks_px=landmarks), spent


def plain_fit(model: FaceModel, like: Take) -> tuple[Take, float]:
    """A take from the landmarks of ours, fitted plainly, and the fit's CPU milliseconds per frame."""
    start = time.process_time()
    width, height = like.frame_size
    points = _filled(like.landmarks_px[:, :MESH].astype(np.float64)) - [width / 2, height / 2]
    focal = max(width, height) / 2 / np.tan(np.radians(FIELD_OF_VIEW_DEG) / 2)
    matrix = np.diag([focal, focal, 1.0])  # points are counted from the middle of the picture
    mean, modes, shapes = (
        part[..., :MESH, :] for part in (model.landmark_mean_cm, model.landmark_modes_cm, model.landmark_expressions_cm)
    )
    identity, coefficients = np.zeros(len(modes)), np.zeros((len(points), len(shapes)))
    for _ in range(ROUNDS):
        neutral = mean + np.einsum("i,ivk->vk", identity, modes)
        posed = neutral + np.einsum("te,evk->tvk", coefficients, shapes)
        poses = [_pose(head, seen, matrix) for head, seen in zip(posed, points, strict=True)]
        identity = _identity(mean, modes, np.einsum("te,evk->tvk", coefficients, shapes), poses, points, focal)
        neutral = mean + np.einsum("i,ivk->vk", identity, modes)
        coefficients = _coefficients(neutral, shapes, poses, points, focal, coefficients)
    spent = (time.process_time() - start) / len(points) * 1000
    take = replace(
        like,
        coefficients=coefficients.astype(np.float32),
        rotation=np.stack([_FLIP @ rotation for rotation, _ in poses]).astype(np.float32),
        face_model=model.name,
    )
    return take, spent


def _filled(points: Array) -> Array:
    """(T, N, 2) with lost frames as the last seen one."""
    seen = np.isfinite(points).all((1, 2))
    last = np.maximum.accumulate(np.where(seen, np.arange(len(points)), 0))
    last[: int(np.argmax(seen))] = int(np.argmax(seen))
    return points[last]


Pose = tuple[Array, Array]
"""Rotation (3, 3) and translation (3,) from head to OpenCV's camera axes."""


def _pose(head_cm: Array, seen_px: Array, matrix: Array) -> Pose:
    _, turn, translation = cv2.solvePnP(head_cm, seen_px, matrix, None, flags=cv2.SOLVEPNP_SQPNP)
    turn, translation = cv2.solvePnPRefineLM(head_cm, seen_px, matrix, None, turn, translation)
    return np.asarray(cv2.Rodrigues(turn)[0]), np.asarray(translation[:, 0])


def _linear(base_cm: Array, directions_cm: Array, pose: Pose, seen_px: Array, focal: float) -> tuple[Array, Array]:
    """Rows A (2N, K) and b (2N,): to first order, ``A x`` moves the projected base onto the seen points (pixels)."""
    rotation, translation = pose
    camera = base_cm @ rotation.T + translation
    depth = camera[:, 2:]
    moved = directions_cm @ rotation.T
    slope = focal * (moved[..., :2] - camera[:, :2] / depth * moved[..., 2:]) / depth
    return slope.reshape(len(directions_cm), -1).T, (seen_px - focal * camera[:, :2] / depth).ravel()


def _identity(mean: Array, modes: Array, moves: Array, poses: list[Pose], points: Array, focal: float) -> Array:
    """(I,) ridge regression over frames spread through the shot; unit variance is the prior."""
    normal, right = np.eye(len(modes)), np.zeros(len(modes))
    for frame in np.unique(np.linspace(0, len(points) - 1, IDENTITY_FRAMES).astype(int)):
        a, b = _linear(mean + moves[frame], modes, poses[frame], points[frame], focal)
        normal += a.T @ a / POINT_NOISE_PX**2 / 10  # neighbouring points err together
        right += a.T @ b / POINT_NOISE_PX**2 / 10
    return np.asarray(np.linalg.solve(normal, right))


def _coefficients(neutral: Array, shapes: Array, poses: list[Pose], points: Array, focal: float, first: Array) -> Array:
    """(T, E) in 0..1, all frames at once: points, a small ridge and second differences."""
    normals, rights = [], []
    for pose, seen in zip(poses, points, strict=True):
        a, b = _linear(neutral, shapes, pose, seen, focal)
        normals.append(a.T @ a / POINT_NOISE_PX**2 / MESH + COEFFICIENT_RIDGE * np.eye(len(shapes)))
        rights.append(a.T @ b / POINT_NOISE_PX**2 / MESH)
    normal, right = np.stack(normals), np.stack(rights)

    def cost(flat: Array) -> tuple[float, Array]:
        x = flat.reshape(first.shape)
        product = np.einsum("tij,tj->ti", normal, x)
        value, slope = 0.5 * (x * product).sum() - (right * x).sum(), product - right
        if len(x) > 2:
            bend = np.diff(x, 2, axis=0)
            value += 0.5 * SMOOTHING * (bend**2).sum() / 4
            for offset, weight in enumerate((1, -2, 1)):
                slope[offset : offset + len(bend)] += SMOOTHING / 4 * weight * bend
        return float(value), slope.ravel()

    found = minimize(
        cost, first.ravel(), jac=True, method="L-BFGS-B", bounds=[(0, 1)] * first.size, options={"maxiter": 200}
    )
    return np.asarray(found.x.reshape(first.shape))
