"""What is kept with an avatar as `Object.understudy`: the list of links, the adjustments, and what else follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ...inference import arkit
from ...inference.retarget import REGION_OF, REGIONS
from ...inference.retarget.mapping import UPPER
from ...translations import CONTEXT
from ..perform import preview
from .controls import UNDERSTUDY_PG_controls

REGION_ITEMS = (
    ("ALL", "All Regions", "Show the links of the whole face"),
    ("BROWS", "Brows", "Show links that the brows drive"),
    ("EYES", "Eyes", "Show links that the lids drive"),
    ("GAZE", "Gaze", "Show links that the direction of the eyes drives"),
    ("CHEEKS", "Nose and Cheeks", "Show links that nose and cheeks drive"),
    ("JAW", "Jaw", "Show links that the jaw drives"),
    ("MOUTH", "Mouth", "Show links that the mouth drives"),
    ("TONGUE", "Tongue", "Show links that the tongue drives"),
)
REGION_IDS = dict(zip(REGIONS, [item[0] for item in REGION_ITEMS[1:]], strict=True))
"""Identifier in the list's filter, and with small letters the name of the adjustments, of each region."""
ORDERS = (
    ("AVATAR", "As on the Avatar", "In the order of the avatar's keys"),
    ("COEFFICIENT", "By Coefficient", "In alphabetical order of what the actor does"),
    ("KEY", "By Key", "In alphabetical order of the avatar's keys"),
    ("GAIN", "By Gain", "The strongest first"),
)
KEPT = {"LIBRARY_OVERRIDABLE"}
LISTED = {"LIBRARY_OVERRIDABLE", "USE_INSERTION"}
"""A character that is linked into a shot and overridden there has a list and adjustments of its own."""
COEFFICIENTS = tuple((name, name, "", index) for index, name in enumerate(arkit.NAMES))


