"""What the bridge knows about an avatar: what turns its head and its eyes, its meshes with shape keys, and where the
face model's origin is.

Axes: face-model axes are x to the actor's left, y up, z out of the face; an avatar of ours faces -Y with Z up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import bpy
from mathutils import Matrix, Vector

from ....inference.errors import UsageError
from ....inference.retarget.bones import FaceBones, find_bones
from ....inference.take import Take
from ..avatars.marks import AVATAR_PROPERTY, HEAD_CHOICE, ORIGIN_PROPERTY, SCALE_PROPERTY
from . import placement, turning
from .turning import Control


@dataclass(frozen=True)
class Rig:
    """An avatar as the bridge drives it."""

    root: bpy.types.Object
    """The object that moves the whole avatar; an armature, or the mesh itself."""
    armature: bpy.types.Object | None
    """The armature whose bones and properties may move the face."""
    meshes: tuple[bpy.types.Object, ...]
    """Meshes with shape keys, one for each set of keys."""
    bones: FaceBones
    """Bones of the armature by what they turn, as their names say."""
    head: Control | None
    """None: the root itself turns."""
    eyes: tuple[Control | None, Control | None]
    """What turns the actor's left and right eye."""
    look_at: tuple[Control, ...]
    """Targets that the eyes follow: one for both, or left and right; then `eyes` are not turned."""
    jaw: Control | None
    """The bone that opens the mouth."""
    face_axes: Matrix
    """3x3, face-model axes to the root's local axes."""
    origin: Vector
    """The face model's origin in the root's local axes, at rest."""
    units_per_cm: float
    """Local units of the root for one face-model centimetre."""

    @property
    def head_bone(self) -> str | None:
        """The bone of the root that the head turns by."""
        return self.head.bone if self.head is not None and self.head.ob == self.root and self.head.bone else None

    @property
    def eye_bones(self) -> tuple[str | None, str | None]:
        """The bones of the root that turn the left and the right eye."""
        turned = (None, None) if self.look_at else self.eyes
        left, right = (eye.bone if eye is not None and eye.ob == self.root and eye.bone else None for eye in turned)
        return left, right

    @property
    def pivot(self) -> Vector:
        """The point that the head turns about, in the root's local axes."""
        return self.root.data.bones[self.head_bone].head_local if self.head_bone else Vector((0.0, 0.0, 0.0))

    @property
    def armature_units_per_cm(self) -> float:
        """Local units of the armature for one face-model centimetre."""
        if self.armature is None or self.armature == self.root:
            return self.units_per_cm
        return self.units_per_cm * self.root.matrix_world.median_scale / self.armature.matrix_world.median_scale


def read_rig(target: bpy.types.Object, take: Take | None = None) -> Rig:
    """Find out how to drive `target`, an armature or a mesh; `take` gives the actor's measures.

    Raises `UsageError` for anything without shape keys and without a face that bones move.
    """
    root = root_of(target)
    armature = root if root.type == "ARMATURE" else _armature_of(root)
    meshes = tuple(_meshes_with_keys(root))
    bones = find_bones([bone.name for bone in armature.data.bones]) if armature is not None else FaceBones()
    if not meshes and not (armature is not None and bones.head and _deformed(armature)):
        raise UsageError(f"{target.name} has no mesh with shape keys; choose a face that has some, or use Add Avatar.")
    head, eyes, look_at, jaw = turning.controls(root, armature, meshes, bones)
    axes = placement.face_axes(root, armature, meshes, bones)
    if AVATAR_PROPERTY in root:
        origin, units = Vector(root[ORIGIN_PROPERTY]), float(root[SCALE_PROPERTY])
    else:
        origin, units = placement.placed_face(root, armature, meshes, bones, axes, take)
    return Rig(root, armature, meshes, bones, head, eyes, look_at, jaw, axes, origin, units)


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


def belongings(root: bpy.types.Object) -> set[bpy.types.Object]:
    """The avatar's own objects: the root, what is parented to it, what its armature deforms, and what its owner said
    performs with it.
    """
    found = {root, *root.children_recursive}
    if root.type == "ARMATURE":
        found |= {ob for ob in bpy.data.objects if ob.type == "MESH" and ob.find_armature() == root}
    settings = getattr(root, "understudy", None)
    return found | {row.object for row in getattr(settings, "also", ()) if row.object is not None}


def root_of(target: bpy.types.Object) -> bpy.types.Object:
    """What moves the whole avatar: the armature of a mesh when it has a head to turn, the empty that holds several
    meshes with shape keys, else the object itself.
    """
    if target.type != "MESH":
        return target
    armature = _armature_of(target)
    if armature is not None and (
        HEAD_CHOICE in armature or find_bones([bone.name for bone in armature.data.bones]).head
    ):
        return armature
    holder = target.parent
    if armature is None and holder is not None and holder.type == "EMPTY":
        faces = [ob for ob in holder.children if ob.type == "MESH" and ob.data.shape_keys is not None]
        return holder if len(faces) > 1 else target
    return target


def _armature_of(ob: bpy.types.Object) -> bpy.types.Object | None:
    """The armature that deforms an object, or that it hangs on."""
    armature = ob.find_armature() if ob.type == "MESH" else None
    if armature is None and ob.parent is not None and ob.parent.type == "ARMATURE":
        armature = ob.parent
    return armature


def _deformed(armature: bpy.types.Object) -> bool:
    return any(ob.type == "MESH" and ob.find_armature() == armature for ob in bpy.data.objects)


def _meshes_with_keys(root: bpy.types.Object) -> Iterator[bpy.types.Object]:
    seen = set()
    for ob in sorted(belongings(root), key=lambda ob: ob.name):
        keys = ob.data.shape_keys if ob.type == "MESH" else None
        if keys is not None and len(keys.key_blocks) > 1 and keys.name not in seen:
            seen.add(keys.name)
            yield ob
