"""Reads the ICT-FaceKit light model (MIT licence), the material from which the default face model is computed."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import InputError

# ICT shapes that ARKit does not split by side: both sides are added.
_TWO_SIDED = ("browInnerUp", "cheekPuff")


@dataclass(frozen=True)
class IctModel:
    """The parts of ICT-FaceKit that the builders need, in centimetres (x to the actor's left, y up, z out of the face)."""

    neutral_cm: NDArray[np.float64]
    """(26719, 3)."""
    identity_cm: NDArray[np.float32]
    """(100, 26719, 3) offsets, one per unit-variance identity parameter."""
    shapes_cm: dict[str, NDArray[np.float32]]
    """ICT shape name -> (26719, 3) offset."""
    polygons: list[tuple[int, ...]]
    polygon_uvs: list[tuple[int, ...]]
    materials: list[str]
    """Material name of each polygon."""
    uv: NDArray[np.float64]
    landmarks68: NDArray[np.int64]
    """(68,) vertex of each of the 68 landmarks."""

    def part(self, *materials: str) -> NDArray[np.int64]:
        """Vertices used by polygons of these materials, sorted."""
        wanted = [polygon for polygon, name in zip(self.polygons, self.materials, strict=True) if name in materials]
        return np.unique(np.concatenate([np.asarray(polygon) for polygon in wanted]))

    def triangles(self, *materials: str) -> NDArray[np.int64]:
        """(F, 3) triangles of these materials, polygons split as fans."""
        fans = [
            (polygon[0], polygon[i], polygon[i + 1])
            for polygon, name in zip(self.polygons, self.materials, strict=True)
            if name in materials
            for i in range(1, len(polygon) - 1)
        ]
        return np.array(fans, dtype=np.int64)

    def arkit_shape(self, name: str) -> NDArray[np.float32] | None:
        """(26719, 3) offset of an ARKit shape, or None where ICT-FaceKit has none (tongueOut)."""
        if name in _TWO_SIDED:
            return self.shapes_cm[name + "_L"] + self.shapes_cm[name + "_R"]
        return self.shapes_cm.get(ict_name(name))


def ict_name(arkit_name: str) -> str:
    """The ICT spelling of an ARKit shape name: `eyeBlinkLeft` -> `eyeBlink_L`."""
    for suffix, short in (("Left", "_L"), ("Right", "_R")):
        if arkit_name.endswith(suffix) and arkit_name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            return arkit_name.removesuffix(suffix) + short
    return arkit_name


def unpack_ict(archive: Path, target: Path) -> Path:
    """Unpack an archive of ICT-FaceKit and return its `FaceXModel` folder."""
    with tarfile.open(archive) as bundle:
        bundle.extractall(target, filter="data")
    found = sorted(target.rglob("FaceXModel"))
    if not found:
        raise InputError(f"{archive} holds no FaceXModel folder; give the ICT-FaceKit archive.")
    return found[0]


def read_ict(folder: Path) -> IctModel:
    """Read a `FaceXModel` folder; about five seconds."""
    neutral_file = folder / "generic_neutral_mesh.obj"
    if not neutral_file.is_file():
        raise InputError(f"{folder} is not a FaceXModel folder of ICT-FaceKit: generic_neutral_mesh.obj is missing.")
    table = json.loads((folder / "vertex_indices.json").read_text())
    neutral = _positions(neutral_file)
    identity = [_positions(path) - neutral for path in sorted(folder.glob("identity*.obj"))]
    polygons, polygon_uvs, materials, uv = _topology(neutral_file)
    return IctModel(
        neutral_cm=neutral,
        identity_cm=np.stack(identity).astype(np.float32),
        shapes_cm={n: (_positions(folder / f"{n}.obj") - neutral).astype(np.float32) for n in table["expressions"]},
        polygons=polygons,
        polygon_uvs=polygon_uvs,
        materials=materials,
        uv=uv,
        landmarks68=np.asarray(table["idx_to_landmark_verts"], dtype=np.int64),
    )


def _positions(path: Path) -> NDArray[np.float64]:
    """(V, 3) vertices of an OBJ file."""
    rows = [line[2:] for line in path.read_bytes().split(b"\n") if line.startswith(b"v ")]
    return np.array(b" ".join(rows).split(), dtype=np.float64).reshape(-1, 3)


def _topology(path: Path) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]], list[str], NDArray[np.float64]]:
    """Polygons, their texture vertices and materials, and the texture coordinates of an OBJ file."""
    polygons: list[tuple[int, ...]] = []
    polygon_uvs: list[tuple[int, ...]] = []
    materials: list[str] = []
    uv: list[list[float]] = []
    material = ""
    for line in path.read_text().splitlines():
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
    return polygons, polygon_uvs, materials, np.array(uv)
