"""Steps 1 and 2 in the sidebar of the Movie Clip editor, where the footage is."""

from __future__ import annotations

import bpy

from .footage import Face, Footage, Neutral, Trim
from .track import Track


class UNDERSTUDY_PT_clip_footage(Footage, bpy.types.Panel):
    """Step 1."""

    bl_space_type = "CLIP_EDITOR"


class UNDERSTUDY_PT_clip_face(Face, bpy.types.Panel):
    """Which face."""

    bl_space_type = "CLIP_EDITOR"
    bl_parent_id = "UNDERSTUDY_PT_clip_footage"


class UNDERSTUDY_PT_clip_trim(Trim, bpy.types.Panel):
    """Trim."""

    bl_space_type = "CLIP_EDITOR"
    bl_parent_id = "UNDERSTUDY_PT_clip_footage"


class UNDERSTUDY_PT_clip_neutral(Neutral, bpy.types.Panel):
    """Neutral frames."""

    bl_space_type = "CLIP_EDITOR"
    bl_parent_id = "UNDERSTUDY_PT_clip_footage"


class UNDERSTUDY_PT_clip_track(Track, bpy.types.Panel):
    """Step 2."""

    bl_space_type = "CLIP_EDITOR"


CLASSES = (
    UNDERSTUDY_PT_clip_footage,
    UNDERSTUDY_PT_clip_face,
    UNDERSTUDY_PT_clip_trim,
    UNDERSTUDY_PT_clip_neutral,
    UNDERSTUDY_PT_clip_track,
)
