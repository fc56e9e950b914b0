"""Blender does not autosave while an operator is modal, so a long job does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
from understudy.operators.jobs import autosave


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    now = {"s": 1000.0}
    monkeypatch.setattr(autosave.time, "monotonic", lambda: now["s"])
    return now


@pytest.fixture(autouse=True)
def _preferences() -> Iterator[None]:
    files = bpy.context.preferences.filepaths
    before = files.use_auto_save_temporary_files, files.auto_save_time
    files.use_auto_save_temporary_files, files.auto_save_time = True, 2
    yield
    files.use_auto_save_temporary_files, files.auto_save_time = before


def test_it_saves_a_copy_as_often_as_the_preferences_say(clock, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    path = Path(bpy.app.tempdir).parent / f"shot_{os.getpid()}_autosave.blend"
    path.unlink(missing_ok=True)
    saver = autosave.Autosave()
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.ed.undo_push(message="cube")
    assert bpy.data.is_dirty
    clock["s"] += 119
    assert not saver.tick()
    clock["s"] += 2
    assert saver.tick()
    assert not saver.tick()
    assert bpy.data.filepath == str(tmp_path / "shot.blend")
    assert bpy.data.is_dirty, "it is not the user's own save"
    assert path.is_file()
    path.unlink()


def test_nothing_is_saved_without_need_or_wish(clock) -> None:
    saver = autosave.Autosave()
    clock["s"] += 1000
    bpy.context.preferences.filepaths.use_auto_save_temporary_files = False
    assert not saver.tick()


@pytest.mark.parametrize(
    ("at_work", "waits"),
    [
        (("UNDERSTUDY_OT_track",), False),
        (("UNDERSTUDY_OT_track", "UNDERSTUDY_OT_start_live"), False),
        (("UNDERSTUDY_OT_start_live", "TRANSFORM_OT_translate"), True),
    ],
)
def test_it_waits_for_the_user_but_not_for_live_beside_a_job(at_work: tuple[str, ...], waits: bool) -> None:
    window = SimpleNamespace(modal_operators=[SimpleNamespace(bl_idname=name) for name in at_work])
    assert autosave.user_is_at_work([window]) == waits
