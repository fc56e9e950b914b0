"""Step 5: the light of the shot."""

from __future__ import annotations

import bpy

from .step import Part


class UNDERSTUDY_PT_light(Part, bpy.types.Panel):
    """The light of the shot."""

    bl_label = "Light"
    bl_parent_id = "UNDERSTUDY_PT_scene"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the part."""
        layout, _ = self.column(context)
        layout.operator("understudy.light_from_shot", icon="LIGHT_SUN")


CLASSES = (UNDERSTUDY_PT_light,)
