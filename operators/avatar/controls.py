"""What turns an avatar's head and eyes, where its owner knows better than the names of its bones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import bpy

from ...inference.errors import UsageError
from ..bridge.avatars import marks as avatar_marks
from ..perform import preview
from .keeping import understand

EYES_BY = (
    ("auto", "Automatic", "By shape keys where they turn the eyes, else by what the eyes look at, else by bones"),
    (
        "bones",
        "Bones or Objects",
        "The eyes themselves turn; shape keys that look about rest where they would turn them twice",
    ),
    ("target", "Target", "What the eyes look at moves"),
    ("shapes", "Shape Keys", "Shape keys look about; nothing else turns the eyes"),
)
"""In the order of `avatar_marks.EYES_BY`."""


def _read(choice: str) -> Callable[[bpy.types.PropertyGroup], str]:
    """A bone's name is kept where the bridge reads it, with or without the add-on: among the avatar's own properties."""
    return lambda group: str(group.id_data.get(choice, ""))


def _keep(choice: str) -> Callable[[bpy.types.PropertyGroup, str], None]:
    def keep(group: bpy.types.PropertyGroup, value: str) -> None:
        _set(group.id_data, choice, value)

    return keep


def _keep_object(name: str, choice: str) -> Callable[[bpy.types.PropertyGroup, bpy.types.Context], None]:
    def keep(group: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
        _set(group.id_data, choice + avatar_marks.OBJECT, getattr(group, name))

    return keep


def _set(avatar: bpy.types.Object, name: str, value: bpy.types.Object | str | None) -> None:
    if value:
        avatar[name] = value
    elif name in avatar:
        del avatar[name]
    with suppress(UsageError):  # an avatar without shape keys has nothing to tell yet
        understand(avatar)
    preview.refresh(avatar)


def _read_way(group: bpy.types.PropertyGroup) -> int:
    way = group.id_data.get(avatar_marks.EYES_BY_CHOICE, "auto")
    return avatar_marks.EYES_BY.index(way) if way in avatar_marks.EYES_BY else 0


def _keep_way(group: bpy.types.PropertyGroup, value: int) -> None:
    _set(group.id_data, avatar_marks.EYES_BY_CHOICE, avatar_marks.EYES_BY[value] if value else "")


class UNDERSTUDY_PG_controls(bpy.types.PropertyGroup):
    """What turns the head and the eyes; empty means that the avatar's names decide."""

    if TYPE_CHECKING:
        head: str
        head_object: bpy.types.Object | None
        eyes_by: str
        eye_left: str
        eye_right: str
        eye_left_object: bpy.types.Object | None
        eye_right_object: bpy.types.Object | None
        look_at: str
        look_at_object: bpy.types.Object | None
    else:
        head: bpy.props.StringProperty(
            name="Head",
            description="Bone that the actor's head turns; empty means the one that is found by its name",
            get=_read(avatar_marks.HEAD_CHOICE),
            set=_keep(avatar_marks.HEAD_CHOICE),
        )
        head_object: bpy.props.PointerProperty(
            name="Head Object",
            description="Object that the actor's head turns, in place of a bone",
            type=bpy.types.Object,
            update=_keep_object("head_object", avatar_marks.HEAD_CHOICE),
        )
        eyes_by: bpy.props.EnumProperty(
            name="Eyes By",
            description="What makes the eyes look about",
            items=EYES_BY,
            get=_read_way,
            set=_keep_way,
        )
        eye_left: bpy.props.StringProperty(
            name="Left Eye",
            description="Bone that turns the avatar's left eye; empty means the one that is found by its name",
            get=_read(avatar_marks.LEFT_EYE_CHOICE),
            set=_keep(avatar_marks.LEFT_EYE_CHOICE),
        )
        eye_right: bpy.props.StringProperty(
            name="Right Eye",
            description="Bone that turns the avatar's right eye; empty means the one that is found by its name",
            get=_read(avatar_marks.RIGHT_EYE_CHOICE),
            set=_keep(avatar_marks.RIGHT_EYE_CHOICE),
        )
        eye_left_object: bpy.props.PointerProperty(
            name="Left Eye Object",
            description="Object that is the avatar's left eye, in place of a bone",
            type=bpy.types.Object,
            update=_keep_object("eye_left_object", avatar_marks.LEFT_EYE_CHOICE),
        )
        eye_right_object: bpy.props.PointerProperty(
            name="Right Eye Object",
            description="Object that is the avatar's right eye, in place of a bone",
            type=bpy.types.Object,
            update=_keep_object("eye_right_object", avatar_marks.RIGHT_EYE_CHOICE),
        )
        look_at: bpy.props.StringProperty(
            name="Target",
            description="Bone that both eyes look at; empty means what the eyes' constraints track",
            get=_read(avatar_marks.LOOK_AT_CHOICE),
            set=_keep(avatar_marks.LOOK_AT_CHOICE),
        )
        look_at_object: bpy.props.PointerProperty(
            name="Target Object",
            description="Object that both eyes look at, in place of a bone",
            type=bpy.types.Object,
            update=_keep_object("look_at_object", avatar_marks.LOOK_AT_CHOICE),
        )


CLASSES = (UNDERSTUDY_PG_controls,)
