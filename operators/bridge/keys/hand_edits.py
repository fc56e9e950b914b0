"""What a person changed on baked curves: recognised by the record of the keys as they were written.

A key counts that has another value than the baked curve has at its frame, wherever it came from: a key that was moved, a
new one. Where the curve left the baked one without such a key nearby (handles that were turned, keys that were deleted), the
frames of the take in which it did count. A key that was set on the baked curve says nothing, and what was recognised once
stays known until it is taken back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import compat
from .fcurves import BEZIER, CONSTANT, CurveKeys, own_action, read_record

if TYPE_CHECKING:
    from ....inference.retarget.corrected import Correction

Array = NDArray[np.float64]

PROPERTY = "understudy_corrections"
"""On an action: the corrections that the last bake was told, as JSON rows of path, index, time and value."""
CHANGED = 1e-4
"""Values that differ by less were not changed: keys are single precision."""
DEPARTED = 2e-3
"""So far off the baked curve with no edited key beside it: handles were bent, or a key was removed."""


def corrections_of(id_block: bpy.types.ID, take_name: str, step: str = "bake") -> list[Correction]:
    """Every correction on the action of a take, the known ones and those made since the last bake."""
    from ....inference.retarget.corrected import Correction

    action = own_action(id_block, take_name)
    record = read_record(action, step) if action is not None else None
    if action is None or record is None:
        return []
    curves = {(curve.data_path, curve.array_index): curve for curve in compat.action_curves(id_block, action).fcurves}
    rate, first = float(record.facts["rate"]), float(record.facts["first"])
    samples = np.array(record.facts["samples"]).astype(np.float64)
    known: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for path, index, time_s, value in json.loads(action.get(PROPERTY, "[]")):
        known.setdefault((path, index), []).append((first + time_s * rate, value))
    found = []
    for place, keys in zip(record.places, record.keys, strict=True):
        curve = curves.get(place)
        if curve is not None and (place in known or _was_touched(curve, keys)):
            for frame, value in _corrected(curve, keys, samples, known.get(place, ())):
                found.append(Correction(id_block.name, *place, (frame - first) / rate, value))
    return found


def remember(id_block: bpy.types.ID, take_name: str, corrections: Iterable[Correction]) -> None:
    """Keep the corrections that a bake met with its action; none forgets all."""
    action = own_action(id_block, take_name)
    rows = [
        [one.data_path, one.index, one.time_s, one.value] for one in corrections if one.block == id_block.name
    ]  # fmt: skip
    if action is not None and rows:
        action[PROPERTY] = json.dumps(rows)
    elif action is not None:
        action.pop(PROPERTY, None)


def _keys_now(curve: bpy.types.FCurve) -> tuple[Array, Array]:
    """Frames and values of the keys."""
    co = np.empty(len(curve.keyframe_points) * 2, np.float32)
    curve.keyframe_points.foreach_get("co", co)
    return co[::2].astype(np.float64), co[1::2].astype(np.float64)


def _was_touched(curve: bpy.types.FCurve, keys: CurveKeys) -> bool:
    frames, values = _keys_now(curve)
    if len(frames) != len(keys.frames) or np.abs(frames - keys.frames).max() > CHANGED * 10:
        return True
    if np.abs(values - keys.values).max() > CHANGED:
        return True
    kinds = np.empty(len(frames), np.int32)
    curve.keyframe_points.foreach_get("interpolation", kinds)
    if not np.array_equal(kinds, keys.interpolation):
        return True
    if keys.slopes is None:
        return False
    right = np.empty(len(frames) * 2, np.float32)
    left = np.empty(len(frames) * 2, np.float32)
    curve.keyframe_points.foreach_get("handle_right", right)
    curve.keyframe_points.foreach_get("handle_left", left)
    span = np.diff(keys.frames) / 3.0
    leaves = values[:-1] + keys.slopes[:-1, 1] * span
    arrives = values[1:] - keys.slopes[1:, 0] * span
    return bool(max(np.abs(right[1:-1:2] - leaves).max(), np.abs(left[3::2] - arrives).max()) > 10 * CHANGED)


def _corrected(
    curve: bpy.types.FCurve, keys: CurveKeys, samples: Array, known: Iterable[tuple[float, float]]
) -> list[tuple[float, float]]:  # fmt: skip
    """Frames and values that a person has set on one curve."""
    frames, values = _keys_now(curve)
    told = list(known)
    told_frames = np.array([frame for frame, _ in told])

    def is_told(frame: float) -> bool:
        return bool(len(told) and np.abs(told_frames - frame).min() < 0.05)

    edited = np.abs(values - baked(keys, frames)) > CHANGED
    found = {float(frame): float(value) for frame, value in zip(frames[edited], values[edited], strict=True)}
    for frame, value in told:
        near = np.abs(frames - frame) < 0.05
        if near.any() and not edited[near].any():
            found[float(frame)] = float(value)
    now = np.array([curve.evaluate(frame) for frame in samples])
    away = np.abs(now - baked(keys, samples)) > DEPARTED
    after = np.searchsorted(frames, samples)
    by_hand = np.concatenate([[False], edited, [False]])
    by_hand[1:-1] |= np.array([is_told(frame) for frame in frames])
    free = away & ~by_hand[after] & ~by_hand[np.minimum(after + 1, len(by_hand) - 1)]
    for frame, value in zip(samples[free], now[free], strict=True):
        if not is_told(frame):
            found[float(frame)] = float(value)
    return sorted(found.items())


def baked(keys: CurveKeys, at: Array) -> Array:
    """Values of a curve as it was written, at any frames; before and after its keys it is level."""
    if len(keys.frames) == 1:
        return np.full(len(at), keys.values[0])
    place = np.clip(np.searchsorted(keys.frames, at, side="right") - 1, 0, len(keys.frames) - 2)
    span = keys.frames[place + 1] - keys.frames[place]
    u = np.clip((at - keys.frames[place]) / span, 0.0, 1.0)
    low, high = keys.values[place], keys.values[place + 1]
    drawn = low + u * (high - low)
    if keys.slopes is not None:
        leave = keys.slopes[place, 1] * span - (high - low)
        arrive = keys.slopes[place + 1, 0] * span - (high - low)
        bent = drawn + leave * u * (1 - u) ** 2 - arrive * u * u * (1 - u)
        drawn = np.where(keys.interpolation[place] == BEZIER, bent, drawn)
    held = (keys.interpolation[place] == CONSTANT) & (u < 1.0)
    return np.asarray(np.where(held, low, drawn))
