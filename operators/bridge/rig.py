"""What the bridge knows about an avatar: its head, its eyes, its meshes with shape keys, and where the face model's
origin is.

Axes: face-model axes are x to the actor's left, y up, z out of the face; an avatar of ours faces -Y with Z up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from ...inference.errors import UsageError
from ...inference.take import Take
from . import compat
from .fcurves import TAKE_PROPERTY

AVATAR_PROPERTY = "understudy_avatar"
ORIGIN_PROPERTY = "understudy_origin_m"
SCALE_PROPERTY = "understudy_cm"
LANDMARKS_PROPERTY = "understudy_landmarks"
STAND_PROPERTY = "understudy_stand"

FACE_TO_BLENDER = Matrix(((1, 0, 0), (0, 0, -1), (0, 1, 0)))
HEAD_BONE = "head"
EYE_BONES = ("eye.L", "eye.R")


@dataclass(frozen=True)
class Rig:
    """An avatar as the bridge drives it."""

    root: bpy.types.Object
    """The object that moves the whole avatar; an armature, or the mesh itself."""
    meshes: tuple[bpy.types.Object, ...]
    """Meshes with shape keys, one for each set of keys."""
    head_bone: str | None
    eye_bones: tuple[str | None, str | None]
    """The actor's left and right eye."""
    face_axes: Matrix
    """3x3, face-model axes to the root's local axes."""
    origin: Vector
    """The face model's origin in the root's local axes, at rest."""
    units_per_cm: float
    """Local units of the root for one face-model centimetre."""

    @property
    def pivot(self) -> Vector:
        """The point that the head turns about, in the root's local axes."""
        return self.root.data.bones[self.head_bone].head_local if self.head_bone else Vector((0.0, 0.0, 0.0))


def read_rig(target: bpy.types.Object, take: Take) -> Rig:
    """Find out how to drive `target`, an armature or a mesh; raises `UsageError` for anything without shape keys."""
    root = _root_of(target)
    meshes = tuple(_meshes_with_keys(root))
    if not meshes:
        raise UsageError(f"{target.name} has no mesh with shape keys; choose a face that has some, or use Add Avatar.")
    bones = {bone.name.casefold(): bone.name for bone in root.data.bones} if root.type == "ARMATURE" else {}
    ours = AVATAR_PROPERTY in root
    axes = FACE_TO_BLENDER if root.type == "ARMATURE" else _mesh_axes(root)
    if ours:
        origin, units = Vector(root[ORIGIN_PROPERTY]), float(root[SCALE_PROPERTY])
    else:
        origin, units = _measured_face(root, meshes, axes, take)
    left, right = (bones.get(name.casefold()) for name in EYE_BONES)
    return Rig(root, meshes, bones.get(HEAD_BONE), (left, right), axes, origin, units)


def find_avatar(scene: bpy.types.Scene) -> bpy.types.Object:
    """The avatar of a scene: one of ours, else the mesh with most shape keys; raises `UsageError` when there is
    none.
    """
    ours = [ob for ob in scene.objects if AVATAR_PROPERTY in ob]
    if ours:
        return ours[0]
    faces = [ob for ob in scene.objects if ob.type == "MESH" and ob.data.shape_keys is not None]
    if not faces:
        raise UsageError("The scene has no mesh with shape keys; name the avatar's object or use Add Avatar.")
    return max(faces, key=lambda ob: len(ob.data.shape_keys.key_blocks))


def stand(root: bpy.types.Object) -> Matrix:
    """4x4 world matrix of where the avatar stands without a performance."""
    return parent_space(root) @ stand_basis(root)


def stand_basis(root: bpy.types.Object) -> Matrix:
    """4x4 location, rotation and scale of an avatar without a performance, remembered from before our keys moved it."""
    if not _moved_by_us(root):
        root[STAND_PROPERTY] = [value for row in root.matrix_basis for value in row]
    values = list(root[STAND_PROPERTY])
    return Matrix([values[row * 4 : row * 4 + 4] for row in range(4)])


