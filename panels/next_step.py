"""What comes next, at the top of the tab: its button is in sight however long the steps below are."""

from __future__ import annotations

import bpy

from ..operators.steps import NEXT, STEPS, state_of
from .step import Step

_BUTTONS = {
    "footage": "understudy.open_footage",
    "track": "understudy.track",
    "avatar": "understudy.add_avatar",
    "perform": "understudy.bake",
    "scene": "understudy.setup_shot",
    "composite": "understudy.composite",
}


def next_button(scene: bpy.types.Scene) -> str | None:
    """The operator that takes the shot on; None when all is done or something must be mended first."""
    step = next((step for step in STEPS if state_of(scene, step).kind == NEXT), None)
    if step == "avatar" and scene.understudy.avatar_kind == "actor":
        return "understudy.add_actor_avatar"
    if step == "scene" and scene.get("understudy_shot_avatar"):
        return "understudy.render"
    return _BUTTONS[step] if step is not None else None


class UNDERSTUDY_PT_next_step(Step, bpy.types.Panel):
    """The button of the next step."""

    bl_label = "Next Step"
    bl_options = {"HIDE_HEADER"}
    bl_order = 0

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """While a job runs its progress stands there."""
        idle = context.window_manager.understudy.job.state == "idle"
        return context.scene is not None and idle and next_button(context.scene) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the button."""
        row = self.layout.row()
        row.scale_y = 1.5
        row.operator(next_button(context.scene), icon="FORWARD")


CLASSES = (UNDERSTUDY_PT_next_step,)
