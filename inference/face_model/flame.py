"""FLAME (2017 to 2023, `.pkl` or `.npz`) as a face model: mesh, identities, jaw, and ARKit's shapes fitted from its space.

Layout (metres; x to the actor's left, y up, z out of the face): `v_template` (V, 3), `shapedirs` (V, 3, 400) of which 300
are identities and 100 expressions, each scaled to one standard deviation of its parameter; `posedirs` (V, 3, 36);
`J_regressor` (5, V) of the joints root, neck, jaw and the two eyes; `kintree_table` (2, 5); `weights` (V, 5); `f` (F, 3).
Li et al., "Learning a model of facial shape and expression from 4D scans", SIGGRAPH Asia 2017.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..errors import InputError, MissingComponentError
from .arkit_fit import arkit_weights, keep_explained
from .assembly import Head, assemble
from .default import load_default
from .overlay import MARK_ERROR, Marks, Overlay, classic_marks, face_part, jaw_open_at, lay_over
from .pickles import read_pickle
from .surface import Array, Triangles
from .types import FaceModel

IDENTITIES, EXPRESSIONS = 300, 100
JAW, EYE_JOINTS = 2, (3, 4)
JAW_STEP_RAD = 0.25
JAW_SPREAD_RAD = 0.3
"""A wide open mouth turns FLAME's jaw by about half a radian."""
EXPRESSION_SPREAD = 2.0
LID_SPREAD = 1.0
LANDMARK_FILES = ("landmark_embedding.npy", "flame_static_embedding.pkl")
MEDIAPIPE_FILE = "mediapipe_landmark_embedding.npz"
LID_FILES = ("l_eyelid.npy", "r_eyelid.npy")
_WHAT = "a FLAME model"
_ARRAYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
_Fixed = tuple[NDArray[np.int64], Triangles, Array]
"""Landmarks of ours whose place on FLAME its authors publish: numbers (K,), corners (K, 3), weights (K, 3)."""


@dataclass(frozen=True)
class Flame:
    """A FLAME file's arrays, checked, in centimetres."""

    vertices_cm: Array
    """(V, 3)."""
    identities_cm: Array
    """(300, V, 3)."""
    expressions_cm: Array
    """(100, V, 3)."""
    jaw_correctives_cm: Array
    """(V, 3, 9) for the entries of the jaw's rotation minus identity."""
    joints: Array
    """(5, V) regressor."""
    weights: Array
    """(V, 5)."""
    triangles: Triangles

    def jaw_offset_cm(self, turn_rad: Array) -> Array:
        """(V, 3) what a rotation vector (3,) of the jaw moves: linear blend skinning with pose correctives.

        No joint hangs on the jaw, so its vertices alone turn about it, each by its weight.
        """
        turn = Rotation.from_rotvec(turn_rad).as_matrix() - np.eye(3)
        corrected = self.jaw_correctives_cm @ turn.ravel()
        lever = self.vertices_cm + corrected - self.joints[JAW] @ self.vertices_cm
        return np.asarray(corrected + self.weights[:, JAW, None] * (lever @ turn.T))


def model_files(path: Path) -> list[Path]:
    """The files that the model is made from."""
    beside = (path.with_name(name) for name in (*LANDMARK_FILES, MEDIAPIPE_FILE, *LID_FILES))
    return [path, *(file for file in beside if file.is_file())]


