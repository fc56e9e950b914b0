"""What is changed about a performance before an avatar gives it, and the performance that comes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import bpy
import numpy as np

from ..inference.errors import InputError
from ..inference.retarget import REGIONS, Mapping, adjustments
from ..inference.retarget.adjustments import Adjustments, Neutral, Region
from ..inference.take import Take
from . import preview
from .base import Work
from .bridge import timing
from .bridge.rig import read_rig
from .chosen import chosen_avatar, chosen_take, has_avatar, has_take
from .links import known_mapping, mapping_of, settings_of

REGION_NAMES = ("brows", "eyes", "gaze", "cheeks", "jaw", "mouth", "tongue")
"""Our properties, in the order of `REGIONS`."""
_DOUBTFUL = 0.5

_last_calm: tuple[Take, Adjustments, Take] | None = None
"""The costly half of the last performance: while gains are dragged nothing is smoothed again."""


def performed(avatar: bpy.types.Object, take: Take, eyes: bool = True) -> tuple[Take, Mapping]:
    """What an avatar performs of a take, with its adjustments, and how: preview and bake both ask this.

    The mapping is the avatar's own list of links where it has one. Without `eyes` the shapes that look about rest.
    """
    settings = settings_of(avatar)
    chosen = adjustments_of(settings.adjustments)
    if not eyes:
        still = tuple(
            replace(region, gain=0.0) if name == "gaze" else region
            for name, region in zip(REGIONS, chosen.regions, strict=True)
        )
        chosen = replace(chosen, regions=still)
    mapping = mapping_of(settings)
    if mapping is None:
        mapping = known_mapping(read_rig(avatar, take))
    return adjustments.scaled(_calm(take, chosen), chosen), mapping


def adjustments_of(kept: bpy.types.PropertyGroup) -> Adjustments:
    """The adjustments as plain numbers."""
    regions = tuple(
        Region(*(round(number, 6) for number in (region.gain, region.limit, region.smoothing)))
        for region in (getattr(kept, name) for name in REGION_NAMES)
    )
    return Adjustments(
        round(kept.strength, 6), regions, round(kept.head, 6), round(kept.head_smoothing, 6), _neutral_of(kept)
    )


def _neutral_of(kept: bpy.types.PropertyGroup) -> Neutral:
    values = dict.fromkeys(adjustments.arkit.NAMES, 0.0)
    values |= {item.name: item.value for item in kept.neutral}
    return Neutral(
        tuple(values[name] for name in adjustments.arkit.NAMES),
        tuple(kept.neutral_gaze),
        tuple(kept.neutral_head) if kept.use_neutral_head else None,
    )


def _calm(take: Take, chosen: Adjustments) -> Take:
    global _last_calm  # noqa: PLW0603 - one performance is at work at a time
    calming = Adjustments(
        regions=tuple(Region(smoothing_s=region.smoothing_s) for region in chosen.regions),
        head_smoothing_s=chosen.head_smoothing_s,
        neutral=chosen.neutral,
    )
    if _last_calm is None or _last_calm[0] is not take or _last_calm[1] != calming:
        _last_calm = (take, calming, adjustments.calm(take, calming))
    return _last_calm[2]


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
