"""The reader of ICT-FaceKit folders on a tiny folder: what it gives, and one clear sentence for each kind of damage."""

from __future__ import annotations

import json
import shutil
import tarfile

import numpy as np
import pytest
from understudy.inference import arkit, face_model
from understudy.inference.errors import InputError, MissingComponentError
from understudy.inference.face_model.assembly import ict_landmarks
from understudy.inference.face_model.default import load_default
from understudy.inference.face_model.ict_folder import NEEDED_PARTS, ict_name, read_ict
from understudy.inference.face_model.overlay import classic_marks, lay_over
from understudy.inference.face_model.rims import EYES, INNER_LIPS
from understudy.inference.solve.geometry import rotation_from_vector
from understudy.models.ict_archive import unpack_ict

UPPER, LOWER = INNER_LIPS.upper[1:-1], INNER_LIPS.lower[1:-1]
SHAPES = ("eyeBlink_L", "browInnerUp_L", "browInnerUp_R")
CORNERS = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])


def vertices(points):
    return "".join(f"v {x} {y} {z}\n" for x, y, z in points)


@pytest.fixture
def folder(tmp_path):
    """One unit square per part; the n-th shape lifts everything by n + 1."""
    folder = tmp_path / "ICT" / "FaceXModel"
    folder.mkdir(parents=True)
    points = np.concatenate([CORNERS + [0, 0, 2.0 * part] for part in range(len(NEEDED_PARTS))])
    text = vertices(points) + "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
    for part, material in enumerate(NEEDED_PARTS):
        text += f"usemtl {material}\nf " + " ".join(f"{4 * part + i}/{i}/1" for i in (1, 2, 3, 4)) + "\n"
    (folder / "generic_neutral_mesh.obj").write_text(text)
    for lift, name in enumerate(SHAPES, start=1):
        (folder / f"{name}.obj").write_text(vertices(points + [0, lift, 0]))
    for number in range(100):
        (folder / f"identity{number:03d}.obj").write_text(vertices(points + [number, 0, 0]))
    table = {"expressions": SHAPES, "idx_to_landmark_verts": [0] * 68}
    (folder / "vertex_indices.json").write_text(json.dumps(table))
    return folder


def test_parts_triangles_and_texture(folder):
    ict = read_ict(folder)
    assert ict.part("M_BackHead").tolist() == [4, 5, 6, 7]
    assert ict.polygons_of("M_Teeth") == [(16, 17, 18, 19)]
    assert ict.triangles("M_Face").tolist() == [[0, 1, 2], [0, 2, 3]]
    assert ict.uv[list(ict.polygon_uvs[0])].tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]


def test_shapes_are_offsets_and_both_sides_are_added(folder):
    ict = read_ict(folder)
    assert (ict.arkit_shape("eyeBlinkLeft") == [0, 1, 0]).all()
    assert (ict.arkit_shape("browInnerUp") == [0, 5, 0]).all()
    assert ict.arkit_shape("tongueOut") is None


def test_identity_is_read_when_asked_for_and_the_parent_folder_will_do(folder):
    assert read_ict(folder).identity_cm.shape == (0, 20, 3)
    identity = read_ict(folder.parent, with_identity=True).identity_cm
    assert identity[:, 0, 0].tolist() == list(range(100))


def test_names():
    assert ict_name("eyeBlinkLeft") == "eyeBlink_L"
    assert ict_name("mouthSmileRight") == "mouthSmile_R"
    assert ict_name("jawLeft") == "jawLeft"


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        ("vertex_indices.json", '"expressions"', '"other"', "vertex_indices.json is damaged"),
        ("vertex_indices.json", "[0, 0,", "[0,", "68 landmarks do not fit"),
        ("vertex_indices.json", "[0, 0,", "[0, 20,", "68 landmarks do not fit"),
        ("generic_neutral_mesh.obj", "v 0.0", "v zero", "missing or damaged"),
        ("generic_neutral_mesh.obj", "v 0.0", "v nan", "vertices are missing or no numbers"),
        ("generic_neutral_mesh.obj", "v ", "w ", "vertices are missing or no numbers"),
        ("generic_neutral_mesh.obj", "f 1/1/1", "f 1", "generic_neutral_mesh.obj is damaged"),
        ("generic_neutral_mesh.obj", "f 1/1/1", "f 21/1/1", "polygons use vertices that it does not have"),
        ("generic_neutral_mesh.obj", "f 1/1/1", "f 1/5/1", "polygons use vertices that it does not have"),
        ("generic_neutral_mesh.obj", "usemtl M_Teeth", "usemtl M_Other", "lacks the part M_Teeth"),
        ("eyeBlink_L.obj", "v 0.0 1.0 0.0\n", "", "eyeBlink_L.obj is damaged"),
    ],
)
def test_damage_is_told_in_a_sentence(folder, file, old, new, sentence):
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    with pytest.raises(InputError, match=f"{sentence}.*choose the FaceXModel folder"):
        read_ict(folder)


def test_a_missing_file_is_named(folder):
    (folder / "eyeBlink_L.obj").unlink()
    with pytest.raises(InputError, match=r"eyeBlink_L\.obj is missing"):
        read_ict(folder)
    (folder / "vertex_indices.json").unlink()
    with pytest.raises(InputError, match=r"no ICT-FaceKit folder \(vertex_indices\.json is missing\)"):
        read_ict(folder)


def test_a_part_of_the_identity_shapes_will_do(folder):
    for number in range(100):
        if number not in (3, 50):
            (folder / f"identity{number:03d}.obj").unlink()
    assert read_ict(folder, with_identity=True).identity_cm[:, 0, 0].tolist() == [3, 50]
    for number in (3, 50):
        (folder / f"identity{number:03d}.obj").unlink()
    assert len(read_ict(folder).identity_cm) == 0
    with pytest.raises(InputError, match="has no identity shapes"):
        read_ict(folder, with_identity=True)


