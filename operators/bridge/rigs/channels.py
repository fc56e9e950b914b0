"""Everything on an avatar that a weight can move: shape keys by their names, and bones' turns, bones' ways and custom
properties by their paths on the armature, such as ``pose.bones["jaw"].rotation_euler[0]``.

A channel's value is the weight itself (key value, radians, lengths of the armature), and 0 is rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import bpy

from .rig import Rig

TURN_LIMIT: Final = 0.8
"""Radians that a bone of a face may turn where nothing of the rig says otherwise."""
WAY_LIMIT_CM: Final = 4.0
"""Centimetres of the face model that a control may be moved where nothing of the rig says otherwise."""

_NO_RANGE: Final = 1e6
"""A property that nobody gave a range says the largest number there is."""
_DEEPEST: Final = 4
_INDEXED: Final = re.compile(r"^(?P<path>.+)\[(?P<index>\d+)\]$")
_CUSTOM: Final = re.compile(r'^(?P<owner>.*)\["(?P<name>(?:[^"\\]|\\.)*)"\]$')
_BONE: Final = re.compile(r'^pose\.bones\["(?P<name>(?:[^"\\]|\\.)*)"\]\.(?P<field>\w+)$')
_KEY_VALUE: Final = re.compile(r'^key_blocks\["(?P<name>(?:[^"\\]|\\.)*)"\]\.value$')
_OF_THREE: Final = frozenset({"location", "rotation_euler"})
"""Properties of which a channel is one axis."""
_TRANSFORMS: Final = {
    **{f"LOC_{axis}": ("location", index) for index, axis in enumerate("XYZ")},
    **{f"ROT_{axis}": ("rotation_euler", index) for index, axis in enumerate("XYZ")},
}


@dataclass(frozen=True)
class Channel:
    """One number that can be keyed."""

    id_block: bpy.types.ID
    data_path: str
    index: int
    """Place in an array; 0 where the path is a single number."""
    lower: float
    upper: float


def find(rig: Rig, key: str) -> list[Channel]:
    """The channels that `Link.key` names: a shape key on every mesh that has it, else one path on the armature.

    Empty where the avatar has nothing of that name, and where drivers own all that it has.
    """
    blocks = [mesh.data.shape_keys for mesh in rig.meshes if key in mesh.data.shape_keys.key_blocks]
    if blocks:
        return [_of_block(keys, key) for keys in blocks if _driver_of_block(keys, key) is None]
    channel = _of_path(rig, key) if rig.armature is not None else None
    return [channel] if channel is not None else []


def prepare(rig: Rig, keys: Iterable[str]) -> None:
    """Let bones whose euler angles are among the keys turn by euler angles; call it before values are written."""
    for key in keys:
        for channel in find(rig, key):
            bone = bone_of(channel)
            if bone and channel.data_path.endswith(".rotation_euler"):
                pose = channel.id_block.pose.bones[bone]
                if pose.rotation_mode in {"QUATERNION", "AXIS_ANGLE"}:
                    pose.rotation_mode = "XYZ"


def read(channel: Channel) -> float:
    """The value of a channel as it is now."""
    owner, name = _owner(channel)
    value = owner[name] if isinstance(name, str) and _CUSTOM.match(channel.data_path) else getattr(owner, name)
    return float(value[channel.index] if hasattr(value, "__len__") else value)


def assign(channel: Channel, value: float) -> None:
    """Give a channel a value, without a key."""
    owner, name = _owner(channel)
    if _CUSTOM.match(channel.data_path):
        owner[name] = value
        channel.id_block.update_tag()
    elif name in _OF_THREE:
        getattr(owner, name)[channel.index] = value
    else:
        setattr(owner, name, value)


def bone_of(channel: Channel) -> str | None:
    """The bone whose own transform a channel is."""
    found = _BONE.match(channel.data_path)
    return bpy.utils.unescape_identifier(found["name"]) if found else None


def bone_key(bone: str, field: str, index: int) -> str:
    """The key of a bone's channel, as `Link.key` has it."""
    return f'pose.bones["{bpy.utils.escape_identifier(bone)}"].{field}[{index}]'


def driven_blocks(keys: bpy.types.Key) -> dict[str, bpy.types.FCurve]:
    """Names of the shape keys whose value a driver owns, each with its driver."""
    drivers = keys.animation_data.drivers if keys.animation_data is not None else ()
    named = [(_KEY_VALUE.match(driver.data_path), driver) for driver in drivers]
    return {bpy.utils.unescape_identifier(found["name"]): driver for found, driver in named if found}


def sources(rig: Rig, keys: bpy.types.Key, name: str) -> list[str]:
    """Keys of the free channels on this avatar that a driven shape key listens to, also through properties that are
    driven themselves.
    """
    found: dict[str, None] = {}
    owner = _driver_of_block(keys, name)
    waiting = [(owner, 0)] if owner is not None else []
    while waiting:
        driver, depth = waiting.pop(0)
        for variable in driver.driver.variables:
            for target in variable.targets:
                key = _source(rig, variable.type, target)
                behind = _driver_of(rig, key) if key is not None else None
                if behind is not None and depth < _DEEPEST:
                    waiting.append((behind, depth + 1))
                elif key is not None and behind is None:
                    found[key] = None
    return list(found)


