"""Step 4: the take onto the avatar."""

from __future__ import annotations

import bpy

from ..operators.avatar.links import settings_of
from ..operators.chosen import chosen_avatar
from ..operators.perform.preview import covers_keys, problem_of
from ..translations import translated
from .step import Step, say


class UNDERSTUDY_PT_perform(Step, bpy.types.Panel):
    """Step 4: the take onto the avatar."""

    bl_label = "4 Perform"
    step = "perform"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the step."""
        layout, settings = self.column(context)
        self.needs(layout, context)
        avatar = chosen_avatar(context)
        kept = settings_of(avatar) if avatar is not None else None
        shows = kept is not None and kept.preview
        layout.operator(
            "understudy.preview", icon="PAUSE" if shows else "PLAY", depress=shows, text="Preview"
        ).action = "TOGGLE"
        if shows and covers_keys(avatar):
            say(layout, context, translated("The preview hides the keys of this avatar while it is on"), "INFO")
        if avatar is not None and problem_of(avatar):
            say(layout, context, problem_of(avatar), "ERROR")
        if kept is not None:
            column = layout.column()
            column.prop(kept.adjustments, "strength", slider=True)
            row = column.row(heading="Head", align=True)
            row.prop(settings, "use_head", text="")
            strength = row.row()
            strength.active = settings.use_head
            strength.prop(kept.adjustments, "head", text="", slider=True)
            row = column.row(heading="Eyes", align=True)
            row.prop(settings, "use_eyes", text="")
            strength = row.row()
            strength.active = settings.use_eyes
            strength.prop(kept.adjustments.gaze, "gain", text="", slider=True)
        self.main_button(layout, context).operator("understudy.bake", icon="ACTION")


CLASSES = (UNDERSTUDY_PT_perform,)
