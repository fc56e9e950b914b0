"""Baking: exact values at exact frames, gaps, re-baking, foreign meshes."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector
from understudy.inference import arkit, retarget
from understudy.inference.errors import InputError, UsageError
from understudy.inference.take import Take
from understudy.operators.bridge import compat
from understudy.operators.bridge.keys.bake import bake_take

MakeTake = Callable[..., Take]


def value_at(ob: bpy.types.Object, key: str, frame: float) -> float:
    bpy.context.scene.frame_set(int(np.floor(frame)), subframe=float(frame - np.floor(frame)))
    graph = bpy.context.evaluated_depsgraph_get()
    return ob.evaluated_get(graph).data.shape_keys.key_blocks[key].value


def curve(id_block: bpy.types.ID, path: str, index: int = 0) -> bpy.types.FCurve:
    return next(c for c in compat.curves_of(id_block) if c.data_path == path and c.array_index == index)


def test_every_shape_of_every_mesh_has_the_exact_value_at_the_exact_frame(scene, avatar, make_take: MakeTake) -> None:
    take = make_take(frames=20)
    report = bake_take(avatar, take, scene=scene, name="d18", match_scene=True)
    assert scene.render.fps / scene.render.fps_base == 25
    assert (scene.frame_start, scene.frame_end) == (1, 20)
    assert report.keyed_frames == 20
    assert report.gap_frames == 0
    for position in (0, 7, 19):
        for name in ("jawOpen", "eyeBlinkLeft", "mouthSmileRight"):
            expected = take.coefficients[position, arkit.INDEX[name]]
            assert value_at(bpy.data.objects["Face"], name, 1 + position) == pytest.approx(expected, abs=1e-6)
    expected = take.coefficients[11, arkit.INDEX["jawOpen"]]
    assert value_at(bpy.data.objects["Teeth"], "jawOpen", 12) == pytest.approx(expected, abs=1e-6)


def test_times_become_frames_of_a_scene_with_another_rate(scene, avatar, make_take: MakeTake) -> None:
    take = make_take(frames=1800, fps=Fraction(30000, 1001))
    scene.render.fps, scene.render.fps_base = 24, 1.0
    bake_take(avatar, take, scene=scene)
    points = curve(bpy.data.objects["Face"].data.shape_keys, 'key_blocks["jawOpen"].value').keyframe_points
    assert len(points) == 1800
    assert points[0].co.x == 1.0
    assert points[1799].co.x == pytest.approx(1 + 1799 * 1001 / 30000 * 24, abs=1e-3)
    assert scene.render.fps == 24


def test_a_matched_scene_has_whole_frames_even_when_the_container_rounds_times(
    scene, avatar, make_take: MakeTake
) -> None:
    fps = Fraction(30000, 1001)
    take = make_take(frames=300, fps=fps, time_s=np.round(np.arange(300) / float(fps), 3) + 0.067)
    bake_take(avatar, take, scene=scene, match_scene=True)
    co = np.empty(600, np.float32)
    curve(avatar, 'pose.bones["head"].rotation_quaternion').keyframe_points.foreach_get("co", co)
    assert np.array_equal(co[::2], np.arange(1, 301))


def test_a_lost_face_is_a_gap_that_holds(scene, avatar, make_take: MakeTake) -> None:
    confidence = np.ones(12, np.float32)
    confidence[4:8] = 0
    take = make_take(confidence=confidence)
    report = bake_take(avatar, take, scene=scene, match_scene=True)
    assert report.gap_frames == 4
    points = curve(bpy.data.objects["Face"].data.shape_keys, 'key_blocks["jawOpen"].value').keyframe_points
    assert [round(point.co.x) for point in points] == [1, 2, 3, 4, 9, 10, 11, 12]
    assert value_at(bpy.data.objects["Face"], "jawOpen", 7.5) == pytest.approx(
        take.coefficients[3, arkit.INDEX["jawOpen"]], abs=1e-6
    )
    with pytest.raises(InputError, match="no frame with a face"):
        bake_take(avatar, make_take(confidence=np.zeros(12, np.float32)), scene=scene)


def test_head_and_eyes_turn_as_the_take_says(scene, avatar, make_take: MakeTake) -> None:
    take = make_take()
    bake_take(avatar, take, scene=scene, match_scene=True)
    face_to_blender = Matrix(((1, 0, 0), (0, 0, -1), (0, 1, 0)))
    for position in (0, 5, 11):
        scene.frame_set(1 + position)
        pose = avatar.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
        rest = avatar.data.bones
        turn = pose["head"].matrix.to_3x3() @ rest["head"].matrix_local.to_3x3().inverted()
        expected = face_to_blender @ Matrix(take.rotation[position]) @ face_to_blender.transposed()
        assert np.allclose(turn, expected, atol=1e-5)
        for eye, bone in enumerate(("eye.L", "eye.R")):
            yaw, pitch = take.gaze[position, eye]
            forward = pose[bone].matrix.to_3x3() @ rest[bone].matrix_local.to_3x3().inverted() @ Vector((0, -1, 0))
            look = Vector((np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)))
            assert np.allclose(forward, expected @ face_to_blender @ look, atol=1e-5)


def test_baking_again_replaces_our_keys_and_nothing_else(scene, avatar, make_take: MakeTake) -> None:
    face = bpy.data.objects["Face"]
    bake_take(avatar, make_take(), scene=scene, name="one", match_scene=True)
    keys = face.data.shape_keys
    own = keys.animation_data.action
    assert own.name == "one Face"
    avatar.keyframe_insert("scale", frame=3)
    bake_take(avatar, make_take(coefficients=np.full((12, 52), 0.25, np.float32)), scene=scene, name="one")
    assert keys.animation_data.action == own
    assert len(compat.curves_of(keys)) == 52
    assert value_at(face, "jawOpen", 5) == pytest.approx(0.25)
    assert [c.data_path for c in compat.curves_of(avatar)].count("scale") == 3
    assert len(bpy.data.actions) == 3


def test_an_action_of_the_user_is_kept(scene, avatar, make_take: MakeTake) -> None:
    keys = bpy.data.objects["Face"].data.shape_keys
    keys.key_blocks["jawOpen"].keyframe_insert("value", frame=1)
    theirs = keys.animation_data.action
    bake_take(avatar, make_take(), scene=scene, name="two")
    assert keys.animation_data.action.name == "two Face"
    assert theirs.use_fake_user
    bake_take(avatar, make_take(), scene=scene, name="three")
    assert {"two Face", "three Face"} <= set(bpy.data.actions.keys())


def test_a_bare_mesh_turns_as_an_object(scene, make_take: MakeTake) -> None:
    bpy.ops.mesh.primitive_uv_sphere_add()
    ball = bpy.context.object
    ball.shape_key_add(name="Basis")
    ball.shape_key_add(name="jawOpen").data[0].co.z += 1
    take = make_take()
    report = bake_take(ball, take, scene=scene, match_scene=True)
    assert report.shape_keys == 1
    assert value_at(ball, "jawOpen", 4) == pytest.approx(take.coefficients[3, arkit.INDEX["jawOpen"]], abs=1e-6)
    face_to_blender = Matrix(((1, 0, 0), (0, 0, -1), (0, 1, 0)))
    expected = face_to_blender @ Matrix(take.rotation[3]) @ face_to_blender.transposed()
    assert np.allclose(ball.matrix_world.to_3x3(), expected, atol=1e-5)


def test_a_mapping_decides_and_a_gain_past_the_slider_widens_it(scene, avatar, make_take: MakeTake) -> None:
    mapping = retarget.Mapping((retarget.Link("jawLeft", "jawOpen", gain=1.5, offset=0.25),))
    take = make_take(coefficients=np.full((12, 52), 1.0, np.float32))
    bake_take(avatar, take, mapping, scene=scene, match_scene=True)
    for name in ("Face", "Teeth"):
        paths = [c.data_path for c in compat.curves_of(bpy.data.objects[name].data.shape_keys)]
        assert paths == ['key_blocks["jawOpen"].value']
        assert value_at(bpy.data.objects[name], "jawOpen", 3) == pytest.approx(1.75)


def test_names_of_other_rigs_are_understood(scene, make_take: MakeTake) -> None:
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    for key in ("Basis", "eyeBlink_L", "Jaw_Open", "Smirk"):
        cube.shape_key_add(name=key)
    take = make_take()
    assert bake_take(cube, take, scene=scene, match_scene=True).shape_keys == 2
    expected = take.coefficients[2, arkit.INDEX["eyeBlinkLeft"]]
    assert value_at(cube, "eyeBlink_L", 3) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("keys", [(), ("Nothing", "Of the kind")])
def test_an_avatar_that_cannot_act_is_told_why(scene, make_take: MakeTake, keys: tuple[str, ...]) -> None:
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    for key in ("Basis", *keys) if keys else ():
        cube.shape_key_add(name=key)
    with pytest.raises(UsageError, match="shape key"):
        bake_take(cube, make_take(), scene=scene)
    assert not bpy.data.actions


def test_2000_frames_are_keyed_in_bulk(scene, avatar, make_take: MakeTake) -> None:
    report = bake_take(avatar, make_take(frames=2000), scene=scene, match_scene=True)
    assert report.shape_keys == 54
    assert len(curve(avatar, 'pose.bones["eye.R"].rotation_quaternion', 3).keyframe_points) == 2000
