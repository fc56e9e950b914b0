"""What the owner of an avatar chooses for head and eyes, through the settings that the panel shows."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import pytest
import understudy
from understudy.operators.bridge.rigs.rig import read_rig


@pytest.fixture
def chosen(avatar: bpy.types.Object) -> Iterator[bpy.types.PropertyGroup]:
    understudy.register()
    try:
        yield avatar.understudy.controls
    finally:
        understudy.unregister()


def test_a_choice_is_read_without_the_add_on_and_taken_back(avatar, chosen) -> None:
    assert (chosen.head, chosen.eyes_by, chosen.eye_left) == ("", "auto", "")
    chosen.head = "neck"
    chosen.eye_left = "eye.R"
    assert chosen.head == "neck"
    assert avatar["understudy_head"] == "neck"
    rig = read_rig(avatar)
    assert rig.head_bone == "neck"
    assert rig.eye_bones == ("eye.R", "eye.R")
    chosen.head = chosen.eye_left = ""
    assert "understudy_head" not in avatar
    assert read_rig(avatar).head_bone == "head"


def test_objects_take_the_place_of_bones(scene, avatar, chosen) -> None:
    target = bpy.data.objects.new("Look", None)
    scene.collection.objects.link(target)
    chosen.look_at_object = target
    assert [control.ob for control in read_rig(avatar).look_at] == [target]
    chosen.eyes_by = "bones"
    assert read_rig(avatar).look_at == ()
    chosen.eyes_by = "shapes"
    assert read_rig(avatar).eyes == (None, None)
    chosen.eyes_by = "auto"
    chosen.look_at_object = None
    assert read_rig(avatar).eye_bones == ("eye.L", "eye.R")
    assert not [name for name in avatar.id_properties_ensure() if name.startswith("understudy_look")]
