"""What the programs here share: the add-on switched on, and what a scene of ours holds, in plain types."""

from __future__ import annotations

from typing import Any

import bpy

MODULE = "bl_ext.user_default.understudy"
TRIM_LAST = 215


def switch_on() -> None:
    """Start as Blender does with the user's preferences; the module starts with the factory's."""
    if bpy.app.version >= (4, 3):
        bpy.ops.wm.read_userpref()
        return
    import addon_utils  # there is no such module before bpy is

    addon_utils.enable(MODULE, default_set=True)  # the module of 4.2 crashes when it reads preferences


def choose_unusual_settings(scene: bpy.types.Scene) -> None:
    """Settings that differ from the defaults, of every type."""
    settings = scene.understudy
    settings.use_trim, settings.trim_first, settings.trim_last = True, 0, TRIM_LAST
    settings.quality, settings.engine, settings.samples = "fast", "workbench", 3
    settings.stages = {"swap", "poisson"}
    settings.use_eyes, settings.add_lights = True, False
    settings.keying.use_reduction = False
    settings.output = "//composited é.mp4"


def settings_of(scene: bpy.types.Scene) -> dict[str, Any]:
    """Every setting of the scene and of its avatar that is kept with the file."""
    avatar = scene.understudy.avatar
    found = {"scene": _plain(scene.understudy)}
    if avatar is not None and hasattr(avatar, "understudy"):
        found["avatar"] = _plain(avatar.understudy)
    return found


def _plain(group: bpy.types.PropertyGroup) -> dict[str, Any]:
    kept = [prop for prop in group.bl_rna.properties if prop.identifier != "rna_type" and not prop.is_skip_save]
    return {prop.identifier: _value(prop, getattr(group, prop.identifier)) for prop in kept}


def _value(prop: bpy.types.Property, value: Any) -> Any:
    if prop.type == "COLLECTION":
        return [_plain(item) for item in value]
    if prop.type == "POINTER":
        return _plain(value) if isinstance(value, bpy.types.PropertyGroup) else getattr(value, "name", None)
    if prop.type == "ENUM" and prop.is_enum_flag:
        return sorted(value)
    if getattr(prop, "is_array", False):
        return [round(float(part), 5) for part in value]
    return round(value, 5) if prop.type == "FLOAT" else value


def baked(scene: bpy.types.Scene, frames: int) -> dict[str, list[float]]:
    """The course of every animated shape key over the first frames, by the names of object and key."""
    found: dict[str, list[float]] = {}
    for ob in scene.objects:
        shapes = ob.data.shape_keys if ob.type == "MESH" else None
        animation = shapes.animation_data if shapes else None
        if animation is not None and animation.action is not None:
            for curve in _curves(animation):
                name = curve.data_path.split('"')[1]
                found[f"{ob.name}: {name}"] = [
                    round(curve.evaluate(scene.frame_start + frame), 5) for frame in range(frames)
                ]
    return found


def keys_of(shapes: bpy.types.Key, name: str) -> int:
    """How many keys a shape key's curve has."""
    curves = _curves(shapes.animation_data)
    return next(len(curve.keyframe_points) for curve in curves if curve.data_path.split('"')[1] == name)


def _curves(animation: bpy.types.AnimData) -> Any:
    slot = getattr(animation, "action_slot", None)
    if slot is None:  # Blender 4.2 and 4.3
        return animation.action.fcurves
    return animation.action.layers[0].strips[0].channelbag(slot).fcurves
