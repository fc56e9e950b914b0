"""A piece of an avatar as plain arrays: what the geometry files make and `avatar_objects` turns into Blender objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Piece:
    """One mesh object: face-model axes (x to the actor's left, y up, z out of the face), centimetres."""

    name: str
    points_cm: Points
    """(V, 3)."""
    faces: Sequence[Sequence[int]]
    """Triangles or quads, counter-clockwise seen from outside."""
    materials: Sequence[str]
    """Names of the material recipes, in slot order."""
    face_material: NDArray[np.int32]
    """(F,) slot of each face."""
    shapes_cm: dict[str, Points] = field(default_factory=dict)
    """Shape key name -> (V, 3) displacement from rest."""
    bone_weights: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    """Bone name -> (V,) weight; the weights of a vertex sum to one."""
    attributes: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    """Attribute name -> (V,) number, (V, 3) vector or (V, 4) colour; `UVMap` -> (V, 2) places in the texture."""
    properties: dict[str, Sequence[int]] = field(default_factory=dict)
    """Custom properties of the object."""
    hidden: bool = False
    """Kept in the file, not shown and not rendered."""


def to_metres(points_cm: Points, origin_m: Points | None = None) -> Points:
    """Face-model centimetres (x, y, z) -> Blender metres (x, -z, y), the avatar facing -Y; `origin_m` None = a displacement."""
    metres = np.stack([points_cm[..., 0], -points_cm[..., 2], points_cm[..., 1]], axis=-1) * 0.01
    return metres if origin_m is None else metres + origin_m


def merge(name: str, pieces: Sequence[Piece]) -> Piece:
    """One piece out of several; materials are pooled, shapes and weights a piece lacks are zero."""
    materials = list(dict.fromkeys(material for piece in pieces for material in piece.materials))
    offsets = np.concatenate([[0], np.cumsum([len(piece.points_cm) for piece in pieces])])

    def pooled(
        tables: Sequence[dict[str, NDArray[np.float64]]], key: str, trailing: tuple[int, ...]
    ) -> NDArray[np.float64]:
        rows = [
            table[key] if key in table else np.zeros((len(piece.points_cm), *trailing))
            for piece, table in zip(pieces, tables, strict=True)
        ]
        return np.concatenate(rows)

    def pool(tables: Sequence[dict[str, NDArray[np.float64]]]) -> dict[str, NDArray[np.float64]]:
        trailing = {key: value.shape[1:] for table in tables for key, value in table.items()}
        return {key: pooled(tables, key, shape) for key, shape in trailing.items()}

    slots = [[materials.index(material) for material in piece.materials] for piece in pieces]
    return Piece(
        name=name,
        points_cm=np.concatenate([piece.points_cm for piece in pieces]),
        faces=[
            [int(vertex) + int(offset) for vertex in face]
            for piece, offset in zip(pieces, offsets, strict=False)
            for face in piece.faces
        ],
        materials=materials,
        face_material=np.concatenate(
            [np.asarray(slot, np.int32)[piece.face_material] for piece, slot in zip(pieces, slots, strict=True)]
        ).astype(np.int32),
        shapes_cm=pool([piece.shapes_cm for piece in pieces]),
        bone_weights=pool([piece.bone_weights for piece in pieces]),
        attributes=pool([piece.attributes for piece in pieces]),
    )


def vertex_normals(points: Points, faces: Sequence[Sequence[int]] | Indices) -> Points:
    """(V, 3) unit normals, area weighted."""
    normals = np.zeros_like(points)
    for corners in faces_by_size(faces):
        a, b, c = points[corners[:, 0]], points[corners[:, 1]], points[corners[:, 2]]
        # For quads the cross product of the diagonals is twice the area vector.
        cross = np.cross(b - a, c - a) if corners.shape[1] == 3 else np.cross(c - a, points[corners[:, 3]] - b)
        for corner in corners.T:
            np.add.at(normals, corner, cross)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / np.maximum(length, 1e-12)


def faces_by_size(faces: Sequence[Sequence[int]] | Indices) -> list[Indices]:
    """The faces as one (F, 3) and one (F, 4) array, each only where there are such faces."""
    if isinstance(faces, np.ndarray):
        return [faces]
    sizes = sorted({len(face) for face in faces})
    return [np.array([face for face in faces if len(face) == size], np.int64) for size in sizes]


def averaged(values: NDArray[np.float64], faces: Sequence[Sequence[int]] | Indices, rounds: int) -> NDArray[np.float64]:
    """(V,) values blended `rounds` times half and half with the mean of their neighbours along edges."""
    edges = np.concatenate([
        np.stack([corners[:, k], np.roll(corners, -1, axis=1)[:, k]], axis=1)
        for corners in faces_by_size(faces)
        for k in range(corners.shape[1])
    ])  # fmt: skip
    edges = np.concatenate([edges, edges[:, ::-1]])
    valence = np.maximum(np.bincount(edges[:, 0], minlength=len(values)), 1)
    for _ in range(rounds):
        values = 0.5 * values + 0.5 * np.bincount(edges[:, 0], values[edges[:, 1]], len(values)) / valence
    return values


def turned_outward(points: Points, faces: list[list[int]]) -> list[list[int]]:
    """The faces, all turned over where the volume they enclose comes out negative."""
    away = points - points.mean(axis=0)
    volume = 0.0
    for corners in faces_by_size(faces):
        for k in range(1, corners.shape[1] - 1):
            a, b, c = away[corners[:, 0]], away[corners[:, k]], away[corners[:, k + 1]]
            volume += float((a * np.cross(b, c)).sum())
    return [face[::-1] for face in faces] if volume < 0 else faces


def grid_faces(rows: int, columns: int, closed: bool = False, first: int = 0) -> list[list[int]]:
    """Quads of a (rows, columns) grid of vertices stored row by row; `closed` joins the last column to the first."""
    faces = []
    for row in range(rows - 1):
        for column in range(columns if closed else columns - 1):
            following = (column + 1) % columns
            a, b = first + row * columns + column, first + row * columns + following
            faces.append([a, b, b + columns, a + columns])
    return faces


def smoothstep(low: float, high: float, value: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 below `low`, 1 above `high`, smooth between; `low` may exceed `high`."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)
