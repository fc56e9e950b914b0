"""Modules that add something to Blender: learnt in their order, and taken back last first."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import bpy


def add(parts: Sequence[ModuleType]) -> None:
    """Register the `CLASSES` of each, then call its `register`, where it has one."""
    for part in parts:
        for cls in part.CLASSES:
            bpy.utils.register_class(cls)
        if hasattr(part, "register"):
            part.register()


def remove(parts: Sequence[ModuleType]) -> None:
    """Call `unregister` of each, where it has one, and unregister its `CLASSES`."""
    for part in reversed(parts):
        if hasattr(part, "unregister"):
            part.unregister()
        for cls in reversed(part.CLASSES):
            bpy.utils.unregister_class(cls)
