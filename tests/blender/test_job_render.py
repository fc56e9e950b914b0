"""Render as a job: another Blender draws a copy of the file as it is now, and only what changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
import understudy
from understudy.inference import take as takes
from understudy.inference.take import Take
from understudy.operators.bridge import paths
from understudy.operators.jobs import job as jobs

MakeTake = Callable[..., Take]


@pytest.fixture
def shot(
    scene, avatar, make_take: MakeTake, footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[bpy.types.PropertyGroup]:
    """An avatar that performs three frames before its camera; the settings of its scene."""
    (tmp_path / "own").mkdir()
    monkeypatch.setattr(paths, "user_folder", lambda name: tmp_path / "own")
    understudy.register()
    path = tmp_path / "shot.take.npz"
    takes.save(make_take(3, frame_size=(64, 36), camera_matrix=np.array([[60.0, 0, 32], [0, 60, 18], [0, 0, 1]])), path)
    settings = scene.understudy
    settings.avatar, settings.footage, settings.take = avatar, str(footage), str(path)
    settings.samples, settings.render_dir = 1, str(tmp_path / "render")
    bpy.ops.understudy.bake()
    bpy.ops.understudy.setup_shot()
    yield settings
    understudy.unregister()


def times(folder: str) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in Path(folder).glob("*.png")}


def test_what_is_up_to_date_is_kept_and_overwrite_makes_it_again(shot, tmp_path: Path) -> None:
    assert bpy.ops.understudy.render() == {"FINISHED"}
    first = times(shot.render_dir)
    assert len(first) == 3
    time.sleep(0.01)
    assert bpy.ops.understudy.render() == {"FINISHED"}
    assert times(shot.render_dir) == first
    assert bpy.ops.understudy.render(overwrite=True) == {"FINISHED"}
    again = times(shot.render_dir)
    assert all(again[name] > first[name] for name in first)
    assert not list((tmp_path / "own").glob("*.blend")), "the copy is gone"
    assert bpy.data.filepath == ""


def test_the_scene_is_the_one_of_the_button(shot) -> None:
    """Another scene comes first in the file, and it has no shot."""
    bpy.data.scenes.new("A scene of something else")
    assert bpy.ops.understudy.render() == {"FINISHED"}
    assert len(times(shot.render_dir)) == 3


def test_pictures_that_are_not_saved_are_named(shot) -> None:
    image = bpy.data.images.new("Painted", 4, 4)
    image.use_fake_user = True
    image.pixels[0] = 0.5
    assert image.is_dirty
    with pytest.raises(RuntimeError, match="The image Painted has changes that are not saved; save or pack it first"):
        bpy.ops.understudy.render()
    image.pack()
    assert bpy.ops.understudy.render() == {"FINISHED"}


def test_devices_that_this_blender_lacks_are_refused(shot, monkeypatch: pytest.MonkeyPatch) -> None:
    from understudy.operators.scene import shot as stage

    monkeypatch.setattr(stage, "chosen_devices", lambda context: "PAPER")
    with pytest.raises(RuntimeError, match="Cycles knows no devices of the kind PAPER here"):
        bpy.ops.understudy.render()
    assert bpy.context.window_manager.understudy.job.state == "failed"


def test_a_killed_render_goes_on(shot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole pictures stay; the rest is made after Resume."""
    tick = jobs.LongWork._wait

    def impatient(self, context):
        job = self._running.job
        while not job.done:
            job.tick()
            time.sleep(0.005)
        os.kill(job.pid, 9)
        return tick(self, context)

    monkeypatch.setattr(jobs.LongWork, "_wait", impatient)
    with pytest.raises(RuntimeError, match="was killed"):
        bpy.ops.understudy.render()
    kept = times(shot.render_dir)
    assert 1 <= len(kept) <= 3
    monkeypatch.setattr(jobs.LongWork, "_wait", tick)
    assert bpy.ops.understudy.resume() == {"FINISHED"}
    now = times(shot.render_dir)
    assert len(now) == 3
    whole = [name for name in kept if ".partial" not in name]
    assert [now[name] for name in whole[:1]] == [kept[name] for name in whole[:1]]
