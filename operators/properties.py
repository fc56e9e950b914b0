"""The settings of a shot, kept with the scene as `Scene.understudy`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..inference.defaults import SAMPLES
from ..translations import CONTEXT
from . import facts
from .avatar import keeping
from .bridge.compat import path_options
from .footage import clip as footage
from .live import settings as live_settings
from .perform import key_settings, preview
from .scene import compositing

QUALITIES = (
    ("fast", "Fast", "Fewer looks at each frame, for a first impression"),
    ("standard", "Standard", "The right choice for most footage"),
    ("high", "High", "Two looks at each frame, then refined by the pixels of the skin, for final work"),
)
FACE_MODELS = (
    ("default", "Default", "The face model that comes with Understudy; right for most work"),
    ("ict", "ICT-FaceKit", "Follows the shape of the actor's face more closely; free, MIT licence"),
    ("flame", "FLAME", "Learned from thousands of scans; a file that you download from its makers"),
    ("bfm", "Basel Face Model", "Learned from scans of 200 people; for research only"),
)
AVATARS = (
    ("default", "Default", "The head that comes with Understudy"),
    ("ict", "ICT-FaceKit", "A head from an ICT-FaceKit folder on this computer"),
    ("actor", "From This Actor", "The actor's own face from the take, with a texture from the footage"),
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


def _footage_changed(settings: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    footage.learn_footage(settings)
    facts.learn_consent(settings)


def _clip_changed(settings: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    footage.learn_clip(settings)


def _take_changed(settings: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    facts.learn_take(settings)
    preview.refresh_scene(settings.id_data)


def _renders_changed(settings: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    facts.learn_renders(settings)


def _movie_changed(settings: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    facts.learn_movie(settings)


def _report_changed(settings: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    facts.learn_report(settings)


def _avatar_changed(settings: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    keeping.take_in(settings)


def _turns_changed(settings: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    preview.refresh_scene(settings.id_data)


def _is_movie(settings: bpy.types.PropertyGroup, clip: bpy.types.MovieClip) -> bool:
    return clip.source == "MOVIE"


def _can_act(settings: bpy.types.PropertyGroup, ob: bpy.types.Object) -> bool:
    return ob.type == "ARMATURE" or (ob.type == "MESH" and ob.data.shape_keys is not None)


class UNDERSTUDY_PG_scene(bpy.types.PropertyGroup):
    """One shot: its files, its avatar and how to treat them."""

    if TYPE_CHECKING:
        facts: facts.UNDERSTUDY_PG_facts
        footage: str
        clip: bpy.types.MovieClip | None
        use_trim: bool
        trim_first: int
        trim_last: int
        use_neutral: bool
        neutral_first: int
        neutral_last: int
        faces_frame: int
        faces_size: tuple[int, int]
        take: str
        take_summary: str
        quality: str
        face: int
        face_model: str
        flame_file: str
        bfm_file: str
        show_landmarks: bool
        show_in_camera: bool
        follow_tracking: bool
        avatar: bpy.types.Object | None
        avatar_kind: str
        ict_folder: str
        keying: key_settings.UNDERSTUDY_PG_keys
        use_head: bool
        use_eyes: bool
        add_lights: bool
        engine: str
        samples: int
        render_dir: str
        output: str
        report: str
        stages: set[str]
        compositing: compositing.UNDERSTUDY_PG_compositing
        live: live_settings.UNDERSTUDY_PG_live
    else:
        facts: bpy.props.PointerProperty(
            name="Facts", description="What is known of the shot's files", type=facts.UNDERSTUDY_PG_facts
        )
        footage: bpy.props.StringProperty(
            name="Footage",
            description="Video of the actor",
            subtype="FILE_PATH",
            options=path_options(),
            update=_footage_changed,
        )
        clip: bpy.props.PointerProperty(
            name="Clip",
            translation_context=CONTEXT,
            description="The footage as a movie clip of this file; choose one here in place of a path",
            type=bpy.types.MovieClip,
            poll=_is_movie,
            update=_clip_changed,
        )
        use_trim: bpy.props.BoolProperty(name="Trim", description="Track only a part of the footage", default=False)
        trim_first: bpy.props.IntProperty(
            name="First Frame", description="First frame to track, counted from 0 at the start of the footage", min=0
        )
        trim_last: bpy.props.IntProperty(
            name="Last Frame", description="Last frame to track, counted from 0 at the start of the footage", min=0
        )
        use_neutral: bpy.props.BoolProperty(
            name="Neutral Face",
            description="Say in which frames the actor's face is at rest, in place of letting Understudy find out",
            default=False,
        )
        neutral_first: bpy.props.IntProperty(
            name="First Frame", description="First frame of the footage in which the face is neutral", min=0
        )
        neutral_last: bpy.props.IntProperty(
            name="Last Frame", description="Last frame of the footage in which the face is neutral", min=0
        )
        faces: bpy.props.CollectionProperty(
            name="Faces", description="The faces that Find Faces saw", type=facts.UNDERSTUDY_PG_face
        )
        faces_frame: bpy.props.IntProperty(
            name="Frame of the Faces", description="Frame of the footage in which the faces were found", min=0
        )
        faces_size: bpy.props.IntVectorProperty(
            name="Size of the Faces' Frame", description="Width and height of the picture the boxes are in", size=2
        )
        take: bpy.props.StringProperty(
            name="Take",
            description="File with the tracked performance, written by Track",
            subtype="FILE_PATH",
            options=path_options(),
            update=_take_changed,
        )
        take_summary: bpy.props.StringProperty(name="Take Summary", description="What the last tracking found")
        quality: bpy.props.EnumProperty(
            name="Quality", description="How much work is spent on each frame", items=QUALITIES, default="standard"
        )
        face: bpy.props.IntProperty(
            name="Face",
            translation_context=CONTEXT,
            description="Which face performs, counted from the most prominent one, which is 0",
            min=0,
            soft_max=8,
        )
        face_model: bpy.props.EnumProperty(
            name="Face Model",
            description="Which family of faces the actor's face is fitted with",
            items=FACE_MODELS,
            default="default",
        )
        flame_file: bpy.props.StringProperty(
            name="FLAME File",
            description="Model file of FLAME, .pkl or .npz",
            subtype="FILE_PATH",
            options=path_options(),
        )
        bfm_file: bpy.props.StringProperty(
            name="BFM File",
            description="Model file of the Basel Face Model, .h5",
            subtype="FILE_PATH",
            options=path_options(),
        )
        show_landmarks: bpy.props.BoolProperty(
            name="Landmarks",
            translation_context=CONTEXT,
            description="Show the tracked points over the footage in the Movie Clip editor",
            default=True,
        )
        show_in_camera: bpy.props.BoolProperty(
            name="Landmarks in Camera View",
            translation_context=CONTEXT,
            description="Show the tracked points over the camera view too, to compare the avatar with the actor",
            default=False,
        )
        follow_tracking: bpy.props.BoolProperty(
            name="Follow Tracking",
            description="While tracking, show the frame that is read; moving to another frame ends this for the job",
            default=True,
        )
        avatar: bpy.props.PointerProperty(
            name="Avatar",
            description="Armature of an avatar, or a mesh with shape keys",
            type=bpy.types.Object,
            poll=_can_act,
            update=_avatar_changed,
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
        keying: bpy.props.PointerProperty(
            name="Keys", description="How the take becomes keys", type=key_settings.UNDERSTUDY_PG_keys
        )
        use_head: bpy.props.BoolProperty(
            name="Head", description="Turn the head as the actor did", default=True, update=_turns_changed
        )
        use_eyes: bpy.props.BoolProperty(
            name="Eyes", description="Turn the eyes as the actor did", default=True, update=_turns_changed
        )
        add_lights: bpy.props.BoolProperty(
            name="Lights",
            description="Put three lamps around the avatar, replacing earlier ones of Understudy",
            default=True,
        )
        engine: bpy.props.EnumProperty(
            name="Engine", description="What renders the avatar", items=ENGINES, default="cycles"
        )
        samples: bpy.props.IntProperty(
            name="Samples",
            description="Samples for each pixel; the result is denoised",
            default=SAMPLES,
            min=1,
            soft_max=256,
        )
        render_dir: bpy.props.StringProperty(
            name="Render Folder",
            description="Where the rendered frames go; chosen for you when empty",
            subtype="DIR_PATH",
            options=path_options(),
            update=_renders_changed,
        )
        output: bpy.props.StringProperty(
            name="Movie",
            description="Where the composited movie goes; chosen for you when empty",
            subtype="FILE_PATH",
            options=path_options(),
            update=_movie_changed,
        )
        report: bpy.props.StringProperty(
            name="Report",
            description="Folder with the figures of the last composite",
            subtype="DIR_PATH",
            options=path_options(),
            update=_report_changed,
        )
        stages: bpy.props.EnumProperty(
            name="Stages",
            translation_context=CONTEXT,
            description="What the composite does",
            items=STAGES,
            options={"ENUM_FLAG"},
            default={"swap", "colour", "poisson", "enhance"},
        )
        compositing: bpy.props.PointerProperty(
            name="Compositing",
            description="How the composite is made and delivered",
            type=compositing.UNDERSTUDY_PG_compositing,
        )
        live: bpy.props.PointerProperty(
            name="Live", description="Where live comes from and where it goes", type=live_settings.UNDERSTUDY_PG_live
        )


CLASSES = (UNDERSTUDY_PG_scene,)


def register() -> None:
    """Add `Scene.understudy`, the one name of ours on scenes."""
    bpy.types.Scene.understudy = bpy.props.PointerProperty(type=UNDERSTUDY_PG_scene, name="Understudy")


def unregister() -> None:
    """Take it back."""
    del bpy.types.Scene.understudy
