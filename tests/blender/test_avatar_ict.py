"""The ICT-FaceKit avatar: all parts, the ICT names, eyes on bones, landmarks; clear errors for other folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from painted_shot import painted_take
from understudy.inference.errors import InputError
from understudy.inference.face_model import load
from understudy.inference.face_model.ict import build_ict
from understudy.inference.face_model.ict_folder import read_ict
from understudy.models.ict_archive import unpack_ict
from understudy.operators.bridge.avatars.actor import add_actor_avatar
from understudy.operators.bridge.avatars.ict import add_ict_avatar
from understudy.operators.bridge.avatars.ict_actor import IctActor


@pytest.fixture(autouse=True)
def _new_file() -> None:
    """Keep the file between tests: one avatar serves all of them."""


@pytest.fixture(scope="module")
def ict_folder(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack_ict(shared / "data" / "ict_facekit" / "ICT-FaceKit.tar.xz", tmp_path_factory.mktemp("ict"))


@pytest.fixture(scope="module")
def armature(ict_folder: Path) -> Iterator[bpy.types.Object]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield add_ict_avatar(ict_folder.parent, bpy.context.scene)
    bpy.ops.wm.read_factory_settings(use_empty=True)


def part(armature: bpy.types.Object, name: str) -> bpy.types.Object:
    return next(child for child in armature.children if child.name == f"{armature.name} {name}")


def test_contract_and_names(armature: bpy.types.Object) -> None:
    assert {bone.name for bone in armature.pose.bones} == {"neck", "head", "eye.L", "eye.R"}
    assert armature["understudy_avatar"] == 1
    names = {key.name for key in part(armature, "Face").data.shape_keys.key_blocks}
    assert len(names) == 1 + 53
    assert {"eyeBlink_L", "browInnerUp_R", "cheekPuff_L", "jawOpen"} <= names


def test_every_vertex_of_the_model_is_there(armature: bpy.types.Object) -> None:
    grown = {f"{armature.name} Brows", f"{armature.name} Lashes"}
    parts = [child for child in armature.children if child.name not in grown]
    assert sum(len(child.data.vertices) for child in parts) == 26719


def test_landmarks_are_near_the_default_model(armature: bpy.types.Object) -> None:
    face = part(armature, "Face")
    chosen = np.array(face["understudy_landmarks"])
    points = np.array([face.data.vertices[int(index)].co for index in chosen]) - np.array(
        armature["understudy_origin_m"]
    )
    mean_cm = load("default").mean_cm.astype(float)
    error_cm = np.linalg.norm(100 * points - np.stack([mean_cm[:, 0], -mean_cm[:, 2], mean_cm[:, 1]], axis=1), axis=1)
    assert np.median(error_cm) < 0.25
    assert error_cm[:468].max() < 0.9


def test_eyes_turn_with_their_bones(armature: bpy.types.Object) -> None:
    face = part(armature, "Face")
    iris = int(np.array(face["understudy_landmarks"])[473])
    depsgraph = bpy.context.evaluated_depsgraph_get()
    before = np.array(face.evaluated_get(depsgraph).data.vertices[iris].co)
    armature.pose.bones["eye.L"].rotation_quaternion = (np.cos(0.2), np.sin(0.2), 0.0, 0.0)
    bpy.context.view_layer.update()
    after = np.array(face.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.vertices[iris].co)
    armature.pose.bones["eye.L"].rotation_quaternion = (1.0, 0.0, 0.0, 0.0)
    assert np.linalg.norm(after - before) > 0.003


def test_shells_before_the_eyes_are_not_rendered(armature: bpy.types.Object) -> None:
    assert part(armature, "Eye Shells").hide_render
    assert not part(armature, "Face").hide_render


def test_a_folder_that_is_not_ict_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no ICT-FaceKit folder"):
        add_ict_avatar(tmp_path, bpy.context.scene)


def test_a_damaged_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "generic_neutral_mesh.obj").write_text("v 0 0 zero\n")
    (tmp_path / "vertex_indices.json").write_text('{"expressions": [], "idx_to_landmark_verts": []}')
    before = len(bpy.data.objects)
    with pytest.raises(InputError, match="damaged"):
        add_ict_avatar(tmp_path, bpy.context.scene)
    assert len(bpy.data.objects) == before


def test_the_actors_ict_head(ict_folder: Path) -> None:
    model = build_ict(ict_folder)
    neutral = model.mean_cm + 1.5 * model.identity_modes_cm[0] - model.identity_modes_cm[1]
    actor = IctActor(model, neutral)
    head = read_ict(ict_folder)
    shaped = actor.shaped(head)
    fitted = model.source_vertices >= 0
    assert np.abs(shaped.neutral_cm[model.source_vertices[fitted]] - neutral[fitted]).max() < 1e-4
    # The rest follows without a tear: neighbours move alike.
    triangles = head.triangles("M_Face", "M_BackHead")
    way = np.linalg.norm(shaped.neutral_cm - head.neutral_cm, axis=1)
    assert way[triangles].max() > 0.3
    step = np.linalg.norm(np.diff((shaped.neutral_cm - head.neutral_cm)[triangles[:, [0, 1]]], axis=1)[:, 0], axis=1)
    length = np.linalg.norm(np.diff(head.neutral_cm[triangles[:, [0, 1]]], axis=1)[:, 0], axis=1)
    assert np.percentile(step / np.maximum(length, 0.05), 99.5) < 0.5
    ball = head.part("M_IrisLeft")
    assert np.ptp(shaped.neutral_cm[ball] - head.neutral_cm[ball], axis=0).max() < 1e-9
    places = actor.uv(shaped.neutral_cm[head.part("M_Face")])
    assert ((places > 0) & (places < 1)).all()

    bpy.ops.wm.read_factory_settings(use_empty=True)
    take = replace(painted_take(), face_model="ict", neutral_cm=neutral)
    avatar = add_actor_avatar(bpy.context.scene, take, model=model, ict_folder=ict_folder)
    face = part(avatar, "Face")
    vertices = face.data.vertices
    marks = np.array([vertices[index].co for index in face["understudy_landmarks"]])
    cm = actor.marks
    expected = np.array(avatar["understudy_origin_m"]) + 0.01 * np.stack([cm[:, 0], -cm[:, 2], cm[:, 1]], 1)
    assert np.median(np.linalg.norm(marks - expected, axis=1)) < 0.002
    assert "UVMap" in face.data.uv_layers
    assert {bone.name for bone in avatar.pose.bones} == {"neck", "head", "eye.L", "eye.R"}
