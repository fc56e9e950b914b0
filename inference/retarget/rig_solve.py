"""From an avatar's fit to the solver of its weights: the motions of its channels become products with each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import arkit
from ..face_model.rims import INNER_LIPS, SKIN
from ..face_model.surface import Array
from ..progress import Progress, silent
from .rig_fit import RigFit, importance
from .rig_solver import RigSolver

OPENING = 12
"""How many landmarks the way between a pair of lips weighs: people read lips."""
UPPER, LOWER = list(INNER_LIPS.upper[1:-1]), list(INNER_LIPS.lower[1:-1])


def prepare(fitted: RigFit) -> RigSolver:
    """What solving needs of a fit; small, and kept with the avatar."""
    root = np.sqrt(importance())[:, None]
    flat = _with_gaps(root * fitted.basis, fitted.basis)
    count = len(fitted.alive)
    size = np.linalg.norm(flat[:count], axis=1)
    scale = np.concatenate([size, size[fitted.pairs[:, 0]] * size[fitted.pairs[:, 1]]])
    flat = flat / scale[:, None]
    wanted = _with_gaps(root * fitted.wanted, fitted.wanted)
    expressions = fitted.model.landmark_expressions_cm[:, :SKIN]
    actor = _gaps(expressions)
    jaw = arkit.INDEX["jawOpen"]
    opening = _gaps(fitted.wanted[jaw]).mean() / max(float(actor[jaw].mean()), 1e-9)
    shapes = fitted.shapes
    return RigSolver(
        keys=shapes.keys,
        idle=np.clip(0.0, shapes.lower, shapes.upper),
        alive=fitted.alive,
        unit=shapes.unit[fitted.alive],
        size=size,
        lower=fitted.lower * size,
        upper=fitted.upper * size,
        pairs=fitted.pairs,
        square=flat @ flat.T,
        mixed=wanted @ flat.T,
        links=fitted.links * size,
        gaps=_gaps(fitted.basis) / scale[:, None],
        opening=np.array(max(float(opening), 0.0)),
        actor_cm=actor,
    )


def solve(fitted: RigFit, coefficients: NDArray[np.floating[Any]], progress: Progress = silent) -> NDArray[np.float32]:
    """(T, C) weights of all channels of the avatar, in the order of `RigShapes.keys`, from coefficients (T, 52)."""
    return prepare(fitted).solve(coefficients, progress)


def _with_gaps(scaled: Array, motions: Array) -> Array:
    """(N, M) motions as rows, and with them how far they open the lips."""
    return np.concatenate([scaled.reshape(len(scaled), -1), np.sqrt(OPENING) * _gaps(motions)], axis=1)


def _gaps(motions: Array) -> Array:
    """(..., N) how far motions (..., P, 3) open the lips, pair by pair."""
    return np.asarray((motions[..., UPPER, :] - motions[..., LOWER, :])[..., 1])
