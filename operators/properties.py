"""The settings of a shot, kept with the scene as `Scene.understudy`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .bridge.compat import path_options

QUALITIES = (
    ("fast", "Fast", "Fewer looks at each frame, for a first impression"),
    ("standard", "Standard", "The right choice for most footage"),
    ("high", "High", "Two looks at each frame, then refined by the pixels of the skin, for final work"),
)
AVATARS = (
    ("default", "Default", "The head that comes with Understudy"),
    ("ict", "ICT-FaceKit", "A head from an ICT-FaceKit folder on this computer"),
)
ENGINES = (
    ("cycles", "Cycles", "Path tracing, runs everywhere and looks best"),
    ("eevee", "Eevee", "Fast where there is a graphics card"),
    ("workbench", "Workbench", "Plain shading for a quick look"),
)
STAGES = (
    ("swap", "Swap", "Lay the avatar's face onto the actor's", 1),
    ("colour", "Colour", "Give the avatar the colours of the footage", 2),
    ("poisson", "Blend", "Let the edge of the face melt into the footage", 4),
    ("enhance", "Enhance", "Sharpen the face where a network for it is installed", 8),
)


def _can_act(settings: bpy.types.PropertyGroup, ob: bpy.types.Object) -> bool:
    return ob.type == "ARMATURE" or (ob.type == "MESH" and ob.data.shape_keys is not None)


class UNDERSTUDY_PG_scene(bpy.types.PropertyGroup):
    """One shot: its files, its avatar and how to treat them."""

    if TYPE_CHECKING:
        footage: str
        take: str
        take_summary: str
        quality: str
        face: int
        avatar: bpy.types.Object | None
        avatar_kind: str
        ict_folder: str
        use_head: bool
        use_eyes: bool
        add_lights: bool
        engine: str
        samples: int
        render_dir: str
        output: str
        stages: set[str]
    else:
        footage: bpy.props.StringProperty(
            name="Footage", description="Video of the actor", subtype="FILE_PATH", options=path_options()
        )
        take: bpy.props.StringProperty(
            name="Take",
            description="File with the tracked performance, written by Track",
            subtype="FILE_PATH",
            options=path_options(),
        )
        take_summary: bpy.props.StringProperty(name="Take Summary", description="What the last tracking found")
        quality: bpy.props.EnumProperty(
            name="Quality", description="How much work is spent on each frame", items=QUALITIES, default="standard"
        )
        face: bpy.props.IntProperty(
            name="Face",
            description="Which face performs, counted from the most prominent one, which is 0",
            min=0,
            soft_max=8,
        )
        avatar: bpy.props.PointerProperty(
            name="Avatar",
            description="Armature of an avatar, or a mesh with shape keys",
            type=bpy.types.Object,
            poll=_can_act,
        )
        avatar_kind: bpy.props.EnumProperty(
            name="Kind", description="Which avatar to add", items=AVATARS, default="default"
        )
        ict_folder: bpy.props.StringProperty(
            name="ICT Folder",
            description="FaceXModel folder of ICT-FaceKit",
            subtype="DIR_PATH",
            options=path_options(),
        )
        use_head: bpy.props.BoolProperty(name="Head", description="Turn the head as the actor did", default=True)
        use_eyes: bpy.props.BoolProperty(name="Eyes", description="Turn the eyes as the actor did", default=True)
        add_lights: bpy.props.BoolProperty(
            name="Lights",
            description="Put three lamps around the avatar, replacing earlier ones of Understudy",
            default=True,
        )
        engine: bpy.props.EnumProperty(
            name="Engine", description="What renders the avatar", items=ENGINES, default="cycles"
        )
        samples: bpy.props.IntProperty(
            name="Samples", description="Samples for each pixel; the result is denoised", default=8, min=1, soft_max=256
        )
        render_dir: bpy.props.StringProperty(
            name="Render Folder",
            description="Where the rendered frames go; chosen for you when empty",
            subtype="DIR_PATH",
            options=path_options(),
        )
        output: bpy.props.StringProperty(
            name="Movie",
            description="Where the composited movie goes; chosen for you when empty",
            subtype="FILE_PATH",
            options=path_options(),
        )
        stages: bpy.props.EnumProperty(
            name="Stages",
            description="What the composite does",
            items=STAGES,
            options={"ENUM_FLAG"},
            default={"swap", "colour", "poisson", "enhance"},
        )


CLASSES = (UNDERSTUDY_PG_scene,)


def register() -> None:
    """Add `Scene.understudy`, the one name of ours on scenes."""
    bpy.types.Scene.understudy = bpy.props.PointerProperty(type=UNDERSTUDY_PG_scene, name="Understudy")


def unregister() -> None:
    """Take it back."""
    del bpy.types.Scene.understudy
