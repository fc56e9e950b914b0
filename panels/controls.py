"""What turns the head and the eyes, in step 3."""

from __future__ import annotations

import bpy

from ..operators.avatar.links import settings_of
from ..translations import translated
from .step import Part, avatar_or_hint, say


class UNDERSTUDY_PT_controls(Part, bpy.types.Panel):
    """What turns the head and the eyes, where names do not tell."""

    bl_label = "Head and Eyes"
    bl_parent_id = "UNDERSTUDY_PT_avatar"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the choices."""
        layout, _ = self.column(context)
        avatar = avatar_or_hint(layout, context)
        if avatar is None:
            return
        kept = settings_of(avatar)
        chosen, root = kept.controls, kept.id_data
        bones = root.data if root.type == "ARMATURE" else None
        _choice(layout, chosen, bones, "head")
        layout.separator()
        layout.prop(chosen, "eyes_by")
        if chosen.eyes_by in {"auto", "bones"}:
            _choice(layout, chosen, bones, "eye_left")
            _choice(layout, chosen, bones, "eye_right")
        if chosen.eyes_by in {"auto", "target"}:
            _choice(layout, chosen, bones, "look_at")
        if bones is None:
            say(layout, context, translated("To choose bones, make the armature the avatar"))


def _choice(
    layout: bpy.types.UILayout, chosen: bpy.types.PropertyGroup, bones: bpy.types.Armature | None, name: str
) -> None:
    """A bone, and below it the object that may take its place."""
    if bones is None:
        layout.prop(chosen, f"{name}_object")
        return
    column = layout.column(align=True)
    row = column.row(align=True)
    row.active = getattr(chosen, f"{name}_object") is None
    row.prop_search(chosen, name, bones, "bones")
    column.prop(chosen, f"{name}_object", text="Object")


CLASSES = (UNDERSTUDY_PT_controls,)
