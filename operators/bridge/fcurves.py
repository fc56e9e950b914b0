"""Writes many curves at once into an action that is ours, and only ours.

An action that Understudy made carries the name of its take and the list of the curves each step wrote, so writing again
replaces exactly those and leaves curves that a person added, and every action of a person, as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference.errors import UsageError
from . import compat

TAKE_PROPERTY = "understudy_take"
CONSTANT, LINEAR = 0, 1  # values of Keyframe.interpolation


@dataclass(frozen=True)
class Curve:
    """One animated number."""

    data_path: str
    index: int
    values: NDArray[np.float64]
    """(N,)"""
    group: str


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
    if not id_block.is_editable:
        raise UsageError(f"{id_block.name} is linked from another file; make it local or a library override first.")
    action = _own_action(id_block, take_name)
    bag = compat.assign_action(id_block, action)
    _remove_earlier(action, bag, step, curves)
    co = np.empty((len(frames), 2), np.float32)
    co[:, 0] = frames
    interpolation = np.where(hold, CONSTANT, LINEAR).astype(np.int32)
    for curve in curves:
        fcurve = bag.fcurves.new(curve.data_path, index=curve.index)
        fcurve.group = bag.groups.get(curve.group) or bag.groups.new(curve.group)
        co[:, 1] = curve.values
        fcurve.keyframe_points.add(len(frames))
        fcurve.keyframe_points.foreach_set("co", co.ravel())
        fcurve.keyframe_points.foreach_set("interpolation", interpolation)
        fcurve.update()
    action[_written_by(step)] = "\n".join(sorted({curve.data_path for curve in curves}))
    id_block.update_tag()
    return action


def was_written(id_block: bpy.types.ID, step: str) -> bool:
    """Whether the active action holds curves that `step` wrote."""
    animation = id_block.animation_data
    return animation is not None and animation.action is not None and _written_by(step) in animation.action


def _written_by(step: str) -> str:
    return f"understudy_{step}"


def _own_action(id_block: bpy.types.ID, take_name: str) -> bpy.types.Action:
    """The active action when it is ours and of this take, else a new one; the one it replaces is kept in the file."""
    animation = id_block.animation_data or id_block.animation_data_create()
    if animation.use_tweak_mode:
        raise UsageError(f"{id_block.name} is in tweak mode of the NLA editor; leave tweak mode (Tab) first.")
    current = animation.action
    if current is not None and current.get(TAKE_PROPERTY) == take_name:
        return current
    if current is not None:
        current.use_fake_user = True
    owner = id_block.user.name if isinstance(id_block, bpy.types.Key) else id_block.name
    action = bpy.data.actions.new(f"{take_name} {owner}")
    action[TAKE_PROPERTY] = take_name
    return action


def _remove_earlier(action: bpy.types.Action, bag: Any, step: str, curves: Sequence[Curve]) -> None:
    """Remove what `step` wrote before, and any other curve in the way of the new ones."""
    earlier = set(str(action.get(_written_by(step), "")).split("\n"))
    in_the_way = {(curve.data_path, curve.index) for curve in curves}
    for fcurve in list(bag.fcurves):
        if fcurve.data_path in earlier or (fcurve.data_path, fcurve.array_index) in in_the_way:
            bag.fcurves.remove(fcurve)
