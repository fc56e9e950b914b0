"""Reads an ICT-FaceKit folder (Wavefront OBJ files and a table) into arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

NEUTRAL_FILE = "generic_neutral_mesh.obj"
TABLE_FILE = "vertex_indices.json"
NEEDED_PARTS = ("M_Face", "M_BackHead", "M_IrisLeft", "M_IrisRight", "M_Teeth")
_ADVICE = "choose the FaceXModel folder of ICT-FaceKit"
EYEBALLS = ("M_IrisLeft", "M_IrisRight")
"""Materials of the actor's left and right eyeball."""
# The ARKit shapes that ICT-FaceKit splits by side: both sides are added.
_TWO_SIDED = ("browInnerUp", "cheekPuff")


@dataclass(frozen=True)
class IctModel:
    """The ICT-FaceKit head, V = 26719 vertices, in centimetres (x to the actor's left, y up, z out of the face)."""

    neutral_cm: NDArray[np.float64]
    """(V, 3)."""
    identity_cm: NDArray[np.float32]
    """(I, V, 3) offsets, one per unit-variance identity parameter; (0, V, 3) when they were not asked for."""
    shapes_cm: dict[str, NDArray[np.float32]]
    """ICT shape name -> (V, 3) offset."""
    polygons: list[tuple[int, ...]]
    polygon_uvs: list[tuple[int, ...]]
    """Row of `uv` of each corner of each polygon."""
    materials: list[str]
    """Material name of each polygon."""
    uv: NDArray[np.float64]
    """(U, 2) texture coordinates."""
    landmarks68: NDArray[np.int64]
    """(68,) vertex of each of the classic 68 landmarks."""

    def polygons_of(self, *materials: str) -> list[tuple[int, ...]]:
        """The polygons of these materials, in the order of the file."""
        return [polygon for polygon, name in zip(self.polygons, self.materials, strict=True) if name in materials]

    def part(self, *materials: str) -> NDArray[np.int64]:
        """Vertices used by polygons of these materials, sorted."""
        return np.unique([vertex for polygon in self.polygons_of(*materials) for vertex in polygon]).astype(np.int64)

    def triangles(self, *materials: str) -> NDArray[np.int64]:
        """(F, 3) triangles of these materials, polygons split as fans."""
        fans = [
            (polygon[0], polygon[i], polygon[i + 1])
            for polygon in self.polygons_of(*materials)
            for i in range(1, len(polygon) - 1)
        ]
        return np.array(fans, dtype=np.int64)

    def arkit_shape(self, name: str) -> NDArray[np.float32] | None:
        """(V, 3) offset of an ARKit shape, or None where ICT-FaceKit has none (tongueOut)."""
        if name in _TWO_SIDED:
            return self.shapes_cm[name + "_L"] + self.shapes_cm[name + "_R"]
        return self.shapes_cm.get(ict_name(name))


def eyeball(ict: IctModel, vertices_cm: NDArray[np.floating[Any]], side: int) -> tuple[NDArray[np.float64], float]:
    """Centre (3,) and radius in cm of the left (0) or right (1) eyeball: a sphere through its rear, the cornea left out."""
    points = np.asarray(vertices_cm, dtype=np.float64)[ict.part(EYEBALLS[side])]
    low, high = points.min(axis=0), points.max(axis=0)
    radius = float((high[:2] - low[:2]).mean() / 2)
    return np.array([*(low[:2] + high[:2]) / 2, low[2] + radius]), radius


def ict_name(arkit_name: str) -> str:
    """The ICT spelling of an ARKit shape name: `eyeBlinkLeft` -> `eyeBlink_L`."""
    for suffix, short in (("Left", "_L"), ("Right", "_R")):
        if arkit_name.endswith(suffix) and arkit_name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            return arkit_name.removesuffix(suffix) + short
    return arkit_name


