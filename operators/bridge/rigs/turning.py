"""What turns an avatar's head and eyes: bones found by name, followed through their constraints to what an animator
would move, or what the avatar's owner chose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import bpy
import numpy as np

from ....inference import retarget
from ....inference.retarget import Mapping
from ....inference.retarget.bones import FaceBones
from ..avatars.marks import (
    AVATAR_PROPERTY,
    EYES_BY_CHOICE,
    HEAD_CHOICE,
    LEFT_EYE_CHOICE,
    LOOK_AT_CHOICE,
    OBJECT,
    RIGHT_EYE_CHOICE,
)
from ..key_points import key_moves

_TRACKS: Final = frozenset({"DAMPED_TRACK", "TRACK_TO", "LOCKED_TRACK"})
_COPIES: Final = frozenset({"COPY_ROTATION", "COPY_TRANSFORMS", "CHILD_OF", "ARMATURE"})
_WORKS_FROM: Final = 0.5
"""Influence from which a constraint decides."""
_SAME_PLACE: Final = 0.05
"""Share of a bone's length."""
_STEPS: Final = 8
_SHARE: Final = 0.3
"""A key moves the eyes when they go at least so far as what it moves most."""
_LOOKED_AT: Final = 100
_REMEMBERED: Final = 16
"""So many of the vertices that a key moves tell whose they are."""

_moving: dict[tuple[object, ...], bool] = {}
"""What was found out last, since a rig is read for every picture while somebody scrubs."""


@dataclass(frozen=True)
class Control:
    """What a movement of the head or of an eye is keyed on: a bone of an armature, or a whole object."""

    ob: bpy.types.Object
    bone: str = ""

    @property
    def pose(self) -> bpy.types.PoseBone | None:
        """The bone, where it is one."""
        return self.ob.pose.bones[self.bone] if self.bone else None


Controls = tuple[Control | None, tuple[Control | None, Control | None], tuple[Control, ...], Control | None]


def controls(
    root: bpy.types.Object, armature: bpy.types.Object | None, meshes: Sequence[bpy.types.Object], bones: FaceBones
) -> Controls:
    """What to move for the head, for each eye, the targets that the eyes look at instead, if there are any, and the jaw.

    An avatar whose shape keys turn the same eyes as its bones looks by the keys, which take the lids along, unless its
    owner chose otherwise.
    """
    head, jaw = chosen(root, armature, HEAD_CHOICE) or _control(armature, bones.head), _control(armature, bones.jaw)
    by = str(root.get(EYES_BY_CHOICE, "auto"))
    picked = [chosen(root, armature, choice) for choice in (LEFT_EYE_CHOICE, RIGHT_EYE_CHOICE)]
    left, right = (own or _control(armature, name) for own, name in zip(picked, bones.eyes, strict=True))
    target = chosen(root, armature, LOOK_AT_CHOICE)
    if by == "auto" and target is None and not any(picked) and any(bones.eyes) and AVATAR_PROPERTY not in root:
        names = [block.name for mesh in meshes for block in mesh.data.shape_keys.key_blocks[1:]]
        if _have_eyes(meshes, bones) and keys_turn_eyes(armature, meshes, bones, matched(tuple(names))):
            by = "shapes"
    if by == "shapes":
        return head, (None, None), (), jaw
    if by == "bones":
        return head, (left, right), (), jaw
    if target is not None:
        return head, (left, right), (target,), jaw
    tracked = tuple(dict.fromkeys(found for found in (_tracked(left), _tracked(right)) if found is not None))
    return head, (left, right), tracked, jaw


def _have_eyes(meshes: Sequence[bpy.types.Object], bones: FaceBones) -> bool:
    return any(name in mesh.vertex_groups for mesh in meshes for name in bones.eyes if name)


def chosen(root: bpy.types.Object, armature: bpy.types.Object | None, choice: str) -> Control | None:
    """What the avatar's owner chose, where that is still there."""
    ob = root.get(choice + OBJECT)
    if isinstance(ob, bpy.types.Object):
        return Control(ob)
    bone = str(root.get(choice, ""))
    return Control(armature, bone) if armature is not None and bone in armature.data.bones else None


