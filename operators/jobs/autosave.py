"""Blender's autosave, done in its place: Blender saves nothing by itself as long as any operator is modal."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import bpy


class Autosave:
    """Asked at every tick of a long job; saves a copy as often as the preferences say, under Blender's own name for it."""

    def __init__(self) -> None:
        self._last_s = time.monotonic()

    def tick(self) -> bool:
        """Save when it is time; returns whether that was so."""
        files = bpy.context.preferences.filepaths
        wanted = files.use_auto_save_temporary_files and bpy.data.is_dirty
        if not wanted or time.monotonic() - self._last_s < 60 * files.auto_save_time:
            return False
        if user_is_at_work(bpy.context.window_manager.windows):
            return False
        self._last_s = time.monotonic()
        try:
            bpy.ops.wm.save_as_mainfile(filepath=str(autosave_path()), copy=True, check_existing=False)
        except RuntimeError:  # a full disk: Blender's own autosave says nothing either
            return False
        return True


def user_is_at_work(windows: Iterable[bpy.types.Window]) -> bool:
    """Whether the user drags something, which has to be settled first; our own jobs, and live, may be several."""
    return any(
        not operator.bl_idname.startswith("UNDERSTUDY_OT_") for window in windows for operator in window.modal_operators
    )


def autosave_path() -> Path:
    """Where Recover > Auto Save looks for it."""
    name = f"{Path(bpy.data.filepath).stem}_{os.getpid()}" if bpy.data.filepath else str(os.getpid())
    return Path(bpy.app.tempdir).parent / f"{name}_autosave.blend"
