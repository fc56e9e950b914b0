"""Writes many curves at once into an action that is ours, and only ours.

An action that Understudy made carries the name of its take and the list of the curves each step wrote, so writing again
replaces exactly those and leaves curves that a person added, and every action of a person, as they are. It also carries a
record of the keys as they were written, by which keys that a person changed are recognised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ....inference.errors import UsageError
from .. import compat
from . import nla

TAKE_PROPERTY = "understudy_take"
CONSTANT, LINEAR, BEZIER = 0, 1, 2  # values of Keyframe.interpolation
FREE, ALIGNED, AUTO_CLAMPED = 0, 3, 4  # values of Keyframe.handle_left_type
PLAIN, MARKED = 0, 1  # values of Keyframe.type: a keyframe, an extreme (shown in another colour)


@dataclass(frozen=True)
class Curve:
    """One animated number."""

    data_path: str
    index: int
    values: NDArray[np.float64]
    """(N,)"""
    group: str
    mm_per_unit: float = 0.0
    """How far a change of 1 moves the avatar's surface, in millimetres of the world; 0 where nobody measured it."""


@dataclass(frozen=True)
class CurveKeys:
    """The K keys of one curve as they are written."""

    frames: NDArray[np.float64]
    values: NDArray[np.float64]
    interpolation: NDArray[np.int32]
    slopes: NDArray[np.float64] | None = None
    """(K, 2) value per frame on arriving at a key and on leaving it; None for straight lines."""
    marked: NDArray[np.bool_] | None = None
    """(K,) keys that a person has set."""


def write_curves(
    id_block: bpy.types.ID,
    take_name: str,
    step: str,
    curves: Sequence[Curve],
    frames: NDArray[np.float64],
    hold: NDArray[np.bool_],
) -> bpy.types.Action:
    """Key `curves` at scene `frames` (N,); keys with `hold` keep their value until the next key, the others blend
    linearly.

    `step` names who writes ("bake", "shot"): what the same step wrote for this take before is replaced.
    """
    return write_keys(id_block, take_name, step, curves, every_key(curves, frames, hold))


def every_key(curves: Sequence[Curve], frames: NDArray[np.float64], hold: NDArray[np.bool_]) -> list[CurveKeys]:
    """All samples of the curves as keys."""
    interpolation = np.where(hold, CONSTANT, LINEAR).astype(np.int32)
    return [CurveKeys(frames, curve.values, interpolation) for curve in curves]


def write_keys(
    id_block: bpy.types.ID,
    take_name: str,
    step: str,
    curves: Sequence[Curve],
    keys: Sequence[CurveKeys],
    *,
    strip: bool | None = None,
    facts: Mapping[str, Any] | None = None,
) -> bpy.types.Action:
    """Write `keys` for `curves` into the action of the take, as `write_curves` does.

    `strip` puts the action onto a track of its own in the NLA editor, or makes it the active one; None leaves it where
    it is. `facts` are kept with the record of the keys.
    """
    check_writable(id_block)
    action = own_action(id_block, take_name) or _new_action(id_block, take_name)
    bag = compat.action_curves(id_block, action)
    found = _make_room(action, bag, step, curves)
    for curve, own in zip(curves, keys, strict=True):
        place = (curve.data_path, curve.index)
        fcurve = found.get(place)
        if fcurve is None:
            fcurve = bag.fcurves.new(curve.data_path, index=curve.index)
            fcurve.group = bag.groups.get(curve.group) or bag.groups.new(curve.group)
        fill(fcurve, own)
    action[_written_by(step)] = "\n".join(sorted({curve.data_path for curve in curves}))
    _tell_others(action, step, curves)
    if facts is not None:
        action[_record_of(step)] = _record(curves, keys, facts)
    nla.place(id_block, action, take_name, strip=strip)
    id_block.update_tag()
    return action


def loose_action(
    id_block: bpy.types.ID, name: str, curves: Sequence[Curve], keys: Sequence[CurveKeys]
) -> bpy.types.Action:  # fmt: skip
    """A new action with `keys` for `id_block` that moves nothing yet."""
    action = bpy.data.actions.new(name)
    bag = compat.action_curves(id_block, action)
    for curve, own in zip(curves, keys, strict=True):
        fcurve = bag.fcurves.new(curve.data_path, index=curve.index)
        fcurve.group = bag.groups.get(curve.group) or bag.groups.new(curve.group)
        fill(fcurve, own)
    return action


