"""What the six steps of the sidebar share: their state in the header, and the one line that says what is missing."""

from __future__ import annotations

import bpy

from ..operators.chosen import chosen_avatar
from ..operators.steps import DONE, NEXT, PROBLEM, WAITING, state_of
from ..translations import CONTEXT, translated
from ..translations.lines import wrapped

_ICONS = {DONE: "CHECKMARK", NEXT: "RADIOBUT_ON", WAITING: "RADIOBUT_OFF", PROBLEM: "ERROR"}
_LETTER_PX = 6.5
"""Mean width of a letter of a label, before the scale of the interface."""


class Step:
    """What all steps share. `step` is one of `operators.steps.STEPS`."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Understudy"
    bl_translation_context = CONTEXT
    step = ""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A scene holds the settings."""
        return context.scene is not None

    def draw_header(self, context: bpy.types.Context) -> None:
        """Show how far the step is."""
        if self.step:
            self.layout.label(icon=_ICONS[state_of(context.scene, self.step).kind])  # type: ignore[attr-defined]

    def column(self, context: bpy.types.Context) -> tuple[bpy.types.UILayout, bpy.types.PropertyGroup]:
        """A layout with labels at the left, and the settings of the shot."""
        layout = self.layout  # type: ignore[attr-defined]
        layout.use_property_split = True
        layout.use_property_decorate = False
        return layout, context.scene.understudy

    def needs(self, layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
        """What the step lacks, in one sentence."""
        state = state_of(context.scene, self.step)
        if state.sentence:
            say(layout, context, state.sentence, "ERROR" if state.kind == PROBLEM else "INFO")

    def main_button(self, layout: bpy.types.UILayout, context: bpy.types.Context) -> bpy.types.UILayout:
        """A row for the step's button, larger when pressing it is what comes next or what cures."""
        row = layout.row(align=True)
        row.scale_y = 1.5 if state_of(context.scene, self.step).kind in {NEXT, PROBLEM} else 1.0
        return row


class Part(Step):
    """A sub-panel of a step, closed at first. The header shows a switch where `switch` names one of the settings."""

    bl_options = {"DEFAULT_CLOSED"}
    switch = ""

    def draw_header(self, context: bpy.types.Context) -> None:
        """Show the switch."""
        if self.switch:
            self.layout.prop(context.scene.understudy, self.switch, text="")  # type: ignore[attr-defined]


def say(layout: bpy.types.UILayout, context: bpy.types.Context, sentence: str, icon: str = "NONE") -> None:
    """A sentence in as many lines as it needs: labels do not wrap. It is shown as it is, already translated."""
    scale = context.preferences.system.ui_scale
    letters = max(int(context.region.width / (_LETTER_PX * scale)) - 9, 16)
    column = layout.column()
    column.scale_y = 0.8
    for number, line in enumerate(wrapped(sentence, letters)):
        column.label(text=line, icon=("BLANK1" if number and icon != "NONE" else icon), translate=False)


def avatar_or_hint(layout: bpy.types.UILayout, context: bpy.types.Context) -> bpy.types.Object | None:
    """The avatar; where there is none, a sentence that says how to get one is drawn."""
    avatar = chosen_avatar(context)
    if avatar is None:
        say(layout, context, translated("There is no avatar; choose one in step 3, or press Add Avatar"))
    return avatar


def fact(layout: bpy.types.UILayout, text: str, value: str) -> None:
    """A label and what it is, in columns like those of properties; `text` is translated, `value` is not."""
    split = layout.split(factor=0.4)
    left = split.row()
    left.alignment = "RIGHT"
    left.label(text=text, text_ctxt=CONTEXT)
    split.label(text=value, translate=False)
