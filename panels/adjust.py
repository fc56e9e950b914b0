"""How the performance is adjusted, in step 4: presets, the regions of the face, the actor's neutral face."""

from __future__ import annotations

import bpy
from bl_ui.utils import PresetPanel

from ..operators.avatar.links import settings_of
from ..operators.chosen import chosen_avatar
from ..translations import translated
from .step import Part, say

_REGIONS = ("brows", "eyes", "gaze", "cheeks", "jaw", "mouth", "tongue")


class UNDERSTUDY_MT_adjustments(bpy.types.Menu):
    """Adjustments that were kept under a name."""

    bl_label = "Adjustment Presets"
    bl_description = "Adjustments that were kept under a name"
    preset_subdir = "understudy/adjustments"
    preset_operator = "script.execute_preset"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the presets."""
        bpy.types.Menu.draw_preset(self, context)


class UNDERSTUDY_PT_adjustment_presets(PresetPanel, bpy.types.Panel):
    """Adjustments that were kept under a name."""

    bl_label = "Adjustment Presets"
    bl_description = "Adjustments that were kept under a name"
    preset_subdir = "understudy/adjustments"
    preset_operator = "script.execute_preset"
    preset_add_operator = "understudy.add_adjustment_preset"


class UNDERSTUDY_PT_adjust(Part, bpy.types.Panel):
    """How strong, how far and how calm each region of the face performs."""

    bl_label = "Adjust"
    bl_parent_id = "UNDERSTUDY_PT_perform"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Adjustments belong to an avatar."""
        return context.scene is not None and chosen_avatar(context) is not None

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """Offer the presets in the header, as Blender's own panels do."""
        if context.scene.understudy.avatar is not None:
            UNDERSTUDY_PT_adjustment_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw a table of the regions."""
        layout = self.layout
        kept = settings_of(chosen_avatar(context)).adjustments
        grid = layout.column(align=True)
        split = grid.split(factor=0.28, align=True)
        split.label(text="")
        titles = split.row(align=True)
        titles.label(text="Gain")
        titles.label(text="Limit")
        titles.label(text="Smooth")
        for name in _REGIONS:
            region = getattr(kept, name)
            split = grid.split(factor=0.28, align=True)
            split.label(text=kept.bl_rna.properties[name].name)
            numbers = split.row(align=True)
            for number in ("gain", "limit", "smoothing"):
                numbers.prop(region, number, text="")
        split = grid.split(factor=0.28, align=True)
        split.label(text="Head")
        numbers = split.row(align=True)
        numbers.prop(kept, "head", text="")
        numbers.label(text="")
        numbers.prop(kept, "head_smoothing", text="")
        layout.operator("understudy.reset_adjustments", icon="LOOP_BACK")


class UNDERSTUDY_PT_neutral(Part, bpy.types.Panel):
    """What the actor's face shows while it is at rest, taken off the performance."""

    bl_label = "Neutral Face"
    bl_parent_id = "UNDERSTUDY_PT_perform"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The neutral face is kept with an avatar."""
        return context.scene is not None and chosen_avatar(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the buttons and what is taken off."""
        layout = self.layout
        kept = settings_of(chosen_avatar(context)).adjustments
        row = layout.row(align=True)
        for text, source in ((translated("This Frame"), "FRAME"), (translated("Preview Range"), "RANGE")):
            button = row.operator("understudy.set_neutral", text=text, translate=False)
            button.source, button.use_head = source, kept.use_neutral_head
        row.operator("understudy.clear_neutral", text="", icon="X")
        if not kept.neutral_label:
            sentence = translated("Go to a frame in which the actor's face is at rest, and press This Frame")
            say(layout, context, sentence, "INFO")
            return
        counts = {"frames": kept.neutral_label, "count": len(kept.neutral)}
        say(layout, context, translated("Neutral at {frames}: {count} coefficients are taken off").format(**counts))
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        for item in sorted(kept.neutral, key=lambda item: -item.value)[:6]:
            column.prop(item, "value", text=item.name, translate=False, slider=True)
        column.prop(kept, "use_neutral_head", text="Head Too")


CLASSES = (UNDERSTUDY_MT_adjustments, UNDERSTUDY_PT_adjustment_presets, UNDERSTUDY_PT_adjust, UNDERSTUDY_PT_neutral)