def _control(armature: bpy.types.Object | None, bone: str | None) -> Control | None:
    """What a bone gets its turn from: itself, or behind its constraints and locks another bone or an object."""
    if armature is None or bone is None:
        return None
    found = Control(armature, bone)
    for _ in range(_STEPS):
        source = _source(found, _COPIES) or _mover(found)
        if source is None:
            return found
        found = source
    return found


def _mover(control: Control) -> Control | None:
    """The parent of a bone that only passes on what its parent does: locked, untracked, and in the same place."""
    pose = control.pose
    if pose is None or pose.parent is None or not all(pose.lock_rotation) or _source(control, _TRACKS) is not None:
        return None
    apart = (pose.bone.head_local - pose.parent.bone.head_local).length
    return Control(control.ob, pose.parent.name) if apart < _SAME_PLACE * pose.bone.length else None


def _tracked(eye: Control | None) -> Control | None:
    """The target that an eye looks at."""
    return _source(eye, _TRACKS) if eye is not None else None


def _source(control: Control, kinds: frozenset[str]) -> Control | None:
    """What the last constraint of these kinds takes its turn from."""
    owner = control.pose if control.bone else control.ob
    for constraint in reversed(owner.constraints):
        if constraint.type not in kinds or constraint.mute or not constraint.is_valid:
            continue
        if constraint.influence < _WORKS_FROM:
            continue
        row = constraint if constraint.type != "ARMATURE" else _heaviest(constraint)
        target = getattr(row, "target", None)
        if target is None:
            continue
        bone = row.subtarget if target.type == "ARMATURE" else ""
        found = Control(target, bone)
        return found if found != control else None
    return None


def _heaviest(constraint: bpy.types.Constraint) -> bpy.types.bpy_struct | None:
    return max(constraint.targets, key=lambda row: row.weight, default=None)


@lru_cache(maxsize=16)
def matched(names: tuple[str, ...]) -> Mapping:
    """The mapping that shape keys of these names have; remembered, since every picture of a preview asks."""
    return retarget.match_names(names)


def keys_turn_eyes(
    armature: bpy.types.Object | None, meshes: Sequence[bpy.types.Object], bones: FaceBones, mapping: Mapping
) -> bool:
    """Whether keys that look about turn what the eyes' bones turn already: the eyes would turn twice."""
    gaze = {link.key for link in mapping.links if link.coefficient.startswith("eyeLook") and link.gain > 0}
    return armature is not None and any(_moves_eyes(mesh, gaze, bones) for mesh in meshes)


def _moves_eyes(mesh: bpy.types.Object, gaze: set[str], bones: FaceBones) -> bool:
    """Whether any of the keys moves vertices of a mesh that hang on the bones of the eyes."""
    groups = {mesh.vertex_groups[name].index for name in bones.eyes if name and name in mesh.vertex_groups}
    blocks = [block for block in mesh.data.shape_keys.key_blocks if block.name in gaze]
    if not groups or not blocks:
        return False
    known = (mesh.data.session_uid, frozenset(groups), tuple(_glimpse(block) for block in blocks))
    if known not in _moving:
        while len(_moving) >= _REMEMBERED:
            _moving.pop(next(iter(_moving)))
        _moving[known] = any(_moves_group(mesh, block, groups) for block in blocks)
    return _moving[known]


def _moves_group(mesh: bpy.types.Object, block: bpy.types.ShapeKey, groups: set[int]) -> bool:
    """Whether some of what a key moves far hangs on the groups."""
    lengths = np.abs(key_moves(block)).max(1)
    far = np.flatnonzero(lengths > _SHARE * max(float(lengths.max()), 1e-9))
    return any(
        entry.group in groups and entry.weight > _WORKS_FROM
        for vertex in far[:: max(len(far) // _LOOKED_AT, 1)]
        for entry in mesh.data.vertices[int(vertex)].groups
    )


def _glimpse(block: bpy.types.ShapeKey) -> tuple[float, ...]:
    """A few numbers of a key that change when somebody edits it at large."""
    step = max(len(block.data) // 256, 1)
    return tuple(value for vertex in range(0, len(block.data), step) for value in block.data[vertex].co)
