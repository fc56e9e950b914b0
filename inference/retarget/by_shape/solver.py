"""The weights of an avatar's channels for a performance, solved in the avatar's own space; needs numpy alone.

Per frame ``min |Z z(w) - y|^2 / 2 + hold |w - L c|^2 / 2 + price |w| + contact max(0, G z(w) - g)^2 / 2`` within the
limits of the channels: Z the motions of channels and of pairs of channels, z(w) the weights and the products of the
pairs, y what the actor's coefficients c ask of this face, L c the linear answer, G z(w) how far the lips are open.
Strictly convex but for the pairs, and continuous in c: what is smooth stays smooth, and a neutral face stays neutral.
All frames at once, by accelerated projected gradients (Beck and Teboulle 2009).
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...progress import Progress, silent

Array = NDArray[np.float64]

HOLD = 0.15
"""How firmly weights are held to the linear answer, as a part of what each channel moves."""
PRICE = 0.004
"""Of a channel that the linear answer leaves at rest, as a part of what it moves."""
CONTACT = 1500.0
"""How many landmarks a pair of lips weighs that should touch."""
TOUCHING_CM = (0.05, 0.3)
"""Lips of the actor nearer than the first hold the avatar's as firmly as they can; from the second on nothing does."""
SLACK = 1.6
"""Lips of the avatar may open by this much more than the actor's: only those that should touch are drawn together."""
STEPS = 300
ENOUGH = 0.01
"""About how many units of a channel a weight may still be off."""
FRAMES = 512
"""Solved at once."""
SCHEMA = 1


@dataclass(frozen=True)
class RigSolver:
    """What is left of an avatar's fit for solving: products of its motions, no surfaces. A = channels that move the face.

    Weights are counted in each channel's motion: divided by `size` they are units.
    """

    keys: tuple[str, ...]
    """(C,) all channels of the avatar."""
    idle: Array
    """(C,) weights while nothing happens."""
    alive: NDArray[np.int64]
    """(A,) the channels that are solved."""
    unit: Array
    """(A,) weight of one unit."""
    size: Array
    """(A,) of the motion of one unit."""
    lower: Array
    """(A,)."""
    upper: Array
    """(A,)."""
    pairs: NDArray[np.int64]
    """(P, 2) places in `alive`."""
    square: Array
    """(A + P, A + P) products of the motions with each other."""
    mixed: Array
    """(52, A + P) with what the coefficients ask."""
    links: Array
    """(52, A) the linear answer."""
    gaps: Array
    """(A + P, N) how far each motion opens the lips."""
    opening: Array
    """() how far the avatar's lips open when the actor's open by 1."""
    actor_cm: Array
    """(52, N) how far the coefficients open the actor's lips."""

    def solve(self, coefficients: NDArray[np.floating[Any]], progress: Progress = silent) -> NDArray[np.float32]:
        """(T, C) weights of all channels, in the order of `keys`, from coefficients (T, 52)."""
        result = np.tile(self.idle.astype(np.float32), (len(coefficients), 1))
        for start in range(0, len(coefficients), FRAMES):
            asked = np.clip(np.nan_to_num(np.asarray(coefficients[start : start + FRAMES], np.float64)), 0.0, None)
            result[start : start + FRAMES, self.alive] = self._solved(asked) / self.size * self.unit
            progress("solve", min(start + FRAMES, len(coefficients)), len(coefficients))
        return result

    def to_bytes(self) -> bytes:
        """A NumPy archive, to keep with the avatar."""
        archive = io.BytesIO()
        stored = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}
        single = {
            name: value.astype(np.float32) if value.dtype == np.float64 else value for name, value in stored.items()
        }
        np.savez_compressed(archive, schema=np.array(SCHEMA), **single)
        return archive.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> RigSolver:
        """Raises InputError for anything that `to_bytes` of this version did not write."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            schema = int(arrays.pop("schema"))
            keys = tuple(str(key) for key in arrays.pop("keys"))
            rest = {
                name: value.astype(np.int64 if name in ("alive", "pairs") else np.float64)
                for name, value in arrays.items()
            }
            if schema != SCHEMA:
                raise InputError(
                    f"What is kept of the avatar's shapes has schema {schema}; match the avatar by shape again."
                )
            return cls(keys=keys, **rest)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(
                "What is kept of the avatar's shapes is damaged; match the avatar by shape again."
            ) from error

    def _solved(self, asked: Array) -> Array:
        """(T, A) scaled weights."""
        mixed, linear = asked @ self.mixed, np.clip(asked @ self.links, self.lower, self.upper)
        actor = np.maximum(asked @ self.actor_cm, 0.0)
        touch = CONTACT * (1 - _ramp(actor, *TOUCHING_CM))
        allowed = self.opening * SLACK * (actor + actor.max(1, keepdims=True)) / 2
        price = PRICE * np.where(linear > 0, 0.0, 1.0)
        step = 1 / float(np.linalg.eigvalsh(self.square)[-1] + HOLD + CONTACT * np.linalg.norm(self.gaps, 2) ** 2)
        weights, ahead, momentum = linear.copy(), linear.copy(), 1.0
        for _ in range(STEPS):
            both = _joined(ahead, self.pairs)
            slope = both @ self.square - mixed
            slope += (touch * np.maximum(both @ self.gaps - allowed, 0.0)) @ self.gaps.T
            downhill = _of_weights(slope, ahead, self.pairs) + HOLD * (ahead - linear) + price
            new = np.clip(ahead - step * downhill, self.lower, self.upper)
            change = new - weights
            faster = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            ahead = new + (momentum - 1) / faster * change
            weights, momentum = new, faster
            if np.abs(change / self.size).max() < ENOUGH * step:
                break
        return weights


def _ramp(values: Array, low: float, high: float) -> Array:
    """Smoothly from 0 at `low` to 1 at `high`."""
    part = np.clip((values - low) / (high - low), 0.0, 1.0)
    return np.asarray(part * part * (3 - 2 * part))


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
