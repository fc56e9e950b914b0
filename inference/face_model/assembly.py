"""From a maker's mesh and shapes to a `FaceModel`: what is common to ICT-FaceKit, FLAME and BFM."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .contacts import keep_contacts
from .default import load_default
from .rims import IRISES, SKIN
from .surface import Array, Triangles, carried
from .types import FaceModel

LANDMARKS_FILE = Path(__file__).with_name("ict_landmarks.npz")
IRIS_RADIUS_CM = 0.59
IDENTITY_MODES = 40
"""Of ICT-FaceKit's 100 modes, these many principal ones keep 98.6 % of the variance at the landmarks."""
BROW_MODES = 3
"""The last identity modes of the default model: height, slant and spacing of the brows."""


@dataclass(frozen=True)
class Head:
    """A maker's face in our axes and centimetres, before landmarks' conventions are kept."""

    name: str
    mean_cm: Array
    """(V, 3)."""
    modes_cm: Array
    """(I, V, 3), one standard deviation each."""
    expressions_cm: Array
    """(52, V, 3)."""
    triangles: Triangles
    corners: Triangles
    """(468, 3) of the skin landmarks."""
    weights: Array
    """(468, 3)."""
    eye_centres_cm: Array
    """(2, 3) left and right."""
    eye_radius_cm: float
    eye_modes_cm: Array
    """(I, 2, 3) how identities shift the eyeballs."""
    source_vertices: NDArray[np.int32]
    """(V,) vertex of the maker's file."""

    def at_skin(self, values: Array) -> Array:
        """(..., 468, 3) of values (..., V, 3)."""
        return np.asarray(sum(self.weights[:, k, None] * values[..., self.corners[:, k], :] for k in range(3)))


def assemble(head: Head) -> FaceModel:
    """The face model: contacts kept, ten iris points added as vertices, and the default model's modes of the brows.

    Iris points have no expression: gaze turns them about the eyes' centres. Landmarks follow the hair of brows, which
    people wear in different places of the same bone, so without the brows' modes expressions would explain them.
    """
    vertices = len(head.mean_cm)
    expressions = keep_contacts(head.expressions_cm, head.mean_cm, head.at_skin)
    turned, eyes = principal_modes(head)
    modes = np.concatenate([turned, brow_modes(head)])
    irises = np.arange(vertices, vertices + 10, dtype=np.int32)
    return FaceModel(
        name=head.name,
        mean_cm=np.concatenate([head.mean_cm, iris_points(head)]).astype(np.float32),
        identity_modes_cm=np.concatenate([modes, iris_modes(eyes, len(modes))], axis=1).astype(np.float32),
        expressions_cm=np.pad(expressions, ((0, 0), (0, 10), (0, 0))).astype(np.float32),
        triangles=head.triangles.astype(np.int32),
        landmark_corners=np.concatenate([head.corners, np.tile(irises[:, None], 3)]).astype(np.int32),
        landmark_weights=np.concatenate([head.weights, np.tile([1.0, 0, 0], (10, 1))]).astype(np.float32),
        eye_centres_cm=head.eye_centres_cm.astype(np.float32),
        eye_radius_cm=head.eye_radius_cm,
        source_vertices=np.concatenate([head.source_vertices, np.full(10, -1, np.int32)]),
    )


def iris_points(head: Head) -> Array:
    """(10, 3) landmarks 468 to 477 of eyes that look straight ahead: centre and four points of the edge of each iris."""
    inner = IRIS_RADIUS_CM * head.eye_radius_cm / load_default().eye_radius_cm
    depth = np.sqrt(head.eye_radius_cm**2 - inner**2)
    ring = np.column_stack([inner * np.array([(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1)]), np.full(5, depth)])
    points = np.zeros((10, 3))
    for iris, centre in zip(IRISES, head.eye_centres_cm, strict=True):
        points[np.array(iris) - SKIN] = centre + ring
    return points


def principal_modes(head: Head) -> tuple[Array, Array]:
    """(I, V, 3) and (I, 2, 3) the maker's identities of mesh and eyeballs, turned so that the first ones move landmarks most.

    The maker's parameters are independent and of unit variance, and so are the turned ones. What landmarks hardly show
    is left away: a shot says nothing about it, and every mode costs time.
    """
    seen = np.concatenate([head.at_skin(head.modes_cm), head.eye_modes_cm], 1).reshape(len(head.modes_cm), -1)
    turn = np.linalg.svd(seen, full_matrices=False)[0].T[:IDENTITY_MODES]
    turned = (turn @ head.modes_cm.reshape(len(head.modes_cm), -1)).reshape(len(turn), -1, 3)
    return turned, np.tensordot(turn, head.eye_modes_cm, 1)


def iris_modes(eye_modes: Array, count: int) -> Array:
    """(count, 10, 3) irises move with their eyeball (I, 2, 3); the modes of the brows leave them."""
    modes = np.zeros((count, 10, 3))
    for eye, iris in enumerate(IRISES):
        modes[: len(eye_modes), np.array(iris) - SKIN] = eye_modes[:, eye, None]
    return modes


def brow_modes(head: Head) -> Array:
    """(3, V, 3) the default model's modes of the brows, carried to this mesh."""
    values = load_default().landmark_modes_cm[-BROW_MODES:, :SKIN].transpose(1, 0, 2)
    return carried(values, head.at_skin(head.mean_cm), head.mean_cm).transpose(1, 0, 2)


@cache
def ict_landmarks() -> dict[str, NDArray[np.generic]]:
    """Arrays of `ict_landmarks.npz`: `corners` (468, 3), `weights` (468, 3), `landmarks68_cm` (68, 3), `vertices`."""
    with np.load(LANDMARKS_FILE, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
