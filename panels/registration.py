"""Every panel, list and menu in the order in which Blender must learn them: the sidebar from top to bottom."""

from __future__ import annotations

from ..operators import parts
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
    live,
    mapping,
    menu,
    next_step,
    perform,
    scene,
    track,
)

PARTS = (
    job,
    next_step,
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
    live,
    clip_editor,
    menu,
)
"""Modules with `CLASSES`; a step comes before its sub-panels. One that adds to Blender's own menus has `register` and
`unregister`, called after its classes came and before they go."""
CLASSES = tuple(cls for part in PARTS for cls in part.CLASSES)


def register() -> None:
    """Add every part."""
    parts.add(PARTS)


def unregister() -> None:
    """Remove every part, last first."""
    parts.remove(PARTS)
