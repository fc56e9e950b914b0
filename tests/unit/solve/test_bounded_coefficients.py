"""Bounded smooth coefficients against the same problem written out as one dense system of all frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear
from understudy.inference import arkit
from understudy.inference.solve import coefficients as co
from understudy.inference.solve.geometry import Array
from understudy.inference.solve.timeline import Timeline

SIZE = len(arkit.NAMES)
FREE = np.array([arkit.INDEX[name] for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft")])
PULL = 2.0


def dense(hessian: Array, gradient: Array, held: Array, timeline: Timeline) -> Array:
    """(T, F) the smallest of the quadratics, priors and squared second differences of the free channels, 0 to 1."""
    frames, size = len(hessian), len(FREE)
    hessian = hessian + np.eye(SIZE) / co.USUAL_SPREAD**2
    for left, right in co.TWINS:
        apart = np.zeros(SIZE)
        apart[[left, right]] = 1.0, -1.0
        hessian = hessian + np.outer(apart, apart) / co.TWIN_DIFFERENCE**2
    spread = np.where(np.isin(FREE, co.FAST), co.LID_ACCELERATION, co.ACCELERATION) * timeline.second_difference_scale
    bend = timeline.second_differences.toarray()
    system = np.kron(bend.T @ bend, np.diag(spread**-2.0))
    right = np.zeros(frames * size)
    for t in range(frames):
        own = slice(t * size, (t + 1) * size)
        system[own, own] += hessian[t][np.ix_(FREE, FREE)]
        right[own] = (gradient[t] - PULL - hessian[t] @ held[t])[FREE]
    root = np.linalg.cholesky(system).T
    found = lsq_linear(root, np.linalg.solve(root.T, right), (0.0, 1.0), "bvls", tol=1e-12)
    return np.asarray(found.x.reshape(frames, size))


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000), frames=st.integers(1, 14), fps=st.sampled_from((24.0, 60.0)), connected=st.booleans()
)
def test_the_bounded_smooth_solution_is_the_dense_one(seed: int, frames: int, fps: float, connected: bool) -> None:
    generator = np.random.default_rng(seed)
    root = generator.normal(size=(frames, SIZE, 2 * SIZE)) * generator.uniform(1.0, 4.0, size=(SIZE, 1))
    hessian = root @ np.swapaxes(root, 1, 2)
    gradient = (hessian @ generator.uniform(-0.5, 1.2, size=(frames, SIZE, 1)))[..., 0]
    held = generator.uniform(size=(frames, SIZE))
    held[:, FREE] = 0.0
    bounds = co.Bounds(held, held.copy())
    bounds.upper[:, FREE] = 1.0
    timeline = Timeline(np.arange(frames) / fps, connected)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(co, "ITERATIONS", 5000)  # so that nothing is left over
        found = co.solve_coefficients(
            hessian, gradient, bounds, timeline, np.zeros((frames, SIZE)), refits=0, pull=PULL
        )
    np.testing.assert_allclose(found[:, FREE], dense(hessian, gradient, held, timeline), atol=1e-3)
    others = np.setdiff1d(np.arange(SIZE), FREE)
    np.testing.assert_array_equal(found[:, others], held[:, others])
