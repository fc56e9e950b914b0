"""The weights of an avatar's channels for a performance, solved in the avatar's own space.

Per frame ``min |Z z(w) - y|^2 / 2 + hold |w - L c|^2 / 2 + price |w| + contact max(0, G z(w) - g)^2 / 2`` within the
limits of the channels: Z the motions of channels and of pairs of channels, z(w) the weights and the products of the
pairs, y what the actor's coefficients c ask of this face, L c the linear answer, G z(w) how far the lips are open.
Strictly convex but for the pairs, and continuous in c: what is smooth stays smooth, and a neutral face stays neutral.
All frames at once, by accelerated projected gradients (Beck and Teboulle 2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import arkit
from ..face_model.rims import INNER_LIPS, SKIN
from ..face_model.surface import Array
from ..progress import Progress, silent
from .rig_fit import RigFit, importance

HOLD = 0.15
"""How firmly weights are held to the linear answer, as a part of what each channel moves."""
PRICE = 0.004
"""Of a channel that the linear answer leaves at rest, as a part of what it moves."""
CONTACT = 1500.0
"""How many landmarks a pair of lips weighs that should touch."""
TOUCHING_CM = (0.05, 0.3)
"""Lips of the actor nearer than the first touch; from the second on they are open and free."""
STEPS = 300
ENOUGH = 0.01
"""About how many units of a channel a weight may still be off."""
FRAMES = 512
"""Solved at once."""
UPPER, LOWER = np.array(INNER_LIPS.upper[1:-1]), np.array(INNER_LIPS.lower[1:-1])


@dataclass(frozen=True)
class _Problem:
    """What all frames share, in products of the motions; channels are scaled to motions of one size."""

    square: Array
    """(Z, Z)."""
    mixed: Array
    """(52, Z) of what the coefficients ask."""
    links: Array
    """(52, A)."""
    gaps: Array
    """(Z, N) how far each motion opens the lips."""
    open_cm: Array
    """(52, N) how far the coefficients open the avatar's lips; the actor's own, at the avatar's size."""
    actor_cm: Array
    """(52, N)."""
    size: Array
    """(A,) of the motions."""
    lower: Array
    upper: Array
    pairs: NDArray[np.int64]
    step: float


def solve(fitted: RigFit, coefficients: NDArray[np.floating[Any]], progress: Progress = silent) -> NDArray[np.float32]:
    """(T, C) weights of all channels of the avatar, in the order of `RigShapes.keys`, from coefficients (T, 52)."""
    problem = _problem(fitted)
    shapes = fitted.shapes
    result = np.zeros((len(coefficients), len(shapes.keys)), np.float32)
    result[:] = np.clip(0.0, shapes.lower, shapes.upper)
    for start in range(0, len(coefficients), FRAMES):
        asked = np.clip(np.nan_to_num(np.asarray(coefficients[start : start + FRAMES], np.float64)), 0.0, None)
        part = _solved(problem, asked) / problem.size
        result[start : start + FRAMES, fitted.alive] = part * shapes.unit[fitted.alive]
        progress("Solving", min(start + FRAMES, len(coefficients)), len(coefficients))
    return result


def _problem(fitted: RigFit) -> _Problem:
    root = np.sqrt(importance())[:, None]
    flat = (root * fitted.basis).reshape(len(fitted.basis), -1)
    count = len(fitted.alive)
    size = np.linalg.norm(flat[:count], axis=1)
    scale = np.concatenate([size, size[fitted.pairs[:, 0]] * size[fitted.pairs[:, 1]]])
    flat = flat / scale[:, None]
    gaps = (fitted.basis[:, UPPER] - fitted.basis[:, LOWER])[..., 1] / scale[:, None]
    wanted = (root * fitted.wanted).reshape(len(fitted.wanted), -1)
    expressions = fitted.model.landmark_expressions_cm[:, :SKIN]
    actor = (expressions[:, UPPER] - expressions[:, LOWER])[..., 1]
    jaw = arkit.INDEX["jawOpen"]
    opening = float((fitted.wanted[jaw, UPPER] - fitted.wanted[jaw, LOWER])[:, 1].mean() / max(actor[jaw].mean(), 1e-9))
    square = flat @ flat.T
    steepest = np.linalg.eigvalsh(square)[-1] + HOLD + CONTACT * np.linalg.norm(gaps, 2) ** 2
    return _Problem(
        square, wanted @ flat.T, fitted.links * size, gaps, max(opening, 0.0) * actor, actor, size,
        fitted.lower * size, fitted.upper * size, fitted.pairs, 1 / float(steepest),
    )  # fmt: skip


def _solved(problem: _Problem, asked: Array) -> Array:
    """(T, A) scaled weights."""
    mixed, linear = asked @ problem.mixed, np.clip(asked @ problem.links, problem.lower, problem.upper)
    actor = asked @ problem.actor_cm
    near = np.clip((TOUCHING_CM[1] - actor) / (TOUCHING_CM[1] - TOUCHING_CM[0]), 0.0, 1.0)
    touch = CONTACT * near * near * (3 - 2 * near)
    allowed = np.maximum(asked @ problem.open_cm, 0.0)
    price = PRICE * np.where(linear > 0, 0.0, 1.0)
    weights, ahead, momentum = linear.copy(), linear.copy(), 1.0
    for _ in range(STEPS):
        both = _joined(ahead, problem.pairs)
        slope = both @ problem.square - mixed
        slope += (touch * np.maximum(both @ problem.gaps - allowed, 0.0)) @ problem.gaps.T
        downhill = _of_weights(slope, ahead, problem.pairs) + HOLD * (ahead - linear) + price
        new = np.clip(ahead - problem.step * downhill, problem.lower, problem.upper)
        change = new - weights
        faster = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + (momentum - 1) / faster * change
        weights, momentum = new, faster
        if np.abs(change / problem.size).max() < ENOUGH * problem.step:
            break
    return weights


def _joined(weights: Array, pairs: NDArray[np.int64]) -> Array:
    """(T, A + P) weights and the products of the pairs."""
    if not len(pairs):
        return weights
    return np.concatenate([weights, weights[:, pairs[:, 0]] * weights[:, pairs[:, 1]]], axis=1)


def _of_weights(slope: Array, weights: Array, pairs: NDArray[np.int64]) -> Array:
    """(T, A) slope by the weights, from that by weights and products (T, A + P)."""
    count = weights.shape[1]
    result = slope[:, :count].copy()
    for pair, (a, b) in enumerate(pairs):
        result[:, a] += slope[:, count + pair] * weights[:, b]
        result[:, b] += slope[:, count + pair] * weights[:, a]
    return result
