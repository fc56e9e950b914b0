"""Points all over the skin of a face model, for evidence from pixels rather than from landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..errors import InputError
from .rims import SKIN
from .surface import Array, Triangles
from .types import FaceModel

DEFAULT_SKIN_FILE = Path(__file__).with_name("default_skin.npz")
SKIN_POINTS = 2000
FACE_REACH_CM = 1.2
"""Skin further than this from every landmark is ears, throat or scalp."""
VIEWS_DEG = ((0.0, 0.0), (35.0, 0.0), (-35.0, 0.0), (0.0, 20.0), (0.0, -15.0))
"""Yaw and pitch of the views in which the skin is looked for; folds and insides are seen in fewer than two of them."""
VIEWS_NEEDED = 2
CELL_CM = 0.15
"""Cells of the depth pictures, and how far behind the nearest surface of its cell a point may lie."""
SAMPLES_PER_TRIANGLE = 40
SLANT = 0.15
"""Cosine between normal and line of sight below which a surface counts as unseen."""


@dataclass(frozen=True)
class SkinPoints:
    """S points on the skin in the terms of their face model. Brow to chin, no eyeballs, no inside of the mouth."""

    mean_cm: NDArray[np.float32]
    """(S, 3)."""
    identity_modes_cm: NDArray[np.float32]
    """(I, S, 3)."""
    expressions_cm: NDArray[np.float32]
    """(52, S, 3)."""
    normals: NDArray[np.float32]
    """(S, 3) outward unit normals of the mean face."""


def skin_points(model: FaceModel) -> SkinPoints:
    """The skin points of a model: its own vertices, or for the embedded default (landmarks only) the stored ones."""
    return default_skin() if model.name == "default" else chosen_points(model)


@cache
def default_skin() -> SkinPoints:
    """The stored skin of the default model; raises InputError when it was built for another one."""
    with np.load(DEFAULT_SKIN_FILE, allow_pickle=False) as data:
        return SkinPoints(
            data["mean_cm"].astype(np.float32),
            data["identity_modes_cm"].astype(np.float32),
            data["expressions_cm"].astype(np.float32),
            data["normals"].astype(np.float32),
        )


def chosen_points(model: FaceModel, count: int = SKIN_POINTS) -> SkinPoints:
    """At most `count` vertices of a dense mesh, evenly spread over the skin that can be seen."""
    mean = model.mean_cm.astype(np.float64)
    normals = vertex_normals(mean, model.triangles)
    near = cKDTree(model.landmark_mean_cm[:SKIN]).query(mean)[0] < FACE_REACH_CM
    candidates = np.flatnonzero(near & (times_seen(mean, model.triangles, normals) >= VIEWS_NEEDED))
    if not len(candidates):
        raise InputError(f"The face model '{model.name}' shows no skin; refine with the default model.")
    chosen = candidates[evenly_spread(mean[candidates], count)]
    return SkinPoints(
        model.mean_cm[chosen],
        model.identity_modes_cm[:, chosen],
        model.expressions_cm[:, chosen],
        normals[chosen].astype(np.float32),
    )


def vertex_normals(vertices: Array, triangles: Triangles) -> Array:
    """(V, 3) outward unit normals; zero where no triangle is."""
    corners = vertices[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(total, triangles[:, corner], normal)
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12))


def times_seen(vertices: Array, triangles: Triangles, normals: Array) -> NDArray[np.int64]:
    """(V,) in how many of the views each vertex faces the viewer and is hidden by nothing."""
    shares = np.random.default_rng(0).dirichlet((1, 1, 1), size=SAMPLES_PER_TRIANGLE)
    surface = np.einsum("kc,fcx->fkx", shares, vertices[triangles]).reshape(-1, 3)
    count = np.zeros(len(vertices), np.int64)
    for yaw_deg, pitch_deg in VIEWS_DEG:
        turn = view_rotation(yaw_deg, pitch_deg)
        placed, covering = vertices @ turn.T, surface @ turn.T
        low = covering[:, :2].min(0)
        cells = np.floor((covering[:, :2] - low) / CELL_CM).astype(int)
        nearest = np.full(tuple(cells.max(0) + 1), -np.inf)
        np.maximum.at(nearest, tuple(cells.T), covering[:, 2])
        own = np.clip(np.floor((placed[:, :2] - low) / CELL_CM).astype(int), 0, np.array(nearest.shape) - 1)
        count += (placed[:, 2] > nearest[tuple(own.T)] - CELL_CM) & (normals @ turn[2] > SLANT)
    return count


def view_rotation(yaw_deg: float, pitch_deg: float) -> Array:
    """(3, 3) turn about the vertical, then about the horizontal axis."""
    (cy, cp), (sy, sp) = np.cos(np.radians([yaw_deg, pitch_deg])), np.sin(np.radians([yaw_deg, pitch_deg]))
    return np.asarray(np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]]) @ [[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])


def evenly_spread(points: Array, count: int) -> NDArray[np.int64]:
    """Indices of at most `count` points, each as far as possible from those before (farthest-point sampling)."""
    chosen = [int(np.argmax(points[:, 2]))]
    distance = ((points - points[chosen[0]]) ** 2).sum(1)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(1))
    return np.sort(np.array(chosen))
