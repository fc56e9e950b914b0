"""What a person changed on an avatar's channels: as coefficients of the actor where the mapping leads back to them, and
what is left of it as offsets that ease in and out around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import arkit
from .mapping import Mapping

Array = NDArray[np.float64]

EASE_S = 0.25
"""What coefficients cannot say comes and goes within this time."""
SAME_FRAME = 0.05
"""Frames nearer than this are the same."""
ROUNDS = 8
CHANGED = 1e-4
"""Coefficients that change by less are not held."""


@dataclass(frozen=True)
class Correction:
    """A value that a person has set on one channel."""

    block: str
    """Name of the data-block that holds the channel."""
    data_path: str
    index: int
    time_s: float
    """From the first frame of the take."""
    value: float

    @property
    def place(self) -> tuple[str, str, int]:
        """The channel."""
        return self.block, self.data_path, self.index


@dataclass(frozen=True)
class Target:
    """A key's wanted weight in one frame of the take."""

    position: int
    key: str
    value: float


def at_frames(
    corrections: Sequence[Correction], frames: Array, rate: float, first: float, *, whole: bool
) -> list[tuple[Correction, float]]:
    """The corrections with their scene frames: on a frame of the take where one is near, `whole` ones when asked."""
    found = []
    for correction in corrections:
        frame = first + correction.time_s * rate
        nearest = float(frames[np.abs(frames - frame).argmin()])
        if abs(nearest - frame) < SAME_FRAME:
            frame = nearest
        found.append((correction, float(np.round(frame)) if whole else frame))
    return found


def eased(frames: Array, values: Array, wanted: Sequence[tuple[float, float]], rate: float) -> Array:
    """(N,) values at `frames` that meet the `wanted` pairs of frame and value, easing to the given ones around them."""
    if not wanted:
        return values
    at, target = np.array(sorted(dict(wanted).items())).T
    offset = target - np.interp(at, frames, values)
    reach = EASE_S * rate
    knots, heights = [at[0] - reach], [0.0]
    for n, (frame, height) in enumerate(zip(at, offset, strict=True)):
        knots.append(frame)
        heights.append(height)
        following = at[n + 1] if n + 1 < len(at) else np.inf
        if following - frame > 2 * reach:
            knots += [frame + reach, *([following - reach] if np.isfinite(following) else [])]
            heights += [0.0] * (len(knots) - len(heights))
    place = np.clip(np.searchsorted(knots, frames, side="right") - 1, 0, len(knots) - 2)
    low, high = np.array(knots)[place], np.array(knots)[place + 1]
    u = np.clip((frames - low) / np.maximum(high - low, 1e-9), 0.0, 1.0)
    u = u * u * (3 - 2 * u)
    height = np.array(heights)
    result = values + height[place] * (1 - u) + height[place + 1] * u
    for frame, value in zip(at, target, strict=True):
        result[np.abs(frames - frame) < 1e-6] = value
    return np.asarray(result)


def unlimited(mapping: Mapping, coefficients: Array) -> dict[str, float]:
    """What the links make of one frame's coefficients (52,), without limits and without what keys share."""
    found: dict[str, float] = {}
    for link in mapping.links:
        if link.enabled:
            part = link.gain * float(coefficients[arkit.INDEX[link.coefficient]]) + link.offset
            found[link.key] = found.get(link.key, 0.0) + part
    return found


def coefficients_for(mapping: Mapping, coefficients: Array, targets: Sequence[Target]) -> list[tuple[int, int, float]]:
    """What coefficients (T, 52) have to be so that the mapping gives the targets: position, column and value of each.

    Of all that would do it, the least change. Targets that the mapping cannot reach are met as far as it can; keys that
    nothing drives give nothing.
    """
    linked = {link.key: [] for link in mapping.links if link.enabled}  # type: dict[str, list[tuple[int, float, float]]]
    for link in mapping.links:
        if link.enabled:
            linked[link.key].append((arkit.INDEX[link.coefficient], link.gain, link.offset))
    found = []
    for position in sorted({target.position for target in targets}):
        here = {target.key: target.value for target in targets if target.position == position and target.key in linked}
        if here:
            rows = [linked[key] for key in here]
            changed = _least_change(rows, coefficients[position].astype(np.float64), np.array(list(here.values())))
            found += [(position, column, value) for column, value in changed.items()]
    return found


def _least_change(
    rows: Sequence[Sequence[tuple[int, float, float]]], start: Array, wanted: Array
) -> dict[int, float]:  # fmt: skip
    """Columns of the coefficients that have to be other ones, and their values within 0..1."""
    gains = np.zeros((len(rows), len(start)))
    offsets = np.zeros(len(rows))
    for n, row in enumerate(rows):
        for column, gain, offset in row:
            gains[n, column] += gain
            offsets[n] += offset
    now = start.copy()
    free = gains.any(0)
    for _ in range(ROUNDS):
        missing = wanted - (gains @ now + offsets)
        if not free.any() or np.abs(missing).max() < CHANGED:
            break
        step = np.zeros_like(now)
        step[free] = np.linalg.pinv(gains[:, free], rcond=1e-3) @ missing
        moved = np.clip(now + step, 0.0, 1.0)
        free &= moved == now + step
        now = moved
    return {int(column): float(now[column]) for column in np.flatnonzero(np.abs(now - start) > CHANGED)}