def _moved_by_us(root: bpy.types.Object) -> bool:
    animation = root.animation_data
    if STAND_PROPERTY not in root or animation is None or animation.action is None:
        return False
    paths = {curve.data_path for curve in compat.curves_of(root)}
    return TAKE_PROPERTY in animation.action and bool(paths & {"location", "rotation_quaternion"})


def parent_space(root: bpy.types.Object) -> Matrix:
    """4x4 matrix from the space of an object's own location to the world."""
    return root.matrix_world @ root.matrix_basis.inverted()


def belongings(root: bpy.types.Object) -> set[bpy.types.Object]:
    """The avatar's own objects: the root, what is parented to it and what its armature deforms."""
    found = {root, *root.children_recursive}
    if root.type == "ARMATURE":
        found |= {ob for ob in bpy.data.objects if ob.type == "MESH" and ob.find_armature() == root}
    return found


def _root_of(target: bpy.types.Object) -> bpy.types.Object:
    """The armature of a mesh when that armature has a head to turn, else the object itself."""
    armature = target.find_armature() if target.type == "MESH" else None
    if armature is None and target.parent is not None and target.parent.type == "ARMATURE":
        armature = target.parent
    has_head = armature is not None and any(bone.name.casefold() == HEAD_BONE for bone in armature.data.bones)
    return armature if has_head else target


def _meshes_with_keys(root: bpy.types.Object) -> Iterator[bpy.types.Object]:
    seen = set()
    for ob in sorted(belongings(root), key=lambda ob: ob.name):
        keys = ob.data.shape_keys if ob.type == "MESH" else None
        if keys is not None and len(keys.key_blocks) > 1 and keys.name not in seen:
            seen.add(keys.name)
            yield ob


def _mesh_axes(mesh: bpy.types.Object) -> Matrix:
    """Axes of a bare mesh: Y up facing +Z when its local Y points up in the world (imported OBJ), else Z up facing
    -Y.
    """
    up = stand(mesh).to_3x3().normalized().inverted() @ Vector((0.0, 0.0, 1.0))
    return Matrix.Identity(3) if up.y > 0.7 else FACE_TO_BLENDER


def _measured_face(
    root: bpy.types.Object, meshes: tuple[bpy.types.Object, ...], axes: Matrix, take: Take
) -> tuple[Vector, float]:
    """Lay the actor's neutral face over what the shape keys move: the origin and the units of a centimetre in the
    root's axes.
    """
    moved = np.concatenate([_moved_points(root, mesh) for mesh in meshes])
    in_face_axes = moved @ np.array(axes)  # rows times axes = transposed axes times columns
    low, high = in_face_axes.min(0), in_face_axes.max(0)
    actor_low, actor_high = take.neutral_cm.min(0), take.neutral_cm.max(0)
    units = float((high[0] - low[0]) / max(float(actor_high[0] - actor_low[0]), 1e-6))
    origin = (low + high) / 2 - (actor_low + actor_high) / 2 * units
    return axes @ Vector(origin), units


def _moved_points(root: bpy.types.Object, mesh: bpy.types.Object) -> NDArray[np.float64]:
    """(N, 3) points of a mesh that any shape key moves, in the root's local axes; all when those have no extent."""
    blocks = mesh.data.shape_keys.key_blocks
    rest = _key_points(blocks[0])
    moves = np.zeros(len(rest), bool)
    for block in blocks[1:]:
        moves |= np.abs(_key_points(block) - rest).max(1) > 1e-6
    points = rest[moves] if moves.any() and np.ptp(rest[moves], axis=0).any() else rest
    matrix = np.array(root.matrix_world.inverted() @ mesh.matrix_world)
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _key_points(block: bpy.types.ShapeKey) -> NDArray[np.float64]:
    points = np.empty(len(block.data) * 3, np.float32)
    block.data.foreach_get("co", points)
    return points.reshape(-1, 3).astype(np.float64)
