"""Step 6: the avatar back into the footage."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..translations import translated
from .step import Part, Step, say


class UNDERSTUDY_PT_composite(Step, bpy.types.Panel):
    """Step 6: the avatar back into the footage."""

    bl_label = "6 Composite"
    step = "composite"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the step."""
        layout, settings = self.column(context)
        self.needs(layout, context)
        layout.column(heading="Stages", align=True).prop(settings, "stages")
        layout.prop(settings.compositing, "format")
        layout.prop(settings, "output")
        self._consent(layout, context, settings.facts)
        self.main_button(layout, context).operator("understudy.composite", icon="NODE_COMPOSITING")
        if settings.output and settings.facts.movie_found:
            movie = bpy.path.abspath(settings.output)
            row = layout.row(align=True)
            if "#" not in Path(movie).name:
                row.operator("wm.path_open", text="Open Movie", icon="PLAY").filepath = movie
            row.operator("wm.path_open", text="Open Folder", icon="FILE_FOLDER").filepath = str(Path(movie).parent)

    def _consent(self, layout: bpy.types.UILayout, context: bpy.types.Context, facts: bpy.types.PropertyGroup) -> None:
        """Whose face it is, or the buttons that say so."""
        if not context.scene.understudy.footage:
            return
        column = layout.column(align=True)
        if facts.consent:
            say(column, context, translated("Consent: {what}").format(what=facts.consent), "USER")
            if facts.consent_problem:
                say(column, context, facts.consent_problem, "ERROR")
            column.operator_menu_enum("understudy.consent", "kind", text="Record Again")
            return
        say(column, context, facts.consent_problem or translated("Whose face does the footage show?"), "USER")
        row = column.row(align=True)
        row.operator("understudy.consent", text="My Own Face").kind = "OWN_FACE"
        row.operator("understudy.consent", text="Nobody Real").kind = "FICTIONAL"
        column.operator("understudy.consent", text="A Performer").kind = "PERFORMER"


class UNDERSTUDY_PT_composite_settings(Part, bpy.types.Panel):
    """How the composite is made and delivered."""

    bl_label = "Settings"
    bl_parent_id = "UNDERSTUDY_PT_composite"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the part."""
        layout, settings = self.column(context)
        chosen = settings.compositing
        if "swap" in settings.stages:
            layout.prop(chosen, "swapper")
            if chosen.swapper != "render":
                layout.prop(chosen, "expression")
        layout.prop(chosen, "matte")
        if "poisson" in settings.stages:
            layout.prop(chosen, "mixed_gradients")
        if "enhance" in settings.stages:
            layout.prop(chosen, "enhancer")
        layout.prop(chosen, "quality_gate")
        layout.separator()
        layout.prop(chosen, "depth")
        layout.prop(chosen, "use_element")
        if not chosen.use_element:
            layout.prop(chosen, "use_label")
        layout.separator()
        layout.operator("understudy.restore", icon="SHADERFX")


class UNDERSTUDY_PT_composite_report(Step, bpy.types.Panel):
    """What the composite measured."""

    bl_label = "Report"
    bl_parent_id = "UNDERSTUDY_PT_composite"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must have been a composite."""
        return context.scene is not None and bool(context.scene.understudy.facts.report)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw its lines."""
        layout, settings = self.column(context)
        for line in settings.facts.report.split("\n"):
            say(layout, context, line, "DOT")


CLASSES = (UNDERSTUDY_PT_composite, UNDERSTUDY_PT_composite_settings, UNDERSTUDY_PT_composite_report)
