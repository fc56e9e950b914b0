"""Brows and lashes of the default avatar: tapered strands rooted in the skin that follow every shape; no bpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from . import face_topology as parts
from .face_skin import Eye
from .mesh import Indices, Piece, Points, vertex_normals

STEPS = 4
"""Segments of a strand."""
BROW_STRANDS, UPPER_LASHES, LOWER_LASHES = 260, 46, 26


def brows(marks: Points, points: Points, triangles: Indices, shapes: dict[str, Points]) -> Piece:
    """Both brows, combed outward between the lines of the landmarks `marks` (478, 3), sewn onto the skin `points`.

    `triangles`: (F, 3) or (F, 4) faces of that skin; `shapes`: its shape keys as displacements.
    """
    generator = np.random.default_rng(5)
    roots, directions = [], []
    for upper, lower, side in (
        (parts.BROW_LEFT_UPPER, parts.BROW_LEFT_LOWER, 1.0),
        (parts.BROW_RIGHT_UPPER, parts.BROW_RIGHT_LOWER, -1.0),
    ):
        along = np.linspace(0.0, 1.0, BROW_STRANDS) * 0.97 + generator.normal(0, 0.012, BROW_STRANDS)
        across = generator.uniform(0.12, 0.88, BROW_STRANDS)
        # The outer end narrows toward the middle line.
        across = 0.5 + (across - 0.5) * np.interp(along, [0, 0.5, 1], [1.0, 0.95, 0.6])
        top, bottom = _along(marks[list(upper)], along), _along(marks[list(lower)], along)
        roots.append(bottom + across[:, None] * (top - bottom))
        lean = np.interp(along, [0, 0.25, 0.6, 1], [62, 38, 22, 4])
        angle = np.radians(lean + generator.normal(0, 10, BROW_STRANDS) - 28 * (across - 0.5))
        directions.append(np.stack([side * np.cos(angle), np.sin(angle), np.zeros(BROW_STRANDS)], axis=1))
    root, direction = np.concatenate(roots), np.concatenate(directions)
    length = generator.uniform(0.55, 0.95, len(root)) * np.tile(np.linspace(0.8, 0.85, BROW_STRANDS), 2)
    anchor, weight = _anchors(points, root)

    def grown(skin: Points) -> Points:
        normals = vertex_normals(skin, triangles)
        foot = (weight[..., None] * skin[anchor]).sum(axis=1)
        normal = (weight[..., None] * normals[anchor]).sum(axis=1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        along_skin = direction - (direction * normal).sum(axis=1, keepdims=True) * normal
        along_skin /= np.linalg.norm(along_skin, axis=1, keepdims=True)
        lift = 0.03 + 0.10 * np.sin(np.linspace(0, 1, STEPS + 1) * np.pi * 0.7)
        spine = (
            foot[:, None]
            + np.linspace(0, 1, STEPS + 1)[:, None] * (length[:, None] * along_skin)[:, None]
            + lift[:, None] * normal[:, None]
        )
        return _ribbons(spine, np.cross(along_skin, normal), 0.028)

    return _strand_piece("Brows", "brows", grown, points, shapes, len(root))


def lashes(eyes: Sequence[Eye], skin: Points, shapes: dict[str, Points]) -> Piece:
    """Lashes on the lid margins of `eyes`; they turn with the lids in every shape of the skin."""
    generator = np.random.default_rng(9)
    margins: list[Indices] = []
    settings: list[tuple[Eye, float, float, float, float]] = []
    for eye in eyes:
        for line, count, up, size in ((eye.upper, UPPER_LASHES, 1.0, 0.80), (eye.lower, LOWER_LASHES, -1.0, 0.42)):
            along = np.linspace(0.04, 0.93, count) + generator.normal(0, 0.006, count)
            at = along * (len(line) - 1)
            low = np.floor(at).astype(int)
            for index in range(count):
                margins.append(np.array([line[low[index]], line[low[index] + 1]]))
                reach = size * np.sin(np.pi * (0.25 + 0.6 * (1 - along[index]))) * generator.uniform(0.85, 1.1)
                fan = (0.5 - along[index]) * 1.1 * (1.0 if eye.side == "Left" else -1.0)
                settings.append((eye, up, reach, fan, float(at[index] - low[index])))
    ends = np.array(margins)
    centre = np.array([eye.centre_cm for eye, *_ in settings])
    up, reach, fan, share = (np.array([row[k] for row in settings]) for k in (1, 2, 3, 4))
    step = np.linspace(0, 1, STEPS + 1)

    def grown(points: Points) -> Points:
        foot = points[ends[:, 0]] + share[:, None] * (points[ends[:, 1]] - points[ends[:, 0]])
        away = foot - centre
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        sideways = np.array([1.0, 0.0, 0.0]) - away[:, :1] * away
        sideways /= np.linalg.norm(sideways, axis=1, keepdims=True)
        rise = np.cross(away, sideways) * up[:, None]
        # First out of the lid and a little down, then curling away from the eye's opening.
        out = reach[:, None] * (step - 0.25 * step**2)
        curl = reach[:, None] * (0.75 * step**2 - 0.12 * step)
        spine = (
            foot[:, None]
            + out[..., None] * away[:, None]
            + curl[..., None] * rise[:, None]
            + (fan * reach)[:, None, None] * step[:, None] * sideways[:, None] * 0.55
        )
        return _ribbons(spine, sideways, 0.030)

    return _strand_piece("Lashes", "lashes", grown, skin, shapes, len(ends))


def _along(line: Points, at: NDArray[np.float64]) -> Points:
    """Points of a polyline at shares 0..1 of its landmarks, smoothed by a cubic fit."""
    knots = np.linspace(0, 1, len(line))
    return np.stack([np.polyval(np.polyfit(knots, line[:, axis], 3), at) for axis in range(3)], axis=1)


def _anchors(points: Points, roots: Points) -> tuple[Indices, NDArray[np.float64]]:
    """(N, 4) nearest vertices and their inverse-distance weights: where each strand is sewn on."""
    distance = np.linalg.norm(roots[:, None] - points[None], axis=2)
    anchor = np.argsort(distance, axis=1)[:, :4]
    weight = 1 / (np.take_along_axis(distance, anchor, axis=1) + 0.02)
    return anchor, weight / weight.sum(axis=1, keepdims=True)


def _ribbons(spine: Points, sideways: Points, width: float) -> Points:
    """(N * (2 STEPS + 1), 3): a flat tapered ribbon about each (STEPS + 1, 3) spine, one vertex at its tip."""
    half = 0.5 * width * (1 - 0.55 * np.linspace(0, 1, STEPS + 1)[:-1])
    offset = half[None, :, None] * sideways[:, None]
    sides = np.stack([spine[:, :-1] - offset, spine[:, :-1] + offset], axis=2).reshape(len(spine), 2 * STEPS, 3)
    return np.concatenate([sides, spine[:, -1:]], axis=1).reshape(-1, 3)


def _strand_piece(
    name: str,
    material: str,
    grown: Callable[[Points], Points],
    skin: Points,
    skin_shapes: dict[str, Points],
    count: int,
) -> Piece:
    """The piece of `count` ribbons that `grown(skin points)` gives for rest and every shape."""
    rest = grown(skin)
    size = 2 * STEPS + 1
    one = [[2 * s, 2 * s + 1, 2 * s + 3, 2 * s + 2] for s in range(STEPS - 1)] + [
        [2 * STEPS - 2, 2 * STEPS - 1, 2 * STEPS]
    ]
    faces = [[size * strand + vertex for vertex in corner] for strand in range(count) for corner in one]
    shapes = {}
    for key, delta in skin_shapes.items():
        moved = grown(skin + delta) - rest
        if np.abs(moved).max() > 1e-3:
            shapes[key] = moved
    return Piece(
        name=name,
        points_cm=rest,
        faces=faces,
        materials=[material],
        face_material=np.zeros(len(faces), np.int32),
        shapes_cm=shapes,
        bone_weights={"head": np.ones(len(rest))},
        attributes={"rest_cm": rest},
    )