def _link_changed(link: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    preview.refresh(link.id_data)


def _lower_changed(link: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    pushed = link.upper < link.lower  # assigned only then: it comes here again
    if pushed:
        link.upper = link.lower
    preview.refresh(link.id_data)


def _upper_changed(link: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    pushed = link.lower > link.upper
    if pushed:
        link.lower = link.upper
    preview.refresh(link.id_data)


class UNDERSTUDY_PG_link(bpy.types.PropertyGroup):
    """One coefficient driving one key of the avatar."""

    if TYPE_CHECKING:
        coefficient: str
        key: str
        gain: float
        offset: float
        lower: float
        upper: float
        enabled: bool
    else:
        coefficient: bpy.props.EnumProperty(
            name="Coefficient",
            description="What the actor does, by its ARKit name; left and right are the actor's own",
            items=COEFFICIENTS,
            update=_link_changed,
            override=KEPT,
        )
        key: bpy.props.StringProperty(
            name="Key",
            translation_context=CONTEXT,
            description="Shape key or other control of the avatar that follows",
            update=_link_changed,
            override=KEPT,
        )
        gain: bpy.props.FloatProperty(
            name="Gain",
            description="How far the key goes for a full coefficient; negative holds the key back",
            default=1.0,
            soft_min=-2.0,
            soft_max=2.0,
            step=5,
            update=_link_changed,
            override=KEPT,
        )
        offset: bpy.props.FloatProperty(
            name="Offset",
            description="What is added to the key all the time",
            soft_min=-1.0,
            soft_max=1.0,
            step=5,
            update=_link_changed,
            override=KEPT,
        )
        lower: bpy.props.FloatProperty(
            name="Lower Limit",
            description="The key never goes below this; of several links of a key the tightest limit holds",
            default=0.0,
            min=-UPPER,
            max=UPPER,
            soft_min=-1.0,
            soft_max=1.0,
            step=5,
            update=_lower_changed,
            override=KEPT,
        )
        upper: bpy.props.FloatProperty(
            name="Upper Limit",
            description="The key never goes above this; of several links of a key the tightest limit holds",
            default=UPPER,
            min=-UPPER,
            max=UPPER,
            soft_min=0.0,
            soft_max=2.0,
            step=5,
            update=_upper_changed,
            override=KEPT,
        )
        enabled: bpy.props.BoolProperty(
            name="Enabled",
            description="Let this link drive its key; off keeps the numbers",
            default=True,
            update=_link_changed,
            override=KEPT,
        )


class UNDERSTUDY_PG_key_name(bpy.types.PropertyGroup):
    """A shape key or control that the avatar has; only its name counts."""


class UNDERSTUDY_PG_companion(bpy.types.PropertyGroup):
    """One more object that follows the avatar's take."""

    if TYPE_CHECKING:
        object: bpy.types.Object | None
    else:
        object: bpy.props.PointerProperty(
            name="Object",
            description="Object with shape keys that follows the same take",
            type=bpy.types.Object,
            override=KEPT,
        )


class UNDERSTUDY_PG_region(bpy.types.PropertyGroup):
    """How one region of the face performs."""

    if TYPE_CHECKING:
        gain: float
        limit: float
        smoothing: float
    else:
        gain: bpy.props.FloatProperty(
            name="Gain",
            description="How strong this region of the face performs",
            default=1.0,
            min=0.0,
            max=4.0,
            soft_max=2.0,
            step=5,
            update=_link_changed,
            override=KEPT,
        )
        limit: bpy.props.FloatProperty(
            name="Limit",
            description="The most that any shape of this region reaches; strong ones bend toward it softly",
            default=1.0,
            min=0.0,
            max=2.0,
            step=5,
            update=_link_changed,
            override=KEPT,
        )
        smoothing: bpy.props.FloatProperty(
            name="Smoothing",
            description="Seconds that jitter is averaged over, without delay; blinks and other quick changes stay",
            default=0.0,
            min=0.0,
            max=2.0,
            soft_max=0.5,
            step=1,
            precision=2,
            update=_link_changed,
            override=KEPT,
        )


class UNDERSTUDY_PG_rest(bpy.types.PropertyGroup):
    """What a coefficient reads while the actor's face is neutral; its name is the coefficient's."""

    if TYPE_CHECKING:
        value: float
    else:
        value: bpy.props.FloatProperty(
            name="Value",
            description="What the coefficient reads while the actor's face is neutral",
            min=0.0,
            max=0.8,
            update=_link_changed,
            override=KEPT,
        )


class UNDERSTUDY_PG_adjustments(bpy.types.PropertyGroup):
    """What is changed about a performance before the avatar gives it."""

    if TYPE_CHECKING:
        strength: float
        brows: UNDERSTUDY_PG_region
        eyes: UNDERSTUDY_PG_region
        gaze: UNDERSTUDY_PG_region
        cheeks: UNDERSTUDY_PG_region
        jaw: UNDERSTUDY_PG_region
        mouth: UNDERSTUDY_PG_region
        tongue: UNDERSTUDY_PG_region
        head: float
        head_smoothing: float
        neutral_gaze: tuple[float, float, float, float]
        use_neutral_head: bool
        neutral_head: tuple[float, ...]
        neutral_label: str
    else:
        strength: bpy.props.FloatProperty(
            name="Strength",
            translation_context=CONTEXT,
            description="How strong the whole expression is; blinks and gaze stay as they are",
            default=1.0,
            min=0.0,
            max=4.0,
            soft_max=2.0,
            step=5,
            update=_link_changed,
            override=KEPT,
        )
        brows: bpy.props.PointerProperty(
            name="Brows", description="How the brows perform", type=UNDERSTUDY_PG_region, override=KEPT
        )
        eyes: bpy.props.PointerProperty(
            name="Eyes", description="How the lids perform", type=UNDERSTUDY_PG_region, override=KEPT
        )
        gaze: bpy.props.PointerProperty(
            name="Gaze", description="How the direction of the eyes performs", type=UNDERSTUDY_PG_region, override=KEPT
        )
        cheeks: bpy.props.PointerProperty(
            name="Nose and Cheeks", description="How nose and cheeks perform", type=UNDERSTUDY_PG_region, override=KEPT
        )
        jaw: bpy.props.PointerProperty(
            name="Jaw", description="How the jaw performs", type=UNDERSTUDY_PG_region, override=KEPT
        )
        mouth: bpy.props.PointerProperty(
            name="Mouth", description="How the mouth performs", type=UNDERSTUDY_PG_region, override=KEPT
        )
        tongue: bpy.props.PointerProperty(
            name="Tongue", description="How the tongue performs", type=UNDERSTUDY_PG_region, override=KEPT
        )
        head: bpy.props.FloatProperty(
            name="Head",
            description="How far the head turns, of what the actor did; keep 1 for a composite",
            default=1.0,
            min=0.0,
            max=2.0,
            soft_max=1.5,
            step=5,
            update=_link_changed,
            override=KEPT,
        )
        head_smoothing: bpy.props.FloatProperty(
            name="Head Smoothing",
            description="Seconds that a trembling head is averaged over, without delay; nods stay",
            default=0.0,
            min=0.0,
            max=2.0,
            soft_max=0.5,
            step=1,
            precision=2,
            update=_link_changed,
            override=KEPT,
        )
        neutral: bpy.props.CollectionProperty(
            name="Neutral", description="The actor's own neutral face", type=UNDERSTUDY_PG_rest, override=LISTED
        )
        neutral_gaze: bpy.props.FloatVectorProperty(
            name="Neutral Gaze",
            description="Where the actor looked in the neutral frames: yaw and pitch of the left and of the right eye",
            size=4,
            subtype="NONE",
            unit="ROTATION",
            update=_link_changed,
            override=KEPT,
        )
        use_neutral_head: bpy.props.BoolProperty(
            name="Neutral Head",
            description="Take the head's turn in the neutral frames for looking straight ahead",
            default=False,
            update=_link_changed,
            override=KEPT,
        )
        neutral_head: bpy.props.FloatVectorProperty(
            name="Neutral Head Turn",
            description="The head's turn in the neutral frames, as a rotation matrix row by row",
            size=9,
            default=(1, 0, 0, 0, 1, 0, 0, 0, 1),
            update=_link_changed,
            override=KEPT,
        )
        neutral_label: bpy.props.StringProperty(
            name="Neutral Frames", description="Which frames the neutral face was taken from", override=KEPT
        )


class UNDERSTUDY_PG_avatar(bpy.types.PropertyGroup):
    """How an avatar follows an actor."""

    if TYPE_CHECKING:
        fit: str
        use_solver: bool
        active_link: int
        kind: str
        exclusive: str
        search: str
        region: str
        order: str
        understood: str
        active_companion: int
        adjustments: UNDERSTUDY_PG_adjustments
        preview: bool
        preview_rest: str
        live_rest: str
    else:
        fit: bpy.props.StringProperty(
            name="Fit", description="What Match by Shape found out about the avatar, as JSON", override=KEPT
        )
        use_solver: bpy.props.BoolProperty(
            name="Solve Each Frame",
            description="Solve what each frame needs from the avatar's own shapes, lips that meet included; "
            "off follows the list of links alone",
            default=True,
            update=_link_changed,
            override=KEPT,
        )
        controls: bpy.props.PointerProperty(
            name="Controls", description="What turns the head and the eyes", type=UNDERSTUDY_PG_controls, override=KEPT
        )
        links: bpy.props.CollectionProperty(
            name="Links", description="Which coefficient drives which key", type=UNDERSTUDY_PG_link, override=LISTED
        )
        active_link: bpy.props.IntProperty(
            name="Active Link", description="The link that is chosen in the list", override=KEPT
        )
        kind: bpy.props.StringProperty(
            name="Kind", description="What kind of avatar the names of its keys speak of", override=KEPT
        )
        exclusive: bpy.props.StringProperty(
            name="Whole Mouths",
            description="Groups of keys that are whole mouths and share one full weight, as JSON",
            override=KEPT,
        )
        key_names: bpy.props.CollectionProperty(
            name="Keys",
            description="Shape keys and controls of the avatar",
            type=UNDERSTUDY_PG_key_name,
            override=LISTED,
        )
        search: bpy.props.StringProperty(
            name="Search",
            description="Show only links with this in the name of their coefficient or key",
            options={"TEXTEDIT_UPDATE", "SKIP_SAVE"},
            override=KEPT,
        )
        region: bpy.props.EnumProperty(
            name="Region",
            description="Show only links of one region of the face",
            items=REGION_ITEMS,
            default="ALL",
            options={"SKIP_SAVE"},
            override=KEPT,
        )
        order: bpy.props.EnumProperty(
            name="Order",
            description="In which order the list shows the links",
            items=ORDERS,
            default="AVATAR",
            override=KEPT,
        )
        understood: bpy.props.StringProperty(
            name="Understood", description="What was understood of the avatar when matched, as JSON", override=KEPT
        )
        also: bpy.props.CollectionProperty(
            name="Also",
            description="Further objects that follow the same take",
            type=UNDERSTUDY_PG_companion,
            override=LISTED,
        )
        active_companion: bpy.props.IntProperty(
            name="Active Object", description="The further object that is chosen in the list", override=KEPT
        )
        adjustments: bpy.props.PointerProperty(
            name="Adjustments",
            description="What is changed about a performance",
            type=UNDERSTUDY_PG_adjustments,
            override=KEPT,
        )
        preview: bpy.props.BoolProperty(
            name="Preview",
            description="Whether the avatar shows the take without keys",
            options={"SKIP_SAVE"},
            override=KEPT,
        )
        preview_rest: bpy.props.StringProperty(
            name="Before the Preview",
            description="What the preview puts back when it is switched off, as JSON",
            override=KEPT,
        )
        live_rest: bpy.props.StringProperty(name="Before Live", description="What Live puts back", override=KEPT)


def region_of(coefficient: str) -> str:
    """The list's filter that a coefficient falls under."""
    return REGION_IDS[REGION_OF[coefficient]]


CLASSES = (
    UNDERSTUDY_PG_link,
    UNDERSTUDY_PG_key_name,
    UNDERSTUDY_PG_companion,
    UNDERSTUDY_PG_region,
    UNDERSTUDY_PG_rest,
    UNDERSTUDY_PG_adjustments,
    UNDERSTUDY_PG_avatar,
)


def register() -> None:
    """Add `Object.understudy`, the one name of ours on objects."""
    bpy.types.Object.understudy = bpy.props.PointerProperty(type=UNDERSTUDY_PG_avatar, name="Understudy", override=KEPT)


def unregister() -> None:
    """Take it back."""
    del bpy.types.Object.understudy
