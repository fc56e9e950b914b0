"""The ICT-FaceKit avatar: all parts, the ICT names, eyes on bones, landmarks; clear errors for other folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from understudy.inference.errors import InputError
from understudy.inference.face_model import load
from understudy.models.ict_archive import unpack_ict
from understudy.operators.bridge.avatar_ict import add_ict_avatar


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
