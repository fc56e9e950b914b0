"""What MediaPipe's network saw of the same face, as evidence beside our own network's points.

The two err differently, so both together are surer than either. MediaPipe's points mean something else than ours; they
are solved by themselves, with all that is known of that network (`landmark_network`), and what they say of the
coefficients is added: normal equations, with its own idea of the actor and of the head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..face_model.types import FaceModel
from .geometry import Array, Camera, Poses, Real
from .landmark_network import measured
from .lids import BLINKS, closing_blinks, lid_habits, openness, relative_openings, together
from .lips import lip_contact, lip_gaps_cm
from .performance import STEPS, PerformanceSolver
from .timeline import Timeline, quieted

TRUST = 0.4
"""Our network started from the features of MediaPipe's, so some of their errors are the same: this counts for less."""


@dataclass(frozen=True)
class SecondReading:
    """MediaPipe's evidence of N frames."""

    opened: Array
    """(N, 2) how far the eyes are open."""
    touching: Array
    """(N, 3) 1 where its inner lips touch, 0 where they are apart: right, middle and left part."""
    hessian: Real | None = None
    """(N, 52, 52) of the coefficients, and what it pulls them to; None where only lids and lips count."""
    gradient: Array | None = None
    """(N, 52)."""

    def evidence(self, frames: NDArray[np.int64] | slice) -> tuple[Real, Array] | None:
        """Normal equations of these frames."""
        if self.hessian is None or self.gradient is None:
            return None
        return self.hessian[frames], self.gradient[frames]


def second_reading(
    points_px: Array, time_s: Array, size: tuple[int, int], model: FaceModel,
    neutral: NDArray[np.bool_] | None, step_done: Callable[[int], None],
) -> SecondReading:  # fmt: skip
    """Solve (N, 478, 2) points of MediaPipe's for what they say."""
    solver = PerformanceSolver(points_px, time_s, size, model, neutral)
    solver.readings, solver.rounds = (measured(),), 1
    found = solver.solve(step_done)
    coefficients = found.coefficients.copy()
    coefficients[:, BLINKS] *= closing_blinks(found.actor.points_cm, solver.expressions)
    level = solver.shot_level(found.poses, found.actor, coefficients)
    hessian, gradient = solver.evidence(slice(None), found.poses, found.actor, coefficients, level)
    openings = relative_openings(solver.points_px, solver.mean, found.poses, found.actor.camera)
    opened = together(openness(quieted(openings, solver.timeline), solver.lid_habits))
    touching = lip_contact(lip_gaps_cm(solver.points_px, found.poses, found.actor.camera), solver.lip_noise_cm)
    step_done(STEPS)
    hessian *= TRUST
    return SecondReading(opened, touching, hessian.astype(np.float32), TRUST * gradient)


def lids_and_lips(
    points_px: Array, poses: Poses, mean_cm: Array, camera: Camera, timeline: Timeline, neutral: NDArray[np.bool_]
) -> SecondReading:
    """What (N, P, 2) points of MediaPipe's say of lids and lips, with known poses of the head.

    Real blinks need it: by our points alone their peaks are as low as 0.3. It takes no solve, and all that is lost on
    rendered performances beside the whole second reading is 0.003 of the correlation.
    """
    openings = relative_openings(points_px, mean_cm, poses, camera)
    habits = lid_habits(openings, neutral, timeline)
    opened = together(openness(quieted(openings, timeline), habits))
    return SecondReading(opened, lip_contact(lip_gaps_cm(points_px, poses, camera), 0.0))
