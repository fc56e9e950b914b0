"""Every panel, list and menu in the order in which Blender must learn them: the sidebar from top to bottom."""

from __future__ import annotations

import bpy

from . import (
    adjust,
    avatar,
    clip_editor,
    composite,
    controls,
    footage,
    import_result,
    job,
    keys,
    light,
    mapping,
    perform,
    scene,
    track,
)

PARTS = (
    job,
    footage,
    track,
    avatar,
    controls,
    mapping,
    perform,
    adjust,
    keys,
    scene,
    light,
    composite,
    import_result,
    clip_editor,
)
"""Modules with `CLASSES`; a step comes before its sub-panels."""
CLASSES = tuple(cls for part in PARTS for cls in part.CLASSES)


def register() -> None:
    """Add the classes in order."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Remove them in reverse."""
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