def remove_step(id_block: bpy.types.ID, take_name: str, step: str) -> None:
    """Take back what `step` wrote for a take."""
    action = own_action(id_block, take_name)
    if action is None or _written_by(step) not in action:
        return
    _make_room(action, compat.action_curves(id_block, action), step, ())
    for name in (_written_by(step), _record_of(step)):
        action.pop(name, None)
    id_block.update_tag()


def fill(fcurve: bpy.types.FCurve, keys: CurveKeys) -> None:
    """Give an empty curve its keys."""
    points, count = fcurve.keyframe_points, len(keys.frames)
    co = np.empty((count, 2), np.float32)
    co[:, 0], co[:, 1] = keys.frames, keys.values
    points.add(count)
    points.foreach_set("co", co.ravel())
    points.foreach_set("interpolation", keys.interpolation)
    if keys.slopes is None:
        kinds = np.full((2, count), AUTO_CLAMPED, np.int32)
    else:
        left, right, kinds = _handles(keys)
        points.foreach_set("handle_left", left.ravel())
        points.foreach_set("handle_right", right.ravel())
    points.foreach_set("handle_left_type", kinds[0])
    points.foreach_set("handle_right_type", kinds[1])
    if keys.marked is not None and keys.marked.any():
        points.foreach_set("type", np.where(keys.marked, MARKED, PLAIN).astype(np.int32))
    fcurve.update()


def _handles(keys: CurveKeys) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
    """(K, 2) ends of the handles, a third of the way to the next key, and (2, K) their types.

    A third of the way makes the frame linear along the Bezier curve: what Blender draws is the cubic of these slopes.
    """
    assert keys.slopes is not None
    span = np.diff(keys.frames) / 3.0
    before = np.concatenate([span[:1], span]) if len(span) else np.ones(1)
    after = np.concatenate([span, span[-1:]]) if len(span) else np.ones(1)
    left = np.stack([keys.frames - before, keys.values - before * keys.slopes[:, 0]], 1)
    right = np.stack([keys.frames + after, keys.values + after * keys.slopes[:, 1]], 1)
    return left.astype(np.float32), right.astype(np.float32), np.full((2, len(left)), FREE, np.int32)


def was_written(id_block: bpy.types.ID, step: str) -> bool:
    """Whether what moves `id_block` holds curves that `step` wrote: its action, or a strip of ours."""
    return any(_written_by(step) in action for action in nla.actions_of(id_block))


def own_action(id_block: bpy.types.ID, take_name: str | None = None) -> bpy.types.Action | None:
    """The action of ours that moves `id_block`, active or in the NLA editor: that of a take, or of any."""
    for action in nla.actions_of(id_block):
        name = action.get(TAKE_PROPERTY)
        if name is not None and take_name in {None, name}:
            return action
    return None


def own_paths(id_block: bpy.types.ID) -> set[str]:
    """Data paths of all curves in the action of ours that moves `id_block`."""
    action = own_action(id_block)
    return (
        {curve.data_path for curve in compat.action_curves(id_block, action).fcurves} if action is not None else set()
    )


def check_writable(id_block: bpy.types.ID) -> None:
    """Raise `UsageError` where keys cannot be written."""
    if not id_block.is_editable:
        raise UsageError(f"{id_block.name} is linked from another file; make it local or a library override first.")
    animation = id_block.animation_data
    if animation is not None and animation.use_tweak_mode:
        raise UsageError(f"{id_block.name} is in tweak mode of the NLA editor; leave tweak mode (Tab) first.")


@dataclass(frozen=True)
class Record:
    """The keys of a step as they were written."""

    places: list[tuple[str, int]]
    """Data path and index of every curve."""
    keys: list[CurveKeys]
    facts: dict[str, Any]


