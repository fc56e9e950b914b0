"""From an avatar's fit to the solver of its weights: the motions of its channels become products with each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import arkit
from ...face_model.rims import SKIN
from ...progress import Progress, silent
from .fit import RigFit, lip_gaps, weighed
from .solver import RigSolver


def prepare(fitted: RigFit) -> RigSolver:
    """What solving needs of a fit; small, and kept with the avatar."""
    flat = weighed(fitted.basis)
    count = len(fitted.alive)
    size = np.linalg.norm(flat[:count], axis=1)
    scale = np.concatenate([size, size[fitted.pairs[:, 0]] * size[fitted.pairs[:, 1]]])
    flat = flat / scale[:, None]
    wanted = weighed(fitted.wanted)
    expressions = fitted.model.landmark_expressions_cm[:, :SKIN]
    actor = lip_gaps(expressions)
    jaw = arkit.INDEX["jawOpen"]
    opening = lip_gaps(fitted.wanted[jaw]).mean() / max(float(actor[jaw].mean()), 1e-9)
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
        gaps=lip_gaps(fitted.basis) / scale[:, None],
        opening=np.array(max(float(opening), 0.0)),
        actor_cm=actor,
    )


def solve(fitted: RigFit, coefficients: NDArray[np.floating[Any]], progress: Progress = silent) -> NDArray[np.float32]:
    """(T, C) weights of all channels of the avatar, in the order of `RigShapes.keys`, from coefficients (T, 52)."""
    return prepare(fitted).solve(coefficients, progress)
