"""The default avatar holds its contract and its face works: lids close, jaw opens, sides mirror, teeth follow."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np
import pytest
from understudy.inference import arkit
from understudy.inference.face_model import load
from understudy.operators.bridge.avatars.default import add_default_avatar
from understudy.operators.bridge.avatars.face_topology import NOSTRIL_LEFT, NOSTRIL_RIGHT

UPPER_LID, LOWER_LID = (385, 386, 387), (380, 374, 373)
UPPER_LID_RIGHT, LOWER_LID_RIGHT = (158, 159, 160), (153, 145, 144)
UPPER_LIP, LOWER_LIP = 13, 14


@pytest.fixture(autouse=True)
def _new_file() -> None:
    """Keep the file between tests: one avatar serves all of them."""


@pytest.fixture(scope="module")
def armature() -> Iterator[bpy.types.Object]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield add_default_avatar(bpy.context.scene)
    bpy.ops.wm.read_factory_settings(use_empty=True)


def part(armature: bpy.types.Object, name: str) -> bpy.types.Object:
    return next(child for child in armature.children if child.name.startswith(f"{armature.name} {name}"))


def evaluated(ob: bpy.types.Object, **weights: float) -> np.ndarray:
    """(V, 3) metres of the mesh as Blender deforms it with these shape keys, the others at zero."""
    for key in ob.data.shape_keys.key_blocks:
        key.value = weights.get(key.name, 0.0)
    view_layer = bpy.context.view_layer
    view_layer.update()
    mesh = ob.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


def landmarks(armature: bpy.types.Object, **weights: float) -> np.ndarray:
    face = part(armature, "Face")
    return evaluated(face, **weights)[np.array(face["understudy_landmarks"])]


def face_keys(armature: bpy.types.Object) -> dict[str, np.ndarray]:
    keys = {}
    for key in part(armature, "Face").data.shape_keys.key_blocks:
        points = np.empty(3 * len(key.data), np.float32)
        key.data.foreach_get("co", points)
        keys[key.name] = points.reshape(-1, 3)
    return keys


def test_armature_has_the_contract_bones_and_properties(armature: bpy.types.Object) -> None:
    assert armature.type == "ARMATURE"
    assert tuple(armature.location) == (0.0, 0.0, 0.0)
    assert {bone.name for bone in armature.pose.bones} == {"neck", "head", "eye.L", "eye.R"}
    assert all(bone.rotation_mode == "QUATERNION" for bone in armature.pose.bones)
    assert armature.pose.bones["head"].parent.name == "neck"
    assert armature["understudy_avatar"] == 1
    assert armature["understudy_cm"] == pytest.approx(0.01)
    origin = np.array(armature["understudy_origin_m"])
    centre_cm = load("default").eye_centres_cm[0].astype(float)
    expected = origin + 0.01 * np.array([centre_cm[0], -centre_cm[2], centre_cm[1]])
    assert np.allclose(armature.data.bones["eye.L"].head_local, expected, atol=1e-5)


def test_face_has_the_52_keys_in_order(armature: bpy.types.Object) -> None:
    names = [key.name for key in part(armature, "Face").data.shape_keys.key_blocks]
    assert names == ["Basis", *arkit.NAMES]


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("Teeth", {"jawOpen"}),
        ("Tongue", {"jawOpen", "tongueOut"}),
        ("Brows", {"browInnerUp"}),
        ("Lashes", {"eyeBlinkLeft"}),
    ],
)
def test_other_parts_carry_the_keys_that_move_them(armature: bpy.types.Object, name: str, keys: set[str]) -> None:
    present = {key.name for key in part(armature, name).data.shape_keys.key_blocks}
    assert keys <= present
    assert present - {"Basis"} <= set(arkit.NAMES)


def test_landmarks_lie_where_the_face_model_has_them(armature: bpy.types.Object) -> None:
    mean_cm = load("default").mean_cm.astype(float)
    expected = np.array(armature["understudy_origin_m"]) + 0.01 * np.stack(
        [mean_cm[:, 0], -mean_cm[:, 2], mean_cm[:, 1]], 1
    )
    error_cm = 100 * np.linalg.norm(landmarks(armature) - expected, axis=1)
    nostrils = list(NOSTRIL_LEFT + NOSTRIL_RIGHT)
    assert np.median(error_cm) < 0.02
    assert np.percentile(error_cm, 90) < 0.3
    assert np.delete(error_cm, nostrils).max() < 0.75


def test_size_is_real_and_it_faces_minus_y(armature: bpy.types.Object) -> None:
    points = landmarks(armature)
    everything = np.concatenate([evaluated(part(armature, "Face")), hair_points(armature)])
    chin_z, crown_z = points[152, 2], everything[:, 2].max()
    assert 0.20 < crown_z - chin_z < 0.27
    nose_tip, ear_side = points[4], points[454]
    assert nose_tip[1] < ear_side[1] - 0.05
    assert ear_side[0] > 0.05
    assert everything[:, 2].min() >= -1e-4


def hair_points(armature: bpy.types.Object) -> np.ndarray:
    mesh = part(armature, "Hair").data
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


@pytest.mark.parametrize(
    ("key", "upper", "lower"),
    [("eyeBlinkLeft", UPPER_LID, LOWER_LID), ("eyeBlinkRight", UPPER_LID_RIGHT, LOWER_LID_RIGHT)],
)
def test_blink_closes_the_lids(
    armature: bpy.types.Object, key: str, upper: tuple[int, ...], lower: tuple[int, ...]
) -> None:
    def gap_m(points: np.ndarray) -> np.ndarray:
        return np.linalg.norm(points[list(upper)] - points[list(lower)], axis=1)

    open_m, closed_m = gap_m(landmarks(armature)), gap_m(landmarks(armature, **{key: 1.0}))
    assert open_m.min() > 0.005
    assert closed_m.max() < 0.001
    assert (closed_m / open_m).max() < 0.2


@pytest.mark.parametrize("weight", [0.25, 0.5, 0.75, 1.0])
def test_eyeball_never_pokes_through_a_blinking_lid(armature: bpy.types.Object, weight: float) -> None:
    face = part(armature, "Face")
    points = evaluated(face, eyeBlinkLeft=weight)
    centre = np.array(armature.data.bones["eye.L"].head_local)
    ball = face.vertex_groups["eye.L"].index
    on_ball = np.array([any(group.group == ball for group in vertex.groups) for vertex in face.data.vertices])
    radius = np.linalg.norm(points[on_ball] - centre, axis=1).max()
    lids = load("default").landmark_corners[:, 0][[*UPPER_LID, *LOWER_LID, 466, 388, 384, 398, 249, 390, 381, 382]]
    near = np.linalg.norm(points - centre, axis=1)
    assert near[lids].min() > radius
    # The dense face comes first in the mesh: 468 landmarks and their refinement.
    dense = np.zeros(len(points), bool)
    dense[: np.flatnonzero(on_ball)[0]] = True
    skin_faces = [p.vertices[:] for p in face.data.polygons if p.material_index == 0 and max(p.vertices) < 7000]
    skin = np.unique(np.concatenate(skin_faces))
    front = points[skin, 1] < centre[1]
    assert near[skin][front].min() > radius


def test_jaw_opens_the_lips_and_the_lower_teeth_follow(armature: bpy.types.Object) -> None:
    def lip_gap_m(points: np.ndarray) -> float:
        return float(np.linalg.norm(points[UPPER_LIP] - points[LOWER_LIP]))

    shut, opened = landmarks(armature), landmarks(armature, jawOpen=1.0)
    assert lip_gap_m(shut) < 0.002
    assert lip_gap_m(opened) - lip_gap_m(shut) > 0.015
    teeth = part(armature, "Teeth")
    moved = evaluated(teeth, jawOpen=1.0) - evaluated(teeth)
    travel = np.linalg.norm(moved, axis=1)
    upper, lower = travel < 1e-6, travel > 1e-3
    assert upper.mean() > 0.4
    assert lower.mean() > 0.4
    chin_drop = shut[152, 2] - opened[152, 2]
    front = moved[lower][np.argsort(evaluated(teeth)[lower][:, 1])[:50]]
    assert -front[:, 2].mean() == pytest.approx(chin_drop, rel=0.35)


@pytest.mark.parametrize("left", [name for name in arkit.NAMES if name.endswith("Left")])
def test_left_and_right_shapes_mirror_each_other(armature: bpy.types.Object, left: str) -> None:
    keys = face_keys(armature)
    right = left.removesuffix("Left") + "Right"
    marks = np.array(part(armature, "Face")["understudy_landmarks"])[:468]
    rest = keys["Basis"][marks]
    # The closed lips of the avatar coincide, so the partners are found in the model's mean face.
    mean_cm = load("default").mean_cm[:468]
    mirrored_cm = mean_cm * [-1, 1, 1]
    pair = np.argmin(np.linalg.norm(mirrored_cm[:, None] - mean_cm[None], axis=2), axis=1)
    distance = np.sort(np.linalg.norm(mirrored_cm[:, None] - mean_cm[None], axis=2), axis=1)
    # Where two landmarks share a place the partner is unknown.
    paired = (distance[:, 0] < 0.05) & (distance[:, 1] > 0.1)
    moved_left = (keys[left][marks] - rest)[paired]
    moved_right = (keys[right][marks] - rest)[pair[paired]] * [-1, 1, 1]
    assert paired.mean() > 0.6
    size = np.linalg.norm(moved_left, axis=1).max()
    assert size > 1e-3
    assert np.linalg.norm(moved_left - moved_right, axis=1).max() < 0.3 * size


def test_tongue_comes_out(armature: bpy.types.Object) -> None:
    tongue = part(armature, "Tongue")
    rest, out = evaluated(tongue), evaluated(tongue, tongueOut=1.0)
    lip_y = landmarks(armature)[LOWER_LIP, 1]
    assert rest[:, 1].min() > lip_y
    assert out[:, 1].min() < lip_y - 0.01


def test_eye_bone_turns_the_eyeball_alone(armature: bpy.types.Object) -> None:
    before = landmarks(armature)
    armature.pose.bones["eye.L"].rotation_quaternion = (np.cos(0.2), np.sin(0.2), 0.0, 0.0)
    after = landmarks(armature)
    armature.pose.bones["eye.L"].rotation_quaternion = (1.0, 0.0, 0.0, 0.0)
    moved = np.linalg.norm(after - before, axis=1)
    assert moved[473] > 0.003
    assert moved[:473].max() < 1e-6


def test_head_bone_carries_face_and_leaves_the_shoulders(armature: bpy.types.Object) -> None:
    rest, before = landmarks(armature), evaluated(part(armature, "Face"))
    armature.pose.bones["head"].rotation_quaternion = (np.cos(0.2), 0.0, np.sin(0.2), 0.0)
    turned, after = landmarks(armature), evaluated(part(armature, "Face"))
    armature.pose.bones["head"].rotation_quaternion = (1.0, 0.0, 0.0, 0.0)
    distances = np.linalg.norm(rest[:, None] - rest[None], axis=2)
    assert np.abs(np.linalg.norm(turned[:, None] - turned[None], axis=2) - distances).max() < 1e-3
    assert np.linalg.norm(turned - rest, axis=1).mean() > 0.01
    low = before[:, 2] < 0.03
    assert np.linalg.norm(after - before, axis=1)[low].max() < 1e-6


@pytest.mark.parametrize("name", ["Face", "Teeth", "Tongue", "Brows", "Lashes", "Hair", "Shirt"])
def test_meshes_are_clean(armature: bpy.types.Object, name: str) -> None:
    mesh = part(armature, name).data
    used = np.unique(np.concatenate([np.array(polygon.vertices) for polygon in mesh.polygons]))
    assert len(used) == len(mesh.vertices)
    assert not mesh.validate(verbose=False)
    assert all(material is not None for material in mesh.materials)


@pytest.mark.parametrize("name", ["Face", "Teeth", "Tongue", "Hair", "Shirt"])
def test_normals_point_outward(armature: bpy.types.Object, name: str) -> None:
    """Signed volume of each connected part that is nearly closed, and the face's look toward -Y."""
    mesh = part(armature, name).data
    points = np.array([vertex.co for vertex in mesh.vertices])
    inside = mesh.materials.find(f"{armature.name} Mouth")
    shown = [p for p in mesh.polygons if p.material_index != inside]
    centre = points.mean(axis=0)
    outward = sum(p.area * np.dot(np.array(p.normal), np.array(p.center) - centre) for p in shown)
    assert outward > 0
    if name == "Face":
        cheek = [p for p in shown if max(p.vertices) < 468 * 16 and p.center[1] < -0.09]
        assert np.mean([p.normal[1] < 0.3 for p in cheek]) > 0.97


def test_adding_twice_gives_a_second_avatar_with_its_own_data(armature: bpy.types.Object) -> None:
    second = add_default_avatar(bpy.context.scene)
    assert second.name == f"{armature.name}.001"
    assert second.data is not armature.data
    first_parts = {child.data.name for child in armature.children}
    assert first_parts.isdisjoint(child.data.name for child in second.children)
    assert len(second.children) == len(armature.children)
    first_materials = {m.name for child in armature.children for m in child.data.materials}
    assert first_materials.isdisjoint(m.name for child in second.children for m in child.data.materials)


def test_a_scene_that_is_not_shown_gets_the_avatar(armature: bpy.types.Object) -> None:
    other = bpy.data.scenes.new("Other")
    added = add_default_avatar(other, name="Elsewhere")
    assert other.objects.get("Elsewhere") is added
    assert "Elsewhere" not in bpy.context.scene.objects
    assert {bone.name for bone in added.pose.bones} == {bone.name for bone in armature.pose.bones}
    assert len(added.children) == len([ob for ob in other.objects if ob.type == "MESH"])
