"""Every class of the operators' room in the order Blender must learn them, and the one name we add to its types."""

from __future__ import annotations

import bpy

from .avatar import UNDERSTUDY_OT_add_avatar
from .composite import UNDERSTUDY_OT_composite
from .perform import UNDERSTUDY_OT_bake
from .preferences import UNDERSTUDY_AP_preferences
from .properties import UNDERSTUDY_PG_scene
from .stage import UNDERSTUDY_OT_render, UNDERSTUDY_OT_setup_shot
from .track import UNDERSTUDY_OT_track

CLASSES = (
    UNDERSTUDY_AP_preferences,
    UNDERSTUDY_PG_scene,
    UNDERSTUDY_OT_track,
    UNDERSTUDY_OT_add_avatar,
    UNDERSTUDY_OT_bake,
    UNDERSTUDY_OT_setup_shot,
    UNDERSTUDY_OT_render,
    UNDERSTUDY_OT_composite,
)


def register() -> None:
    """Add the classes, then `Scene.understudy`."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.understudy = bpy.props.PointerProperty(type=UNDERSTUDY_PG_scene, name="Understudy")


def unregister() -> None:
    """Remove `Scene.understudy`, then the classes in reverse."""
    del bpy.types.Scene.understudy
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
