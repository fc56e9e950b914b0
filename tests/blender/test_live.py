"""Live moves the avatar without keys, as a bake of the same moment would, and leaves nothing behind, whatever happens
meanwhile. The worker is a stand-in that says what each test tells it; the modal side runs in a real window only.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
import understudy
from live_stage import begin, finish, keys, moment, show, state, tick_until, turned, values
from understudy.inference import arkit
from understudy.inference.live.link import LiveSender
from understudy.operators.live import live as operators
from understudy.operators.live import session
from understudy.operators.live.puppet import make_puppet

pytestmark = pytest.mark.usefixtures("addon_with_own_folder")


@pytest.mark.parametrize("frame", [0, 5, 11])
def test_a_moment_looks_as_its_bake_does(live_avatar, scene, performance, tmp_path: Path, frame: int) -> None:
    live_avatar.understudy.adjustments.strength = 0.8
    live_avatar.understudy.adjustments.gaze.gain = 0.5
    live_avatar.understudy.links[3].gain = 1.4
    live = begin()
    show(live, moment(performance, frame))
    shown, head, eye = values(), turned("head"), turned("eye.L")
    assert bpy.data.actions.values() == []
    finish()
    scene.understudy.take = str(tmp_path / "made.take.npz")
    scene.understudy.keying.use_reduction = False
    bpy.ops.understudy.bake()
    scene.frame_set(frame + 1)
    assert values() == pytest.approx(shown, abs=1e-5)
    assert head == pytest.approx(turned("head"), abs=1e-4)
    assert eye == pytest.approx(turned("eye.L"), abs=1e-4)
    assert max(shown) > 0.5


def test_everything_is_put_back(live_avatar, performance) -> None:
    before = state()
    live = begin()
    for frame in (2, 7):
        show(live, moment(performance, frame))
    assert state() != before
    assert keys("Teeth")["jawOpen"].value == keys("Face")["jawOpen"].value > 0
    session.stop()
    assert state() == before, "at once, whatever the worker still does"
    tick_until(lambda: session.current() is None)
    assert (state(), live_avatar.understudy.live_rest, session.problem()) == (before, "", "")


def test_sliders_open_as_far_as_a_moment_goes(live_avatar, performance) -> None:
    before = state()
    live_avatar.understudy.links[[link.key for link in live_avatar.understudy.links].index("jawOpen")].gain = 2.0
    live = begin()
    show(live, moment(performance, 0, coefficients=np.full(52, 0.9, np.float32)))
    assert keys("Face")["jawOpen"].value == pytest.approx(1.8)
    finish()
    assert state() == before


def test_the_newest_moment_counts_and_without_a_face_the_avatar_waits(live_avatar, performance) -> None:
    live = begin()
    sender = LiveSender(live.receiver.port)
    for frame in range(8):
        sender.send(moment(performance, frame))
    show(live, moment(performance, 8))
    seen = state()
    assert keys("Face")["browDownLeft"].value == pytest.approx(
        performance.coefficients[8, arkit.INDEX["browDownLeft"]], abs=1e-5
    )
    show(live, moment(performance, 9, confidence=0.0))
    assert state() == seen
    assert not live.sees_face
    sender.close()


def test_changes_of_the_avatar_show_at_the_next_moment(live_avatar, scene, performance) -> None:
    live, jaw = begin(), float(performance.coefficients[4, arkit.INDEX["jawOpen"]])
    show(live, moment(performance, 4))
    assert keys("Face")["jawOpen"].value == pytest.approx(jaw)
    live_avatar.understudy.adjustments.jaw.gain = 0.5
    show(live, moment(performance, 4, time_s=50.0))
    assert keys("Face")["jawOpen"].value == pytest.approx(jaw / 2)
    live_avatar.understudy.links[[link.key for link in live_avatar.understudy.links].index("jawOpen")].gain = 0.5
    show(live, moment(performance, 4, time_s=51.0))
    assert keys("Face")["jawOpen"].value == pytest.approx(jaw / 4)
    scene.understudy.use_head = False
    show(live, moment(performance, 4, time_s=52.0))
    assert tuple(live_avatar.pose.bones["head"].rotation_euler) == pytest.approx((0.1, 0.2, 0.3)), (
        "the head rests again"
    )


def test_an_object_that_turns_as_a_whole_comes_back(live_avatar, scene, performance) -> None:
    mesh = bpy.data.meshes.new("Mask")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 0, 1)], [], [(0, 1, 2)])
    mask = bpy.data.objects.new("Mask", mesh)
    scene.collection.objects.link(mask)
    for name in ("Basis", "jawOpen", "eyeBlinkLeft"):
        mask.shape_key_add(name=name, from_mix=False)
    mask.rotation_euler = (0.2, 0.0, 0.4)
    scene.understudy.avatar = mask
    bpy.context.view_layer.update()
    before = (mask.rotation_mode, tuple(mask.rotation_euler), mask.matrix_basis.copy())
    live = begin()
    for frame in (3, 3, 9):
        show(live, moment(performance, frame, time_s=frame + time.monotonic()))
    first = mask.matrix_basis.copy()
    show(live, moment(performance, 9, time_s=-1.0))
    assert np.array(mask.matrix_basis) == pytest.approx(np.array(first), abs=1e-6), "turns do not add up"
    assert mask.matrix_basis != before[2]
    finish()
    assert (mask.rotation_mode, tuple(mask.rotation_euler), mask.matrix_basis) == before


def test_its_own_keys_come_back(live_avatar, scene, performance, tmp_path: Path) -> None:
    scene.understudy.take = str(tmp_path / "made.take.npz")
    bpy.ops.understudy.bake()
    scene.frame_set(7)
    baked = values()
    live = begin()
    show(live, moment(performance, 2))
    shown = values()
    scene.frame_set(9)
    assert values() == pytest.approx(shown), "keys are hidden while live is on"
    scene.frame_set(7)
    finish()
    assert values() == pytest.approx(baked)


def test_a_preview_waits_until_live_is_over(live_avatar, scene, performance, tmp_path: Path) -> None:
    scene.understudy.take = str(tmp_path / "made.take.npz")
    bpy.ops.understudy.preview()
    scene.frame_set(5)
    previewed = state()
    live = begin()
    assert not live_avatar.understudy.preview
    show(live, moment(performance, 9))
    for call in (bpy.ops.understudy.preview, bpy.ops.understudy.bake, bpy.ops.understudy.setup_shot):
        with pytest.raises(RuntimeError, match="press Stop in the panel Live first"):
            call()
    finish()
    assert live_avatar.understudy.preview
    assert state() == previewed


def test_a_saved_file_holds_nothing_of_it_and_live_goes_on(live_avatar, performance, tmp_path: Path) -> None:
    before = state()
    live = begin()
    show(live, moment(performance, 7))
    during = state()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert state() == during
    show(live, moment(performance, 8))
    assert state() != during
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert session.current() is None, "another file ends it"
    assert live.job.is_over
    assert state() == before
    assert bpy.data.objects["Mini"].understudy.live_rest == ""


def test_a_file_that_was_recovered_is_put_right_when_it_is_opened(live_avatar, performance, tmp_path: Path) -> None:
    before = state()
    show(begin(), moment(performance, 7))
    bpy.app.handlers.save_pre.remove(operators._before_save)  # as Blender's own automatic saves: they call nothing
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "auto.blend"))
    finally:
        bpy.app.handlers.save_pre.append(operators._before_save)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "auto.blend"))
    assert state() == before


def test_undo_and_redo_know_about_it(live_avatar, performance) -> None:
    before = state()
    bpy.ops.ed.undo_push(message="before")
    live = begin()
    show(live, moment(performance, 7))
    bpy.ops.ed.undo_push(message="something else, while live")
    show(live, moment(performance, 9))
    bpy.ops.ed.undo_push(message="something more")
    bpy.ops.ed.undo()
    shown = state()
    show(live, moment(performance, 9, time_s=90.0))
    assert state() == shown, "an undo shows the newest moment again"
    show(live, moment(performance, 3))
    assert state() != shown, "and the avatar still follows"
    finish()
    assert state() == before
    bpy.ops.ed.undo()
    assert state() == before, "a step of the time in which it was live"
    bpy.ops.ed.redo()
    assert state() == before
    assert bpy.data.objects["Mini"].understudy.live_rest == ""


def test_live_pushes_no_undo_steps(live_avatar, performance, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys("Face")["jawLeft"].value
    bpy.ops.ed.undo_push(message="before")
    keys("Face")["jawLeft"].value = 0.125
    bpy.ops.ed.undo_push(message="the last thing the user did")
    live = begin()
    for frame in range(6):
        show(live, moment(performance, frame))
    finish()
    bpy.ops.ed.undo()
    assert keys("Face")["jawLeft"].value == before, "one step back is what the user did"


def test_a_copy_made_meanwhile_gets_its_own_values_back(live_avatar, performance) -> None:
    before = values()
    live = begin()
    show(live, moment(performance, 7))
    for ob in bpy.data.objects:
        ob.select_set(True)
    bpy.ops.object.duplicate()
    copies = [ob for ob in bpy.data.objects if ob.name.endswith(".001")]
    assert any(ob.understudy.live_rest for ob in copies)
    finish()
    face = next(ob for ob in copies if ob.name == "Face.001").data.shape_keys.key_blocks
    assert [block.value for block in face] == before
    assert not any(ob.understudy.live_rest for ob in bpy.data.objects)


def test_a_removed_avatar_ends_it(live_avatar, performance) -> None:
    live = begin()
    show(live, moment(performance, 1))
    for name in ("Face", "Teeth", "Mini"):
        bpy.data.objects.remove(bpy.data.objects[name])
    show(live, moment(performance, 2))
    tick_until(lambda: session.current() is None)
    assert "Mini is gone" in session.problem()


def test_a_removed_mesh_and_a_new_name_do_not(live_avatar, performance) -> None:
    live = begin()
    show(live, moment(performance, 1))
    bpy.data.objects.remove(bpy.data.objects["Teeth"])
    live_avatar.name = "Renamed"
    show(live, moment(performance, 2))
    assert session.current() is live
    assert not live.is_stopping
    assert keys("Face")["jawOpen"].value == pytest.approx(performance.coefficients[2, arkit.INDEX["jawOpen"]], abs=1e-5)
    finish()
    assert keys("Face")["browInnerUp"].value == pytest.approx(0.25)
    assert tuple(live_avatar.pose.bones["head"].rotation_euler) == pytest.approx((0.1, 0.2, 0.3))


def test_disabling_the_add_on_ends_it(live_avatar, performance) -> None:
    before = state()
    live = begin()
    show(live, moment(performance, 7))
    understudy.unregister()
    assert live.job.is_over
    understudy.register()
    assert state() == before
    assert session.current() is None


def test_a_tick_is_measured(live_avatar, scene, performance, capsys: pytest.CaptureFixture[str]) -> None:
    """Wall and processor time of a tick that shows a moment: for people to read, no test of it."""
    bpy.ops.understudy.add_avatar()
    live, took = begin(), []
    sender = LiveSender(live.receiver.port)
    for count in range(300):
        sender.send(replace(moment(performance, count % 12), frame=count))
        time.sleep(0.001)
        wall_s, own_s = time.perf_counter(), time.thread_time()
        session.tick()
        took.append((time.perf_counter() - wall_s, time.thread_time() - own_s))
    sender.close()
    assert live.sample.frame == 299
    wall, own = np.array(took).T * 1e3
    with capsys.disabled():
        print(
            f"\nlive tick, our avatar: median {np.median(wall):.2f} ms, largest {wall.max():.2f} ms"
            f" (of the processor {np.median(own):.2f} and {own.max():.2f})"
        )


def test_a_puppet_needs_no_take(live_avatar, scene) -> None:
    assert not scene.understudy.take
    puppet, rest = make_puppet(scene, live_avatar)
    assert rest.root == "Mini"
    assert not puppet.is_stale