def property_name(key: str) -> str | None:
    """The name of the custom property that a key means."""
    found = _CUSTOM.match(key)
    return bpy.utils.unescape_identifier(found["name"]) if found else None


def _driver_of_block(keys: bpy.types.Key, name: str) -> bpy.types.FCurve | None:
    drivers = keys.animation_data.drivers if keys.animation_data is not None else ()
    return drivers.find(keys.key_blocks[name].path_from_id("value")) if drivers else None


def _driver_of(rig: Rig, key: str) -> bpy.types.FCurve | None:
    """The driver that owns a channel of the armature."""
    id_block, path = _place(rig, key)
    found = None if _CUSTOM.match(path) else _INDEXED.match(path)
    path, index = (found["path"], int(found["index"])) if found else (path, 0)
    drivers = id_block.animation_data.drivers if id_block.animation_data is not None else ()
    return drivers.find(path, index=index) if drivers else None


def _place(rig: Rig, key: str) -> tuple[bpy.types.ID, str]:
    """What a path begins at: the armature, or behind ``data`` its data."""
    if key.startswith(("data.", 'data["')):
        return rig.armature.data, key[4:].removeprefix(".")
    return rig.armature, key


def _source(rig: Rig, kind: str, target: bpy.types.DriverTarget) -> str | None:
    armature = rig.armature
    if armature is None or target.id not in {armature, armature.data}:
        return None
    if kind == "TRANSFORMS" and target.bone_target and target.transform_type in _TRANSFORMS:
        return bone_key(target.bone_target, *_TRANSFORMS[target.transform_type])
    if kind != "SINGLE_PROP" or not target.data_path:
        return None
    if target.id == armature.data:
        return f"data{'' if target.data_path.startswith('[') else '.'}{target.data_path}"
    return str(target.data_path)


def _of_block(keys: bpy.types.Key, name: str) -> Channel:
    block = keys.key_blocks[name]
    return Channel(keys, block.path_from_id("value"), 0, block.slider_min, block.slider_max)


def _of_path(rig: Rig, key: str) -> Channel | None:
    """A path on the armature, or behind ``data`` on its data; None where it leads to no number, or to a driver's."""
    if _driver_of(rig, key) is not None:
        return None
    id_block, key = _place(rig, key)
    found = None if _CUSTOM.match(key) else _INDEXED.match(key)
    path, index = (found["path"], int(found["index"])) if found else (key, 0)
    try:
        value = id_block.path_resolve(path)
    except (ValueError, KeyError):
        return None
    if found and not (hasattr(value, "__len__") and index < len(value)):
        return None
    if not found and not isinstance(value, float):  # keys on whole numbers and switches would jump
        return None
    return Channel(id_block, path, index, *_limits(rig, id_block, path, index))


def _limits(rig: Rig, id_block: bpy.types.ID, path: str, index: int) -> tuple[float, float]:
    """What the rig itself says about the range of a channel, else what suits a face."""
    custom = _CUSTOM.match(path)
    if custom:
        owner = id_block.path_resolve(custom["owner"]) if custom["owner"] else id_block
        range_ = owner.id_properties_ui(bpy.utils.unescape_identifier(custom["name"])).as_dict()
        lower, upper = float(range_.get("soft_min", 0.0)), float(range_.get("soft_max", 1.0))
        return (lower, upper) if upper - lower < _NO_RANGE else (0.0, 1.0)
    bone = _BONE.match(path)
    if not bone:
        return 0.0, 1.0
    turns = bone["field"] == "rotation_euler"
    widest = TURN_LIMIT if turns else WAY_LIMIT_CM * rig.armature_units_per_cm
    lower, upper = -widest, widest
    axis = "xyz"[index]
    for constraint in id_block.pose.bones[bpy.utils.unescape_identifier(bone["name"])].constraints:
        kind = "LIMIT_ROTATION" if turns else "LIMIT_LOCATION"
        if constraint.type != kind or constraint.mute or constraint.owner_space != "LOCAL":
            continue
        if turns and getattr(constraint, f"use_limit_{axis}"):
            lower, upper = getattr(constraint, f"min_{axis}"), getattr(constraint, f"max_{axis}")
        if not turns and getattr(constraint, f"use_min_{axis}"):
            lower = getattr(constraint, f"min_{axis}")
        if not turns and getattr(constraint, f"use_max_{axis}"):
            upper = getattr(constraint, f"max_{axis}")
    return min(lower, 0.0), max(upper, 0.0)


def _owner(channel: Channel) -> tuple[Any, str]:
    """What holds the value, and under which name."""
    custom = _CUSTOM.match(channel.data_path)
    if custom:
        path = custom["owner"]
        owner = channel.id_block.path_resolve(path) if path else channel.id_block
        return owner, bpy.utils.unescape_identifier(custom["name"])
    path, _, name = channel.data_path.rpartition(".")
    return (channel.id_block.path_resolve(path) if path else channel.id_block), name
