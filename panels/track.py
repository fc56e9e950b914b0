"""Step 2: from video to take."""

from __future__ import annotations

import bpy

from .step import Step


class UNDERSTUDY_PT_track(Step, bpy.types.Panel):
    """Step 2: from video to take."""

    bl_label = "2 Track"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the step."""
        layout, settings = self.column(context)
        layout.prop(settings, "quality")
        layout.prop(settings, "face")
        layout.operator("understudy.track", icon="TRACKING")
        layout.prop(settings, "take")
        if settings.take_summary:
            layout.label(text=settings.take_summary, icon="CHECKMARK")


CLASSES = (UNDERSTUDY_PT_track,)