def build_flame(path: Path) -> FaceModel:
    """Read and convert; raises InputError for what is no FLAME file, MissingComponentError without its landmark file."""
    flame = read_flame(path)
    lids = _lid_offsets(path, len(flame.vertices_cm))
    jaw = np.stack([flame.jaw_offset_cm(turn) / JAW_STEP_RAD for turn in JAW_STEP_RAD * np.eye(3)])
    motions = np.concatenate([flame.expressions_cm, lids, jaw])
    marks, fixed = _marks(path, flame.triangles)
    skin = ~np.isin(flame.weights.argmax(1), EYE_JOINTS)
    surface = flame.triangles[skin[flame.triangles].all(1)]
    overlay = _with_fixed(lay_over(flame.vertices_cm, surface, marks, motions), fixed)
    spread = np.repeat([EXPRESSION_SPREAD, LID_SPREAD, JAW_SPREAD_RAD], [EXPRESSIONS, len(lids), 3])
    made = arkit_weights(motions, spread, overlay)
    jaw_offsets = np.stack([flame.jaw_offset_cm(turn) for turn in made[:, -3:]])
    shapes = np.asarray(np.tensordot(made[:, :-3], motions[:-3], 1) + jaw_offsets, np.float64)
    return assemble(_head(flame, surface, overlay, keep_explained(shapes, overlay)))


def _head(flame: Flame, surface: Triangles, overlay: Overlay, shapes_cm: Array) -> Head:
    """The face part in our axes."""
    used, triangles, corners = face_part(flame.vertices_cm, surface, overlay)
    eyes = flame.joints[list(EYE_JOINTS)]
    centres = overlay.moved(eyes @ flame.vertices_cm)
    order = np.argsort(-centres[:, 0])
    return Head(
        name="flame",
        mean_cm=overlay.moved(flame.vertices_cm[used]),
        modes_cm=flame.identities_cm[:, used] @ overlay.rotation.T,
        expressions_cm=shapes_cm[:, used] @ overlay.rotation.T,
        triangles=triangles,
        corners=corners,
        weights=overlay.weights,
        eye_centres_cm=centres[order],
        eye_radius_cm=_eye_radius_cm(flame, overlay),
        eye_modes_cm=(eyes[order] @ flame.identities_cm) @ overlay.rotation.T,
        source_vertices=used,
    )


def _eye_radius_cm(flame: Flame, overlay: Overlay) -> float:
    """Of FLAME's own eyeballs; of ours at FLAME's size where the file has none."""
    owner = flame.weights.argmax(1)
    away = [
        np.linalg.norm(flame.vertices_cm[owner == joint] - flame.joints[joint] @ flame.vertices_cm, axis=1)
        for joint in EYE_JOINTS
    ]
    away_cm = np.concatenate(away)
    return float(np.median(away_cm)) if len(away_cm) else overlay.scale * load_default().eye_radius_cm


def read_flame(path: Path) -> Flame:
    """The arrays of a FLAME file; raises InputError for anything else."""
    arrays = _read_npz(path, _ARRAYS) if zipfile.is_zipfile(path) else read_pickle(path, _WHAT)
    try:
        vertices = np.asarray(arrays["v_template"], np.float64)
        shapes = np.asarray(arrays["shapedirs"], np.float64)
        poses = np.asarray(arrays["posedirs"], np.float64)
        joints = np.asarray(arrays["J_regressor"], np.float64)
        weights = np.asarray(arrays["weights"], np.float64)
        triangles = np.asarray(arrays["f"]).astype(np.int32)
        parents = np.asarray(arrays["kintree_table"]).astype(np.int64)[0]
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise InputError(f"{path} is not {_WHAT} ({error}); give the file as it was published.") from error
    count = len(vertices)
    wanted = {
        "v_template": (vertices, (count, 3)),
        "shapedirs": (shapes, (count, 3, IDENTITIES + EXPRESSIONS)),
        "posedirs": (poses, (count, 3, 36)),
        "J_regressor": (joints, (5, count)),
        "weights": (weights, (count, 5)),
        "kintree_table": (parents, (5,)),
    }
    for name, (array, shape) in wanted.items():
        if array.shape != shape or not np.isfinite(array).all():
            raise InputError(f"{path} is not {_WHAT} ({name} should be {shape}); give the file as it was published.")
    whole = triangles.ndim == 2 and triangles.shape[1] == 3 and triangles.min() >= 0 and triangles.max() < count
    if not whole or JAW in parents:
        raise InputError(f"{path} is not {_WHAT} (its triangles or joints do not fit); give the file as published.")
    modes = 100.0 * shapes.transpose(2, 0, 1)
    jaw_poses = 100.0 * poses[:, :, 9 * (JAW - 1) : 9 * JAW]
    return Flame(100.0 * vertices, modes[:IDENTITIES], modes[IDENTITIES:], jaw_poses, joints, weights, triangles)


