"""Reading an avatar's shapes in numbers, and leaving it exactly as it was."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from mathutils import Matrix
from understudy.inference.errors import InputError
from understudy.operators.bridge import compat
from understudy.operators.bridge.rigs.reading import read_shapes
from understudy.operators.bridge.rigs.rig import read_rig


def state(avatar: bpy.types.Object) -> dict[str, object]:
    """Everything that reading may touch."""
    found: dict[str, object] = {}
    for bone in avatar.pose.bones:
        found[bone.name] = (bone.rotation_mode, [list(row) for row in bone.matrix_basis])
    for ob in avatar.children:
        keys = ob.data.shape_keys
        found[ob.name] = [
            (block.name, block.value, block.mute, block.slider_min, block.slider_max) for block in keys.key_blocks
        ]
        found[f"{ob.name} shown"] = (ob.hide_viewport, ob.show_only_shape_key, [m.show_viewport for m in ob.modifiers])
        found[f"{ob.name} action"] = keys.animation_data.action if keys.animation_data else None
    animation = avatar.animation_data
    found["action"] = (animation.action, getattr(animation, "action_slot", None), animation.use_nla)
    return found


def test_every_channel_is_read_as_it_is_seen_and_all_is_put_back(scene, avatar) -> None:
    face = bpy.data.objects["Face"]
    keys = face.data.shape_keys
    keys.key_blocks["jawOpen"].value = 0.4
    keys.key_blocks["eyeWideLeft"].mute = True
    keys.key_blocks["mouthLeft"].slider_min = 0.2
    keys.key_blocks["jawLeft"].keyframe_insert("value", frame=1)
    face.modifiers.new("Finer", "SUBSURF").levels = 2
    face.show_only_shape_key = True
    avatar.keyframe_insert("location", frame=1)
    avatar.pose.bones["head"].rotation_mode = "AXIS_ANGLE"
    avatar.pose.bones["head"].rotation_axis_angle = (0.5, 0, 0, 1)
    avatar.matrix_world = Matrix.Translation((3, 1, 2)) @ Matrix.Rotation(1.0, 4, "Z") @ Matrix.Scale(2, 4)
    bpy.context.view_layer.update()
    before = state(avatar)
    shapes = read_shapes(read_rig(avatar))
    assert state(avatar) == before
    assert len(shapes.keys) == 52
    assert shapes.rest.shape == (23 * 21 + 4, 3)
    assert np.allclose(shapes.rest.min(0)[0], -0.07, atol=1e-6)
    at = shapes.keys.index("jawOpen")
    moved = np.linalg.norm(shapes.deltas[at], axis=1)
    assert (moved > 1e-6).sum() == 2  # one vertex of the face, one of the teeth
    assert np.allclose(shapes.deltas[at][moved > 1e-6], (0, 0.002, 0), atol=1e-6)
    assert (shapes.unit == 1).all()
    assert shapes.upper.min() == 1
    assert len(shapes.triangles) == 2 * 20 * 22 + 2


def test_drivers_and_correctives_count(avatar) -> None:
    face = bpy.data.objects["Face"]
    keys = face.data.shape_keys
    avatar["Smile"] = 0.0
    avatar["Open"] = 0.0
    avatar.update_tag()
    for name, expression in (("mouthSmileLeft", "smile"), ("jawOpen", "open"), ("cheekPuff", "smile * open")):
        driver = keys.key_blocks[name].driver_add("value").driver
        for variable_name, path in (("smile", '["Smile"]'), ("open", '["Open"]')):
            if variable_name in expression:
                variable = driver.variables.new()
                variable.name = variable_name
                variable.targets[0].id, variable.targets[0].data_path = avatar, path
        driver.expression = expression
    shapes = read_shapes(read_rig(avatar), ['["Smile"]', '["Open"]', "mouthPucker"])
    assert shapes.keys == ('["Smile"]', '["Open"]', "mouthPucker")
    assert shapes.pairs == ((0, 1),)
    assert np.abs(shapes.pair_deltas[0]).max() == pytest.approx(0.002, abs=1e-6)
    assert (avatar["Smile"], avatar["Open"]) == (0.0, 0.0)


def test_a_bone_is_read_at_a_part_of_a_turn_and_keeps_its_mode(avatar) -> None:
    key = 'pose.bones["head"].rotation_euler[0]'
    shapes = read_shapes(read_rig(avatar), [key])
    assert shapes.unit[0] == pytest.approx(0.2)
    assert shapes.lower[0] < 0 < shapes.upper[0]
    assert np.linalg.norm(shapes.deltas[0], axis=1).max() > 0.01
    assert avatar.pose.bones["head"].rotation_mode == "QUATERNION"


def test_nothing_to_read_is_said(avatar) -> None:
    with pytest.raises(InputError, match="no channel"):
        read_shapes(read_rig(avatar), ["nothing"])


def test_an_animation_goes_on_after_reading(scene, avatar) -> None:
    keys = bpy.data.objects["Face"].data.shape_keys
    for frame, value in ((1, 0.0), (11, 1.0)):
        keys.key_blocks["jawOpen"].value = value
        keys.key_blocks["jawOpen"].keyframe_insert("value", frame=frame)
    scene.frame_set(6)
    read_shapes(read_rig(avatar))
    assert keys.key_blocks["jawOpen"].value == pytest.approx(0.5)
    assert len(list(compat.curves_of(keys))) == 1
    scene.frame_set(11)
    assert keys.key_blocks["jawOpen"].value == pytest.approx(1.0)
