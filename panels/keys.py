"""Step 4, Keys: how the take is written as keys, and what becomes of keys that were changed by hand."""

from __future__ import annotations

import bpy

from ..translations import translated
from .step import Part


class UNDERSTUDY_UL_corrections(bpy.types.UIList):
    """Values that were set by hand: channel, frame and value."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: bpy.types.PropertyGroup,
        item: bpy.types.PropertyGroup,
        icon: int,
        active_data: bpy.types.PropertyGroup,
        active_property: str,
        index: int,
    ) -> None:
        """One row."""
        row = layout.row(align=True)
        row.label(text=item.name, icon="KEYFRAME_HLT", translate=False)
        numbers = row.row(align=True)
        numbers.alignment = "RIGHT"
        numbers.label(text=f"{item.frame:g}   {item.value:.3f}", translate=False)


class UNDERSTUDY_PT_keys(Part, bpy.types.Panel):
    """Step 4: how keys are written."""

    bl_label = "Keys"
    bl_parent_id = "UNDERSTUDY_PT_perform"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the choices."""
        layout, settings = self.column(context)
        keys = settings.keying
        layout.prop(keys, "destination")
        column = layout.column(heading="Reduce")
        column.prop(keys, "use_reduction")
        row = column.row()
        row.active = keys.use_reduction
        row.prop(keys, "tolerance_mm")
        column = layout.column(heading="Also")
        column.prop(keys, "use_snap")
        column.prop(keys, "keep_raw")
        column.prop(keys, "add_sound")
        column = layout.column(heading="Timeline")
        column.prop(keys, "mark_uncertain")
        row = column.row()
        row.active = keys.mark_uncertain
        row.prop(keys, "uncertain_share", slider=True)
        row.operator("understudy.clear_marks", text="", icon="X")
        if keys.summary:
            layout.label(text=keys.summary, icon="CHECKMARK", translate=False)


class UNDERSTUDY_PT_corrections(Part, bpy.types.Panel):
    """Step 4: keys that were changed by hand."""

    bl_label = "Corrections"
    bl_parent_id = "UNDERSTUDY_PT_perform"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the list and what can be done with it."""
        layout, settings = self.column(context)
        keys = settings.keying
        layout.prop(keys, "keep_corrections")
        layout.operator("understudy.find_corrections", icon="VIEWZOOM")
        if keys.corrections:
            count = translated("Values set by hand: {count}").format(count=len(keys.corrections))
            layout.label(text=count, translate=False)
            layout.template_list(
                "UNDERSTUDY_UL_corrections", "", keys, "corrections", keys, "active_correction", rows=3
            )
        layout.operator("understudy.resolve_corrections", icon="FILE_REFRESH")
        layout.operator("understudy.clear_corrections", icon="X")


CLASSES = (UNDERSTUDY_UL_corrections, UNDERSTUDY_PT_keys, UNDERSTUDY_PT_corrections)
