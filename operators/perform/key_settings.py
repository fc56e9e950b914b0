"""How keys are written, kept with the scene as `Scene.understudy.keying`; and the corrections that were found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..bridge.keys.bake import KeyOptions

DESTINATIONS = (
    ("action", "Action", "The avatar's active action; an action of yours that was there is kept in the file"),
    ("strip", "NLA Strip", "A strip on a track of its own in the NLA editor, above which you may animate"),
)


class UNDERSTUDY_PG_correction(bpy.types.PropertyGroup):
    """One value that was changed by hand, for the list in the sidebar."""

    if TYPE_CHECKING:
        frame: float
        value: float
    else:
        frame: bpy.props.FloatProperty(name="Frame", description="Where the value was set")
        value: bpy.props.FloatProperty(name="Value", description="What was set there")


class UNDERSTUDY_PG_keys(bpy.types.PropertyGroup):
    """How the take becomes keys."""

    if TYPE_CHECKING:
        destination: str
        use_reduction: bool
        tolerance_mm: float
        use_snap: bool
        keep_raw: bool
        keep_corrections: bool
        mark_uncertain: bool
        uncertain_share: float
        add_sound: bool
        summary: str
        corrections: bpy.types.bpy_prop_collection
        active_correction: int
    else:
        destination: bpy.props.EnumProperty(
            name="Bake To", description="Where the keys go", items=DESTINATIONS, default="action"
        )
        use_reduction: bpy.props.BoolProperty(
            name="Fewer Keys",
            description="Keep only the keys that are needed to stay within the tolerance; peaks and closures stay exact",
            default=True,
        )
        tolerance_mm: bpy.props.FloatProperty(
            name="Tolerance (mm)",
            description="How far the surface may be from the take at any frame, for each channel, in millimetres",
            default=0.2,
            min=0.001,
            soft_min=0.02,
            soft_max=1.0,
            max=20.0,
            precision=3,
            step=1,
        )
        use_snap: bpy.props.BoolProperty(
            name="Snap to Frames",
            description="Put keys on whole frames only; the performance is resampled, peaks and closures stay",
            default=False,
        )
        keep_raw: bpy.props.BoolProperty(
            name="Keep Raw Bake",
            description="Also keep every key of the take, untouched, on a muted track of the NLA editor",
            default=False,
        )
        keep_corrections: bpy.props.BoolProperty(
            name="Keep Corrections",
            description="Solve the shot again around the keys that you changed, instead of writing over them",
            default=True,
        )
        mark_uncertain: bpy.props.BoolProperty(
            name="Mark Uncertain",
            description="Put markers on the timeline where the take should be looked at",
            default=True,
        )
        uncertain_share: bpy.props.FloatProperty(
            name="Threshold",
            description="Mark frames that tell less than this share of what the best frames tell of a part of the face",
            default=0.5,
            min=0.0,
            max=1.0,
            subtype="FACTOR",
        )
        add_sound: bpy.props.BoolProperty(
            name="Sound",
            description="Put the footage's sound into the sequencer, in step with the keys",
            default=False,
        )
        summary: bpy.props.StringProperty(name="Summary", description="What the last bake wrote")
        corrections: bpy.props.CollectionProperty(
            name="Corrections",
            description="Values that were set by hand, as Find Corrections or the last bake saw them",
            type=UNDERSTUDY_PG_correction,
        )
        active_correction: bpy.props.IntProperty(name="Correction", description="Row of the list")


def options_of(keys: UNDERSTUDY_PG_keys) -> KeyOptions:
    """The choices as the bridge takes them."""
    return KeyOptions(
        tolerance_mm=keys.tolerance_mm if keys.use_reduction else None,
        strip=keys.destination == "strip",
        keep_raw=keys.keep_raw,
        snap=keys.use_snap,
    )


CLASSES = (UNDERSTUDY_PG_correction, UNDERSTUDY_PG_keys)
