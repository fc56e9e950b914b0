"""Step 4: the take onto the avatar."""

from __future__ import annotations

import bpy

from .step import Step


class UNDERSTUDY_PT_perform(Step, bpy.types.Panel):
    """Step 4: the take onto the avatar."""

    bl_label = "4 Perform"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the step."""
        layout, settings = self.column(context)
        row = layout.row(heading="Turn")
        row.prop(settings, "use_head", toggle=True)
        row.prop(settings, "use_eyes", toggle=True)
        layout.operator("understudy.bake", icon="ACTION")


CLASSES = (UNDERSTUDY_PT_perform,)
