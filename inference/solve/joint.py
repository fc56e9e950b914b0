"""One actor and one camera from key frames with their expressions: every frame's pose and coefficients are eliminated.

Where expressions are held while the actor is looked for (`identity.adjust`), the two creep toward each other over many
rounds and stop far off: a mouth that is open in all key frames becomes the actor's face. Here each step of the actor
counts what the coefficients would do about it (variable projection, Golub and Pereyra 1973): pose and coefficients leave
the normal equations by a Schur complement per frame, as cameras do in bundle adjustment (Triggs et al. 2000).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import Array, Linearised, Real, Single
from .products import Shapes, rows_of, weighted_products

POSE = 6
POSE_TRUST = np.repeat([0.1, 2.0], POSE // 2)
FOCAL_TRUST = 0.15
MODE_TRUST = 1.0
"""How far (rad, cm; logarithm; standard deviations) one step goes willingly: further away derivatives no longer hold."""


@dataclass(frozen=True)
class KeyColumns:
    """What moves the points of the key frames, and how far it may."""

    linear: Linearised
    residual_cm: Real
    """(T, P, 2)."""
    weight: Real
    """(T, P) inverse variances."""
    depth_cm: Array
    """(T,) of the heads, negative."""
    shapes: Single
    modes: Single
    """The 52 expressions, and what is the same in all frames, as `products.by_axis` has them."""


@dataclass(frozen=True)
class Priors:
    """Normal priors."""

    pull: Array
    """(T, 52) of the coefficients: precision times (mean minus value)."""
    precision: Array
    """(T, 52)."""
    shared_step: Array
    """(1 + M,) where it draws the focal length's logarithm and the modes' parameters, from where they are."""
    shared_precision: Array
    """(1 + M,)."""


@dataclass(frozen=True)
class JointStep:
    """One Gauss-Newton step (Levenberg's, for what it may not trust)."""

    log_focal: float
    """Heads keep their size in the picture meanwhile: they go away as the focal length grows."""
    modes: Array
    """(M,)."""
    pose: Array
    """(T, 6), see `Poses.moved`."""
    focal_spread: float
    """Standard deviation of the focal length's logarithm."""


def joint_step(seen: KeyColumns, priors: Priors) -> JointStep:
    """The step to a better actor, camera and poses, given that coefficients follow."""
    linear = seen.linear
    focal_rows = linear.away_rows + seen.depth_cm[:, None, None] * linear.pose_rows[:, 5]
    columns: list[Real | Shapes] = [
        linear.pose_rows,
        Shapes(seen.shapes, linear.point_rows),
        focal_rows[:, None],
        Shapes(seen.modes, linear.point_rows),
        rows_of(seen.residual_cm),
    ]
    product = weighted_products(seen.weight, columns)
    own = POSE + priors.precision.shape[1]
    alone, pull = product[:, :own, :own], product[:, :own, -1:]
    alone[:, range(own), range(own)] += np.concatenate(
        [np.tile(POSE_TRUST**-2, (len(product), 1)), priors.precision], 1
    )
    pull[:, POSE:, 0] += priors.pull
    cross = product[:, :own, own:-1]
    solved = np.linalg.solve(alone, np.concatenate([cross, pull], -1))
    across = np.swapaxes(cross, 1, 2)
    system = (product[:, own:-1, own:-1] - across @ solved[..., :-1]).sum(0) + np.diag(priors.shared_precision)
    right = (product[:, own:-1, -1] - (across @ solved[..., -1:])[..., 0]).sum(0)
    right += priors.shared_precision * priors.shared_step
    trust = np.concatenate([[FOCAL_TRUST], np.full(len(right) - 1, MODE_TRUST)])
    shared = np.linalg.solve(system + np.diag(trust**-2), right)
    pose: Array = solved[:, :POSE, -1] - solved[:, :POSE, :-1] @ shared
    return JointStep(float(shared[0]), shared[1:], pose, float(np.sqrt(np.linalg.inv(system)[0, 0])))
