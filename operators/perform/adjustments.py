"""The neutral face and the other adjustments of an avatar: set, cleared, reset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import numpy as np

from ...inference.errors import InputError
from ...inference.retarget import adjustments
from ...inference.retarget.adjustments import Neutral
from ..avatar.links import settings_of
from ..base import Work
from ..bridge.keys import timing
from ..chosen import chosen_avatar, chosen_take, has_avatar, has_take
from . import preview
from .performance import REGION_NAMES

_DOUBTFUL = 0.5


class UNDERSTUDY_OT_set_neutral(Work, bpy.types.Operator):
    """Take the actor's face as it is in these frames for neutral: what it shows there is taken off everywhere"""

    bl_idname = "understudy.set_neutral"
    bl_label = "Set Neutral"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        source: str
        use_head: bool
    else:
        source: bpy.props.EnumProperty(
            name="Frames",
            description="Which frames show the neutral face",
            items=(
                ("FRAME", "Current Frame", "The frame that the scene shows now"),
                ("RANGE", "Preview Range", "The frames of the timeline's preview range, of which the middle counts"),
            ),
            default="FRAME",
        )
        use_head: bpy.props.BoolProperty(
            name="Head Too",
            description="Also take the head's turn there for looking straight ahead; leave it off for a composite",
            default=False,
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An avatar and a take are needed."""
        return has_avatar(cls, context) and has_take(cls, context)

    def work(self, context: bpy.types.Context) -> str:
        """Measure the neutral face and keep it with the avatar."""
        scene = context.scene
        if self.source == "RANGE" and not scene.use_preview_range:
            raise InputError("There is no preview range; press P in the timeline and draw one over neutral frames.")
        frames = (scene.frame_current, scene.frame_current)
        if self.source == "RANGE":
            frames = (scene.frame_preview_start, scene.frame_preview_end)
        take, _ = chosen_take(scene)
        places = np.flatnonzero(
            (timing.take_frames(take, scene) > frames[0] - 0.5) & (timing.take_frames(take, scene) < frames[1] + 0.5)
        )
        if len(places) == 0:
            raise InputError("The take has nothing there; go to a frame in which the actor's face can be seen.")
        neutral = adjustments.measure_neutral(take, int(places[0]), int(places[-1]), head=True)
        settings = settings_of(chosen_avatar(context))
        keep_neutral(settings.adjustments, neutral, self.use_head)
        settings.adjustments.neutral_label = str(frames[0]) if frames[0] == frames[1] else f"{frames[0]}-{frames[1]}"
        strong = [item for item in settings.adjustments.neutral if item.value > _DOUBTFUL]
        if strong:
            most = max(strong, key=lambda item: item.value)
            return f"{most.name} is at {most.value:.2f} there; choose another frame if the face is not neutral"
        return f"{len(settings.adjustments.neutral)} coefficients are taken off the performance"


class UNDERSTUDY_OT_clear_neutral(Work, bpy.types.Operator):
    """Perform what was seen, with nothing taken off"""

    bl_idname = "understudy.clear_neutral"
    bl_label = "Clear Neutral"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A neutral face is needed."""
        avatar = chosen_avatar(context)
        if avatar is None or not settings_of(avatar).adjustments.neutral_label:
            cls.poll_message_set("No neutral face is set; there is nothing to clear")
            return False
        return True

    def work(self, context: bpy.types.Context) -> str:
        """Forget the neutral face."""
        kept = settings_of(chosen_avatar(context)).adjustments
        keep_neutral(kept, Neutral())
        kept.neutral_label = ""
        return "The whole performance counts again"


class UNDERSTUDY_OT_reset_adjustments(Work, bpy.types.Operator):
    """Perform as acted: every strength and limit at 1, nothing smoothed; the neutral face stays"""

    bl_idname = "understudy.reset_adjustments"
    bl_label = "Reset Adjustments"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An avatar is needed."""
        return has_avatar(cls, context)

    def work(self, context: bpy.types.Context) -> str:
        """Give every number its default."""
        kept = settings_of(chosen_avatar(context)).adjustments
        with preview.held(kept.id_data):
            for name in ("strength", "head", "head_smoothing"):
                kept.property_unset(name)
            for region in (getattr(kept, name) for name in REGION_NAMES):
                for name in ("gain", "limit", "smoothing"):
                    region.property_unset(name)
        return "The avatar performs as acted"


def keep_neutral(kept: bpy.types.PropertyGroup, neutral: Neutral, use_head: bool = False) -> None:
    """Keep a neutral face with an avatar's adjustments; the head's turn is kept too, and counts with `use_head`."""
    with preview.held(kept.id_data):
        kept.neutral.clear()
        for name, value in zip(adjustments.arkit.NAMES, neutral.coefficients, strict=True):
            if value > 0:
                item = kept.neutral.add()
                item.name, item.value = name, value
        kept.neutral_gaze = neutral.gaze
        kept.use_neutral_head = use_head
        if neutral.rotation is not None:
            kept.neutral_head = neutral.rotation


CLASSES = (UNDERSTUDY_OT_set_neutral, UNDERSTUDY_OT_clear_neutral, UNDERSTUDY_OT_reset_adjustments)
