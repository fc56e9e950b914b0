"""How far an avatar's surface moves with each of its channels: what a tolerance in millimetres allows a channel.

Millimetres are those of a face of the actor's size, so an avatar that was built a hundred times too large gets the same
keys. On an avatar of real size they are millimetres of the scene.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from ....inference.errors import InputError
from ..key_points import key_points
from ..keys.fcurves import Curve
from .channels import Channel, bone_of
from .rig import Rig

HEAD_CM = 20.0
"""A head ends at most so far away from the face model's origin: a body does not turn with it."""
EYE_CM = 1.5
"""Radius of what an eye moves: the eyeball, the cornea on it and the lid's edge."""
TURN_OF_QUATERNION = 2.0
"""A rotation turns by twice as much as its quaternion moves."""
LEAST_MM = 1e-3
UNKNOWN_MM = 50.0
"""What a channel of which nothing could be read is taken to move: as much as any part of a face can."""

Tracks = Sequence[tuple[bpy.types.ID, list[Curve]]]


def measured(rig: Rig, tracks: Tracks) -> list[tuple[bpy.types.ID, list[Curve]]]:
    """The same curves, each with how far it moves the surface."""
    points = head_points(rig)
    read = _read(rig, [key for id_block, curves in tracks for key in _face_controls(rig, id_block, curves)])
    return [(id_block, _measured(rig, id_block, curves, points, read)) for id_block, curves in tracks]


def _face_controls(rig: Rig, id_block: bpy.types.ID, curves: list[Curve]) -> dict[str, Curve]:
    """Bones and properties that move parts of the face, by their channels' keys: what they do must be looked at."""
    if rig.armature is None or id_block not in {rig.armature, rig.armature.data}:
        return {}
    turned = {control.bone for control in (rig.head, *rig.eyes, *rig.look_at) if control is not None}
    found = {}
    for curve in curves:
        bone = bone_of(Channel(id_block, curve.data_path, curve.index, 0.0, 0.0))
        of_object = bone is None and curve.data_path in {"location", "rotation_quaternion", "rotation_euler"}
        if bone not in turned and not of_object:
            found[_key(rig, id_block, curve)] = curve
    return found


def _key(rig: Rig, id_block: bpy.types.ID, curve: Curve) -> str:
    """A channel of the armature as `Link.key` has it."""
    indexed = curve.data_path.endswith((".location", ".rotation_euler", ".scale"))
    path = f"{curve.data_path}[{curve.index}]" if indexed else curve.data_path
    if rig.armature is not None and id_block == rig.armature.data:
        return f"data{'' if path.startswith('[') else '.'}{path}"
    return path


def _read(rig: Rig, keys: Sequence[str]) -> dict[str, float]:
    """How far each of these channels moves the evaluated surface, in mm for a change of 1."""
    if not keys:
        return {}
    from .reading import read_shapes

    try:
        shapes = read_shapes(rig, keys, everything=True)
    except InputError:
        return {}
    moved = np.sqrt((shapes.deltas.astype(np.float64) ** 2).sum(2).max(1)) * 10.0 / rig.units_per_cm
    return dict(zip(shapes.keys, (float(mm) for mm in moved / np.abs(shapes.unit)), strict=True))


def _measured(
    rig: Rig, id_block: bpy.types.ID, curves: list[Curve], points: NDArray[np.float64], read: dict[str, float]
) -> list[Curve]:  # fmt: skip
    largest = shape_reach(rig, id_block) if isinstance(id_block, bpy.types.Key) else {}
    controls = {id(curve): key for key, curve in _face_controls(rig, id_block, curves).items()}
    result = []
    for curve in curves:
        if curve.mm_per_unit > 0:
            result.append(curve)
        elif controls.get(id(curve)) in read:
            result.append(replace(curve, mm_per_unit=max(read[controls[id(curve)]], LEAST_MM)))
        elif largest:
            result.append(replace(curve, mm_per_unit=largest.get(curve.data_path, UNKNOWN_MM)))
        else:
            result.append(replace(curve, mm_per_unit=_of_transform(rig, id_block, curve, points)))
    return result


def shape_reach(rig: Rig, keys: bpy.types.Key) -> dict[str, float]:
    """Largest movement of a vertex by each shape key at 1, in mm; by data path."""
    mesh = next((mesh for mesh in rig.meshes if mesh.data.shape_keys == keys), None)
    if mesh is None:
        return {}
    turn = np.array((rig.root.matrix_world.inverted() @ mesh.matrix_world).to_3x3()) * 10.0 / rig.units_per_cm
    rests: dict[str, NDArray[np.float32]] = {}
    found = {}
    for block in keys.key_blocks:
        base = block.relative_key
        if base.name not in rests:
            rests[base.name] = key_points(base)
        moved = (key_points(block) - rests[base.name]) @ turn.T.astype(np.float32)
        found[block.path_from_id("value")] = float(np.sqrt((moved**2).sum(1).max(initial=0.0)))
    return found


def head_points(rig: Rig) -> NDArray[np.float64]:
    """(N, 3) points of the avatar's head at rest, in the root's axes."""
    found = [np.array(rig.origin)[None] + np.array(corner)[None] for corner in _box(12.0 * rig.units_per_cm)]
    for mesh in rig.meshes:
        co = np.empty(len(mesh.data.vertices) * 3, np.float32)
        mesh.data.vertices.foreach_get("co", co)
        matrix = np.array(rig.root.matrix_world.inverted() @ mesh.matrix_world)
        points = co.reshape(-1, 3).astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
        near = ((points - np.array(rig.origin)) ** 2).sum(1) < (HEAD_CM * rig.units_per_cm) ** 2
        found.append(points[near])
    return np.concatenate(found)


def _box(half: float) -> Iterable[tuple[float, float, float]]:
    return ((x, y, z) for x in (-half, half) for y in (-half, half) for z in (-half, half))


def _of_transform(rig: Rig, id_block: bpy.types.ID, curve: Curve, points: NDArray[np.float64]) -> float:
    """How far a turn or a shift moves the head's or the eye's surface, in mm."""
    mm = 10.0 / rig.units_per_cm
    bone = bone_of(Channel(id_block, curve.data_path, curve.index, 0.0, 0.0))
    kind = curve.data_path.rpartition(".")[2]
    if kind == "location":
        ob_scale = id_block.matrix_world.median_scale if bone else _parent_scale(id_block)
        return mm * ob_scale / rig.root.matrix_world.median_scale
    if not kind.startswith("rotation"):
        return UNKNOWN_MM
    turn = TURN_OF_QUATERNION if kind == "rotation_quaternion" else 1.0
    if any(eye is not None and eye.ob == id_block and eye.bone == (bone or "") for eye in rig.eyes):
        return turn * EYE_CM * 10.0
    pivot = _pivot(rig, id_block, bone)
    return turn * mm * float(np.sqrt(((points - np.array(pivot)) ** 2).sum(1).max()))


def _pivot(rig: Rig, ob: bpy.types.Object, bone: str | None) -> Vector:
    """What a bone or an object turns about, in the root's axes."""
    here = ob.data.bones[bone].head_local if bone else Vector((0.0, 0.0, 0.0))
    return rig.root.matrix_world.inverted() @ ob.matrix_world @ here


def _parent_scale(ob: bpy.types.Object) -> float:
    return ob.parent.matrix_world.median_scale if ob.parent is not None else 1.0
