"""Short combed hair and a crew-neck shirt of the default avatar, grown from the skin of head and shoulders; no bpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .head_field import head_weights
from .head_skin import RINGS, Skin
from .mesh import Piece, Points, grid_faces, smoothstep, turned_outward, vertex_normals

# Hairline seen from the side: depth z and height y, cm, from the nape to the forehead.
HAIRLINE = (
    (-12.0, -5.3), (-6.5, -5.2), (-4.0, -4.7), (-2.2, -3.6), (-1.0, -1.4), (-0.2, 1.4), (0.5, 3.2), (1.6, 3.9), (3.0, 3.7),
    (3.9, 2.6), (4.6, 1.9), (5.1, 3.0), (5.6, 5.2), (6.4, 7.0), (7.6, 8.6), (9.0, 9.75), (10.0, 10.3), (13.0, 12.0),
)  # fmt: skip
COLUMNS, ROWS = 288, 180
THICKNESS_CM = 0.85
SHIRT_COLUMNS, SHIRT_ROWS = 144, 30
COLLAR_HEIGHT_CM, COLLAR_SLOPE = -14.0, -0.42
"""The collar lies on the plane y = height + slope z."""


def above_hairline(points: Points) -> NDArray[np.float64]:
    """(V,) rough distance above the hairline, cm; negative on bare skin."""
    z, y = np.array(HAIRLINE).T
    fine = np.linspace(z[0], z[-1], 600)
    curve = np.stack([fine, np.interp(fine, z, y)], axis=1)
    flat = points[:, [2, 1]]
    distance = np.empty(len(points))
    for start in range(0, len(points), 4096):
        part = flat[start : start + 4096]
        distance[start : start + 4096] = np.sqrt(((part[:, None] - curve[None]) ** 2).sum(axis=2).min(axis=1))
    return np.where(flat[:, 1] > np.interp(flat[:, 0], z, y), distance, -distance)


def _head_grid(
    skin: Skin, oval: NDArray[np.int64], columns: int, v: NDArray[np.float64]
) -> tuple[Points, NDArray[np.float64]]:
    """Skin of head and neck resampled to (rows, columns) points, and the u of the columns (0..2 round the oval).

    `v` is (rows,) or, one per column, (rows, columns).
    """
    size = len(oval)
    first = len(skin.points_cm) - RINGS * size
    rings = np.concatenate([skin.points_cm[oval][None], skin.points_cm[first:].reshape(RINGS, size, 3)])
    ring_v = (np.arange(RINGS + 1) / RINGS) ** 1.25
    turn = np.arange(columns) / columns * 2
    at = turn / 2 * size
    low = np.floor(at).astype(int)
    share = (at - low)[:, None]
    around = rings[:, low % size] * (1 - share) + rings[:, (low + 1) % size] * share
    v = np.broadcast_to(v[:, None], (len(v), columns)) if v.ndim == 1 else v
    row = np.interp(v, ring_v, np.arange(RINGS + 1))
    below = np.minimum(np.floor(row).astype(int), RINGS - 1)
    part = (row - below)[..., None]
    # Catmull-Rom along the columns keeps the resampled skull round.
    p0, p1, p2, p3 = (around[np.clip(below + k, 0, RINGS), np.arange(columns)] for k in (-1, 0, 1, 2))
    curve = 0.5 * (
        2 * p1 + (p2 - p0) * part + (2 * p0 - 5 * p1 + 4 * p2 - p3) * part**2 + (3 * p1 - p0 - 3 * p2 + p3) * part**3
    )
    return curve, turn


def hair(skin: Skin, oval: NDArray[np.int64]) -> Piece:
    """A cap combed back from the forehead, thick on the crown, short at the sides and the nape, in shallow locks."""
    v = np.linspace(0.004, 0.76, ROWS)
    grid, turn = _head_grid(skin, oval, COLUMNS, v)
    points = grid.reshape(-1, 3)
    faces = turned_outward(points, grid_faces(ROWS, COLUMNS, closed=True))
    normals = vertex_normals(points, faces)
    u, along = np.tile(turn, ROWS), np.repeat(v, COLUMNS)
    locks = _locks(u, along)
    above = above_hairline(points)
    body = smoothstep(3.0, 11.0, points[:, 1]) * 0.72 + 0.28
    front = 1 + 0.35 * smoothstep(5.0, 9.0, points[:, 2])
    thickness = THICKNESS_CM * body * front * smoothstep(0.0, 2.4, above) ** 0.7
    lifted = points + (thickness * (0.80 + 0.30 * locks) - 0.12 + 0.12 * smoothstep(0.0, 0.5, above))[:, None] * normals
    keep = above > -0.15
    chosen = [face for face in faces if all(keep[vertex] for vertex in face)]
    used = np.unique(chosen)
    number = np.zeros(len(points), np.int64)
    number[used] = np.arange(len(used))
    comb = np.stack([np.sin(np.pi * u) * 60, np.cos(np.pi * u) * 60, along * 9], axis=1)
    return Piece(
        name="Hair",
        points_cm=lifted[used],
        faces=number[np.array(chosen)].tolist(),
        materials=["hair"],
        face_material=np.zeros(len(chosen), np.int32),
        bone_weights=head_weights(points[used]),
        attributes={"rest_cm": points[used], "comb": comb[used], "root": smoothstep(-0.15, 1.1, above)[used]},
    )


def _locks(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """(V,) 0..1 relief of wandering locks that run from the forehead to the nape."""
    wander = u + 0.012 * np.sin(9 * v + 7 * np.pi * u) + 0.008 * np.sin(23 * v + 4 * np.pi * u)
    wide = np.abs(np.sin(np.pi * 17 * wander + 1.3 * np.sin(6 * v)))
    fine = np.abs(np.sin(np.pi * 43 * wander + 2.1 * np.sin(5 * v + 2)))
    return 0.65 * wide**0.7 + 0.35 * fine**0.7


def shirt(skin: Skin, oval: NDArray[np.int64]) -> Piece:
    """Shoulders of a crew-neck shirt: a rolled collar band, cloth to the edge of the bust, closed underneath."""
    down = np.linspace(0.3, 1.0, 281)
    probe, _ = _head_grid(skin, oval, SHIRT_COLUMNS, down)
    over = probe[..., 1] - COLLAR_HEIGHT_CM - COLLAR_SLOPE * probe[..., 2]
    start = down[len(down) - 1 - (over[::-1] > 0).argmax(axis=0)]
    for _ in range(6):
        start = 0.5 * start + 0.25 * (np.roll(start, 1) + np.roll(start, -1))
    share = np.linspace(0.0, 1.0, SHIRT_ROWS) ** 1.2
    grid, _ = _head_grid(skin, oval, SHIRT_COLUMNS, start + share[:, None] * (1.0 - start))
    below = np.cumsum(np.r_[0.0, np.linalg.norm(np.diff(grid, axis=0), axis=2).mean(axis=1)])
    faces = turned_outward(grid.reshape(-1, 3), grid_faces(SHIRT_ROWS, SHIRT_COLUMNS, closed=True))
    normals = vertex_normals(grid.reshape(-1, 3), faces).reshape(grid.shape)
    band = smoothstep(0.0, 0.25, below) * smoothstep(1.5, 1.15, below)
    rise = 0.20 + 0.16 * band + 0.14 * smoothstep(2.0, 5.0, below)
    cloth = grid + rise[:, None, None] * normals
    lip = [grid[0] - 0.1 * normals[0], grid[0] + 0.12 * normals[0] + [0.0, 0.06, 0.0]]
    bottom = cloth[-1].mean(axis=0)
    under = [
        cloth[-1] + share * (bottom - cloth[-1]) + [0.0, drop, 0.0]
        for share, drop in ((0.015, -0.25), (0.06, -0.45), (0.5, -0.5))
    ]
    rings = np.concatenate([np.stack(lip), cloth, np.stack(under)])
    points = np.concatenate([rings.reshape(-1, 3), [bottom - [0.0, 0.5, 0.0]]])
    faces = grid_faces(len(rings), SHIRT_COLUMNS, closed=True)
    last = (len(rings) - 1) * SHIRT_COLUMNS
    faces += [[last + i, last + (i + 1) % SHIRT_COLUMNS, len(points) - 1] for i in range(SHIRT_COLUMNS)]
    faces = turned_outward(points, faces)
    return Piece(
        name="Shirt",
        points_cm=points,
        faces=faces,
        materials=["cloth"],
        face_material=np.zeros(len(faces), np.int32),
        bone_weights=head_weights(points),
        attributes={"rest_cm": points},
    )
