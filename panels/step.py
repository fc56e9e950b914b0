"""What the six steps of the sidebar share."""

from __future__ import annotations

import bpy


class Step:
    """What all steps share."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Understudy"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A scene holds the settings."""
        return context.scene is not None

    def column(self, context: bpy.types.Context) -> tuple[bpy.types.UILayout, bpy.types.PropertyGroup]:
        """A layout with labels at the left, and the settings of the shot."""
        layout = self.layout  # type: ignore[attr-defined]
        layout.use_property_split = True
        layout.use_property_decorate = False
        return layout, context.scene.understudy
