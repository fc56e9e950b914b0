"""Keys as an animator wants them: few but faithful, in strips, with the raw bake beside, on whole frames."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction

import bpy
import numpy as np
import pytest
from understudy.inference import arkit, retarget
from understudy.inference.take import Take
from understudy.operators.bridge import compat
from understudy.operators.bridge.keys import fcurves, nla, timing
from understudy.operators.bridge.keys.bake import STEP, KeyOptions, bake_take, planned
from understudy.operators.bridge.rigs import movement
from understudy.operators.bridge.rigs.rig import read_rig

MakeTake = Callable[..., Take]
JAW = 'key_blocks["jawOpen"].value'


@pytest.fixture
def spoken(make_take: MakeTake) -> Callable[..., Take]:
    """Makes takes of somebody who speaks and blinks: smooth, with peaks and closures, as real ones are."""

    def make(frames: int = 200, fps: Fraction = Fraction(25), **fields: object) -> Take:
        time = np.arange(frames) / float(fps)
        phase = np.linspace(0, 9, 52)
        values = 0.3 * np.clip(np.sin(3 * time[:, None] + phase), 0, 1) + 0.003 * np.sin(40 * time[:, None] + phase)
        blink = np.exp(-0.5 * (((time % 2) - 1) / 0.05) ** 2)
        values[:, [arkit.INDEX["eyeBlinkLeft"], arkit.INDEX["eyeBlinkRight"]]] = blink[:, None]
        return make_take(frames, fps, coefficients=np.clip(values, 0, 1).astype(np.float32), **fields)

    return make


def curves(id_block: bpy.types.ID) -> dict[tuple[str, int], bpy.types.FCurve]:
    action = fcurves.own_action(id_block)
    return {(c.data_path, c.array_index): c for c in compat.action_curves(id_block, action).fcurves}


def key_count(id_block: bpy.types.ID) -> int:
    return sum(len(curve.keyframe_points) for curve in curves(id_block).values())


def evaluated(ob: bpy.types.Object, frame: float) -> np.ndarray:
    """Values of all shape keys as Blender plays them."""
    bpy.context.scene.frame_set(int(np.floor(frame)), subframe=float(frame - np.floor(frame)))
    keys = ob.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.shape_keys
    return np.array([block.value for block in keys.key_blocks[1:]])


@pytest.mark.parametrize(("fps", "scene_fps"), [(Fraction(25), 25), (Fraction(30000, 1001), 24)])
@pytest.mark.parametrize("tolerance_mm", [0.02, 0.3])
def test_every_frame_of_every_channel_is_within_the_tolerance(
    scene, avatar, spoken, fps: Fraction, scene_fps: int, tolerance_mm: float
) -> None:
    take = spoken(fps=fps)
    scene.render.fps = scene_fps
    report = bake_take(avatar, take, scene=scene, options=KeyOptions(tolerance_mm=tolerance_mm))
    rig = read_rig(avatar, take)
    plan = planned(rig, take, scene=scene)
    frames = plan.line.frames
    assert report.every_key == 200 * sum(len(own) for _, own in plan.tracks)
    assert report.keys < (0.5 if tolerance_mm < 0.1 else 0.25) * report.every_key
    at = np.union1d(frames, np.arange(1, np.floor(frames[-1]) + 1))
    for id_block, own in movement.measured(rig, plan.tracks):
        found = curves(id_block)
        for path in {curve.data_path for curve in own}:
            together = [curve for curve in own if curve.data_path == path]
            assert min(curve.mm_per_unit for curve in together) > 0
            off = np.array([
                [found[path, curve.index].evaluate(frame) for frame in at] - np.interp(at, frames, curve.values)
                for curve in together
            ])  # fmt: skip
            error_mm = np.linalg.norm(off, axis=0).max() * together[0].mm_per_unit
            assert error_mm <= tolerance_mm + 1e-4, path


def test_what_blender_plays_is_what_the_curves_say(scene, avatar, spoken) -> None:
    take = spoken()
    bake_take(avatar, take, scene=scene, match_scene=True, options=KeyOptions(tolerance_mm=0.05))
    face = bpy.data.objects["Face"]
    reach = movement.shape_reach(read_rig(avatar, take), face.data.shape_keys)
    mm = np.array([reach[block.path_from_id("value")] for block in face.data.shape_keys.key_blocks[1:]])
    names = [block.name for block in face.data.shape_keys.key_blocks[1:]]
    order = [arkit.INDEX[name] for name in names]
    for frame in range(1, 201, 7):
        error = np.abs(evaluated(face, frame) - take.coefficients[frame - 1, order]) * mm
        assert error.max() <= 0.05 + 1e-4


def test_a_channel_that_moves_far_keeps_more_keys(scene, avatar, spoken) -> None:
    face = bpy.data.objects["Face"]
    far = face.data.shape_keys.key_blocks["jawOpen"].data[20]
    far.co.z -= 0.03  # a thirty times larger movement than that of the others
    take = spoken()
    take.coefficients[:, arkit.INDEX["jawLeft"]] = take.coefficients[:, arkit.INDEX["jawOpen"]]
    bake_take(avatar, take, scene=scene, options=KeyOptions(tolerance_mm=0.05))
    found = curves(face.data.shape_keys)
    far_keys, near_keys = (
        len(found[f'key_blocks["{key}"].value', 0].keyframe_points) for key in ("jawOpen", "jawLeft")
    )
    assert far_keys > near_keys


def test_the_size_of_the_avatar_changes_nothing(scene, avatar, spoken) -> None:
    take = spoken()
    bake_take(avatar, take, scene=scene, options=KeyOptions(tolerance_mm=0.1))
    keys = bpy.data.objects["Face"].data.shape_keys
    before = key_count(keys)
    avatar.scale = (30.0, 30.0, 30.0)
    bpy.context.view_layer.update()
    bake_take(avatar, take, scene=scene, options=KeyOptions(tolerance_mm=0.1))
    assert key_count(keys) == before


def test_handles_are_free_and_end_at_a_third(scene, avatar, spoken) -> None:
    bake_take(avatar, spoken(), scene=scene, match_scene=True, options=KeyOptions(tolerance_mm=0.1))
    points = curves(bpy.data.objects["Face"].data.shape_keys)['key_blocks["eyeBlinkLeft"].value', 0].keyframe_points
    assert {point.interpolation for point in points} == {"BEZIER"}
    for left, right in itertools.pairwise(points):
        span = right.co.x - left.co.x
        assert left.handle_right_type == "FREE"
        assert left.handle_right.x == pytest.approx(left.co.x + span / 3, abs=1e-3)
        assert right.handle_left.x == pytest.approx(right.co.x - span / 3, abs=1e-3)
    take = spoken()
    peaks = [round(point.co.x) for point in points if point.co.y > 0.99]
    assert peaks == [int(n) + 1 for n in np.flatnonzero(take.coefficients[:, arkit.INDEX["eyeBlinkLeft"]] > 0.99)]


def test_quaternions_keep_their_keys_together(scene, avatar, spoken) -> None:
    bake_take(avatar, spoken(), scene=scene, options=KeyOptions(tolerance_mm=0.1))
    found = [c for (path, _), c in curves(avatar).items() if path == 'pose.bones["head"].rotation_quaternion']
    frames = [[point.co.x for point in curve.keyframe_points] for curve in found]
    assert len(frames) == 4
    assert all(own == frames[0] for own in frames)
    assert len(frames[0]) < 120


def test_gaps_hold_with_fewer_keys_too(scene, avatar, spoken) -> None:
    confidence = np.ones(200, np.float32)
    confidence[60:90] = 0
    take = spoken(confidence=confidence)
    bake_take(avatar, take, scene=scene, match_scene=True, options=KeyOptions(tolerance_mm=0.1))
    face = bpy.data.objects["Face"]
    order = [arkit.INDEX[block.name] for block in face.data.shape_keys.key_blocks[1:]]
    for frame in (61, 75, 90):
        assert np.allclose(evaluated(face, frame), take.coefficients[59, order], atol=1e-5)


def test_straight_keys_have_handles_fit_for_use(scene, avatar, make_take: MakeTake) -> None:
    bake_take(avatar, make_take(), scene=scene, match_scene=True)
    points = curves(bpy.data.objects["Face"].data.shape_keys)[JAW, 0].keyframe_points
    assert points[4].handle_left_type == "AUTO_CLAMPED"
    assert 4 < points[4].handle_left.x < 5 < points[4].handle_right.x < 6


def test_a_strip_of_its_own_plays_frame_for_frame(scene, avatar, make_take: MakeTake) -> None:
    take = make_take(frames=40, fps=Fraction(24000, 1001))
    scene.render.fps = 30
    bake_take(avatar, take, scene=scene, name="one", options=KeyOptions(strip=True))
    face = bpy.data.objects["Face"]
    animation = face.data.shape_keys.animation_data
    assert animation.action is None
    assert [track.name for track in animation.nla_tracks] == ["Understudy one"]
    order = [arkit.INDEX[block.name] for block in face.data.shape_keys.key_blocks[1:]]
    frames = timing.take_frames(take, scene)
    for position in (0, 1, 17, 38, 39):
        assert np.allclose(evaluated(face, frames[position]), take.coefficients[position, order], atol=2e-4)
    assert fcurves.was_written(face.data.shape_keys, STEP)


def test_baking_again_refits_the_strip_and_respects_what_a_person_did_with_it(scene, avatar, make_take) -> None:
    keys = bpy.data.objects["Face"].data.shape_keys
    bake_take(avatar, make_take(12), scene=scene, name="one", match_scene=True, options=KeyOptions(strip=True))
    [track] = keys.animation_data.nla_tracks
    bake_take(avatar, make_take(30), scene=scene, name="one", options=KeyOptions(strip=True))
    assert len(keys.animation_data.nla_tracks) == 1
    assert (track.strips[0].frame_start, track.strips[0].frame_end) == (1, 30)
    strip = track.strips[0]
    strip.frame_start_ui = 101  # as the sidebar of the NLA editor does
    assert (strip.frame_start, strip.frame_end) == (101, 130)
    bake_take(avatar, make_take(20), scene=scene, name="one", options=KeyOptions(strip=True))
    assert (strip.frame_start, strip.frame_end) == (101, 120)
    assert len([action for action in bpy.data.actions if action.get("understudy_take") == "one"]) == 3


def test_from_strip_to_action_and_back(scene, avatar, make_take: MakeTake) -> None:
    keys = bpy.data.objects["Face"].data.shape_keys
    for strip in (True, False, True):
        bake_take(avatar, make_take(), scene=scene, name="one", match_scene=True, options=KeyOptions(strip=strip))
        animation = keys.animation_data
        assert len(animation.nla_tracks) == int(strip)
        assert (animation.action is None) == strip
        assert len(bpy.data.actions) == 3  # face, teeth, armature


def test_an_action_of_a_person_stays_active_below_a_strip(scene, avatar, make_take: MakeTake) -> None:
    avatar.keyframe_insert("scale", frame=3)
    theirs = avatar.animation_data.action
    bake_take(avatar, make_take(), scene=scene, name="one", options=KeyOptions(strip=True))
    assert avatar.animation_data.action == theirs
    assert len(avatar.animation_data.nla_tracks) == 1


def test_the_raw_bake_stays_beside_muted(scene, avatar, spoken) -> None:
    take, keys = spoken(), bpy.data.objects["Face"].data.shape_keys
    options = KeyOptions(tolerance_mm=0.2, keep_raw=True)
    for _ in range(2):
        bake_take(avatar, take, scene=scene, name="one", match_scene=True, options=options)
        [track] = keys.animation_data.nla_tracks
        assert track.mute
        raw = track.strips[0].action
        assert raw[nla.RAW_PROPERTY] == "one"
        found = {c.data_path: c for c in compat.action_curves(keys, raw).fcurves}
        assert len(found[JAW].keyframe_points) == 200
        assert keys.animation_data.action["understudy_take"] == "one"
    assert len([action for action in bpy.data.actions if nla.RAW_PROPERTY in action]) == 3
    frame = 34
    expected = take.coefficients[frame - 1, arkit.INDEX["jawOpen"]]
    keys.animation_data.action = None
    track.mute = False
    scene.frame_set(frame)
    graph = bpy.context.evaluated_depsgraph_get()
    face = bpy.data.objects["Face"].evaluated_get(graph)
    assert face.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(expected, abs=1e-6)


def test_what_a_person_gave_the_curves_stays(scene, avatar, make_take: MakeTake) -> None:
    keys = bpy.data.objects["Face"].data.shape_keys
    bake_take(avatar, make_take(), scene=scene, match_scene=True)
    curve = curves(keys)[JAW, 0]
    curve.lock = True
    curve.modifiers.new("NOISE").strength = 0.1
    bake_take(avatar, make_take(30), scene=scene, match_scene=True)
    curve = curves(keys)[JAW, 0]
    assert curve.lock
    assert [modifier.type for modifier in curve.modifiers] == ["NOISE"]
    assert len(curve.keyframe_points) == 30


def test_weights_of_a_solve_are_baked_as_they_are(scene, avatar, make_take: MakeTake) -> None:
    weights = np.linspace(0, 0.8, 12, dtype=np.float32)[:, None] * [[1.0, 0.5]]
    bake_take(
        avatar, make_take(), scene=scene, match_scene=True, weights=(("jawOpen", "mouthPucker"), weights), head=False
    )
    found = curves(bpy.data.objects["Face"].data.shape_keys)
    assert {path for path, _ in found} == {JAW, 'key_blocks["mouthPucker"].value'}
    assert [point.co.y for point in found[JAW, 0].keyframe_points] == pytest.approx(weights[:, 0], abs=1e-6)


def test_snapped_keys_are_on_whole_frames_and_keep_blinks(scene, avatar, spoken) -> None:
    take = spoken(600, Fraction(60))
    scene.render.fps = 24
    bake_take(avatar, take, scene=scene, options=KeyOptions(snap=True))
    points = curves(bpy.data.objects["Face"].data.shape_keys)['key_blocks["eyeBlinkLeft"].value', 0].keyframe_points
    frames = [point.co.x for point in points]
    assert frames == list(range(1, 1 + len(frames)))
    assert len(frames) == 240
    closed = [point.co.x for point in points if point.co.y > 0.999]
    assert np.allclose(closed, [1 + 24 * second for second in (1, 3, 5, 7, 9)], atol=0.5)


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(30000, 1001), None])
@pytest.mark.parametrize("scene_fps", [24, 25, 30])
def test_ten_minutes_stay_exact_to_the_frame(scene, avatar, make_take, fps: Fraction | None, scene_fps: int) -> None:
    nominal = fps or Fraction(30)
    frames = int(600 * nominal)
    exact = [Fraction(n) / nominal for n in range(frames)]
    if fps is None:  # a telephone's variable rate: every frame up to 8 ms early or late
        jitter = np.random.default_rng(5).integers(-8, 9, frames)
        exact = [time + Fraction(int(late), 1000) for time, late in zip(exact, jitter, strict=True)]
    take = make_take(frames, nominal, time_s=np.array([float(time) for time in exact]))
    scene.render.fps, scene.render.fps_base = scene_fps, 1.0
    bake_take(avatar, take, scene=scene, head=False, eyes=False)
    co = np.empty(frames * 2, np.float32)
    curves(bpy.data.objects["Face"].data.shape_keys)[JAW, 0].keyframe_points.foreach_get("co", co)
    for n in (1, frames // 3, frames // 2, frames - 2, frames - 1):
        wanted = float(1 + (exact[n] - exact[0]) * scene_fps)
        assert co[2 * n] == pytest.approx(wanted, abs=timing.SNAP_FRAMES + 2e-3)
        assert co[2 * n + 1] == take.coefficients[n, arkit.INDEX["jawOpen"]]
    assert np.all(np.diff(co[::2]) > 0)


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25)])
def test_a_matched_scene_has_ten_minutes_of_whole_frames(scene, avatar, make_take, fps: Fraction) -> None:
    frames = int(600 * fps)
    take = make_take(frames, fps, time_s=np.array([float(Fraction(n) / fps) for n in range(frames)]))
    bake_take(avatar, take, scene=scene, head=False, eyes=False, match_scene=True)
    co = np.empty(frames * 2, np.float32)
    curves(bpy.data.objects["Face"].data.shape_keys)[JAW, 0].keyframe_points.foreach_get("co", co)
    assert np.array_equal(co[::2], np.arange(1, frames + 1))
    assert scene.frame_end == frames


def test_what_a_control_moves_is_looked_at(scene, avatar, spoken) -> None:
    """A property that drives a key moves as far as that key does, half as far where the driver says so."""
    avatar["smile"] = 0.0
    keys = bpy.data.objects["Face"].data.shape_keys
    driver = keys.key_blocks["mouthSmileLeft"].driver_add("value").driver
    variable = driver.variables.new()
    variable.targets[0].id, variable.targets[0].data_path = avatar, '["smile"]'
    driver.expression = f"{variable.name} * 0.5"
    mapping = retarget.Mapping((retarget.Link("jawOpen", '["smile"]'),))
    take = spoken()
    rig = read_rig(avatar, take)
    plan = planned(rig, take, mapping, scene=scene, eyes=False)
    found = {curve.data_path: curve for _, own in movement.measured(rig, plan.tracks) for curve in own}
    assert found['["smile"]'].mm_per_unit == pytest.approx(1.0, rel=0.01)
    assert found['pose.bones["head"].rotation_quaternion'].mm_per_unit > 100
    options = KeyOptions(tolerance_mm=0.1)
    report = bake_take(avatar, take, mapping, scene=scene, match_scene=True, options=options)
    assert report.keys < report.every_key / 2
    curve = curves(avatar)['["smile"]', 0]
    wanted = take.coefficients[:, arkit.INDEX["jawOpen"]]
    assert np.abs([curve.evaluate(n + 1) for n in range(200)] - wanted).max() <= 0.1 + 1e-4