def _read_npz(path: Path, names: tuple[str, ...]) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} is not {_WHAT} or is damaged ({error}); give the file as it was published."
        ) from error


def _marks(path: Path, triangles: Triangles) -> tuple[Marks, _Fixed]:
    """FLAME's own landmarks, together with those of ours whose place its authors publish, and the latter again."""
    found = next((path.with_name(name) for name in LANDMARK_FILES if path.with_name(name).is_file()), None)
    if found is None:
        raise MissingComponentError(
            f"{path} needs FLAME's landmarks: put {' or '.join(LANDMARK_FILES)} from FLAME's site into the same folder."
        )
    stored = read_pickle(found, "FLAME's landmarks")
    try:
        if "full_lmk_faces_idx" in stored:
            faces, weights = stored["full_lmk_faces_idx"], stored["full_lmk_bary_coords"]
            numbers = np.arange(68)
        else:
            faces, weights = stored["lmk_face_idx"], stored["lmk_b_coords"]
            numbers = np.arange(17, 68)
        marks = classic_marks(numbers, *_placed(faces, weights, triangles, len(numbers)))
        fixed = np.zeros(0, np.int64), np.zeros((0, 3), np.int32), np.zeros((0, 3))
        if path.with_name(MEDIAPIPE_FILE).is_file():
            found = path.with_name(MEDIAPIPE_FILE)
            extra = _read_npz(found, ("landmark_indices", "lmk_face_idx", "lmk_b_coords"))
            numbers = np.asarray(extra["landmark_indices"]).astype(np.int64)
            fixed = numbers, *_placed(extra["lmk_face_idx"], extra["lmk_b_coords"], triangles, len(numbers))
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise InputError(f"{found} does not fit {path} ({error}); give both as they were published.") from error
    return _joined(marks, fixed), fixed


def _placed(faces: Any, weights: Any, triangles: Triangles, count: int) -> tuple[Triangles, Array]:
    """Corners (K, 3) and weights (K, 3) of landmarks in triangles."""
    corners = triangles[np.asarray(faces).astype(np.int64).reshape(count)]
    return corners, np.asarray(weights, np.float64).reshape(count, 3)


def _joined(marks: Marks, fixed: _Fixed) -> Marks:
    numbers, corners, weights = fixed
    return Marks(
        np.concatenate([marks.corners, corners]),
        np.concatenate([marks.weights, weights]),
        np.concatenate([marks.ours_cm, load_default().landmark_mean_cm[numbers]]),
        np.concatenate([marks.jaw_open_cm, jaw_open_at(numbers)]),
        np.concatenate([marks.error, np.full(len(numbers), MARK_ERROR)]),
    )


def _with_fixed(overlay: Overlay, fixed: _Fixed) -> Overlay:
    """The published places take over from the found ones."""
    overlay.corners[fixed[0]], overlay.weights[fixed[0]] = fixed[1], fixed[2]
    return overlay


def _lid_offsets(path: Path, vertices: int) -> Array:
    """(0 or 2, V, 3) the offsets of closing lids that some distributions of FLAME put beside the model, in cm."""
    files = [path.with_name(name) for name in LID_FILES]
    if not all(file.is_file() for file in files):
        return np.zeros((0, vertices, 3))
    try:
        return np.stack([100.0 * np.load(file, allow_pickle=False).reshape(vertices, 3) for file in files])
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{files[0]} or {files[1].name} does not fit {path}: give both as published.") from error
