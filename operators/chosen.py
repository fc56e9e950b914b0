"""What the user chose to work with: footage, take, avatar and pictures of the scene, and polls that say what is missing."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..inference import take as takes
from ..inference.errors import InputError, UsageError
from .bridge import paths


def chosen_take(scene: bpy.types.Scene, filepath: str = "") -> tuple[takes.Take, str]:
    """The take to work with and its name; raises an error that says how to get one."""
    path = filepath or scene.understudy.take
    if not path:
        raise UsageError("There is no take yet; press Track in step 2, or choose a take.")
    return takes.load(paths.absolute(path)), Path(path).name.removesuffix(".npz").removesuffix(".take")


def chosen_footage(settings: bpy.types.PropertyGroup) -> Path:
    """The video of the actor; raises `InputError` when it is not where it was."""
    video = paths.absolute(settings.footage)
    if not video.is_file():
        raise InputError(f"There is no video at {video}; choose another file in step 1.")
    return video


def chosen_avatar(context: bpy.types.Context) -> bpy.types.Object | None:
    """The scene's avatar, else the active object when it can act."""
    avatar = context.scene.understudy.avatar
    if avatar is not None and avatar.name in context.scene.objects:
        return avatar
    active = context.object
    can_act = active is not None and (active.type == "ARMATURE" or (active.type == "MESH" and active.data.shape_keys))
    return active if can_act else None


def named_avatar(context: bpy.types.Context, name: str) -> bpy.types.Object:
    """The avatar that an operator was asked to work on, by its name; without one the chosen avatar."""
    avatar = context.scene.objects.get(name) if name else chosen_avatar(context)
    if avatar is None:
        raise UsageError(f"There is no object {name} in the scene; choose the avatar in step 3.")
    return avatar


def has_avatar(cls: type, context: bpy.types.Context) -> bool:
    """Poll of operators that drive an avatar."""
    if chosen_avatar(context) is None:
        cls.poll_message_set("There is no avatar; choose one in step 3, or press Add Avatar")
        return False
    return True


def has_take(cls: type, context: bpy.types.Context) -> bool:
    """Poll of operators that need a take."""
    if not context.scene.understudy.take:
        cls.poll_message_set("There is no take; press Track in step 2, or choose a take there")
        return False
    return True


def has_footage(cls: type, context: bpy.types.Context) -> bool:
    """Poll of operators that need footage."""
    if context.scene is None or not context.scene.understudy.footage:
        cls.poll_message_set("There is no footage; choose the video of the actor in step 1")
        return False
    return True


def has_renders(cls: type, context: bpy.types.Context) -> bool:
    """Poll of operators that need rendered frames."""
    if not context.scene.understudy.render_dir:
        cls.poll_message_set("There are no rendered frames; press Render in step 5, or choose their folder")
        return False
    return True
