"""Step 6: the result into Blender's own editors."""

from __future__ import annotations

import bpy

from .step import Part


class UNDERSTUDY_PT_import_result(Part, bpy.types.Panel):
    """The result in Blender's own editors."""

    bl_label = "Import Result"
    bl_parent_id = "UNDERSTUDY_PT_composite"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the part."""
        layout, _ = self.column(context)
        column = layout.column(align=True)
        column.operator("understudy.import_movie", icon="SEQUENCE")
        column.operator("understudy.setup_compositor", icon="NODE_COMPOSITING")


CLASSES = (UNDERSTUDY_PT_import_result,)
