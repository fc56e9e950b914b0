"""Channels: what a mapping's key finds on an avatar, values, limits, and what could move a face."""

from __future__ import annotations

import bpy
import pytest
from understudy.operators.bridge.rigs import channels
from understudy.operators.bridge.rigs.controls import candidates, known_mapping
from understudy.operators.bridge.rigs.rig import read_rig

NOD = 'pose.bones["neck"].rotation_euler[0]'


def drive(block: bpy.types.ShapeKey, ob: bpy.types.ID, path: str) -> None:
    driver = block.driver_add("value").driver
    driver.type = "AVERAGE"
    variable = driver.variables.new()
    if isinstance(ob, bpy.types.Armature):
        variable.targets[0].id_type = "ARMATURE"
    variable.targets[0].id = ob
    variable.targets[0].data_path = path


def test_a_shape_key_is_found_on_every_mesh_that_has_it(avatar) -> None:
    rig = read_rig(avatar)
    found = channels.find(rig, "jawOpen")
    assert {channel.id_block.user.name for channel in found} == {"Face", "Teeth"}
    assert all(channel.data_path == 'key_blocks["jawOpen"].value' for channel in found)
    assert [(channel.lower, channel.upper) for channel in found] == [(0.0, 1.0)] * 2
    for channel, value in zip(found, (0.25, 0.0), strict=True):
        channels.assign(channel, value)
        assert channels.read(channel) == pytest.approx(value)
    assert channels.find(rig, "Basis2") == []


def test_a_bone_is_found_by_its_path_and_gets_euler_angles_when_it_is_keyed(avatar) -> None:
    rig = read_rig(avatar)
    (channel,) = channels.find(rig, NOD)
    assert (channel.id_block, channel.data_path, channel.index) == (avatar, NOD[:-3], 0)
    assert avatar.pose.bones["neck"].rotation_mode == "QUATERNION"
    channels.prepare(rig, [NOD])
    assert avatar.pose.bones["neck"].rotation_mode == "XYZ"
    channels.assign(channel, 0.3)
    assert avatar.pose.bones["neck"].rotation_euler.x == pytest.approx(0.3)
    limit = avatar.pose.bones["neck"].constraints.new("LIMIT_ROTATION")
    limit.owner_space, limit.use_limit_x, limit.min_x, limit.max_x = "LOCAL", True, -0.1, 0.2
    (channel,) = channels.find(rig, NOD)
    assert (channel.lower, channel.upper) == pytest.approx((-0.1, 0.2))
    for nothing in ('pose.bones["gone"].rotation_euler[0]', 'pose.bones["neck"].rotation_euler[7]', "name", '["gone"]'):
        assert channels.find(rig, nothing) == []


def test_properties_of_object_bone_and_data_with_their_ranges(avatar) -> None:
    rig = read_rig(avatar)
    avatar['odd "name"'] = 0.5
    avatar.id_properties_ui('odd "name"').update(soft_min=-1.0, soft_max=2.0)
    avatar.pose.bones["head"]["smile"] = 0.0
    avatar.data["frown"] = 0.0
    for key, block in (
        ('["odd \\"name\\""]', avatar),
        ('pose.bones["head"]["smile"]', avatar),
        ('data["frown"]', avatar.data),
    ):
        (channel,) = channels.find(rig, key)
        assert channel.id_block == block
        channels.assign(channel, 0.75)
        assert channels.read(channel) == pytest.approx(0.75)
        assert block.path_resolve(channel.data_path) == pytest.approx(0.75)
    assert channels.find(rig, '["odd \\"name\\""]')[0].lower == -1.0
    avatar["switch"] = 1
    assert channels.find(rig, '["switch"]') == []


def test_what_drives_a_key_stands_for_the_key(avatar) -> None:
    keys = bpy.data.objects["Face"].data.shape_keys
    avatar["Open"] = 0.0
    drive(keys.key_blocks["mouthFunnel"], avatar, '["Open"]')
    rig = read_rig(avatar)
    assert channels.find(rig, "mouthFunnel") == []
    found = candidates(rig)
    assert "mouthFunnel" not in found
    assert '["Open"]' in found
    assert "jawOpen" in found
    links = {link.key for link in known_mapping(rig).links if link.coefficient == "mouthFunnel"}
    assert links == {'["Open"]'}


def test_a_property_behind_a_property_is_what_is_keyed(avatar) -> None:
    """As Daz figures come: the object's own property, a driven one on the data, and a shape key of another name."""
    keys = bpy.data.objects["Face"].data.shape_keys
    avatar["facs_jnt_JawOpen"] = 0.0
    avatar.data["facs_jnt_JawOpen(fin)"] = 0.0
    avatar.update_tag()
    avatar.data.update_tag()
    driver = avatar.data.driver_add('["facs_jnt_JawOpen(fin)"]').driver
    variable = driver.variables.new()
    variable.targets[0].id, variable.targets[0].data_path = avatar, '["facs_jnt_JawOpen"]'
    driver.expression = f"{variable.name} * 1.5"
    for name in ("jawOpen", "mouthFunnel"):
        keys.key_blocks[name].name = f"odd {name}"
    bpy.data.objects["Teeth"].data.shape_keys.key_blocks["jawOpen"].name = "odd teeth"
    drive(keys.key_blocks["odd jawOpen"], avatar.data, '["facs_jnt_JawOpen(fin)"]')
    rig = read_rig(avatar)
    assert channels.find(rig, 'data["facs_jnt_JawOpen(fin)"]') == []
    assert channels.sources(rig, keys, "odd jawOpen") == ['["facs_jnt_JawOpen"]']
    links = {link.key for link in known_mapping(rig).links if link.coefficient == "jawOpen"}
    assert '["facs_jnt_JawOpen"]' in links
