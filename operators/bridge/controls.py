"""Bones as channels of a face: the jaw, and the controls of faces that bones move."""

from __future__ import annotations

import bpy

from .channels import bone_key
from .rig import Rig


def face_channels(rig: Rig) -> list[str]:
    """Keys of the bones' channels that could move the face."""
    if rig.armature is None or rig.bones.jaw is None:
        return []
    jaw = rig.bones.jaw
    return [bone_key(jaw, "rotation_euler", axis) for axis in range(3)] + [
        bone_key(jaw, "location", axis) for axis in range(3)
    ]


def deforming(armature: bpy.types.Object, head: bpy.types.Bone) -> list[bpy.types.Bone]:
    """The bones that deform a head: the head's own and those below it, and where mechanisms stand between, as in
    Rigify, those near it in space.
    """
    below = [bone for bone in (head, *head.children_recursive) if bone.use_deform]
    if len(below) > 1:
        return below
    centre, reach = (head.head_local + head.tail_local) / 2, head.length
    return [bone for bone in armature.data.bones if bone.use_deform and (bone.head_local - centre).length < reach]
