"""Everything the operators' room adds to Blender, in the order in which Blender must learn it."""

from __future__ import annotations

import bpy

from . import (
    actor,
    adjustment_presets,
    adjustments,
    avatar,
    composite,
    controls,
    corrections,
    faces,
    facts,
    footage,
    import_result,
    job_actions,
    key_settings,
    landmark_view,
    light,
    mapping,
    models,
    perform,
    preferences,
    preview,
    properties,
    properties_avatar,
    rig_match,
    stage,
    track,
)

PARTS = (
    preferences,
    job_actions,
    models,
    facts,
    controls,
    properties_avatar,
    key_settings,
    properties,
    preview,
    footage,
    landmark_view,
    faces,
    track,
    avatar,
    actor,
    mapping,
    rig_match,
    adjustments,
    adjustment_presets,
    perform,
    corrections,
    stage,
    light,
    composite,
    import_result,
)
"""Modules with `CLASSES`, each after those whose classes it names. One that also adds handlers, menu entries or types'
properties has `register` and `unregister`, called after its classes came and before they go."""
CLASSES = tuple(cls for part in PARTS for cls in part.CLASSES)


def register() -> None:
    """Add every part."""
    for part in PARTS:
        for cls in part.CLASSES:
            bpy.utils.register_class(cls)
        if hasattr(part, "register"):
            part.register()


def unregister() -> None:
    """Remove every part, last first."""
    for part in reversed(PARTS):
        if hasattr(part, "unregister"):
            part.unregister()
        for cls in reversed(part.CLASSES):
            bpy.utils.unregister_class(cls)
