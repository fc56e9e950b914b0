"""Step 2: from video to take."""

from __future__ import annotations

import math

import bpy

from .. import __package__ as base_package
from ..translations import translated
from .step import Step, fact, say

_FILES = {"ict": "ict_folder", "flame": "flame_file", "bfm": "bfm_file"}


class Track(Step):
    """How to track, and what came out."""

    bl_label = "2 Track"
    step = "track"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the step."""
        layout, settings = self.column(context)
        self.needs(layout, context)
        column = layout.column()
        column.prop(settings, "quality")
        column.prop(settings, "face_model", text="Model")
        if settings.face_model in _FILES:
            column.prop(
                settings, _FILES[settings.face_model], text="File" if settings.face_model != "ict" else "Folder"
            )
            say(layout, context, _gain(settings.face_model))
        addon = context.preferences.addons.get(base_package)
        if addon is not None and addon.preferences is not None:
            column.prop(addon.preferences, "device")
        self.main_button(layout, context).operator("understudy.track", icon="TRACKING")
        column = layout.column()
        column.prop(settings, "take")
        if settings.facts.take_found:
            self._facts(layout, settings)
        column = layout.column()
        column.prop(settings, "show_landmarks")
        row = column.row()
        row.active = settings.show_landmarks
        row.prop(settings, "follow_tracking")

    def _facts(self, layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
        facts = settings.facts
        column = layout.column()
        column.scale_y = 0.8
        counts = {"seen": facts.face_frames, "all": facts.take_frames}
        fact(column, "Face Seen", translated("in {seen} of {all} frames").format(**counts))
        share = facts.uncertain_frames / facts.face_frames if facts.face_frames else 0.0
        fact(column, "Uncertain", translated("{share} of them").format(share=f"{share:.0%}"))
        angles = {"turn": f"{math.degrees(facts.head_turn):.0f}°", "nod": f"{math.degrees(facts.head_nod):.0f}°"}
        fact(column, "Head", translated("turns {turn}, nods {nod}").format(**angles))


def _gain(model: str) -> str:
    """What a face model is good for."""
    if model == "ict":
        return translated("Fits the actor's own face more closely: better depth and lips. Free under the MIT licence")
    if model == "flame":
        return translated("Learned from thousands of scans: unusual faces fit better. From its makers' site, CC-BY")
    return translated("Learned from 200 scans. From its makers' site, for research only")


class UNDERSTUDY_PT_track(Track, bpy.types.Panel):
    """Step 2 in the 3D View."""


CLASSES = (UNDERSTUDY_PT_track,)