def test_only_an_archive_with_the_model_is_unpacked(folder, tmp_path):
    good, empty, text = tmp_path / "good.tar", tmp_path / "empty.tar", tmp_path / "text.tar"
    with tarfile.open(good, "w") as bundle:
        bundle.add(folder, "ICT/FaceXModel")
    with tarfile.open(empty, "w"):
        pass
    text.write_text("no archive")
    assert unpack_ict(good, tmp_path / "unpacked") == tmp_path / "unpacked" / "ICT" / "FaceXModel"
    with pytest.raises(InputError, match="holds no FaceXModel folder"):
        unpack_ict(empty, tmp_path / "nothing")
    with pytest.raises(InputError, match="cannot be unpacked"):
        unpack_ict(text, tmp_path / "nothing")


@pytest.fixture(scope="module")
def official(shared, tmp_path_factory):
    """The published folder, with three of its identity shapes."""
    archive = shared / "data" / "ict_facekit" / "ICT-FaceKit.tar.xz"
    if not archive.is_file():
        pytest.skip(f"needs {archive}")
    folder = unpack_ict(archive, tmp_path_factory.mktemp("ict"))
    for path in folder.glob("identity*.obj"):
        if path.stem not in ("identity000", "identity001", "identity050"):
            path.unlink()
    return folder


@pytest.fixture(scope="module")
def model(official, tmp_path_factory):
    """The face model of that folder, converted into a cache of its own."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
            patched.setenv(name, str(tmp_path_factory.mktemp("cache")))
        return face_model.load(f"ict:{official}")


def test_the_model_lies_where_the_default_one_does(model):
    ours = load_default()
    assert model.name == "ict"
    assert model.identity_modes_cm.shape == (3 + 3, len(model.mean_cm), 3)
    assert np.linalg.norm(model.landmark_mean_cm - ours.landmark_mean_cm, axis=1).max() < 0.06
    assert model.eye_centres_cm == pytest.approx(ours.eye_centres_cm, abs=1e-3)
    assert model.eye_radius_cm == pytest.approx(ours.eye_radius_cm, abs=1e-3)
    assert model.source_vertices[:-10].tolist() == list(range(len(model.mean_cm) - 10))
    difference = np.linalg.norm(model.landmark_expressions_cm - ours.landmark_expressions_cm, axis=-1)
    assert np.sqrt((difference**2).mean()) < 0.05


def test_lips_and_lids_close(model):
    shapes = model.landmark_expressions_cm
    both = shapes[arkit.INDEX["jawOpen"]] + shapes[arkit.INDEX["mouthClose"]]
    assert np.linalg.norm(both[list(UPPER)] - both[list(LOWER)], axis=1).max() < 0.02
    for name, eye in zip(("eyeBlinkLeft", "eyeBlinkRight"), EYES, strict=True):
        closed = model.landmark_mean_cm + shapes[arkit.INDEX[name]]
        rim = closed[sorted(eye.lower, key=lambda i: closed[i, 0])]
        upper = closed[list(eye.upper[1:-1])]
        assert np.abs(upper[:, 1] - np.interp(upper[:, 0], rim[:, 0], rim[:, 1])).max() < 0.01


def test_irises_only_follow_the_eyeballs(model):
    assert not model.landmark_expressions_cm[:, 468:].any()
    irises = model.landmark_mean_cm[468:] - np.repeat(model.eye_centres_cm[::-1], 5, axis=0)
    ring = np.linalg.norm(irises[[1, 2, 3, 4, 6, 7, 8, 9]], axis=1)
    assert ring == pytest.approx(model.eye_radius_cm, abs=1e-3)


def test_the_solver_finds_what_it_played(model, replay):
    found = replay(model)
    assert found.coefficient_error.mean() < 0.03
    assert found.head_error_deg.mean() < 0.4


def test_what_is_no_model_is_told(folder, tmp_path):
    with pytest.raises(InputError, match="has 20 vertices where ICT-FaceKit has 26719"):
        face_model.load(f"ict:{folder}")
    with pytest.raises(MissingComponentError, match="FaceXModel folder"):
        face_model.load(f"ict:{tmp_path / 'nowhere'}")
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(InputError, match="no ICT-FaceKit folder"):
        face_model.load(f"ict:{folder}")


def test_our_mean_face_is_laid_over_strangers(official):
    """ICT's own identities in the hands of a maker who only names the 68 landmarks, with other axes and sizes."""
    ict = read_ict(official, with_identity=True)
    known = ict_landmarks()
    skin = ict.triangles("M_Face", "M_BackHead").astype(np.int32)
    motions = np.stack(list(ict.shapes_cm.values())).astype(float)
    marks = classic_marks(np.arange(68), np.tile(ict.landmarks68[:, None], 3).astype(np.int32), np.eye(3)[[0] * 68])
    for strength in ((0.0, 0.0, 0.0), (1.5, -1.0, 1.0), (-1.0, 1.5, -1.0)):
        stranger = ict.neutral_cm + np.tensordot(strength, ict.identity_cm, 1)
        turn = rotation_from_vector(np.array([0.1, -0.15, 0.05]))
        placed = 0.93 * stranger @ turn.T + [4.0, -2.0, 1.0]
        laid = lay_over(placed, skin, marks, 0.93 * motions @ turn.T)
        true = np.einsum("nk,nkc->nc", known["weights"], placed[known["corners"]])
        off = np.linalg.norm(laid.at_skin(placed) - true, axis=1)
        assert np.median(off) < 0.1
        assert np.percentile(off, 95) < 0.3
        assert np.abs(laid.rotation @ turn - np.eye(3)).max() < 0.05
