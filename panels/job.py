"""The running job above the steps: how far it is, and how to stop it; after an early end, how to go on."""

from __future__ import annotations

import bpy

from ..translations import CONTEXT
from ..translations.lines import wrapped


class Progress:
    """What the panel shows wherever it is."""

    bl_label = "Job"
    bl_region_type = "UI"
    bl_category = "Understudy"
    bl_translation_context = CONTEXT
    bl_options = {"HIDE_HEADER"}
    bl_order = 0

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Nothing is shown while there is nothing to tell."""
        return context.window_manager.understudy.job.state != "idle"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the bar or the sentence, and the buttons."""
        job = context.window_manager.understudy.job
        column = self.layout.column()  # type: ignore[attr-defined]
        if job.state == "running":
            column.label(text=job.text, icon="TIME", translate=False)
            column.progress(factor=job.factor, text=job.pace or job.title, translate=not job.pace)
            row = column.row(align=True)
            row.operator("understudy.cancel", icon="CANCEL")
            row.operator("understudy.open_log", text="", icon="TEXT")
            return
        box = column.box()
        box.label(text=job.title, icon="ERROR")
        sentence = box.column(align=True)
        sentence.scale_y = 0.8
        at_most = max(int(context.region.width / (bpy.context.preferences.system.ui_scale * 7)) - 6, 16)
        for line in wrapped(job.text, at_most):
            sentence.label(text=line, translate=False)
        row = box.row(align=True)
        row.operator("understudy.resume", icon="FILE_REFRESH")
        row.operator("understudy.open_log", icon="TEXT")
        row.operator("understudy.dismiss", text="", icon="X")


class UNDERSTUDY_PT_job(Progress, bpy.types.Panel):
    """The running job, in the 3D View."""

    bl_space_type = "VIEW_3D"


class UNDERSTUDY_PT_clip_job(Progress, bpy.types.Panel):
    """The running job, in the Movie Clip editor."""

    bl_space_type = "CLIP_EDITOR"


CLASSES = (UNDERSTUDY_PT_job, UNDERSTUDY_PT_clip_job)