def read_ict(folder: Path, with_identity: bool = False) -> IctModel:
    """Read `folder`, a `FaceXModel` folder or its parent; the identity shapes that are there (most of the time) when asked for.

    Raises InputError where it is not ICT-FaceKit or a file is damaged.
    """
    if not (folder / NEUTRAL_FILE).is_file() and (folder / "FaceXModel" / NEUTRAL_FILE).is_file():
        folder = folder / "FaceXModel"
    for needed in (NEUTRAL_FILE, TABLE_FILE):
        if not (folder / needed).is_file():
            raise InputError(f"{folder} is no ICT-FaceKit folder ({needed} is missing): {_ADVICE}.")
    neutral = _positions(folder / NEUTRAL_FILE)
    names, landmarks = _table(folder / TABLE_FILE, len(neutral))
    polygons, polygon_uvs, materials, uv = _topology(folder / NEUTRAL_FILE, len(neutral))
    return IctModel(
        neutral_cm=neutral,
        identity_cm=_identity(folder, neutral) if with_identity else np.empty((0, len(neutral), 3), np.float32),
        shapes_cm={name: _offset(folder / f"{name}.obj", neutral) for name in names},
        polygons=polygons,
        polygon_uvs=polygon_uvs,
        materials=materials,
        uv=uv,
        landmarks68=landmarks,
    )


def _table(path: Path, vertices: int) -> tuple[list[str], NDArray[np.int64]]:
    """Names of the expressions, and the vertices of the 68 landmarks."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        names = [str(name) for name in table["expressions"]]
        landmarks = np.asarray(table["idx_to_landmark_verts"], dtype=np.int64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged: {_ADVICE}.") from error
    if landmarks.shape != (68,) or not ((landmarks >= 0) & (landmarks < vertices)).all():
        raise InputError(f"{path} is damaged (its 68 landmarks do not fit {NEUTRAL_FILE}): {_ADVICE}.")
    return names, landmarks


def _identity(folder: Path, neutral: NDArray[np.float64]) -> NDArray[np.float32]:
    """(I, V, 3) offsets, in the order of the file names; a part of the 100 that the official folder has will do."""
    files = sorted(folder.glob("identity[0-9][0-9][0-9].obj"))
    if not files:
        raise InputError(f"{folder} has no identity shapes (identity000.obj and on are missing): {_ADVICE}.")
    return np.stack([_offset(path, neutral) for path in files])


def _offset(path: Path, neutral: NDArray[np.float64]) -> NDArray[np.float32]:
    """(V, 3) difference of an OBJ file's vertices from the neutral ones."""
    points = _positions(path)
    if points.shape != neutral.shape:
        raise InputError(f"{path} is damaged (it does not fit {NEUTRAL_FILE}): {_ADVICE}.")
    return (points - neutral).astype(np.float32)


def _positions(path: Path) -> NDArray[np.float64]:
    """(V, 3) vertices of an OBJ file."""
    try:
        rows = [line[2:] for line in path.read_bytes().split(b"\n") if line.startswith(b"v ")]
        points = np.array(b" ".join(rows).split(), dtype=np.float64).reshape(-1, 3)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is missing or damaged: {_ADVICE}.") from error
    if not len(points) or not np.isfinite(points).all():
        raise InputError(f"{path} is damaged (its vertices are missing or no numbers): {_ADVICE}.")
    return points


def _topology(
    path: Path, vertices: int
) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]], list[str], NDArray[np.float64]]:
    """Polygons, their texture vertices and materials, and the texture coordinates of an OBJ file."""
    polygons: list[tuple[int, ...]] = []
    polygon_uvs: list[tuple[int, ...]] = []
    materials: list[str] = []
    uv: list[list[float]] = []
    material = ""
    try:
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            kind, _, rest = line.partition(" ")
            if kind == "usemtl":
                material = rest.strip()
            elif kind == "vt":
                uv.append([float(word) for word in rest.split()[:2]])
            elif kind == "f":
                corners = [word.split("/") for word in rest.split()]
                polygons.append(tuple(int(corner[0]) - 1 for corner in corners))
                polygon_uvs.append(tuple(int(corner[1]) - 1 for corner in corners))
                materials.append(material)
        coordinates = np.array(uv, dtype=np.float64).reshape(-1, 2)
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"{path} is damaged: {_ADVICE}.") from error
    if not (_all_within(polygons, vertices) and _all_within(polygon_uvs, len(coordinates))):
        raise InputError(f"{path} is damaged (its polygons use vertices that it does not have): {_ADVICE}.")
    for part in NEEDED_PARTS:
        if part not in materials:
            raise InputError(f"{path} lacks the part {part}: {_ADVICE}.")
    return polygons, polygon_uvs, materials, coordinates


def _all_within(polygons: list[tuple[int, ...]], count: int) -> bool:
    return all(0 <= corner < count for polygon in polygons for corner in polygon)
