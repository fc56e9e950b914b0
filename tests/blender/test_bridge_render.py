"""Rendering: whole pictures under their final names only, the border changes nothing, a second run keeps what is
good.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bpy
import cv2
import numpy as np
import pytest
from understudy.inference.errors import InputError, MissingComponentError, StoppedError, UsageError
from understudy.inference.take import Take
from understudy.operators.bridge import compat, png
from understudy.operators.bridge.keys.bake import bake_take
from understudy.operators.bridge.stage import render
from understudy.operators.bridge.stage.render import RenderReport, render_shot
from understudy.operators.bridge.stage.shot import setup_shot

MakeTake = Callable[..., Take]
SIZE = (64, 48)


@pytest.fixture
def take(make_take: MakeTake) -> Take:
    take = make_take(frames=4, frame_size=SIZE, camera_matrix=np.array([[60.0, 0, 33], [0, 60, 25], [0, 0, 1]]))
    return replace(take, frame_index=np.arange(4) + 10, confidence=np.array([1, 1, 0, 1], np.float32))


@pytest.fixture
def shot(scene: bpy.types.Scene, avatar: bpy.types.Object, take: Take) -> bpy.types.Scene:
    setup_shot(scene, avatar, take)
    bake_take(avatar, take, scene=scene)
    return scene


def picture(folder: Path, index: int) -> np.ndarray:
    return cv2.imread(str(folder / f"frame_{index:06d}.png"), cv2.IMREAD_UNCHANGED)


def test_pictures_are_named_by_source_frame_and_show_the_head_alone(shot, take: Take, tmp_path: Path) -> None:
    bpy.ops.mesh.primitive_plane_add(size=50)  # scenery must not end up over the actor
    report = render_shot(shot, take, tmp_path / "out", samples=1)
    assert report == RenderReport(rendered=3, kept=0, empty=1)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {*(f"frame_{index:06d}.png" for index in range(10, 14)), "landmarks.npz", "rendered.jsonl"}
    with np.load(tmp_path / "out" / "landmarks.npz") as stored:
        assert stored["frame_index"].tolist() == [10, 11, 13]
        landmarks = stored["landmarks_px"][0]
    assert landmarks.shape == (478, 2)
    image = picture(tmp_path / "out", 10)
    assert image.shape == (48, 64, 4)
    assert image[int(landmarks[240, 1]), int(landmarks[240, 0]), 3] == 255
    covered = np.argwhere(image[..., 3] > 127)
    assert np.abs(covered.min(0)[::-1] - landmarks.min(0)).max() < 2
    assert np.abs(covered.max(0)[::-1] + 1 - landmarks.max(0)).max() < 2
    assert not picture(tmp_path / "out", 12).any()


def test_the_border_does_not_change_the_picture(
    shot, take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render_shot(shot, take, tmp_path / "border", (10, 10), samples=1)
    monkeypatch.setattr(render, "BORDER_PX", 1000)
    render_shot(shot, take, tmp_path / "full", (10, 10), samples=1)
    bordered, full = picture(tmp_path / "border", 10), picture(tmp_path / "full", 10)
    assert np.array_equal(bordered[..., 3], full[..., 3])
    solid = full[..., 3] == 255
    assert np.abs(bordered[solid].astype(int) - full[solid]).mean() < 4  # one noisy sample, denoised in another frame


def test_a_second_run_keeps_what_is_whole_and_current(shot, avatar, take: Take, tmp_path: Path) -> None:
    render_shot(shot, take, tmp_path, samples=1)
    assert render_shot(shot, take, tmp_path, samples=1) == RenderReport(0, 4, 0)
    damaged = tmp_path / "frame_000011.png"
    damaged.write_bytes(damaged.read_bytes()[:-20])
    assert render_shot(shot, take, tmp_path, samples=1) == RenderReport(1, 3, 0)
    assert png.is_whole(damaged, SIZE)
    moved = replace(take, rotation=take.rotation[::-1].copy())
    bake_take(avatar, moved, scene=shot)
    assert render_shot(shot, moved, tmp_path, samples=1).rendered == 3
    assert render_shot(shot, moved, tmp_path, samples=1, overwrite=True).kept == 0


def test_stopping_leaves_only_whole_pictures_and_the_users_settings(shot, take: Take, tmp_path: Path) -> None:
    shot.render.engine = compat.engine_id("eevee")
    shot.render.image_settings.file_format = "JPEG"
    shot.render.filepath = "//mine"

    def stop(stage: str, done: int, total: int) -> None:
        assert (stage, total) == ("render", 4)
        if done == 2:
            raise StoppedError("Stopped.")

    with pytest.raises(StoppedError):
        render_shot(shot, take, tmp_path, progress=stop, samples=1)
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["frame_000010.png", "frame_000011.png"]
    assert shot.render.engine == compat.engine_id("eevee")
    assert shot.render.image_settings.file_format == "JPEG"
    assert shot.render.filepath == "//mine"
    assert not shot.render.use_border
    assert render_shot(shot, take, tmp_path, samples=1) == RenderReport(1, 2, 1)


def test_a_frame_range_names_source_frames(shot, take: Take, tmp_path: Path) -> None:
    render_shot(shot, take, tmp_path, (13, 13), samples=1)
    render_shot(shot, take, tmp_path, (10, 10), samples=1)
    with np.load(tmp_path / "landmarks.npz") as stored:
        assert stored["frame_index"].tolist() == [10, 13]
    with pytest.raises(UsageError, match="covers 10 to 13"):
        render_shot(shot, take, tmp_path, (0, 5), samples=1)


def test_workbench_renders_where_there_is_a_graphics_driver(shot, take: Take, tmp_path: Path) -> None:
    if compat.graphics_problem():
        pytest.skip(f"needs OpenGL: {compat.graphics_problem()}")
    assert render_shot(shot, take, tmp_path, (10, 11), "workbench", samples=1).rendered == 2
    assert (picture(tmp_path, 10)[..., 3] > 250).any()


def test_without_a_graphics_driver_it_says_so_instead_of_aborting(
    shot, take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compat, "graphics_problem", lambda: "no OpenGL driver was found")
    with pytest.raises(MissingComponentError, match="use cycles"):
        render_shot(shot, take, tmp_path, engine="eevee")


def test_markers_that_switch_cameras_do_not_spoil_the_shot(shot, take: Take, tmp_path: Path) -> None:
    render_shot(shot, take, tmp_path / "before", frames=(11, 11), samples=1)
    other = bpy.data.objects.new("Other", bpy.data.cameras.new("Other"))
    shot.collection.objects.link(other)
    marker = shot.timeline_markers.new("cut", frame=1)
    marker.camera = shot.camera = other
    render_shot(shot, take, tmp_path / "after", frames=(11, 11), samples=1)
    assert np.array_equal(picture(tmp_path / "before", 11), picture(tmp_path / "after", 11))
    assert marker.camera == shot.camera == other


def test_a_scene_that_is_not_set_up_is_told_so(scene, avatar, take: Take, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not set up"):
        render_shot(scene, take, tmp_path)


def test_a_folder_that_cannot_be_written_is_named(shot, take: Take, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="choose a folder"):
        render_shot(shot, take, tmp_path / "file", samples=1)


def test_damaged_pictures_are_recognised(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    whole = png.empty((5, 3))
    path.write_bytes(whole)
    assert png.is_whole(path, (5, 3))
    assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).shape == (3, 5, 4)
    assert not png.is_whole(path, (3, 5))
    assert not png.is_whole(tmp_path / "none.png", (5, 3))
    for data in (whole[:-1], whole[:30], b"", whole[:40] + bytes([whole[40] ^ 1]) + whole[41:]):
        path.write_bytes(data)
        assert not png.is_whole(path, (5, 3))


def test_what_the_viewport_hides_is_rendered_whole(shot, take: Take, tmp_path: Path) -> None:
    render_shot(shot, take, tmp_path / "shown", (11, 11), samples=1)
    bpy.data.objects["Face"].hide_viewport = True
    render_shot(shot, take, tmp_path / "hidden", (11, 11), samples=1)
    assert not (tmp_path / "hidden" / "landmarks.npz").exists()
    shown, hidden = picture(tmp_path / "shown", 11)[..., 3], picture(tmp_path / "hidden", 11)[..., 3]
    assert np.array_equal(shown, hidden)
