"""BFM files, written here in exactly the published layout: millimetres, unit basis columns and variances, named points."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from understudy.inference import arkit, face_model
from understudy.inference.errors import InputError, MissingComponentError
from understudy.inference.face_model.bfm import INDEX_FILE, NAMED
from understudy.inference.face_model.default import load_default
from understudy.inference.face_model.types import FaceModel

h5py = pytest.importorskip("h5py")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Converted models of the tests stay out of the user's cache."""
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))


def space(modes_cm: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """`pcaBasis` and `pcaVariance` of modes (M, V, 3), one standard deviation each."""
    flat = 10 * modes_cm.reshape(len(modes_cm), -1).T
    size = np.linalg.norm(flat, axis=0)
    return (flat / np.maximum(size, 1e-9)).astype(np.float32), (size**2).astype(np.float32)


def write(path: Path, made_face: Any, named: bool = True) -> Path:
    rng = np.random.default_rng(2)
    smile = 0.1 * made_face.shapes_cm[arkit.INDEX["mouthSmileLeft"]]
    expressions = np.tensordot(np.linalg.qr(rng.normal(size=(60, 52)))[0], made_face.shapes_cm, 1)
    shape = made_face.points_cm - smile
    with h5py.File(path, "w") as file:
        for name, mean, modes in (("shape", shape, made_face.modes_cm), ("expression", smile, expressions)):
            basis, variance = space(modes)
            file[f"{name}/model/mean"] = (10 * mean).ravel().astype(np.float32)
            file[f"{name}/model/pcaBasis"] = basis
            file[f"{name}/model/pcaVariance"] = variance
        file["shape/representer/cells"] = made_face.triangles.T.astype(np.int32)
        if named:
            file["metadata/landmarks/json"] = json.dumps(points(made_face, shape))
    return path


def points(made_face: Any, shape: NDArray[np.float64]) -> list[dict[str, Any]]:
    corners = shape[made_face.triangles[made_face.marks]]
    marks = 10 * np.einsum("nk,nkc->nc", made_face.mark_weights, corners)
    entries = [{"id": name, "coordinates": marks[list(group)].mean(0).tolist()} for name, group in NAMED.items()]
    return [*entries, {"id": "left.ear.lobule.tip", "coordinates": [68.5, -18.5, 12.5]}]


@pytest.fixture
def model(tmp_path: Path, made_face: Any) -> FaceModel:
    return face_model.load(f"bfm:{write(tmp_path / 'model2019_face12.h5', made_face)}")


def test_it_lies_in_our_axes_at_its_own_size(model: FaceModel) -> None:
    ours = load_default()
    assert model.name == "bfm"
    assert np.median(np.linalg.norm(model.landmark_mean_cm - ours.landmark_mean_cm, axis=1)) < 0.5
    spread, usual = (
        np.linalg.norm(m.landmark_mean_cm - m.landmark_mean_cm.mean(0), axis=1).mean() for m in (model, ours)
    )
    assert spread / usual == pytest.approx(1.04, abs=0.01)
    assert np.abs(model.eye_centres_cm - ours.eye_centres_cm).max() < 0.5
    assert model.eye_radius_cm == pytest.approx(1.04 * ours.eye_radius_cm, rel=0.05)


def test_landmarks_lie_where_they_are(model: FaceModel) -> None:
    vertex = {int(source): n for n, source in enumerate(model.source_vertices) if source >= 0}
    true = model.mean_cm[[vertex[n] for n in range(468)]]
    off = np.linalg.norm(model.landmark_mean_cm[:468] - true, axis=1)
    assert np.median(off) < 0.15
    assert np.percentile(off, 95) < 0.5


def test_arkit_shapes_move_the_landmarks_as_ours_do(model: FaceModel) -> None:
    ours = load_default().landmark_expressions_cm
    error = np.linalg.norm(model.landmark_expressions_cm - 1.04 * ours, axis=-1)
    assert np.sqrt((error**2).mean()) < 0.03
    size = np.linalg.norm(ours, axis=-1)
    moving = size.max(1) > 0
    assert (np.sqrt((error**2).mean(1) / np.maximum((size**2).mean(1), 1e-12))[moving] < 0.3).all()


def test_the_solver_finds_what_it_played(model: FaceModel, replay: Callable[[FaceModel], Any]) -> None:
    found = replay(model)
    assert found.coefficient_error.mean() < 0.03
    assert found.head_error_deg.mean() < 0.4


def test_what_the_space_cannot_make_stays_zero(
    tmp_path: Path, made_face: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A BFM whose expressions know nothing of brows."""
    path = write(tmp_path / "bfm.h5", made_face)
    kept = [n for n, name in enumerate(arkit.NAMES) if not name.startswith("brow")]
    basis, variance = space(made_face.shapes_cm[kept])
    with h5py.File(path, "r+") as file:
        for name, value in (("pcaBasis", basis), ("pcaVariance", variance)):
            del file[f"expression/model/{name}"]
            file[f"expression/model/{name}"] = value
    model = face_model.load(f"bfm:{path}")
    assert "bfm.h5 cannot make browDownLeft, browDownRight, browInnerUp" in caplog.text
    for name in arkit.NAMES:
        assert model.expressions_cm[arkit.INDEX[name]].any() == (not name.startswith("brow") and name != "tongueOut")


def test_landmarks_from_a_file_beside_it(tmp_path: Path, made_face: Any, model: FaceModel) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    path = write(folder / "bfm.h5", made_face, named=False)
    with pytest.raises(MissingComponentError, match=r"landmarks68\.txt"):
        face_model.load(f"bfm:{path}")
    nearest = made_face.triangles[made_face.marks, made_face.mark_weights.argmax(1)]
    (folder / INDEX_FILE).write_text("\n".join(map(str, nearest)))
    found = face_model.load(f"bfm:{path}")
    assert np.median(np.linalg.norm(found.landmark_mean_cm - model.landmark_mean_cm, axis=1)) < 0.15
    (folder / INDEX_FILE).write_text("1 2 3")
    with pytest.raises(InputError, match="68 vertex numbers"):
        face_model.load(f"bfm:{path}")


def test_damage_is_told(tmp_path: Path, made_face: Any) -> None:
    path = write(tmp_path / "bfm.h5", made_face)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 3], b"", b"no HDF5 at all"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is not a Basel Face Model"):
            face_model.load(f"bfm:{path}")
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        file["shape/representer/cells"][0, 0] = 10**6
    with pytest.raises(InputError, match="its parts do not fit"):
        face_model.load(f"bfm:{path}")
    with h5py.File(path, "r+") as file:
        del file["expression"]
    with pytest.raises(InputError, match="is not a Basel Face Model"):
        face_model.load(f"bfm:{path}")


def test_without_h5py_it_says_what_to_do(tmp_path: Path, made_face: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "bfm.h5", made_face)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingComponentError, match="pip install h5py"):
        face_model.load(f"bfm:{path}")
    with pytest.raises(MissingComponentError, match=r"faces\.dmi\.unibas\.ch"):
        face_model.load(f"bfm:{tmp_path / 'nowhere.h5'}")
