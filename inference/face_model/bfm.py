"""The Basel Face Model 2017 and 2019 (`.h5`) as a face model: mesh, identities, and ARKit's shapes fitted from its space.

Layout (millimetres; x to the actor's left, y up, z out of the face): `shape/model` and `expression/model`, each with
`mean` (3 V), `pcaBasis` (3 V, M) of unit columns and `pcaVariance` (M); `shape/representer/cells` (3, F);
`metadata/landmarks/json`, a list of named points on the mean shape.
Gerig et al., "Morphable face models - an open framework", FG 2018.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..errors import InputError, MissingComponentError
from .arkit_fit import arkit_weights, keep_explained
from .assembly import Head, assemble
from .default import load_default
from .overlay import Marks, classic_marks, classic_middles, face_part, lay_over
from .rims import EYES
from .surface import Array, Triangles
from .types import FaceModel

EXPRESSION_SPREAD = 2.0
MOST_IDENTITIES = 100
"""The rest of BFM's 199 identities is finer than landmarks show."""
FEWEST_MARKS = 8
NAMED: dict[str, tuple[int, ...]] = {
    "center.chin.tip": (8,),
    "center.nose.tip": (30,),
    "center.nose.attachement_to_philtrum": (33,),
    "right.eye.corner_outer": (36,),
    "right.eye.top": (37, 38),
    "right.eye.corner_inner": (39,),
    "right.eye.bottom": (40, 41),
    "left.eye.corner_inner": (42,),
    "left.eye.top": (43, 44),
    "left.eye.corner_outer": (45,),
    "left.eye.bottom": (46, 47),
    "right.lips.corner": (48,),
    "center.lips.upper.outer": (51,),
    "left.lips.corner": (54,),
    "center.lips.lower.outer": (57,),
    "center.lips.upper.inner": (62,),
    "center.lips.lower.inner": (66,),
}
"""BFM's own names of points (its spelling), and the classic landmarks in whose middle each lies."""
INDEX_FILE = "landmarks68.txt"
_WHAT = "a Basel Face Model 2017 or 2019"


@dataclass(frozen=True)
class Bfm:
    """A BFM file's arrays, checked, in centimetres."""

    vertices_cm: Array
    """(V, 3) the mean face with the mean expression."""
    identities_cm: NDArray[np.float32]
    """(I, V, 3), one standard deviation each."""
    expressions_cm: NDArray[np.float32]
    """(E, V, 3)."""
    triangles: Triangles
    named_cm: dict[str, Array]
    """Named points of the file, on the mean shape without expression."""
    shape_cm: Array
    """(V, 3) that shape."""


def model_files(path: Path) -> list[Path]:
    """The files that the model is made from."""
    beside = path.with_name(INDEX_FILE)
    return [path, beside] if beside.is_file() else [path]


def build_bfm(path: Path) -> FaceModel:
    """Read and convert; raises InputError for what is no BFM file, MissingComponentError without h5py or landmarks."""
    bfm = read_bfm(path)
    motions = bfm.expressions_cm.astype(np.float64)
    overlay = lay_over(bfm.vertices_cm, bfm.triangles, _marks(path, bfm), motions)
    made = arkit_weights(motions, np.full(len(motions), EXPRESSION_SPREAD), overlay)
    used, triangles, corners = face_part(bfm.vertices_cm, bfm.triangles, overlay)
    shapes = keep_explained(np.tensordot(made, motions, 1), overlay)[:, used]
    identities = bfm.identities_cm.astype(np.float64)
    lids = overlay.at_skin(identities)
    return assemble(
        Head(
            name="bfm",
            mean_cm=overlay.moved(bfm.vertices_cm[used]),
            modes_cm=identities[:, used] @ overlay.rotation.T,
            expressions_cm=shapes @ overlay.rotation.T,
            triangles=triangles,
            corners=corners,
            weights=overlay.weights,
            eye_centres_cm=overlay.moved(overlay.eye_centres_cm),
            eye_radius_cm=overlay.scale * load_default().eye_radius_cm,
            eye_modes_cm=np.stack([lids[:, eye.upper + eye.lower].mean(1) for eye in EYES], 1) @ overlay.rotation.T,
            source_vertices=used,
        )
    )


