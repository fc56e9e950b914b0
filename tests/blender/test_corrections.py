"""Keys changed by hand: recognised, met exactly by the next bake with what is around them adapted, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
import pytest
from understudy.inference import arkit, face_model
from understudy.inference import take as takes
from understudy.inference.solve.geometry import Camera, Poses, project
from understudy.inference.take import Take
from understudy.operators.bridge import compat
from understudy.operators.bridge.keys import fcurves
from understudy.operators.bridge.keys.hand_edits import corrections_of

MakeTake = Callable[..., Take]
FRAMES = 90
JAW, SMILE, TEETH = 'key_blocks["jawOpen"].value', 'key_blocks["mouthSmileLeft"].value', "Teeth"


@pytest.fixture
def shot(addon, scene, avatar, make_take: MakeTake, tmp_path: Path) -> Take:
    """Three seconds of somebody who smiles and speaks, the scene's take, ready to be baked."""
    model = face_model.load()
    time_s = np.arange(FRAMES) / 30
    coefficients = np.zeros((FRAMES, 52))
    coefficients[:, arkit.INDEX["mouthSmileLeft"]] = 0.3 + 0.2 * np.sin(2 * time_s)
    coefficients[:, arkit.INDEX["mouthSmileRight"]] = 0.3 + 0.2 * np.sin(2 * time_s)
    coefficients[:, arkit.INDEX["jawOpen"]] = 0.25 * np.abs(np.sin(5 * time_s))
    points = model.landmark_mean_cm + np.tensordot(coefficients, model.landmark_expressions_cm, 1)
    rotation, places = np.tile(np.eye(3), (FRAMES, 1, 1)), np.tile([0.0, 0.0, -60.0], (FRAMES, 1))
    camera = Camera(900.0, (320.0, 180.0))
    take = make_take(
        FRAMES,
        Fraction(30),
        coefficients=coefficients.astype(np.float32),
        rotation=rotation.astype(np.float32),
        translation_cm=places.astype(np.float32),
        camera_matrix=camera.matrix(),
        landmarks_px=project(points, Poses(rotation, places), camera).astype(np.float32),
        neutral_cm=model.mean_cm,
        identity=np.zeros(len(model.identity_modes_cm), np.float32),
        sigma=np.full((FRAMES, 52), 0.2, np.float32),
    )
    path = tmp_path / "shot.take.npz"
    takes.save(take, path)
    scene.understudy.take = str(path)
    scene.understudy.avatar = avatar
    scene.understudy.keying.use_reduction = False
    scene.render.fps = 30
    return take


def keys_of(name: str = "Face") -> bpy.types.Key:
    return bpy.data.objects[name].data.shape_keys


def curve_of(path: str, name: str = "Face") -> bpy.types.FCurve:
    block = keys_of(name)
    found = compat.action_curves(block, fcurves.own_action(block)).fcurves
    return next(curve for curve in found if curve.data_path == path)


def change(path: str, frame: int, value: float, name: str = "Face") -> None:
    """As a person drags a key."""
    curve = curve_of(path, name)
    point = next(point for point in curve.keyframe_points if round(point.co.x) == frame)
    point.co_ui[1] = value
    curve.update()


def found() -> list[tuple[str, float, float]]:
    return [(one.data_path, one.time_s, one.value) for one in corrections_of(keys_of(), "shot")]


@pytest.mark.parametrize("reduced", [False, True])
def test_untouched_curves_have_no_corrections(shot, reduced: bool) -> None:
    bpy.context.scene.understudy.keying.use_reduction = reduced
    bpy.ops.understudy.bake()
    assert found() == []
    curve_of(JAW).keyframe_points.insert(12.5, curve_of(JAW).evaluate(12.5))  # a key on the curve says nothing new
    assert found() == []


