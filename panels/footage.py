"""Step 1: the video of the actor, which part of it and which face."""

from __future__ import annotations

import bpy

from ..operators.footage.clip import differs_from_scene
from ..operators.footage.faces import picture_icon
from ..translations import translated
from .step import Part, Step, fact, say


class Footage(Step):
    """The video, its facts and how the scene fits it."""

    bl_label = "1 Footage"
    step = "footage"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the step."""
        layout, settings = self.column(context)
        self.needs(layout, context)
        if not settings.facts.footage_found:
            row = self.main_button(layout, context)
            row.operator("understudy.open_footage", icon="FILE_MOVIE")
        editor_clip = getattr(context.space_data, "clip", None)
        if editor_clip is not None and editor_clip != settings.clip:
            row = layout.row()
            row.operator("understudy.use_clip", text="Use This Clip", icon="CHECKMARK").clip = editor_clip.name
        column = layout.column()
        column.prop(settings, "footage", text="Video")
        if settings.clip is not None or bpy.data.movieclips:
            column.prop(settings, "clip")
        if settings.facts.footage_found:
            self._facts(layout, context)

    def _facts(self, layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
        facts = context.scene.understudy.facts
        column = layout.column()
        column.scale_y = 0.8
        fact(column, "Size", f"{facts.width} x {facts.height} px")
        fact(column, "Rate", f"{facts.fps:.5g} fps")
        seconds = facts.frames / facts.fps if facts.fps else 0.0
        length = translated("{frames} frames, {seconds} s").format(frames=facts.frames, seconds=f"{seconds:.1f}")
        fact(column, "Length", length)
        if differs_from_scene(context.scene):
            say(layout, context, translated("The scene has another frame rate or is shorter"), "INFO")
            layout.operator("understudy.match_scene", icon="TIME")


class Face(Part):
    """Which of the faces performs."""

    bl_label = "Which Face"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the faces that were found, or the number."""
        layout, settings = self.column(context)
        layout.operator("understudy.find_faces", icon="VIEWZOOM")
        if not len(settings.faces):
            layout.prop(settings, "face")
            return
        grid = layout.grid_flow(row_major=True, columns=3, even_columns=True, align=True)
        for number, face in enumerate(settings.faces):
            column = grid.column(align=True)
            icon = picture_icon(face.picture)
            if icon:
                column.template_icon(icon_value=icon, scale=4.0)
            row = column.row()
            chosen = number == settings.face
            button = row.operator(
                "understudy.choose_face",
                text=str(number),
                icon="CHECKMARK" if chosen else "NONE",
                depress=chosen,
                translate=False,
            )
            button.face = number


class Trim(Part):
    """Which part of the footage is tracked."""

    bl_label = "Trim"
    switch = "use_trim"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw first and last frame."""
        layout, settings = self.column(context)
        column = layout.column(align=True)
        column.active = settings.use_trim
        column.prop(settings, "trim_first")
        column.prop(settings, "trim_last")
        layout.operator("understudy.trim_to_scene", icon="PREVIEW_RANGE")


class Neutral(Part):
    """In which frames the face is at rest."""

    bl_label = "Neutral Face"
    switch = "use_neutral"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw first and last frame."""
        layout, settings = self.column(context)
        column = layout.column(align=True)
        column.active = settings.use_neutral
        column.prop(settings, "neutral_first")
        column.prop(settings, "neutral_last")
        layout.operator("understudy.neutral_here", icon="KEYFRAME")


class UNDERSTUDY_PT_footage(Footage, bpy.types.Panel):
    """Step 1 in the 3D View."""


class UNDERSTUDY_PT_footage_face(Face, bpy.types.Panel):
    """Which face, in the 3D View."""

    bl_parent_id = "UNDERSTUDY_PT_footage"


class UNDERSTUDY_PT_footage_trim(Trim, bpy.types.Panel):
    """Trim, in the 3D View."""

    bl_parent_id = "UNDERSTUDY_PT_footage"


class UNDERSTUDY_PT_footage_neutral(Neutral, bpy.types.Panel):
    """Neutral frames, in the 3D View."""

    bl_parent_id = "UNDERSTUDY_PT_footage"


CLASSES = (
    UNDERSTUDY_PT_footage,
    UNDERSTUDY_PT_footage_face,
    UNDERSTUDY_PT_footage_trim,
    UNDERSTUDY_PT_footage_neutral,
)
