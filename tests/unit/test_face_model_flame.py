"""FLAME files, written here in exactly the published layouts: read without trust, laid over, and played by the solver."""

from __future__ import annotations

import os
import pickle
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csc_matrix
from understudy.inference import arkit, face_model
from understudy.inference.errors import InputError, MissingComponentError
from understudy.inference.face_model.default import load_default
from understudy.inference.face_model.types import FaceModel

JAW, LEFT_EYE, RIGHT_EYE = 2, 3, 4
BALL = 40


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Converted models of the tests stay out of the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def arrays(made_face: Any) -> dict[str, Any]:
    """A head of skin, two eyeballs and a point of the skull, in FLAME's arrays: metres, 300 + 100 modes, five joints."""
    rng = np.random.default_rng(1)
    sphere = rng.normal(size=(BALL, 3))
    sphere *= load_default().eye_radius_cm * 1.04 / np.linalg.norm(sphere, axis=1, keepdims=True)
    balls = [centre + sphere - sphere.mean(0) for centre in made_face.eyes_cm]
    skin = len(made_face.points_cm)
    vertices = np.concatenate([made_face.points_cm, *balls, [[0.0, 0.0, -10.0]]])
    count = len(vertices)

    def whole(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Eyeballs keep still under expressions."""
        return np.pad(values, ((0, 0), (0, count - skin), (0, 0)))

    identity = np.zeros((300, count, 3))
    identity[:40] = whole(made_face.modes_cm)
    mixed = np.linalg.qr(rng.normal(size=(100, 52)))[0]
    expressions = np.tensordot(mixed, whole(made_face.shapes_cm), 1)
    owner = np.zeros((count, 5))
    jaw = -made_face.shapes_cm[arkit.INDEX["jawOpen"], :, 1].clip(None, 0)
    owner[:skin, JAW] = jaw / jaw.max()
    owner[:skin, 1] = 1 - owner[:skin, JAW]
    owner[skin : skin + BALL, LEFT_EYE] = owner[skin + BALL : -1, RIGHT_EYE] = owner[-1, 0] = 1
    joints = np.zeros((5, count))
    joints[:3, -1] = 1
    joints[LEFT_EYE, skin : skin + BALL] = joints[RIGHT_EYE, skin + BALL : -1] = 1 / BALL
    poses = np.zeros((count, 3, 36))
    poses[..., 9:18] = 1e-4 * rng.normal(size=(count, 3, 9))
    return {
        "v_template": vertices / 100,
        "shapedirs": np.concatenate([identity, expressions]).transpose(1, 2, 0) / 100,
        "posedirs": poses,
        "J_regressor": joints,
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32),
        "weights": owner,
        "f": made_face.triangles.astype(np.uint32),
    }


def write_pickle(path: Path, arrays: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """As FLAME's site has it: chumpy objects, a sparse regressor, protocol 2."""

    class Ch:
        def __init__(self, x: NDArray[np.float64]) -> None:
            self.x = x

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module = types.ModuleType("chumpy.ch")
    module.Ch = Ch  # type: ignore[attr-defined]
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
        patched.setitem(sys.modules, "chumpy.ch", module)
        stored = {
            **arrays,
            **{name: Ch(arrays[name]) for name in ("v_template", "shapedirs", "posedirs", "weights")},
            "J_regressor": csc_matrix(arrays["J_regressor"]),
            "bs_style": "lbs",
        }
        path.write_bytes(pickle.dumps(stored, protocol=2))
    return path


def write_landmarks(folder: Path, made_face: Any) -> None:
    """The 51 inner landmarks, as in FLAME's own archive."""
    stored = {"lmk_face_idx": made_face.marks[17:].astype(np.uint32), "lmk_b_coords": made_face.mark_weights[17:]}
    (folder / "flame_static_embedding.pkl").write_bytes(pickle.dumps(stored, protocol=2))


@pytest.fixture
def flame_file(tmp_path: Path, arrays: dict[str, Any], made_face: Any) -> Path:
    path = tmp_path / "flame2023.npz"
    np.savez(path, **arrays)
    write_landmarks(tmp_path, made_face)
    return path


@pytest.fixture
def model(flame_file: Path) -> FaceModel:
    return face_model.load(f"flame:{flame_file}")


def test_it_lies_in_our_axes_at_its_own_size(model: FaceModel) -> None:
    ours = load_default()
    assert model.name == "flame"
    off = np.linalg.norm(model.landmark_mean_cm - ours.landmark_mean_cm, axis=1)
    assert np.median(off) < 0.5  # 4 % larger than ours
    spread = np.linalg.norm(model.landmark_mean_cm - model.landmark_mean_cm.mean(0), axis=1).mean()
    usual = np.linalg.norm(ours.landmark_mean_cm - ours.landmark_mean_cm.mean(0), axis=1).mean()
    assert spread / usual == pytest.approx(1.04, abs=0.005)
    assert np.abs(model.eye_centres_cm - ours.eye_centres_cm).max() < 0.4
    assert model.eye_radius_cm == pytest.approx(1.04 * ours.eye_radius_cm, rel=0.1)
    assert model.identity_modes_cm.shape[0] == 43


def test_landmarks_lie_where_they_are(model: FaceModel, made_face: Any) -> None:
    """The made mesh begins with the 468 landmarks themselves."""
    vertex = {int(source): n for n, source in enumerate(model.source_vertices) if source >= 0}
    true = model.mean_cm[[vertex[n] for n in range(468)]]
    off = np.linalg.norm(model.landmark_mean_cm[:468] - true, axis=1)
    assert np.median(off) < 0.1
    assert np.percentile(off, 95) < 0.4
    assert (model.source_vertices[-10:] == -1).all()


def test_arkit_shapes_move_the_landmarks_as_ours_do(model: FaceModel) -> None:
    ours = load_default()
    error = np.linalg.norm(model.landmark_expressions_cm - 1.04 * ours.landmark_expressions_cm, axis=-1)
    size = np.linalg.norm(ours.landmark_expressions_cm, axis=-1)
    assert np.sqrt((error**2).mean()) < 0.02
    moving = size.max(1) > 0
    assert (np.sqrt((error**2).mean(1) / np.maximum((size**2).mean(1), 1e-12))[moving] < 0.2).all()
    assert not model.expressions_cm[arkit.INDEX["tongueOut"]].any()


def test_the_solver_finds_what_it_played(model: FaceModel, replay: Callable[[FaceModel], Any]) -> None:
    found = replay(model)
    assert found.coefficient_error.mean() < 0.03
    assert found.head_error_deg.mean() < 0.4


def test_pickle_with_chumpy_is_the_same_model(
    tmp_path: Path, arrays: dict[str, Any], made_face: Any, model: FaceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "pickled"
    folder.mkdir()
    write_landmarks(folder, made_face)
    path = write_pickle(folder / "generic_model.pkl", arrays, monkeypatch)
    assert "chumpy" not in sys.modules
    pickled = face_model.load(f"flame:{path}")
    assert np.array_equal(pickled.expressions_cm, model.expressions_cm)
    assert np.array_equal(pickled.mean_cm, model.mean_cm)


def test_other_landmark_files(tmp_path: Path, arrays: dict[str, Any], made_face: Any, model: FaceModel) -> None:
    """All 68 in an .npy that wraps a dictionary; the landmarks of ours that FLAME's authors place are taken over."""
    path = tmp_path / "other" / "flame.npz"
    path.parent.mkdir()
    np.savez(path, **arrays)
    stored = {"full_lmk_faces_idx": made_face.marks[None], "full_lmk_bary_coords": made_face.mark_weights[None]}
    np.save(path.with_name("landmark_embedding.npy"), np.array(stored, dtype=object), allow_pickle=True)
    nose = np.flatnonzero((made_face.triangles == 4).any(1))[:1]
    weights = (made_face.triangles[nose] == 4).astype(float)
    embedding = path.with_name("mediapipe_landmark_embedding.npz")
    np.savez(embedding, lmk_face_idx=nose, lmk_b_coords=weights, landmark_indices=np.array([4]))
    found = face_model.load(f"flame:{path}")
    vertex = found.source_vertices[found.landmark_corners[4]][found.landmark_weights[4] > 0.99]
    assert vertex.tolist() == [4]
    assert np.linalg.norm(found.landmark_mean_cm - model.landmark_mean_cm, axis=1).max() < 0.8


class _Tensor:
    """Pickles as PyTorch's tensors do: by a function of a library that is not there."""

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (b"storage", 0, (79, 17), (17, 1))  # type: ignore[attr-defined]


def test_landmarks_beside_tensors_are_read(
    flame_file: Path, made_face: Any, model: FaceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The landmark file that is handed around most holds tensors for the outline; they are not needed."""

    def rebuild() -> None: ...

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    module = types.ModuleType("torch._utils")
    module._rebuild_tensor_v2 = rebuild  # type: ignore[attr-defined]
    stored = {
        "dynamic_lmk_faces_idx": _Tensor(),
        "full_lmk_faces_idx": made_face.marks[None],
        "full_lmk_bary_coords": made_face.mark_weights[None],
    }
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "torch", types.ModuleType("torch"))
        patched.setitem(sys.modules, "torch._utils", module)
        np.save(flame_file.with_name("landmark_embedding.npy"), np.array(stored, dtype=object), allow_pickle=True)
    found = face_model.load(f"flame:{flame_file}")
    assert np.linalg.norm(found.landmark_mean_cm - model.landmark_mean_cm, axis=1).max() < 0.8


class _Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_wants_to_run_something_is_refused(flame_file: Path, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    bad = tmp_path / "bad.pkl"
    bad.write_bytes(pickle.dumps({"v_template": _Trap(trap)}))
    with pytest.raises(InputError, match="not opened because it holds more than arrays"):
        face_model.load(f"flame:{bad}")
    (tmp_path / "flame_static_embedding.pkl").write_bytes(pickle.dumps(_Trap(trap)))
    with pytest.raises(InputError, match="not opened"):
        face_model.load(f"flame:{flame_file}")
    assert not trap.exists()
    pickle.loads(bad.read_bytes())  # The trap works.
    assert trap.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shapedirs", np.zeros((5, 3, 400))),
        ("weights", None),
        ("f", np.array([[0, 1, 10**6]])),
        ("v_template", np.full((8, 3), np.nan)),
    ],
)
def test_other_layouts_are_told(flame_file: Path, arrays: dict[str, Any], name: str, value: Any) -> None:
    changed = {key: array for key, array in (arrays | {name: value}).items() if array is not None}
    np.savez(flame_file, **changed)
    with pytest.raises(InputError, match="is not a FLAME model"):
        face_model.load(f"flame:{flame_file}")


def test_damage_and_missing_files(flame_file: Path, tmp_path: Path) -> None:
    whole = flame_file.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"text", whole.replace(b"v_template", b"w_template")):
        flame_file.write_bytes(content)
        with pytest.raises(InputError, match="give the file as it was published"):
            face_model.load(f"flame:{flame_file}")
    flame_file.write_bytes(whole)
    (tmp_path / "flame_static_embedding.pkl").unlink()
    with pytest.raises(MissingComponentError, match=r"flame_static_embedding\.pkl"):
        face_model.load(f"flame:{flame_file}")
    with pytest.raises(MissingComponentError, match=r"flame\.is\.tue\.mpg\.de"):
        face_model.load(f"flame:{tmp_path / 'nowhere.pkl'}")
