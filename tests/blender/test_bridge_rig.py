"""What turns the head, the eyes and the jaw of avatars of other makers, and where their faces are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector
from understudy.inference import arkit, face_model
from understudy.inference.take import Take
from understudy.operators.bridge.avatars import marks as avatar_marks
from understudy.operators.bridge.keys.bake import bake_take
from understudy.operators.bridge.keys.turns import gaze_turns
from understudy.operators.bridge.rigs.controls import known_mapping
from understudy.operators.bridge.rigs.reading import read_shapes
from understudy.operators.bridge.rigs.rig import read_rig, root_of

MakeTake = Callable[..., Take]
Bones = dict[str, tuple[tuple[float, float, float], tuple[float, float, float], str | None]]

MODEL = face_model.load()
EYES_CM = MODEL.eye_centres_cm.astype(float)
Z_UP = Matrix(((1, 0, 0), (0, 0, -1), (0, 1, 0)))
CHIN = 152


def body(head: str, left: str, right: str, jaw: str | None = None) -> Bones:
    """Bones in face axes (cm): head and tail, parent."""
    left_at, right_at = (tuple(map(float, centre)) for centre in EYES_CM)
    bones: Bones = {
        "hips": ((0, -70, -8), (0, -40, -8), None),
        head: ((0, -8, -6), (0.5, 8, -5), "hips"),
        left: (left_at, (left_at[0], left_at[1] + 1, left_at[2] + 2), head),
        right: (right_at, (right_at[0], right_at[1], right_at[2] + 2), head),
    }
    if jaw is not None:
        bones[jaw] = ((0, -1.0, 0.0), (0.3, -6, 6), head)
    return bones


def build(
    scene: bpy.types.Scene, bones: Bones, axes: Matrix, unit: float, keys: tuple[str, ...] = ()
) -> tuple[bpy.types.Object, bpy.types.Object]:
    """An armature and the default face on it; `axes` and `unit` take face centimetres to the armature's own."""
    armature = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for name, (head, tail, parent) in bones.items():
        bone = armature.data.edit_bones.new(name)
        bone.head, bone.tail = axes @ Vector(head) * unit, axes @ Vector(tail) * unit
        bone.roll = 0.7
        bone.parent = armature.data.edit_bones.get(parent) if parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    mesh = bpy.data.meshes.new("Face")
    points = MODEL.mean_cm.astype(float) @ np.array(axes).T * unit
    mesh.from_pydata(points.tolist(), [], MODEL.triangles.tolist())
    face = bpy.data.objects.new("Face", mesh)
    scene.collection.objects.link(face)
    face.parent = armature
    if keys:
        face.shape_key_add(name="Basis", from_mix=False)
    for key in keys:
        moved = points + MODEL.expressions_cm[arkit.INDEX[key]] @ np.array(axes).T * unit
        block = face.shape_key_add(name=key, from_mix=False)
        block.data.foreach_set("co", moved.astype(np.float32).ravel())
        block.value = 0.0  # Blender 5 begins at 1
    names = list(bones)
    face.vertex_groups.new(name=names[1]).add(list(range(468)), 1.0, "REPLACE")
    for name, irises in ((names[2], range(473, 478)), (names[3], range(468, 473))):
        face.vertex_groups.new(name=name).add(list(irises), 1.0, "REPLACE")
    if len(names) > 4:
        below = [v for v in range(468) if MODEL.mean_cm[v, 1] < -4.5]
        face.vertex_groups[names[1]].remove(below)
        face.vertex_groups.new(name=names[4]).add(below, 1.0, "REPLACE")
    face.modifiers.new("Armature", "ARMATURE").object = armature
    bpy.context.view_layer.update()
    return armature, face


def points_of(ob: bpy.types.Object) -> np.ndarray:
    """Evaluated vertices in the world."""
    evaluated = ob.evaluated_get(bpy.context.evaluated_depsgraph_get())
    matrix = np.array(evaluated.matrix_world)
    points = np.array([tuple(vertex.co) for vertex in evaluated.data.vertices])
    return points @ matrix[:3, :3].T + matrix[:3, 3]