def read_record(action: bpy.types.Action, step: str) -> Record | None:
    """The keys as `step` wrote them; None where it kept no record."""
    kept = action.get(_record_of(step))
    if kept is None:
        return None
    counts = np.array(kept["counts"])
    frames, values, interpolation = (np.array(kept[name]) for name in ("frames", "values", "interpolation"))
    if len(frames) != len(values):
        frames, interpolation = np.tile(frames, len(counts)), np.tile(interpolation, len(counts))
    slopes = np.array(kept["slopes"]).reshape(-1, 2) if "slopes" in kept else None
    curved = np.array(kept["curved"]).astype(bool)
    ends = np.cumsum(counts)
    parts = [slice(end - count, end) for end, count in zip(ends, counts, strict=True)]
    keys = [
        CurveKeys(
            frames[part].astype(np.float64),
            values[part].astype(np.float64),
            interpolation[part],
            slopes[part].astype(np.float64) if slopes is not None and bent else None,
        )
        for part, bent in zip(parts, curved, strict=True)
    ]
    lines = str(kept["curves"]).split("\n")
    void = set(str(kept.get("void", "")).split("\n"))
    valid = [n for n, line in enumerate(lines) if line not in void]
    places = [(path, int(index)) for path, _, index in (lines[n].rpartition("\t") for n in valid)]
    return Record(places, [keys[n] for n in valid], {name: kept[f"fact_{name}"] for name in str(kept["facts"]).split()})


def _record(curves: Sequence[Curve], keys: Sequence[CurveKeys], facts: Mapping[str, Any]) -> dict[str, Any]:
    shared = all(own.frames is keys[0].frames for own in keys)
    listed = keys[:1] if shared else keys
    record: dict[str, Any] = {
        "curves": "\n".join(_named(curve.data_path, curve.index) for curve in curves),
        "counts": np.array([len(own.frames) for own in keys], np.int32),
        "curved": np.array([own.slopes is not None for own in keys], np.int32),
        "frames": np.concatenate([own.frames for own in listed]).astype(np.float32),
        "interpolation": np.concatenate([own.interpolation for own in listed]).astype(np.int32),
        "values": np.concatenate([own.values for own in keys]).astype(np.float32),
        "facts": " ".join(facts),
    }
    if any(own.slopes is not None for own in keys):
        slopes = [np.zeros((len(own.frames), 2)) if own.slopes is None else own.slopes for own in keys]
        record["slopes"] = np.concatenate(slopes).astype(np.float32).ravel()
    return record | {f"fact_{name}": value for name, value in facts.items()}


def _tell_others(action: bpy.types.Action, step: str, curves: Sequence[Curve]) -> None:
    """What other steps kept of these curves is no record of them any more."""
    places = {_named(curve.data_path, curve.index) for curve in curves}
    kept = list(action.keys())
    for name in [name for name in kept if name.endswith("_record") and name != _record_of(step)]:
        void = set(str(action[name].get("void", "")).split("\n")) | places
        action[name]["void"] = "\n".join(sorted(void & set(str(action[name]["curves"]).split("\n"))))


def _named(data_path: str, index: int) -> str:
    return f"{data_path}\t{index}"


def _written_by(step: str) -> str:
    return f"understudy_{step}"


def _record_of(step: str) -> str:
    return f"understudy_{step}_record"


def _new_action(id_block: bpy.types.ID, take_name: str) -> bpy.types.Action:
    owner = id_block.user.name if isinstance(id_block, bpy.types.Key) else id_block.name
    action = bpy.data.actions.new(f"{take_name} {owner}")
    action[TAKE_PROPERTY] = take_name
    return action


def _make_room(
    action: bpy.types.Action, bag: Any, step: str, curves: Sequence[Curve]
) -> dict[tuple[str, int], bpy.types.FCurve]:
    """Remove what `step` wrote before; curves that come again lose their keys only, so that what a person gave them
    (colours, modifiers, locks) stays. Returns those, empty.
    """
    earlier = set(str(action.get(_written_by(step), "")).split("\n"))
    wanted = {(curve.data_path, curve.index) for curve in curves}
    found = {}
    for fcurve in list(bag.fcurves):
        place = (fcurve.data_path, fcurve.array_index)
        if place in wanted:
            fcurve.keyframe_points.clear()
            found[place] = fcurve
        elif fcurve.data_path in earlier:
            bag.fcurves.remove(fcurve)
    return found
