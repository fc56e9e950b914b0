"""What turns an avatar's head and eyes: bones found by name, followed through their constraints to what an animator
would move, or what the avatar's owner chose.
"""

from __future__ import annotations

from typing import Final

import bpy

from ...inference.retarget.bones import FaceBones
from .rig import Control

HEAD_CHOICE: Final = "understudy_head"
LEFT_EYE_CHOICE: Final = "understudy_eye_left"
RIGHT_EYE_CHOICE: Final = "understudy_eye_right"
LOOK_AT_CHOICE: Final = "understudy_look_at"
EYES_BY_CHOICE: Final = "understudy_eyes_by"
"""Custom properties of an avatar: names of bones of its armature; what the eyes turn by, one of `EYES_BY`."""
OBJECT: Final = "_object"
"""Ending of the same properties where an object was chosen."""
EYES_BY: Final = ("auto", "bones", "target", "shapes")

_TRACKS: Final = frozenset({"DAMPED_TRACK", "TRACK_TO", "LOCKED_TRACK"})
_COPIES: Final = frozenset({"COPY_ROTATION", "COPY_TRANSFORMS", "CHILD_OF", "ARMATURE"})
_WORKS_FROM: Final = 0.5
"""Influence from which a constraint decides."""
_STEPS: Final = 8

Controls = tuple[Control | None, tuple[Control | None, Control | None], tuple[Control, ...]]


def controls(root: bpy.types.Object, armature: bpy.types.Object | None, bones: FaceBones) -> Controls:
    """What to move for the head, for each eye, and the targets that the eyes look at instead, if there are any."""
    head = chosen(root, armature, HEAD_CHOICE) or _control(armature, bones.head)
    by = str(root.get(EYES_BY_CHOICE, "auto"))
    left, right = (
        chosen(root, armature, choice) or _eye(armature, name)
        for choice, name in zip((LEFT_EYE_CHOICE, RIGHT_EYE_CHOICE), bones.eyes, strict=True)
    )
    tracked = tuple(dict.fromkeys(found for found in (_tracked(left), _tracked(right)) if found is not None))
    target = chosen(root, armature, LOOK_AT_CHOICE)
    if by == "shapes":
        return head, (None, None), ()
    if by == "bones":
        return head, (left, right), ()
    if target is not None:
        return head, (left, right), (target,)
    return head, (left, right), tracked


def chosen(root: bpy.types.Object, armature: bpy.types.Object | None, choice: str) -> Control | None:
    """What the avatar's owner chose, where that is still there."""
    ob = root.get(choice + OBJECT)
    if isinstance(ob, bpy.types.Object):
        return Control(ob)
    bone = str(root.get(choice, ""))
    return Control(armature, bone) if armature is not None and bone in armature.data.bones else None


def _control(armature: bpy.types.Object | None, bone: str | None) -> Control | None:
    """What a bone gets its turn from: itself, or behind its constraints another bone or an object."""
    if armature is None or bone is None:
        return None
    found = Control(armature, bone)
    for _ in range(_STEPS):
        source = _source(found, _COPIES)
        if source is None:
            return found
        found = source
    return found


def _eye(armature: bpy.types.Object | None, bone: str | None) -> Control | None:
    """An eye as its constraints leave it: what tracks a target is the eye's last word."""
    return _control(armature, bone)


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