KINDS = {
    "Mixamo": body("mixamorig:Head", "mixamorig:LeftEye", "mixamorig:RightEye"),
    "VRoid": body("J_Bip_C_Head", "J_Adj_L_FaceEye", "J_Adj_R_FaceEye"),
    "Character Creator": body("CC_Base_Head", "CC_Base_L_Eye", "CC_Base_R_Eye", "CC_Base_JawRoot"),
    "MetaHuman": body("head", "FACIAL_L_Eye", "FACIAL_R_Eye", "FACIAL_C_Jaw"),
    "Daz": body("head", "l_eye", "r_eye", "lowerjaw"),
}
SPACES = {
    "Z up, metres": (Z_UP, 0.01, Matrix.Identity(4)),
    "Y up, centimetres, as FBX brings it": (
        Matrix.Identity(3), 1.0, Matrix.Rotation(np.pi / 2, 4, "X") @ Matrix.Scale(0.01, 4)
    ),
    "facing +Y, turned and twice as large": (
        Matrix.Rotation(np.pi, 3, "Z") @ Z_UP, 0.02, Matrix.Translation((1, 2, 3)) @ Matrix.Rotation(0.7, 4, "Z")
    ),
}  # fmt: skip


@pytest.mark.parametrize("inherit", [True, False], ids=["", "eyes that inherit no rotation"])
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("kind", KINDS)
def test_heads_and_eyes_of_every_kind_turn_as_the_actors(
    scene, make_take: MakeTake, kind: str, space: str, inherit: bool
) -> None:
    axes, unit, stands = SPACES[space]
    keys = ("eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "mouthFunnel")
    armature, face = build(scene, KINDS[kind], axes, unit, keys)
    armature.matrix_world = stands
    for name in list(KINDS[kind])[2:4]:
        armature.data.bones[name].use_inherit_rotation = inherit
    bpy.context.view_layer.update()
    rest = points_of(face)
    rig = read_rig(face)
    names = list(KINDS[kind])
    assert rig.root == armature
    assert (rig.head_bone, rig.eye_bones) == (names[1], (names[2], names[3]))
    assert np.allclose(rig.face_axes, axes, atol=1e-6)
    assert rig.units_per_cm == pytest.approx(unit, rel=0.01)
    assert np.linalg.norm(rig.origin) < 0.2 * unit
    armature.pose.bones[names[1]].rotation_mode = "YZX"
    take = make_take(coefficients=np.zeros((12, 52), np.float32))
    bake_take(face, take, scene=scene, match_scene=True)
    world = np.array(stands.to_3x3().normalized() @ axes)
    pivot, *centres = (
        np.array(stands @ armature.data.bones[name].head_local) for name in (names[1], names[2], names[3])
    )
    for position in (0, 5, 10):
        scene.frame_set(1 + position)
        shown = points_of(face)
        head = world @ take.rotation[position] @ world.T
        assert np.allclose(shown[1], pivot + head @ (rest[1] - pivot), atol=2e-4 * unit * stands.median_scale * 100)
        for eye, iris in enumerate((473, 468)):
            look = world @ gaze_turns(take.gaze[position, eye : eye + 1].astype(float))[0] @ world.T
            expected = pivot + head @ (centres[eye] + look @ (rest[iris] - centres[eye]) - pivot)
            assert np.allclose(shown[iris], expected, atol=2e-4 * unit * stands.median_scale * 100)


@pytest.mark.parametrize("space", SPACES)
def test_a_jaw_bone_opens_as_far_as_the_face_model_does(scene, space: str) -> None:
    axes, unit, stands = SPACES[space]
    keys = ("eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight")
    armature, face = build(scene, KINDS["Daz"], axes, unit, keys)
    armature.matrix_world = stands
    bpy.context.view_layer.update()
    rig = read_rig(face)
    mapping = known_mapping(rig)
    assert mapping.kind == "ARKit + jaw bone"
    shapes = read_shapes(rig, mapping.keys)
    for coefficient, axis in (("jawOpen", 1), ("jawLeft", 0), ("jawRight", 0), ("jawForward", 2)):
        links = [link for link in mapping.links if link.coefficient == coefficient]
        assert links
        place = [shapes.keys.index(link.key) for link in links]
        gains = np.array([link.gain for link in links]) / shapes.unit[place]
        shown = np.tensordot(gains, shapes.deltas[place].astype(float), 1)[CHIN] / unit
        expected = MODEL.expressions_cm[arkit.INDEX[coefficient], CHIN]
        assert shown[axis] == pytest.approx(expected[axis], rel=0.35), coefficient
        assert all(link.lower <= min(link.gain, 0) and link.upper >= max(link.gain, 0) for link in links)


def test_keys_that_open_the_mouth_leave_a_jaw_bone_that_moves_the_same_skin_alone(scene) -> None:
    _, face = build(scene, KINDS["Daz"], Z_UP, 0.01, ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight"))
    keys = {link.key for link in known_mapping(read_rig(face)).links if link.coefficient == "jawOpen"}
    assert keys == {"jawOpen"}
    face.vertex_groups.remove(face.vertex_groups["lowerjaw"])  # now it carries teeth at most
    keys = {link.key for link in known_mapping(read_rig(face)).links if link.coefficient == "jawOpen"}
    assert keys > {"jawOpen"}
    assert all(key == "jawOpen" or "lowerjaw" in key for key in keys)


def test_eyes_that_keys_turn_are_not_turned_by_bones_as_well(scene, make_take: MakeTake) -> None:
    keys = ("eyeBlinkLeft", "eyeBlinkRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeLookDownLeft", "eyeLookDownRight")
    armature, face = build(scene, KINDS["Mixamo"], Z_UP, 0.01, keys)
    assert read_rig(face).eye_bones != (None, None)  # these keys move lids only
    for key in keys[2:]:
        for vertex in range(468, 478):
            face.data.shape_keys.key_blocks[key].data[vertex].co.z += 0.002 if "Up" in key else -0.002
    rig = read_rig(face)
    assert rig.eye_bones == (None, None)
    assert {"eyeLookUpLeft", "eyeLookDownRight"} <= set(known_mapping(rig).driving)
    bake_take(face, make_take(), scene=scene)
    assert armature.pose.bones["mixamorig:LeftEye"].matrix_basis == Matrix.Identity(4)
    armature[avatar_marks.EYES_BY_CHOICE] = "bones"
    rig = read_rig(face)
    assert rig.eye_bones == ("mixamorig:LeftEye", "mixamorig:RightEye")
    assert not {name for name in known_mapping(rig).driving if name.startswith("eyeLook")}


def test_eyes_follow_a_target_object_and_stay_with_the_head(scene, make_take: MakeTake) -> None:
    armature, face = build(scene, KINDS["VRoid"], Z_UP, 0.01, ("eyeBlinkLeft", "eyeBlinkRight"))
    target = bpy.data.objects.new("Look", None)
    scene.collection.objects.link(target)
    target.parent = armature
    target.location = Z_UP @ Vector((0, 3.4, 60)) * 0.01
    for name in ("J_Adj_L_FaceEye", "J_Adj_R_FaceEye"):
        bone = armature.pose.bones[name].constraints.new("DAMPED_TRACK")
        bone.target = target
    bpy.context.view_layer.update()
    rig = read_rig(face)
    assert [control.ob for control in rig.look_at] == [target]
    take = make_take()
    bake_take(face, take, scene=scene, match_scene=True)
    middle = Z_UP @ Vector(EYES_CM.mean(0)) * 0.01
    pivot = armature.data.bones["J_Bip_C_Head"].head_local
    for position in (2, 8):
        scene.frame_set(1 + position)
        head = Z_UP @ Matrix(take.rotation[position]) @ Z_UP.transposed()
        eyes = pivot + head @ (middle - pivot)
        shown = (target.matrix_world.translation - eyes).normalized()
        mean = gaze_turns(take.gaze[position].mean(0, keepdims=True).astype(float))[0]
        rest = (Z_UP @ Vector((0, 3.4, 60)) * 0.01 - middle).normalized()
        expected = head @ Z_UP @ Matrix(mean) @ Z_UP.transposed() @ rest
        assert np.degrees(shown.angle(expected)) < 0.1


def test_the_owner_chooses_head_and_eyes(scene, make_take: MakeTake) -> None:
    bones = {
        "root": ((0, -70, 0), (0, -60, 0), None),
        "bip_07": ((0, -8, -6), (0, 8, -6), "root"),
        "thing.A": (tuple(EYES_CM[0]), (3, 3, 12), "bip_07"),
        "thing.B": (tuple(EYES_CM[1]), (-3, 3, 12), "bip_07"),
    }
    armature, face = build(scene, bones, Z_UP, 0.01, ("eyeBlinkLeft", "eyeBlinkRight"))
    assert root_of(face) == face
    rig = read_rig(armature)
    assert (rig.head, rig.eyes) == (None, (None, None))
    armature[avatar_marks.HEAD_CHOICE] = "bip_07"
    armature[avatar_marks.LEFT_EYE_CHOICE], armature[avatar_marks.RIGHT_EYE_CHOICE] = "thing.A", "thing.B"
    assert root_of(face) == armature
    rig = read_rig(face)
    assert (rig.head_bone, rig.eye_bones) == ("bip_07", ("thing.A", "thing.B"))
    holder = bpy.data.objects.new("Holder", None)
    scene.collection.objects.link(holder)
    armature[avatar_marks.HEAD_CHOICE + avatar_marks.OBJECT] = holder
    take = make_take()
    bake_take(face, take, scene=scene, match_scene=True)
    scene.frame_set(4)
    expected = Z_UP @ Matrix(take.rotation[3]) @ Z_UP.transposed()
    assert np.allclose(holder.matrix_world.to_3x3(), expected, atol=1e-5)


def test_meshes_that_hang_on_one_empty_are_one_avatar(scene) -> None:
    armature, face = build(scene, KINDS["Mixamo"], Z_UP, 0.01, ("eyeBlinkLeft", "jawOpen"))
    face.parent = None
    face.modifiers.clear()
    holder = bpy.data.objects.new("Head", None)
    scene.collection.objects.link(holder)
    lashes = face.copy()
    lashes.data = face.data.copy()
    scene.collection.objects.link(lashes)
    face.parent = lashes.parent = holder
    assert root_of(face) == holder
    assert set(read_rig(lashes).meshes) == {face, lashes}
    assert armature not in {read_rig(face).root}


@pytest.mark.parametrize("face_model_name", ["default", "ict"])
def test_a_bare_mesh_lies_where_its_lids_and_lips_are_not_where_its_neck_ends(
    scene, make_take: MakeTake, face_model_name: str
) -> None:
    """A face in another unit and place, whose keys also move a neck that the face model has not."""
    size = 0.93
    neck = np.array([[x, -30.0 - y, -12.0] for x in (-9.0, 9.0) for y in (0.0, 12.0)])
    points = np.vstack([MODEL.mean_cm.astype(float), neck])
    place, unit = np.array([3.0, 150.0, -2.0]), 2.54
    mesh = bpy.data.meshes.new("Bust")
    mesh.from_pydata(((points + place) * unit).tolist(), [], [*MODEL.triangles.tolist(), [478, 479, 481]])
    bust = bpy.data.objects.new("Bust", mesh)
    scene.collection.objects.link(bust)
    bust.rotation_euler = (np.pi / 2, 0, 0)
    bust.shape_key_add(name="Basis", from_mix=False)
    for key in arkit.NAMES:
        moved = points.copy()
        moved[:478] += MODEL.expressions_cm[arkit.INDEX[key]]
        if key.startswith(("jaw", "mouth")):
            moved[478:, 1] -= 0.1
        block = bust.shape_key_add(name=key, from_mix=False)
        block.data.foreach_set("co", ((moved + place) * unit).astype(np.float32).ravel())
        block.value = 0.0
    bpy.context.view_layer.update()
    take = make_take(neutral_cm=MODEL.mean_cm * size, face_model=face_model_name)
    take = replace(take, landmarks_px=seen_landmarks(take, MODEL.mean_cm.astype(float) * size))
    rig = read_rig(bust, take)
    assert np.allclose(rig.face_axes, Matrix.Identity(3))
    assert rig.units_per_cm == pytest.approx(unit / size, rel=0.01)
    assert np.linalg.norm(np.array(rig.origin) / unit - place) < 0.1


def seen_landmarks(take: Take, points_cm: np.ndarray) -> np.ndarray:
    """(T, 478, 2) pixels of a head's points."""
    camera = np.einsum("tij,nj->tni", take.rotation.astype(float), points_cm) + take.translation_cm[:, None]
    (fx, _, cx), (_, fy, cy), _ = take.camera_matrix
    x, y, z = np.moveaxis(camera, -1, 0)
    return np.stack([cx + fx * x / -z, cy - fy * y / -z], -1).astype(np.float32)
