"""Step 1: the video of the actor."""

from __future__ import annotations

import bpy

from .step import Step


class UNDERSTUDY_PT_footage(Step, bpy.types.Panel):
    """Step 1: the video of the actor."""

    bl_label = "1 Footage"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the step."""
        layout, settings = self.column(context)
        layout.prop(settings, "footage", text="Video")


CLASSES = (UNDERSTUDY_PT_footage,)
