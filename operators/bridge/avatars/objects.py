"""Pieces of an avatar as Blender objects: armature, skinned meshes, shape keys, attributes, contract properties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import bpy
import numpy as np

from .marks import AVATAR_PROPERTY, ORIGIN_PROPERTY, SCALE_PROPERTY
from .mesh import Piece, Points, to_metres

CM = 0.01
UV = "UVMap"
ATTRIBUTE_TYPES = {1: ("FLOAT", "value"), 3: ("FLOAT_VECTOR", "vector"), 4: ("FLOAT_COLOR", "color")}


def add_armature(
    scene: bpy.types.Scene, name: str, origin_m: Points, neck_cm: Points, head_cm: Points, eyes_cm: Points
) -> bpy.types.Object:
    """The armature of the avatar contract, linked to `scene`, selected and active.

    `neck_cm`, `head_cm`: (3,) pivots; `eyes_cm`: (2, 3) centres of the actor's left and right eyeball.
    """
    armature = bpy.data.objects.new(name, bpy.data.armatures.new(name))
    scene.collection.objects.link(armature)
    view_layer = scene.view_layers[0]
    if bpy.context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    for other in view_layer.objects:
        other.select_set(False, view_layer=view_layer)
    view_layer.objects.active = armature
    armature.select_set(True, view_layer=view_layer)
    top_cm = head_cm + [0.0, 14.0, 0.0]
    joints = {"neck": (neck_cm, head_cm, None), "head": (head_cm, top_cm, "neck")}
    for side, eye_cm in zip(("eye.L", "eye.R"), eyes_cm, strict=True):
        joints[side] = (eye_cm, eye_cm + [0.0, 0.0, 2.5], "head")
    with bpy.context.temp_override(scene=scene, view_layer=view_layer, object=armature, active_object=armature):
        bpy.ops.object.mode_set(mode="EDIT")
        for bone_name, (start_cm, end_cm, parent) in joints.items():
            bone = armature.data.edit_bones.new(bone_name)
            bone.head, bone.tail = to_metres(start_cm, origin_m), to_metres(end_cm, origin_m)
            bone.parent = armature.data.edit_bones[parent] if parent else None
            bone.align_roll((0.0, -1.0, 0.0) if parent != "head" else (0.0, 0.0, 1.0))
        bpy.ops.object.mode_set(mode="OBJECT")
    for bone in armature.pose.bones:
        bone.rotation_mode = "QUATERNION"
    armature.show_in_front = True
    armature.data.display_type = "STICK"
    armature[AVATAR_PROPERTY] = 1
    armature[ORIGIN_PROPERTY] = [float(value) for value in origin_m]
    armature[SCALE_PROPERTY] = CM
    return armature


def add_piece(
    piece: Piece, armature: bpy.types.Object, origin_m: Points, materials: Mapping[str, bpy.types.Material]
) -> bpy.types.Object:
    """A mesh object of `piece`, skinned and parented to `armature`, in the armature's collections."""
    mesh = bpy.data.meshes.new(f"{armature.name} {piece.name}")
    mesh.from_pydata(to_metres(piece.points_cm, origin_m).tolist(), [], [list(face) for face in piece.faces])
    for material in piece.materials:
        mesh.materials.append(materials[material])
    mesh.polygons.foreach_set("material_index", piece.face_material.astype(np.int32))
    mesh.shade_smooth()
    mesh.update()
    for name, values in piece.attributes.items():
        if name == UV:
            _add_uv(mesh, values)
        else:
            _add_attribute(mesh, name, values)
    if "tint" in mesh.color_attributes:
        mesh.color_attributes.active_color = mesh.color_attributes["tint"]
    ob = bpy.data.objects.new(mesh.name, mesh)
    for collection in armature.users_collection:
        collection.objects.link(ob)
    ob.parent = armature
    _skin(ob, piece, armature)
    _add_shape_keys(ob, piece, origin_m)
    for name, indices in piece.properties.items():
        ob[name] = [int(index) for index in indices]
    ob.hide_render = ob.hide_viewport = piece.hidden
    return ob


def add_pieces(
    pieces: Sequence[Piece], armature: bpy.types.Object, origin_m: Points, materials: Mapping[str, bpy.types.Material]
) -> list[bpy.types.Object]:
    """Every piece as an object, in order."""
    return [add_piece(piece, armature, origin_m, materials) for piece in pieces]


def _add_attribute(mesh: bpy.types.Mesh, name: str, values: Points) -> None:
    width = 1 if values.ndim == 1 else values.shape[1]
    kind, field = ATTRIBUTE_TYPES[width]
    attribute = mesh.attributes.new(name, kind, "POINT")
    attribute.data.foreach_set(field, np.ascontiguousarray(values, np.float32).ravel())


def _add_uv(mesh: bpy.types.Mesh, places: Points) -> None:
    """A texture layout without seams: each vertex has one place."""
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    mesh.uv_layers.new(name=UV).data.foreach_set("uv", places[corners].astype(np.float32).ravel())


def _skin(ob: bpy.types.Object, piece: Piece, armature: bpy.types.Object) -> None:
    for bone, weights in piece.bone_weights.items():
        group = ob.vertex_groups.new(name=bone)
        # Few distinct weights: one call per value instead of one per vertex.
        rounded = np.round(weights, 3)
        for weight in np.unique(rounded[rounded > 0]):
            group.add(np.flatnonzero(rounded == weight).tolist(), float(weight), "REPLACE")
    modifier = ob.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature


def _add_shape_keys(ob: bpy.types.Object, piece: Piece, origin_m: Points) -> None:
    if not piece.shapes_cm:
        return
    rest = to_metres(piece.points_cm, origin_m)
    ob.shape_key_add(name="Basis", from_mix=False)
    for name, delta_cm in piece.shapes_cm.items():
        key = ob.shape_key_add(name=name, from_mix=False)
        key.data.foreach_set("co", (rest + to_metres(delta_cm)).astype(np.float32).ravel())
        key.value = 0.0