def read_bfm(path: Path) -> Bfm:
    """The arrays of a BFM file; raises InputError for anything else, MissingComponentError where h5py is missing."""
    try:
        import h5py
    except ImportError as error:
        raise MissingComponentError(
            f"{path} is an HDF5 file, which needs the Python package h5py: install it beside Understudy "
            "(python -m pip install h5py), or use another face model."
        ) from error
    try:
        with h5py.File(path, "r") as file:
            shape, identities = _space(file, "shape", MOST_IDENTITIES)
            expression, expressions = _space(file, "expression", None)
            cells = np.asarray(file["shape/representer/cells"][()]).astype(np.int32)
            named = _named(file)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise InputError(
            f"{path} is not {_WHAT} or is damaged ({error}); give the file as it was published."
        ) from error
    triangles = cells.T if cells.shape[0] == 3 and cells.shape[-1] != 3 else cells
    fits = (
        shape.shape == expression.shape
        and triangles.ndim == 2
        and triangles.shape[1] == 3
        and triangles.min() >= 0
        and triangles.max() < len(shape)
        and all(np.isfinite(array).all() for array in (shape, expression, identities, expressions))
    )
    if not fits:
        raise InputError(f"{path} is not {_WHAT} (its parts do not fit); give the file as it was published.")
    return Bfm(shape + expression, identities, expressions, np.ascontiguousarray(triangles), named, shape)


def _space(file: Any, name: str, most: int | None) -> tuple[Array, NDArray[np.float32]]:
    """Mean (V, 3) and modes (M, V, 3) of one standard deviation each, in cm."""
    mean = 0.1 * np.asarray(file[f"{name}/model/mean"][()], np.float64).reshape(-1, 3)
    basis = np.asarray(file[f"{name}/model/pcaBasis"][:, :most], np.float32)
    deviation = np.sqrt(np.asarray(file[f"{name}/model/pcaVariance"][:most], np.float32))
    return mean, np.ascontiguousarray((0.1 * basis * deviation).T).reshape(basis.shape[1], len(mean), 3)


def _named(file: Any) -> dict[str, Array]:
    """The file's named points in cm; empty where it has none."""
    if "metadata/landmarks/json" not in file:
        return {}
    text = np.asarray(file["metadata/landmarks/json"][()], object).ravel()[0]
    entries = json.loads(text.decode("utf-8") if isinstance(text, bytes) else str(text))
    return {str(entry["id"]): 0.1 * np.asarray(entry["coordinates"], np.float64).reshape(3) for entry in entries}


def _marks(path: Path, bfm: Bfm) -> Marks:
    """The 68 vertices of the file beside the model where there is one, else the model's own named points."""
    beside = path.with_name(INDEX_FILE)
    if beside.is_file():
        try:
            numbers = np.array(beside.read_text(encoding="utf-8").split(), np.int64)
        except (OSError, ValueError) as error:
            raise InputError(f"{beside} is damaged; it should hold 68 vertex numbers of {path.name}.") from error
        if numbers.shape != (68,) or not ((numbers >= 0) & (numbers < len(bfm.vertices_cm))).all():
            raise InputError(f"{beside} should hold 68 vertex numbers of {path.name}, counted from 0.")
        return classic_marks(np.arange(68), *_at_vertices(numbers))
    names = [name for name in NAMED if name in bfm.named_cm]
    if len(names) < FEWEST_MARKS:
        raise MissingComponentError(
            f"{path} has no landmarks (metadata/landmarks/json): put {INDEX_FILE} beside it, the 68 vertex numbers of the "
            "classic landmarks, counted from 0."
        )
    nearest = cKDTree(bfm.shape_cm).query(np.stack([bfm.named_cm[name] for name in names]))[1]
    return classic_middles([NAMED[name] for name in names], *_at_vertices(nearest))


def _at_vertices(numbers: NDArray[np.int64]) -> tuple[Triangles, Array]:
    """Corners and weights (K, 3) of landmarks that are vertices."""
    return np.tile(numbers[:, None], 3).astype(np.int32), np.tile([1.0, 0.0, 0.0], (len(numbers), 1))
