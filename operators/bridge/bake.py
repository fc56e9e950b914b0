"""Gives a take to an avatar as keyframes: shape keys of all its meshes, the turn of its head and of its eyes.

Frames in which no face was seen (confidence 0) get no key. The key before such a gap holds its value until the face is
seen again: the avatar waits rather than inventing a performance. All other keys blend linearly, so that a key on every
frame reproduces the take exactly and nothing overshoots between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ...inference import retarget
from ...inference.errors import InputError, UsageError
from ...inference.take import Take
from . import timing
from .fcurves import Curve, was_written, write_curves
from .rig import Rig, read_rig, stand_basis

STEP = "bake"


@dataclass(frozen=True)
class BakeReport:
    """What a bake did."""

    actions: tuple[str, ...]
    shape_keys: int
    keyed_frames: int
    gap_frames: int


@dataclass(frozen=True)
class Timeline:
    """The frames of a take that are keyed: N of its T frames."""

    seen: NDArray[np.bool_]
    """(T,)"""
    frames: NDArray[np.float64]
    """(N,) scene frames."""
    hold: NDArray[np.bool_]
    """(N,) true for the last key before a gap."""


def bake_take(
    target: bpy.types.Object,
    take: Take,
    mapping: retarget.Mapping | None = None,
    *,
    scene: bpy.types.Scene,
    name: str = "take",
    match_scene: bool = False,
    head: bool = True,
    eyes: bool = True,
) -> BakeReport:
    """Key `take` onto `target` (an avatar's armature, or any mesh with shape keys), in one pass.

    Without a `mapping` the one that fits the avatar's key names is used. `name` names the actions. `match_scene` also
    gives the scene the take's rate and range. Raises `UsageError` when no shape key fits and `InputError` for a take
    without a face.
    """
    rig = read_rig(target, take)
    require_face(take)
    if mapping is None:  # by the keys of all meshes: teeth that have only visemes must speak as the face does
        mapping = retarget.match_names([name for mesh in rig.meshes for name in _key_names(mesh)])
    tracks = [(mesh, *_shape_weights(mesh, take, mapping)) for mesh in rig.meshes]
    tracks = [track for track in tracks if track[1]]
    if not tracks:
        raise UsageError(
            f"No shape key of {target.name} carries a known name; rename them to ARKit names or use Add Avatar."
        )
    if match_scene:
        timing.match_rate(scene, take.fps)
        timing.match_range(scene, take)
    line = timeline(take, scene)
    actions = [_bake_shapes(mesh, keys, weights[line.seen], name, line) for mesh, keys, weights in tracks]
    curves = (head_curves(rig, take, line) if head else []) + (_eye_curves(rig, take, line) if eyes else [])
    if curves:
        actions.append(write_curves(rig.root, name, STEP, curves, line.frames, line.hold))
    return BakeReport(
        actions=tuple(action.name for action in actions),
        shape_keys=sum(len(keys) for _, keys, _ in tracks),
        keyed_frames=len(line.frames),
        gap_frames=int((~line.seen).sum()),
    )


def require_face(take: Take) -> None:
    """Raise `InputError` for a take in which no face was ever seen."""
    if not (take.confidence > 0).any():
        raise InputError("The take has no frame with a face; track footage in which the face can be seen.")


def is_baked(target: bpy.types.Object, take: Take) -> bool:
    """Whether `target` carries keys of an earlier bake."""
    return any(was_written(mesh.data.shape_keys, STEP) for mesh in read_rig(target, take).meshes)


def timeline(take: Take, scene: bpy.types.Scene) -> Timeline:
    """Which frames of a take get keys, and where."""
    seen = take.confidence > 0
    position = np.flatnonzero(seen)
    hold = np.append(np.diff(position) > 1, False)
    return Timeline(seen, timing.take_frames(take, scene)[seen], hold)


def head_turns(rig: Rig, take: Take, line: Timeline) -> list[Matrix]:
    """The head's rotation in the root's local axes for each of the N keyed frames."""
    axes = np.array(rig.face_axes)
    return [Matrix(axes @ rotation @ axes.T) for rotation in take.rotation[line.seen].astype(np.float64)]


def head_curves(rig: Rig, take: Take, line: Timeline) -> list[Curve]:
    """Curves of the head's rotation: on the head bone, or on the object itself where there is none."""
    turns = head_turns(rig, take, line)
    if rig.head_bone:
        return _bone_curves(rig.root, rig.head_bone, turns)
    rest = stand_basis(rig.root).to_quaternion().to_matrix()
    rig.root.rotation_mode = "QUATERNION"
    values = quaternions([rest @ turn for turn in turns])
    return [Curve("rotation_quaternion", index, values[:, index], "Head") for index in range(4)]


def _key_names(mesh: bpy.types.Object) -> list[str]:
    """The shape keys of a mesh, without its rest shape."""
    return [block.name for block in mesh.data.shape_keys.key_blocks[1:]]


def _shape_weights(
    mesh: bpy.types.Object, take: Take, mapping: retarget.Mapping
) -> tuple[Sequence[str], NDArray[np.float32]]:
    """Key names of one mesh and their weights (T, K)."""
    names = set(_key_names(mesh))
    keys, weights = retarget.weights(mapping, take.coefficients)
    present = [index for index, key in enumerate(keys) if key in names]
    return [keys[index] for index in present], weights[:, present]


def _bake_shapes(
    mesh: bpy.types.Object, keys: Sequence[str], weights: NDArray[np.float32], name: str, line: Timeline
) -> bpy.types.Action:
    """Key the weights (N, K) of one mesh, widening a key's slider where a gain drives it past the end."""
    shape_keys = mesh.data.shape_keys
    curves = []
    for key, values in zip(keys, weights.T, strict=True):
        block = shape_keys.key_blocks[key]
        block.slider_min = min(block.slider_min, float(values.min()))
        block.slider_max = max(block.slider_max, float(values.max()))
        curves.append(Curve(block.path_from_id("value"), 0, values.astype(np.float64), "Shapes"))
    return write_curves(shape_keys, name, STEP, curves, line.frames, line.hold)


def _eye_curves(rig: Rig, take: Take, line: Timeline) -> list[Curve]:
    """Curves of the eye bones; yaw is positive to the actor's left, pitch positive up."""
    axes = rig.face_axes
    curves: list[Curve] = []
    for eye, bone in enumerate(rig.eye_bones):
        if bone is None:
            continue
        turns = [
            axes @ Matrix.Rotation(float(yaw), 3, "Y") @ Matrix.Rotation(-float(pitch), 3, "X") @ axes.transposed()
            for yaw, pitch in take.gaze[line.seen, eye]
        ]
        curves += _bone_curves(rig.root, bone, turns)
    return curves


def _bone_curves(armature: bpy.types.Object, bone_name: str, turns: list[Matrix]) -> list[Curve]:
    """Quaternion curves that turn a bone by `turns`, given in the armature's axes relative to its parent."""
    bone = armature.pose.bones[bone_name]
    bone.rotation_mode = "QUATERNION"
    rest = bone.bone.matrix_local.to_3x3().normalized()
    values = quaternions([rest.transposed() @ turn @ rest for turn in turns])
    path = bone.path_from_id("rotation_quaternion")
    return [Curve(path, index, values[:, index], bone_name) for index in range(4)]


def quaternions(rotations: list[Matrix]) -> NDArray[np.float64]:
    """(N, 4) w, x, y, z without jumps between the two quaternions of the same rotation."""
    values = np.array([rotation.to_quaternion() for rotation in rotations])
    flips = np.sum(values[1:] * values[:-1], axis=1) < 0
    signs = np.cumprod(np.concatenate([[1.0], np.where(flips, -1.0, 1.0)]))
    return values * signs[:, None]
