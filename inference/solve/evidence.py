"""What the landmarks of a frame say about unknown parameters, given how landmark networks err.

Landmark errors are not independent: neighbouring points are off together, and stay so for several frames. So the
standard deviations here are several times the errors that one sees, as if far fewer points and frames had been seen.
How large the errors of this shot are is measured from what neighbouring points leave over together.
All lengths are centimetres on the face, so nothing depends on the size of the picture.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from ..face_model.types import FaceModel
from .geometry import Array, Linearised, Real
from .landmark_groups import LEFT_LIDS, LIPS, MESH_COUNT, OVAL, RIGHT_LIDS, mask

POINT_CM = 0.5
"""Standard deviation of a point's error for coefficients, at noise level 1: that of MediaPipe's networks."""
OVAL_FACTOR = 3.0
LIDS_AND_LIPS_FACTOR = 0.4
"""Outline points slide over the skin; lids and lips are seen best and matter most."""
ROUGH_CM = 0.08
"""Error of a point for pose and identity."""
ROBUST_LIMIT = 2.5
"""Residuals beyond this many times the frame's usual one count less (Huber)."""
NEIGHBOURS = 8
USUAL_SHARED_RESIDUAL_CM = 0.045
"""What MediaPipe's points leave over on average of a neighbourhood."""
LEVEL_RANGE = (0.02, 1.0)


def point_errors_cm() -> Array:
    """(468,) standard deviation of every mesh point at noise level 1."""
    errors = np.full(MESH_COUNT, POINT_CM)
    errors[mask(OVAL)] *= OVAL_FACTOR
    errors[mask(LIPS, LEFT_LIDS, RIGHT_LIDS)] *= LIDS_AND_LIPS_FACTOR
    return errors


def neighbourhood_means(points_cm: Array) -> sparse.csr_matrix:
    """(P, P) operator: the mean over each point's nearest neighbours and itself."""
    count = min(NEIGHBOURS + 1, len(points_cm))
    nearest = cKDTree(points_cm).query(points_cm, count)[1]
    values, ends = np.full(nearest.size, 1.0 / (NEIGHBOURS + 1)), np.arange(0, nearest.size + 1, count)
    return sparse.csr_matrix((values, nearest.ravel(), ends), shape=(len(points_cm), len(points_cm)))


def noise_level(residual_cm: Real, means: sparse.csr_matrix) -> float:
    """How large this shot's errors are in units of MediaPipe's.

    What neighbours of (T, P, 2) have in common counts against MediaPipe's usual; what every point has for itself averages
    out over the face, so it counts as what it is.
    """
    by_point = residual_cm.transpose(1, 0, 2)
    shared = (means @ by_point.reshape(len(by_point), -1)).reshape(by_point.shape)
    own = by_point - shared
    count = NEIGHBOURS + 1
    own_variance = typical_variance(own) * count / (count - 1)
    shared_variance = max(typical_variance(shared) - own_variance / count, 0.0)
    level = np.sqrt(shared_variance / USUAL_SHARED_RESIDUAL_CM**2 + own_variance / POINT_CM**2)
    return float(np.clip(level, *LEVEL_RANGE))


def typical_variance(values: Real) -> float:
    """Variance per axis of (..., 2) values, from their median length: outliers do not count."""
    return float(np.median((values**2).sum(-1)) / (2 * np.log(2)))


def facing(model: FaceModel) -> Array:
    """(468, 3) outward unit normals of the mean face at the mesh points."""
    points_cm, triangles = model.mean_cm.astype(np.float64), model.triangles
    corners = points_cm[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(points_cm)
    for corner in range(3):
        np.add.at(total, triangles[:, corner], normal)
    total = model.at_landmarks(total)[:MESH_COUNT]
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=-1, keepdims=True), 1e-9))


def visibility(normals: Array, rotation: Array) -> Array:
    """(T, 468) weight 0.05..1 of each point: full when the skin faces the camera, little when it is turned away."""
    return np.clip(0.4 + 2.0 * (rotation[:, 2] @ normals.T), 0.05, 1.0)


def residuals_cm(points_px: Array, model: Linearised) -> Real:
    """(T, P, 2) seen minus predicted; a view of `Linearised.missing_rows`."""
    return np.swapaxes(model.missing_rows(points_px), 1, 2)


def lengths(residual_cm: Real) -> Real:
    """(T, P)."""
    return np.asarray(np.sqrt(residual_cm[..., 0] ** 2 + residual_cm[..., 1] ** 2))


def robust_weights(residual_cm: Real, errors_cm: Array, visible: Array) -> Array:
    """(T, P) inverse variances: the points' errors, their visibility and Huber's weight."""
    size = lengths(residual_cm)
    usual = np.maximum(np.median(size, axis=1, keepdims=True), 1e-6)
    return np.asarray(visible / errors_cm**2 * np.minimum(1.0, ROBUST_LIMIT * usual / np.maximum(size, 1e-9)))


def rough_weights(residual_cm: Real, visible: Array) -> Array:
    """(T, P) inverse variances for pose and identity: independent errors, their size taken from the residuals."""
    weight = visible * np.where(mask(OVAL), 0.1, 1.0) / ROUGH_CM**2
    size = lengths(residual_cm)
    scale = np.maximum(ROUGH_CM, np.median(size, axis=1, keepdims=True))
    return np.asarray(weight * (ROUGH_CM / scale) ** 2 / np.maximum(1.0, size / (2.0 * scale)))
