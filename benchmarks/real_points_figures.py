"""The arithmetic of the benchmark of points in real videos: tremble where a face is quiet, agreement, residual."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from understudy.inference.capture.types import FaceTrack
from understudy.inference.face_model.types import FaceModel
from understudy.inference.solve.landmark_groups import LEFT_LIDS, LIPS, MESH_COUNT, RIGHT_LIDS
from understudy.inference.take import Take

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

OUTER_EYE_CORNERS: Final = (33, 263)
RIGID: Final = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327)
"""Corners of the eyes, bridge, tip and wings of the nose: where expressions hardly move the skin."""
QUIET_SHARE: Final = 0.25
"""Of the frames those in which MediaPipe's points move least are quiet."""
PARTS: Final = {
    "face": tuple(range(MESH_COUNT)),
    "lids": (*LEFT_LIDS, *RIGHT_LIDS),
    "lips": LIPS,
    "irises": tuple(range(MESH_COUNT, 478)),
}


def eyes_px(track: FaceTrack) -> Array:
    """(T,) distance of the outer eye corners in space, with the network's own depth; NaN where the face is lost."""
    points = np.concatenate([track.landmarks_px, track.depth_px[..., None]], axis=2).astype(np.float64)
    first, second = (points[:, corner] for corner in OUTER_EYE_CORNERS)
    return np.asarray(np.linalg.norm(second - first, axis=1))


def quiet(track: FaceTrack) -> Mask:
    """(T,) the frames about which the face of a track moves least, of those whose neighbours are seen too."""
    steps = np.linalg.norm(np.diff(track.landmarks_px.astype(np.float64), axis=0), axis=2).mean(1)
    motion = np.full(len(track.confidence), np.nan)
    motion[1:-1] = (steps[1:] + steps[:-1]) / eyes_px(track)[1:-1]
    if not np.isfinite(motion).any():
        return np.zeros(len(motion), bool)
    return np.asarray(motion <= np.nanquantile(motion, QUIET_SHARE))


def tremble(landmarks_px: NDArray[np.floating], eyes: Array, frames: Mask) -> dict[str, float]:
    """By part: mean second difference of the points in these frames, in per cent of the eyes' distance."""
    points = landmarks_px.astype(np.float64)
    bend = np.full(points.shape[:2], np.nan)
    bend[1:-1] = np.linalg.norm(points[:-2] - 2 * points[1:-1] + points[2:], axis=2)
    percent = 100 * (bend / eyes[:, None])[frames]
    return {
        part: float(np.nanmean(percent[:, indices])) if np.isfinite(percent[:, indices]).any() else float("nan")
        for part, indices in PARTS.items()
    }


def agreement(ours_px: NDArray[np.floating], theirs_px: NDArray[np.floating], eyes: Array) -> dict[str, float]:
    """Distances of the rigid points in per cent of the eyes' distance; `_steady` less each point's usual offset.

    The usual offset is the median over the shot along the eyes' line and across it: two networks may mean places of the
    skin that are a little apart, but not places that wander.
    """
    apart = (ours_px - theirs_px)[:, RIGID].astype(np.float64) / eyes[:, None, None]
    seen = np.isfinite(apart).all((1, 2))
    if not seen.any():
        return {name: float("nan") for name in ("median", "p95", "steady_median", "steady_p95")}
    first, second = (theirs_px[seen, corner].astype(np.float64) for corner in OUTER_EYE_CORNERS)
    axis = (second - first) / np.linalg.norm(second - first, axis=1)[:, None]
    straight = np.stack([axis, np.stack([-axis[:, 1], axis[:, 0]], 1)], 1)
    along = np.einsum("tij,tnj->tni", straight, apart[seen])
    steady = np.linalg.norm(along - np.median(along, axis=0), axis=2)
    plain = np.linalg.norm(along, axis=2)
    return {
        "median": 100 * float(np.median(plain)),
        "p95": 100 * float(np.percentile(plain, 95)),
        "steady_median": 100 * float(np.median(steady)),
        "steady_p95": 100 * float(np.percentile(steady, 95)),
    }


def worst_frames(ours_px: NDArray[np.floating], theirs_px: NDArray[np.floating], eyes: Array, count: int) -> list[int]:
    """The frames in which the rigid points of two systems are farthest apart, to look at."""
    apart = np.linalg.norm((ours_px - theirs_px)[:, RIGID].astype(np.float64), axis=2).mean(1) / eyes
    order = np.argsort(np.where(np.isfinite(apart), -apart, np.inf))
    return [int(frame) for frame in order[:count]]


def projected(take: Take, points_cm: Array) -> Array:
    """(T, N, 2) pixels of points (T, N, 3) in head axes."""
    camera = np.einsum("tij,tnj->tni", take.rotation.astype(np.float64), points_cm) + take.translation_cm[:, None]
    focal, middle = take.camera_matrix[0, 0], take.camera_matrix[:2, 2]
    return np.asarray(middle + focal * camera[..., :2] * [1, -1] / -camera[..., 2:])


def residual(take: Take, model: FaceModel, eyes: Array) -> float:
    """Median distance of the solved face from the mesh points that it was solved for, per cent of the eyes' distance."""
    moves = np.tensordot(take.coefficients.astype(np.float64), model.landmark_expressions_cm, 1)
    surface = model.at_landmarks(take.neutral_cm.astype(np.float64)) + moves
    apart = np.linalg.norm(projected(take, surface) - take.landmarks_px, axis=2)[:, :MESH_COUNT] / eyes[:, None]
    return 100 * float(np.nanmedian(apart))
