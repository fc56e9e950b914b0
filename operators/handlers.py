"""Functions that Blender calls when it changes frame, undoes, saves or loads: added and removed together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import bpy

Handlers = Sequence[tuple[str, Callable[..., None]]]
"""Names of lists of `bpy.app.handlers`, and the function for each."""


def add(handlers: Handlers) -> None:
    """Have them called."""
    for name, handler in handlers:
        getattr(bpy.app.handlers, name).append(handler)


def remove(handlers: Handlers) -> None:
    """Have them called no more; those that another file's loading took away are gone already."""
    for name, handler in handlers:
        known = getattr(bpy.app.handlers, name)
        if handler in known:
            known.remove(handler)
