"""Everything the operators' room adds to Blender, in the order in which Blender must learn it."""

from __future__ import annotations

from . import facts, models, parts, preferences, properties
from .avatar import actor, by_shape, choice, controls, mapping
from .avatar import properties as avatar_properties
from .footage import clip, faces, landmark_view, track
from .jobs import actions
from .live import live
from .live import settings as live_settings
from .perform import adjustments, bake, corrections, key_settings, presets, preview
from .scene import composite, compositing, consent, import_result, light, restore, shot

PARTS = (
    preferences,
    actions,
    models,
    facts,
    controls,
    avatar_properties,
    key_settings,
    compositing,
    live_settings,
    properties,
    preview,
    clip,
    landmark_view,
    faces,
    track,
    choice,
    actor,
    mapping,
    by_shape,
    adjustments,
    presets,
    bake,
    corrections,
    live,
    shot,
    light,
    consent,
    composite,
    import_result,
    restore,
)
"""Modules with `CLASSES`, each after those whose classes it names. One that also adds handlers, menu entries or types'
properties has `register` and `unregister`, called after its classes came and before they go."""
CLASSES = tuple(cls for part in PARTS for cls in part.CLASSES)


def register() -> None:
    """Add every part."""
    parts.add(PARTS)


def unregister() -> None:
    """Remove every part, last first."""
    parts.remove(PARTS)
