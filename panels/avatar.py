"""Step 3: who performs."""

from __future__ import annotations

from collections.abc import Callable

import bpy

from ..operators.avatar.choice import is_linked
from ..operators.avatar.links import settings_of, understood
from ..operators.chosen import chosen_avatar
from ..translations import translated
from .step import Part, Step, avatar_or_hint, fact, say


class UNDERSTUDY_PT_avatar(Step, bpy.types.Panel):
    """Step 3: who performs."""

    bl_label = "3 Avatar"
    step = "avatar"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the step."""
        layout, settings = self.column(context)
        self.needs(layout, context)
        column = layout.column()
        column.prop(settings, "avatar")
        column.operator("understudy.use_selected", icon="RESTRICT_SELECT_OFF")
        avatar = chosen_avatar(context)
        if avatar is None:
            _new(self.main_button, layout, context)
            return
        kept = settings_of(avatar)
        known = understood(kept)
        if known is not None:
            self._facts(layout, kept, known)
        if is_linked(kept.id_data):
            say(
                layout, context, translated("This character is linked from another file and cannot perform yet"), "INFO"
            )
            layout.operator("understudy.make_editable", icon="LIBRARY_DATA_OVERRIDE")
        if known is not None and not len(kept.links):
            say(layout, context, translated("The names of its keys say nothing; press By Shape"), "INFO")
        row = layout.row(align=True)
        row.operator("understudy.match_shapes")
        row.operator("understudy.solve_rig", text="By Shape")
        if kept.fit:
            layout.prop(kept, "use_solver")

    def _facts(self, layout: bpy.types.UILayout, kept: bpy.types.PropertyGroup, known: object) -> None:
        column = layout.column()
        column.scale_y = 0.8
        if known.meshes:
            fact(
                column,
                "Shape Keys",
                translated("{keys} on {meshes} meshes").format(keys=known.keys, meshes=known.meshes),
            )
        else:
            fact(column, "Controls", str(len(kept.key_names)))
        fact(column, "Kind", kept.kind or translated("Unknown"))
        fact(column, "Head", known.head)
        fact(column, "Eyes", known.eyes or translated("By shape keys"))


def _new(
    button: Callable[[bpy.types.UILayout, bpy.types.Context], bpy.types.UILayout],
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
) -> None:
    """Which avatar to add, and the button (in what `button` makes of the layout) that adds it."""
    settings = context.scene.understudy
    column = layout.column()
    column.prop(settings, "avatar_kind", text="New")
    if settings.avatar_kind == "ict":
        column.prop(settings, "ict_folder", text="Folder")
    operator = "understudy.add_actor_avatar" if settings.avatar_kind == "actor" else "understudy.add_avatar"
    button(layout, context).operator(operator, icon="ADD")


class UNDERSTUDY_PT_new_avatar(Part, bpy.types.Panel):
    """One more avatar beside the chosen one."""

    bl_label = "New Avatar"
    bl_parent_id = "UNDERSTUDY_PT_avatar"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Without an avatar the step itself has the button."""
        return context.scene is not None and chosen_avatar(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Draw what can be added."""
        layout, _ = self.column(context)
        _new(lambda column, _: column, layout, context)


class UNDERSTUDY_UL_companions(bpy.types.UIList):
    """Further objects that follow the same take."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: bpy.types.PropertyGroup,
        item: bpy.types.PropertyGroup,
        icon: int,
        active_data: bpy.types.PropertyGroup,
        active_propname: str,
    ) -> None:
        """One object."""
        layout.prop(item, "object", text="", emboss=False)


class UNDERSTUDY_PT_companions(Part, bpy.types.Panel):
    """Further objects that follow the same take."""

    bl_label = "More Objects"
    bl_parent_id = "UNDERSTUDY_PT_avatar"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the list."""
        layout = self.layout
        avatar = avatar_or_hint(layout, context)
        if avatar is None:
            return
        kept = settings_of(avatar)
        say(layout, context, translated("Meshes of the avatar's armature follow by themselves; add others here"))
        row = layout.row()
        row.template_list("UNDERSTUDY_UL_companions", "", kept, "also", kept, "active_companion", rows=2)
        buttons = row.column(align=True)
        buttons.operator("understudy.add_companions", text="", icon="ADD")
        buttons.operator("understudy.remove_companion", text="", icon="REMOVE")


CLASSES = (
    UNDERSTUDY_PT_avatar,
    UNDERSTUDY_PT_new_avatar,
    UNDERSTUDY_UL_companions,
    UNDERSTUDY_PT_companions,
)
