"""Reads an ICT-FaceKit folder (Wavefront OBJ files) into arrays; no bpy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...inference.errors import InputError
from .avatar_mesh import Indices, Points

NEUTRAL_FILE = "generic_neutral_mesh.obj"
TABLE_FILE = "vertex_indices.json"
ADVICE = "choose the FaceXModel folder of ICT-FaceKit"


@dataclass(frozen=True)
class IctHead:
    """The generic head with its expression shapes, centimetres, face-model axes."""

    points_cm: Points
    """(26719, 3)."""
    faces: dict[str, list[list[int]]]
    """Material name -> polygons."""
    shapes_cm: dict[str, Points]
    """ICT expression name -> (26719, 3) displacement."""
    landmarks68: Indices
    """(68,) vertices of the classic 68 landmarks."""


def read_ict_head(folder: Path) -> IctHead:
    """Read `folder` (a FaceXModel folder or its parent); raises InputError where it is not ICT-FaceKit."""
    if not (folder / NEUTRAL_FILE).is_file() and (folder / "FaceXModel" / NEUTRAL_FILE).is_file():
        folder = folder / "FaceXModel"
    for needed in (NEUTRAL_FILE, TABLE_FILE):
        if not (folder / needed).is_file():
            raise InputError(f"{folder} is no ICT-FaceKit folder ({needed} is missing): {ADVICE}.")
    try:
        table = json.loads((folder / TABLE_FILE).read_text(encoding="utf-8"))
        names = [str(name) for name in table["expressions"]]
        landmarks = np.asarray(table["idx_to_landmark_verts"], np.int64)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / TABLE_FILE} is damaged: {ADVICE}.") from error
    points = _points(folder / NEUTRAL_FILE)
    shapes = {}
    for name in names:
        shape = _points(folder / f"{name}.obj")
        if shape.shape != points.shape:
            raise InputError(f"{folder / name}.obj does not fit {NEUTRAL_FILE}: {ADVICE}.")
        shapes[name] = shape - points
    return IctHead(points, _faces(folder / NEUTRAL_FILE), shapes, landmarks)


def _points(path: Path) -> NDArray[np.float64]:
    """(V, 3) vertices of an OBJ file."""
    try:
        rows = [line[2:] for line in path.read_bytes().split(b"\n") if line.startswith(b"v ")]
        points = np.array(b" ".join(rows).split(), dtype=np.float64).reshape(-1, 3)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is missing or damaged: {ADVICE}.") from error
    if not len(points):
        raise InputError(f"{path} holds no vertices: {ADVICE}.")
    return points


def _faces(path: Path) -> dict[str, list[list[int]]]:
    """Polygons of an OBJ file by material."""
    faces: dict[str, list[list[int]]] = {}
    material = ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("usemtl "):
            material = line.split()[1]
        elif line.startswith("f "):
            corners = [int(corner.split("/")[0]) - 1 for corner in line.split()[1:]]
            faces.setdefault(material, []).append(corners)
    return faces
