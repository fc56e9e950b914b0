"""Step 6: the avatar back into the footage."""

from __future__ import annotations

import bpy

from .step import Step


class UNDERSTUDY_PT_composite(Step, bpy.types.Panel):
    """Step 6: the avatar back into the footage."""

    bl_label = "6 Composite"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the step."""
        layout, settings = self.column(context)
        layout.column(align=True).prop(settings, "stages", expand=True)
        layout.prop(settings, "output")
        layout.operator("understudy.composite", icon="NODE_COMPOSITING")


CLASSES = (UNDERSTUDY_PT_composite,)