@pytest.mark.parametrize("reduced", [False, True])
def test_a_changed_key_survives_and_what_is_around_adapts(shot, reduced: bool) -> None:
    bpy.context.scene.understudy.keying.use_reduction = reduced
    bpy.ops.understudy.bake()
    frame = round(curve_of(SMILE).keyframe_points[len(curve_of(SMILE).keyframe_points) // 2].co.x)
    before = {n: curve_of(SMILE).evaluate(n) for n in range(1, FRAMES + 1)}
    right = 'key_blocks["mouthSmileRight"].value'
    twin = [curve_of(right).evaluate(n) for n in range(1, FRAMES + 1)]
    change(SMILE, frame, 0.85)
    assert found() == [(SMILE, pytest.approx((frame - 1) / 30), pytest.approx(0.85))]
    bpy.ops.understudy.bake()
    after = curve_of(SMILE)
    assert after.evaluate(frame) == pytest.approx(0.85, abs=1e-6)
    assert after.evaluate(frame - 2) > before[frame - 2] + 0.05  # its neighbours follow
    assert after.evaluate(frame + 3) > before[frame + 3] + 0.02
    assert after.evaluate(1) == pytest.approx(before[1], abs=0.02)
    assert np.abs([curve_of(right).evaluate(n) - twin[n - 1] for n in range(1, FRAMES + 1)]).max() > 1e-3
    assert found() == [(SMILE, pytest.approx((frame - 1) / 30, abs=1e-4), pytest.approx(0.85))]
    assert [point.type for point in after.keyframe_points if round(point.co.x) == frame] == ["EXTREME"]
    values = [after.evaluate(n) for n in range(1, FRAMES + 1)]
    bpy.ops.understudy.bake()  # nothing new: the same again
    assert [curve_of(SMILE).evaluate(n) for n in range(1, FRAMES + 1)] == pytest.approx(values, abs=1e-6)


def test_other_meshes_follow_the_corrected_performance(shot) -> None:
    bpy.ops.understudy.bake()
    change(JAW, 40, 0.9)
    bpy.ops.understudy.bake()
    assert curve_of(JAW, TEETH).evaluate(40) == pytest.approx(0.9, abs=1e-4)


def test_a_corrected_key_may_be_changed_again_and_deleted(shot) -> None:
    bpy.ops.understudy.bake()
    original = curve_of(SMILE).evaluate(30)
    change(SMILE, 30, 0.9)
    bpy.ops.understudy.bake()
    change(SMILE, 30, 0.7)
    assert found() == [(SMILE, pytest.approx(29 / 30, abs=1e-4), pytest.approx(0.7))]
    bpy.ops.understudy.bake()
    assert curve_of(SMILE).evaluate(30) == pytest.approx(0.7, abs=1e-6)
    points = curve_of(SMILE).keyframe_points
    points.remove(next(point for point in points if round(point.co.x) == 30))
    assert found() == []
    bpy.ops.understudy.bake()
    assert curve_of(SMILE).evaluate(30) == pytest.approx(original, abs=1e-5)


def test_deleted_keys_and_turned_handles_count_where_the_curve_left_the_bake(shot) -> None:
    bpy.context.scene.understudy.keying.use_reduction = True
    bpy.context.scene.understudy.keying.tolerance_mm = 0.02
    bpy.ops.understudy.bake()
    curve = curve_of(SMILE)
    assert {point.interpolation for point in curve.keyframe_points} == {"BEZIER"}
    first, second = curve.keyframe_points[:2]
    first.handle_right.y += 0.2
    curve.update()
    rows = found()
    assert rows
    assert all(first.co.x < 1 + time_s * 30 < second.co.x for _, time_s, _ in rows)
    wanted = {round(1 + time_s * 30): value for _, time_s, value in rows}
    bpy.ops.understudy.bake()
    for frame, value in wanted.items():
        assert curve_of(SMILE).evaluate(frame) == pytest.approx(value, abs=1e-5)


def test_what_no_coefficient_moves_is_kept_with_an_easing(shot) -> None:
    bpy.ops.understudy.bake()
    avatar = bpy.data.objects["Mini"]
    head = 'pose.bones["head"].rotation_quaternion'
    curve = next(
        c
        for c in compat.action_curves(avatar, fcurves.own_action(avatar)).fcurves
        if c.data_path == head and c.array_index == 1
    )
    before = [curve.evaluate(n) for n in range(1, FRAMES + 1)]
    curve.keyframe_points[49].co_ui[1] += 0.2
    curve.update()
    bpy.ops.understudy.bake()
    curve = next(
        c
        for c in compat.action_curves(avatar, fcurves.own_action(avatar)).fcurves
        if c.data_path == head and c.array_index == 1
    )
    off = np.array([curve.evaluate(n) for n in range(1, FRAMES + 1)]) - before
    assert off[49] == pytest.approx(0.2, abs=1e-6)
    assert 0.05 < off[46] < 0.2
    assert off[:40] == pytest.approx(0, abs=1e-6)


def test_corrections_in_a_strip_survive_too(shot) -> None:
    bpy.context.scene.understudy.keying.destination = "strip"
    bpy.ops.understudy.bake()
    change(JAW, 40, 0.9)
    bpy.ops.understudy.bake()
    assert curve_of(JAW).evaluate(40) == pytest.approx(0.9, abs=1e-6)


def test_corrections_keep_their_time_in_another_scene(shot) -> None:
    scene = bpy.context.scene
    bpy.ops.understudy.bake()
    change(JAW, 46, 0.9)  # 1.5 seconds
    scene.render.fps = 24
    bpy.ops.understudy.bake()
    assert curve_of(JAW).evaluate(1 + 1.5 * 24) == pytest.approx(0.9, abs=1e-4)


def test_without_the_choice_a_bake_writes_over_everything(shot) -> None:
    bpy.ops.understudy.bake()
    before = curve_of(JAW).evaluate(40)
    change(JAW, 40, 0.9)
    bpy.context.scene.understudy.keying.keep_corrections = False
    bpy.ops.understudy.bake()
    assert curve_of(JAW).evaluate(40) == pytest.approx(before, abs=1e-6)


def test_set_up_shot_is_no_correction(shot) -> None:
    bpy.context.scene.understudy.keying.use_reduction = True
    bpy.ops.understudy.bake()
    bpy.ops.understudy.setup_shot()
    avatar = bpy.data.objects["Mini"]
    assert corrections_of(avatar, "shot") == []
    bpy.ops.understudy.bake()
    assert corrections_of(avatar, "shot") == []


def test_the_list_and_taking_back(shot) -> None:
    keys = bpy.context.scene.understudy.keying
    bpy.ops.understudy.bake()
    before = curve_of(JAW).evaluate(40)
    bpy.ops.understudy.find_corrections()
    assert len(keys.corrections) == 0
    change(JAW, 40, 0.9)
    bpy.ops.understudy.find_corrections()
    assert [(row.name, row.frame, row.value) for row in keys.corrections] == [
        ("jawOpen", pytest.approx(40, abs=1e-3), pytest.approx(0.9))
    ]
    bpy.ops.understudy.clear_corrections()
    assert curve_of(JAW).evaluate(40) == pytest.approx(before, abs=1e-6)
    assert len(keys.corrections) == 0
    assert found() == []


def test_applying_runs_the_worker_and_bakes_what_it_solved(shot) -> None:
    with pytest.raises(RuntimeError, match="Nothing was changed by hand"):
        bpy.ops.understudy.resolve_corrections()
    bpy.ops.understudy.bake()
    change(SMILE, 40, 0.85)
    assert bpy.ops.understudy.resolve_corrections() == {"FINISHED"}
    assert curve_of(SMILE).evaluate(40) == pytest.approx(0.85, abs=1e-6)
    assert curve_of(SMILE).evaluate(38) > shot.coefficients[37, arkit.INDEX["mouthSmileLeft"]] + 0.05
    assert [row.name for row in bpy.context.scene.understudy.keying.corrections] == ["mouthSmileLeft"]


def test_a_file_remembers_its_corrections(shot, tmp_path: Path) -> None:
    bpy.ops.understudy.bake()
    change(JAW, 40, 0.9)
    bpy.ops.understudy.bake()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    assert found() == [(JAW, pytest.approx(39 / 30, abs=1e-4), pytest.approx(0.9))]
    bpy.ops.understudy.bake()
    assert curve_of(JAW).evaluate(40) == pytest.approx(0.9, abs=1e-6)


def test_undo_brings_the_keys_of_a_person_back(shot) -> None:
    bpy.ops.understudy.bake()
    change(JAW, 40, 0.9)
    bpy.context.scene.understudy.keying.keep_corrections = False
    bpy.ops.ed.undo_push(message="by hand")
    bpy.ops.understudy.bake()
    bpy.ops.ed.undo_push(message="bake")
    assert curve_of(JAW).evaluate(40) < 0.5
    bpy.ops.ed.undo()
    assert curve_of(JAW).evaluate(40) == pytest.approx(0.9, abs=1e-6)
    assert found() == [(JAW, pytest.approx(39 / 30, abs=1e-4), pytest.approx(0.9))]


def test_marks_come_with_the_keys(shot, scene, tmp_path: Path) -> None:
    take = takes.load(Path(scene.understudy.take))
    take.sigma[30:50, [n for n, name in enumerate(arkit.NAMES) if name.startswith(("mouth", "jaw"))]] = 0.37
    path = tmp_path / "marked.take.npz"
    takes.save(take, path)
    scene.understudy.take = str(path)
    scene.timeline_markers.new("Mine", frame=7)
    for _ in range(2):
        bpy.ops.understudy.bake()
        assert sorted((marker.name, marker.frame) for marker in scene.timeline_markers) == [
            ("? mouth", 31),
            ("Mine", 7),
            ("mouth sure", 51),
        ]
    bpy.ops.understudy.clear_marks()
    assert [marker.name for marker in scene.timeline_markers] == ["Mine"]
    bpy.ops.understudy.bake()
    scene.understudy.keying.mark_uncertain = False
    bpy.ops.understudy.bake()
    assert [marker.name for marker in scene.timeline_markers] == ["Mine"]
