"""The preview shows what a bake would key, at every frame, and leaves nothing behind, whatever happens meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest
import understudy
from understudy.inference import arkit
from understudy.inference import take as takes
from understudy.inference.take import Take
from understudy.operators.perform import preview

MakeTake = Callable[..., Take]


@pytest.fixture
def shot(addon, scene, avatar, make_take: MakeTake, tmp_path: Path) -> bpy.types.Object:
    """An avatar with a take of 12 frames, not played yet; its keys and bones have values of their own."""
    path = tmp_path / "d18.take.npz"
    takes.save(make_take(), path)
    scene.render.fps, scene.render.fps_base = 25, 1
    bpy.context.view_layer.update()
    scene.understudy.avatar, scene.understudy.take = avatar, str(path)
    scene.understudy.keying.use_reduction = False
    keys("Face")["browInnerUp"].value = 0.25
    keys("Face")["jawOpen"].slider_max = 0.5
    avatar.pose.bones["head"].rotation_mode = "XYZ"
    avatar.pose.bones["head"].rotation_euler = (0.1, 0.2, 0.3)
    return avatar


def keys(mesh: str) -> bpy.types.bpy_prop_collection:
    return bpy.data.objects[mesh].data.shape_keys.key_blocks


def state() -> dict[str, object]:
    """Everything that a preview moves."""
    shapes = {
        f"{mesh}.{b.name}": (b.value, b.slider_min, b.slider_max) for mesh in ("Face", "Teeth") for b in keys(mesh)
    }
    bones = {
        bone.name: (
            bone.rotation_mode,
            tuple(bone.rotation_euler),
            tuple(bone.rotation_quaternion),
            tuple(bone.location),
        )
        for bone in bpy.data.objects["Mini"].pose.bones
    }
    return shapes | bones


def preview_bones(ob: bpy.types.Object) -> list[tuple[object, ...]]:
    return [(bone.rotation_mode, *bone.rotation_euler, *bone.rotation_quaternion) for bone in ob.pose.bones]


def turned(name: str) -> np.ndarray:
    bpy.context.view_layer.update()
    return np.array(bpy.data.objects["Mini"].pose.bones[name].matrix)


def shown() -> tuple[list[float], np.ndarray, np.ndarray]:
    return [block.value for block in keys("Face")], turned("head"), turned("eye.L")


@pytest.mark.parametrize("frame", [1, 4, 4.5, 12, 30, -3])
def test_what_is_shown_is_what_a_bake_keys(shot, scene, frame: float) -> None:
    whole, rest = int(np.floor(frame)), frame - np.floor(frame)
    assert bpy.ops.understudy.preview() == {"FINISHED"}
    scene.frame_set(whole, subframe=rest)
    values, head, eye = shown()
    assert bpy.data.actions.values() == []
    assert bpy.ops.understudy.preview(action="OFF") == {"FINISHED"}
    bpy.ops.understudy.bake()
    scene.frame_set(whole, subframe=rest)
    baked_values, baked_head, baked_eye = shown()
    assert values == pytest.approx(baked_values, abs=1e-5)
    assert head == pytest.approx(baked_head, abs=1e-4)
    assert eye == pytest.approx(baked_eye, abs=1e-4)
    assert max(values) > 0.5


def test_gaps_hold_what_was_seen_last(shot, scene, make_take: MakeTake) -> None:
    confidence = np.array([1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1], np.float32)
    take = make_take(confidence=confidence)
    takes.save(take, Path(scene.understudy.take))
    bpy.ops.understudy.preview()
    for frame in (3, 5, 6.5):
        scene.frame_set(int(frame), subframe=frame % 1)
        assert keys("Face")["browDownLeft"].value == pytest.approx(take.coefficients[2, arkit.INDEX["browDownLeft"]])


def test_everything_is_put_back(shot, scene) -> None:
    before = state()
    bpy.ops.understudy.preview()
    scene.frame_set(7)
    assert state() != before
    assert keys("Teeth")["jawOpen"].value == keys("Face")["jawOpen"].value > 0
    bpy.ops.understudy.preview()
    assert state() == before
    assert not shot.understudy.preview_rest
    scene.frame_set(3)
    assert state() == before


def test_a_saved_file_holds_nothing_of_it_and_the_preview_goes_on(shot, scene, tmp_path: Path) -> None:
    before = state()
    bpy.ops.understudy.preview()
    scene.frame_set(7)
    during = state()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert state() == during
    scene.frame_set(8)
    assert state() != during, "it still follows the timeline"
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert state() == before
    assert not bpy.data.objects["Mini"].understudy.preview
    assert bpy.data.objects["Mini"].understudy.preview_rest == ""
    bpy.context.scene.frame_set(9)
    assert state() == before


def test_a_file_that_was_recovered_is_put_right_when_it_is_opened(shot, scene, tmp_path: Path) -> None:
    before = state()
    bpy.ops.understudy.preview()
    scene.frame_set(7)
    bpy.app.handlers.save_pre.remove(preview._before_save)  # as Blender's own automatic saves: they call nothing
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "auto.blend"))
    finally:
        bpy.app.handlers.save_pre.append(preview._before_save)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "auto.blend"))
    assert state() == before


def test_undo_and_redo_know_about_it(shot, scene) -> None:
    before = state()
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.understudy.preview("EXEC_DEFAULT", True)
    scene.frame_set(7)
    bpy.ops.ed.undo_push(message="at frame 7")
    during = state()
    scene.frame_set(9)
    bpy.ops.ed.undo_push(message="at frame 9")
    bpy.ops.ed.undo()
    assert state() == during
    bpy.context.scene.frame_set(9)
    assert state() != during, "after an undo it still follows the timeline"
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    assert state() == before
    assert not bpy.data.objects["Mini"].understudy.preview
    bpy.context.scene.frame_set(5)
    assert state() == before
    bpy.ops.ed.redo()
    assert bpy.data.objects["Mini"].understudy.preview
    assert bpy.ops.understudy.preview() == {"FINISHED"}
    assert state() == before


def test_keys_of_a_bake_are_hidden_and_come_back(shot, scene) -> None:
    bpy.ops.understudy.bake()
    scene.frame_set(7)
    baked = state()
    shot.understudy.adjustments.strength = 0.5
    bpy.ops.understudy.preview()
    assert preview.covers_keys(shot)
    assert keys("Face")["jawOpen"].value == pytest.approx(baked["Face.jawOpen"][0] / 2)
    scene.frame_set(8)
    half = keys("Face")["jawOpen"].value
    bpy.ops.understudy.preview()
    assert keys("Face")["jawOpen"].value == pytest.approx(2 * half)
    scene.frame_set(7)
    now = state()
    assert [now[name] for name in now] == [
        pytest.approx(baked[name]) if name in keys("Face") else baked[name] for name in now
    ]


def test_a_bake_ends_it_and_the_shots_camera_does_not(shot, scene) -> None:
    bpy.ops.understudy.preview()
    assert bpy.ops.understudy.setup_shot(add_lights=False) == {"FINISHED"}
    assert shot.understudy.preview
    scene.frame_set(7)
    shown_value = keys("Face")["mouthLeft"].value
    scene.frame_set(8)
    assert keys("Face")["mouthLeft"].value != shown_value
    assert bpy.ops.understudy.bake() == {"FINISHED"}
    assert not shot.understudy.preview


def test_changes_show_at_once(shot, scene) -> None:
    before = keys("Face")["browDownLeft"].value
    bpy.ops.understudy.preview()
    scene.frame_set(7)
    link = next(item for item in shot.understudy.links if item.key == "browDownLeft")
    value = keys("Face")["browDownLeft"].value
    link.gain = 0.5
    assert keys("Face")["browDownLeft"].value == pytest.approx(value / 2)
    link.offset = 0.2
    assert keys("Face")["browDownLeft"].value == pytest.approx(value / 2 + 0.2)
    link.upper = 0.1
    assert keys("Face")["browDownLeft"].value == pytest.approx(0.1)
    link.gain, link.upper = 3.0, 10.0
    assert keys("Face")["browDownLeft"].value == pytest.approx(3 * value + 0.2)
    assert keys("Face")["browDownLeft"].slider_max > 1
    link.enabled = False
    assert keys("Face")["browDownLeft"].value == before
    shot.understudy.adjustments.brows.gain = 0
    assert keys("Face")["browOuterUpLeft"].value == 0
    head = turned("head")
    scene.understudy.use_head = False
    assert turned("head") != pytest.approx(head)
    assert shot.pose.bones["head"].rotation_mode == "XYZ"
    assert tuple(shot.pose.bones["head"].rotation_euler) == pytest.approx((0.1, 0.2, 0.3))


def test_after_a_change_the_whole_timeline_follows(shot, scene, make_take: MakeTake, monkeypatch) -> None:
    take = make_take(frames=120)
    takes.save(take, Path(scene.understudy.take))
    monkeypatch.setattr(preview, "_LOOK_AGAIN_S", 0.0)
    bpy.ops.understudy.preview()
    scene.frame_set(60)
    shot.understudy.links[arkit.INDEX["mouthLeft"]].gain = 0.5
    assert preview._shows[shot.name].near is not None, "only what is near was worked out"
    for frame in (60, 62, 80, 81, 10, 120, 1, 60):
        scene.frame_set(frame)
        expected = take.coefficients[frame - 1, arkit.INDEX["mouthLeft"]] / 2
        assert keys("Face")["mouthLeft"].value == pytest.approx(expected, abs=1e-6)
    assert preview._shows[shot.name].near is None


def test_a_new_take_shows_and_a_lost_one_ends_the_preview(shot, scene, make_take: MakeTake, monkeypatch) -> None:
    before = state()
    bpy.ops.understudy.preview()
    scene.frame_set(7)
    path = Path(scene.understudy.take)
    takes.save(make_take(coefficients=np.full((12, 52), 0.5, np.float32)), path)
    os.utime(path, ns=(1, 1))
    monkeypatch.setattr(preview, "_LOOK_AGAIN_S", 0.0)
    scene.frame_set(8)
    assert keys("Face")["mouthLeft"].value == 0.5
    path.unlink()
    scene.frame_set(9)
    assert state() == before
    assert not shot.understudy.preview
    assert "There is no take at" in preview.problem_of(shot)
    with pytest.raises(RuntimeError, match="There is no take at"):
        bpy.ops.understudy.preview()
    assert state() == before


def test_nothing_is_read_while_scrubbing(shot, scene, monkeypatch: pytest.MonkeyPatch) -> None:
    bpy.ops.understudy.preview()

    def refuse(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(takes, "load", refuse)
    monkeypatch.setattr(preview, "_play", refuse)
    for frame in range(1, 12):
        scene.frame_set(frame)
    assert shot.understudy.preview


def test_a_renamed_avatar_and_new_keys_are_followed(shot, scene) -> None:
    before, bones = state()["Face.mouthLeft"], preview_bones(shot)
    bpy.ops.understudy.preview()
    shot.name = "Other"
    scene.frame_set(7)
    at_seven = keys("Face")["mouthLeft"].value
    scene.frame_set(8)
    assert keys("Face")["mouthLeft"].value != at_seven
    bpy.data.objects["Face"].shape_key_add(name="new", from_mix=False)
    scene.frame_set(7)
    assert keys("Face")["mouthLeft"].value == at_seven
    bpy.ops.understudy.preview()
    block = keys("Face")["mouthLeft"]
    assert (block.value, block.slider_min, block.slider_max) == before
    assert preview_bones(shot) == bones


def test_a_copy_of_a_previewed_avatar_is_put_back_too(shot, scene) -> None:
    before, bones = keys("Face")["browInnerUp"].value, preview_bones(shot)
    bpy.ops.understudy.preview()
    scene.frame_set(7)
    for ob in (shot, *shot.children_recursive):
        ob.select_set(True)
    bpy.context.view_layer.objects.active = shot
    bpy.ops.object.duplicate()
    copy = bpy.context.object
    at_seven = preview_bones(shot)
    scene.understudy.avatar = copy
    bpy.ops.understudy.preview(action="OFF")
    assert preview_bones(copy) == bones
    assert next(ob for ob in copy.children if ob.name.startswith("Face")).data.shape_keys.key_blocks[
        "browInnerUp"
    ].value == pytest.approx(before)
    assert preview_bones(shot) == at_seven, "the other one still shows the take"


def test_a_deleted_mesh_does_no_harm(shot, scene) -> None:
    bpy.ops.understudy.preview()
    bpy.data.meshes.remove(bpy.data.objects["Teeth"].data)
    scene.frame_set(7)
    assert keys("Face")["jawOpen"].value > 0
    bpy.data.meshes.remove(bpy.data.objects["Face"].data)
    scene.frame_set(8)
    assert not shot.understudy.preview
    assert tuple(shot.pose.bones["head"].rotation_euler) == pytest.approx((0.1, 0.2, 0.3))


def test_switching_the_addon_off_puts_everything_back(shot, scene) -> None:
    before = state()
    bpy.ops.understudy.preview()
    scene.frame_set(7)
    understudy.unregister()
    try:
        assert state() == before
        handlers = [h for name, h in preview._HANDLERS if h in getattr(bpy.app.handlers, name)]
        assert handlers == []
    finally:
        understudy.register()


def test_a_grey_preview_says_why(addon, scene, avatar) -> None:
    bpy.context.view_layer.objects.active = None
    with pytest.raises(RuntimeError, match="There is no avatar; choose one in step 3"):
        bpy.ops.understudy.preview()
    scene.understudy.avatar = avatar
    with pytest.raises(RuntimeError, match="There is no take; press Track in step 2"):
        bpy.ops.understudy.preview()


def test_an_object_without_an_armature_turns_itself_and_back(addon, scene, make_take: MakeTake, tmp_path: Path) -> None:
    mesh = bpy.data.meshes.new("Alone")
    mesh.from_pydata([(x, y, z) for x in (-1, 1) for y in (0, 0.5) for z in (-1, 1)], [], [[0, 1, 3, 2]])
    ob = bpy.data.objects.new("Alone", mesh)
    scene.collection.objects.link(ob)
    ob.shape_key_add(name="Basis", from_mix=False)
    for name in ("jawOpen", "eyeBlinkLeft", "mouthSmileLeft"):
        ob.shape_key_add(name=name, from_mix=False).data[0].co.z += 0.1
    ob.rotation_euler = (0, 0, 0.4)
    bpy.context.view_layer.update()
    path = tmp_path / "take.npz"
    takes.save(make_take(), path)
    scene.understudy.avatar, scene.understudy.take = ob, str(path)
    bpy.ops.understudy.preview()
    scene.frame_set(5)
    bpy.context.view_layer.update()
    first = np.array(ob.matrix_world)
    ob.understudy.adjustments.strength = 0.9
    bpy.context.view_layer.update()
    assert np.array(ob.matrix_world) == pytest.approx(first, abs=1e-5), (
        "what it stands on is not taken from the preview"
    )
    bpy.ops.understudy.preview()
    assert ob.rotation_mode == "XYZ"
    assert tuple(ob.rotation_euler) == pytest.approx((0, 0, 0.4))


def test_bones_and_custom_properties_perform_and_are_put_back(shot, scene) -> None:
    bpy.context.view_layer.objects.active = shot
    bpy.ops.object.mode_set(mode="EDIT")
    jaw = shot.data.edit_bones.new("jaw")
    jaw.head, jaw.tail, jaw.parent = (0, 0, 1.58), (0, -0.06, 1.55), shot.data.edit_bones["head"]
    bpy.ops.object.mode_set(mode="OBJECT")
    shot.pose.bones["jaw"].rotation_quaternion = (0.9, 0.1, 0.2, 0.3)
    shot["smile"] = 0.125
    bpy.ops.understudy.add_link(coefficient="jawOpen", key='pose.bones["jaw"].rotation_euler[0]')
    bpy.ops.understudy.add_link(coefficient="mouthSmileLeft", key='["smile"]')
    take = takes.load(Path(scene.understudy.take))
    before = state()
    bpy.ops.understudy.preview()
    scene.frame_set(7)
    assert shot.pose.bones["jaw"].rotation_mode == "XYZ"
    assert shot.pose.bones["jaw"].rotation_euler[0] == pytest.approx(take.coefficients[6, arkit.INDEX["jawOpen"]])
    assert shot["smile"] == pytest.approx(take.coefficients[6, arkit.INDEX["mouthSmileLeft"]])
    bpy.ops.understudy.preview()
    assert state() == before
    assert shot["smile"] == 0.125
