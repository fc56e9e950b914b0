"""The avatar over the live picture: seen where the actor is, and nothing of it stays in the file."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from live_stage import begin, finish, moment, show, state, tick_until, told
from mathutils import Vector
from understudy.inference.live.link import LiveSender
from understudy.inference.live.picture_board import BoardWriter
from understudy.operators.bridge.stage import project, watching
from understudy.operators.live import live as operators
from understudy.operators.live import session

pytestmark = pytest.mark.usefixtures("addon_with_own_folder")
FOCAL = 1.1


@pytest.fixture
def over(live_avatar, scene, monkeypatch: pytest.MonkeyPatch):
    """Live is on, with pictures and without a window."""
    monkeypatch.setattr(session, "open_window", lambda context: None)
    scene.understudy.live.source = "camera"
    live = begin()
    session.show_picture(bpy.context)
    writer = BoardWriter(live.over.board.name)
    yield live, writer
    writer.close()
    if session.current() is not None:
        finish()


def picture(level: int = 100, size: tuple[int, int] = (320, 240)) -> np.ndarray:
    rgba = np.full((size[1], size[0], 4), 255, np.uint8)
    rgba[..., 0], rgba[: size[1] // 2, :, 1] = level, 50
    return rgba


def ours() -> tuple[list[bpy.types.Object], list[bpy.types.Image], list[bpy.types.Camera]]:
    return tuple(
        [one for one in data if watching.PROPERTY in one]
        for data in (bpy.data.objects, bpy.data.images, bpy.data.cameras)
    )


@pytest.mark.parametrize(("frame", "resolution"), [(2, (640, 480)), (7, (1920, 1080)), (10, (600, 900))])
def test_the_avatar_is_where_the_actor_is(over, scene, live_avatar, performance, frame: int, resolution) -> None:
    live, writer = over
    scene.render.resolution_x, scene.render.resolution_y = resolution
    live_avatar.location, live_avatar.rotation_euler = (0.4, -0.2, 0.1), (0.1, 0.0, 0.7)
    bpy.context.view_layer.update()
    sample = moment(performance, frame)
    writer.show(picture(), sample.frame, FOCAL)
    show(live, sample)
    (camera,), (image,), _ = ours()
    graph = bpy.context.evaluated_depsgraph_get()
    scene.camera = camera
    bone = live_avatar.pose.bones["head"]
    origin = (
        live_avatar.matrix_world
        @ bone.matrix
        @ bone.bone.matrix_local.inverted()
        @ Vector(live_avatar["understudy_origin_m"])
    )
    seen = project.project(np.array([tuple(origin)]), project.camera_projection(scene, graph))[0]
    x, y, z = sample.translation_cm
    width = min(4 / 3 / (resolution[0] / resolution[1]), 1.0) * resolution[0]
    expected = (resolution[0] / 2 + FOCAL * width * x / -z, resolution[1] / 2 - FOCAL * width * y / -z)
    assert tuple(seen[:2]) == pytest.approx(expected, abs=0.05)
    assert seen[2] == pytest.approx(-z / 100, rel=1e-3)
    ahead = camera.matrix_world.to_3x3().inverted() @ (
        live_avatar.matrix_world.to_3x3() @ bone.matrix.to_3x3() @ bone.bone.matrix_local.to_3x3().inverted()
    )
    turned = np.array(ahead) @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    assert turned == pytest.approx(sample.rotation, abs=1e-3), "the head is turned before the camera as the actor's"
    assert tuple(image.size) == (320, 240)


def test_the_picture_is_the_newest_one(over, scene, performance) -> None:
    live, writer = over
    for frame, level in ((1, 20), (2, 120)):
        writer.show(picture(level), frame, FOCAL)
        show(live, moment(performance, frame))
        image = ours()[1][0]
        pixels = np.empty(320 * 240 * 4, np.float32)
        image.pixels.foreach_get(pixels)
        assert pixels[:4] * 255 == pytest.approx((level, 50, 255, 255), abs=0.6)
        assert pixels[-4:] * 255 == pytest.approx((level, 255, 255, 255), abs=0.6)
    writer.show(picture(200, (240, 320)), 3, FOCAL)
    show(live, moment(performance, 3, confidence=0.0))
    assert tuple(ours()[1][0].size) == (240, 320), "also without a face, and in another size"


def test_opacity_lays_the_picture_over_the_avatar(over, scene, performance) -> None:
    live, writer = over
    shown = []
    for frame, opacity in ((1, 1.0), (2, 0.3)):
        scene.understudy.live.opacity = opacity
        writer.show(picture(), frame, FOCAL)
        show(live, moment(performance, frame))
        behind, before = ours()[0][0].data.background_images
        assert (behind.display_depth, behind.alpha, behind.show_background_image) == ("BACK", 1.0, True)
        shown.append((before.show_background_image, round(before.alpha, 4)))
    assert shown == [(False, 0.0), (True, 0.7)]


def test_nothing_of_it_stays(over, live_avatar, performance) -> None:
    live, writer = over
    before = {name: set(getattr(bpy.data, name).keys()) for name in ("objects", "images", "cameras")}
    rested = live_avatar.understudy.live_rest
    writer.show(picture(), 3, FOCAL)
    show(live, moment(performance, 3))
    assert ours() != ([], [], [])
    assert rested
    session.hide_picture()
    tick_until(lambda: told(live, "picture-stop"))
    assert {name: set(getattr(bpy.data, name).keys()) for name in before} == before
    assert live.over is None
    show(live, moment(performance, 4))
    assert live.sees_face, "live goes on"


def test_stop_takes_it_away_at_once(over, performance) -> None:
    live, writer = over
    writer.show(picture(), 3, FOCAL)
    show(live, moment(performance, 3))
    session.stop()
    assert ours() == ([], [], [])


def test_a_saved_file_knows_nothing_of_it_and_live_goes_on(over, performance, tmp_path: Path) -> None:
    live, writer = over
    writer.show(picture(), 3, FOCAL)
    show(live, moment(performance, 3))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"), copy=True)
    with bpy.data.libraries.load(str(tmp_path / "saved.blend")) as (there, _):
        assert not [
            name for name in (*there.objects, *there.images, *there.cameras) if name.startswith("Understudy Live")
        ]
    show(live, moment(performance, 4))
    assert len(ours()[0]) == 1, "the same picture is still there"


def test_what_an_undo_or_a_recovered_file_brings_back_goes_away(over, scene, performance) -> None:
    live, writer = over
    writer.show(picture(), 3, FOCAL)
    show(live, moment(performance, 3))
    finish()
    watching.picture_image((8, 8))
    watching.watching_camera(scene)
    operators._on_undo()
    assert ours() == ([], [], [])
    watching.picture_image((8, 8))
    watching.watching_camera(scene)
    operators._after_load()
    assert ours() == ([], [], [])


def test_live_survives_losing_camera_and_picture(over, performance) -> None:
    live, writer = over
    writer.show(picture(), 3, FOCAL)
    show(live, moment(performance, 3))
    watching.take_away()
    writer.show(picture(), 4, FOCAL)
    show(live, moment(performance, 4))
    assert [len(found) for found in ours()] == [1, 1, 1]


def test_a_phone_has_no_picture(live_avatar, scene) -> None:
    scene.understudy.live.source = "livelink"
    begin()
    assert not bpy.ops.understudy.over_live.poll()
    finish()
    assert not bpy.ops.understudy.over_live.poll()


def test_the_avatar_is_put_back_as_without(over, performance) -> None:
    session.hide_picture()
    finish()
    before = state()
    again = begin()
    session.show_picture(bpy.context)
    board = again.over.board.name
    show(again, moment(performance, 3))
    finish()
    assert state() == before
    assert not Path(board).exists()


def test_a_tick_with_a_picture_is_measured(over, scene, performance, capsys: pytest.CaptureFixture[str]) -> None:
    """Wall and processor time of a tick that shows a moment and its picture: for people to read, no test of it."""
    session.hide_picture()
    finish()
    bpy.ops.understudy.add_avatar()
    live, took, shown = begin(), [], picture(100, (640, 480))
    session.show_picture(bpy.context)
    writer, sender = BoardWriter(live.over.board.name), LiveSender(live.receiver.port)
    for count in range(200):
        shown[-1, -1] = count
        writer.show(shown, count, FOCAL)
        sender.send(replace(moment(performance, count % 12), frame=count))
        time.sleep(0.001)
        wall_s, own_s = time.perf_counter(), time.thread_time()
        session.tick()
        took.append((time.perf_counter() - wall_s, time.thread_time() - own_s))
    sender.close()
    writer.close()
    assert ours()[1][0].pixels[-4] * 255 == pytest.approx(199, abs=0.6)
    wall, own = np.array(took).T * 1e3
    with capsys.disabled():
        print(
            f"\nlive tick, our avatar over 640x480: median {np.median(wall):.2f} ms, largest {wall.max():.2f} ms"
            f" (of the processor {np.median(own):.2f} and {own.max():.2f})"
        )
