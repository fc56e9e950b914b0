"""The whole skin of the default avatar: the dense face, its lid rims and mouth bag, the head and neck around it; no bpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from . import face_topology as parts
from .face_skin import Eye, Face
from .head_field import head_points
from .mesh import Indices, Points, smoothstep

RINGS = 44
SEAM_FADE = 0.22
"""The stretch of v in which the fitted head gives way to the face model's own oval."""
SEAM_ROUNDS = 25
FADE_CM, JAW_FADE_CM = 4.5, 6.5
"""How far past the oval the expressions, and those of the jaw, carry the skin."""
JAW_SHAPES = ("jawOpen", "jawForward", "jawLeft", "jawRight")
# Mouth bag, ring by ring: depth into the mouth, opening (negative: lips overlap), width, share of the lip's own motion.
BAG = (
    (0.10, -0.035, 1.00, 1.0), (0.25, -0.02, 1.00, 1.0), (0.45, 0.10, 1.00, 0.9), (0.60, 0.45, 1.03, 0.6),
    (0.80, 1.10, 1.12, 0.25), (1.60, 1.60, 1.40, 0.0), (3.50, 1.70, 1.60, 0.0), (5.50, 1.40, 1.30, 0.0), (6.60, 0.50, 0.60, 0.0),
)  # fmt: skip


@dataclass(frozen=True)
class Skin:
    """Points, faces and shapes of everything that is one connected skin; the dense face comes first."""

    points_cm: Points
    faces: list[list[int]]
    region: NDArray[np.int32]
    """(F,) FACE, RIM, BAG or HEAD."""
    shapes_cm: dict[str, Points]
    head_v: NDArray[np.float64]
    """(V,) 0 in the face, growing to 1 at the collar."""
    head_u: NDArray[np.float64]
    """(V,) -1..1 round the oval, 0 at the forehead."""


FACE, RIM, BAG_REGION, HEAD = range(4)


@dataclass(frozen=True)
class Rigid:
    """x -> rotation x + shift."""

    rotation: NDArray[np.float64]
    shift: Points

    def displacement(self, points: Points) -> Points:
        """(N, 3) way that (N, 3) points go."""
        return points @ self.rotation.T + self.shift - points


def jaw_motions(face: Face) -> dict[str, Rigid]:
    """The rigid motion of the jaw bone in each jaw shape: the best fit to the skin of the chin."""
    chin = list(parts.CHIN)
    motions = {}
    for name in JAW_SHAPES:
        start, end = face.points_cm[chin], face.points_cm[chin] + face.shapes_cm[name][chin]
        u, _, vt = np.linalg.svd((end - end.mean(axis=0)).T @ (start - start.mean(axis=0)))
        rotation = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
        motions[name] = Rigid(rotation, end.mean(axis=0) - rotation @ start.mean(axis=0))
    return motions


def build_skin(face: Face, warp: Callable[[Points], Points] | None = None) -> Skin:
    """Grow rims, bag and head onto the dense face; `warp` takes the mean head to this one."""
    count = len(face.points_cm)
    skin = Skin(
        face.points_cm, face.triangles.tolist(), np.full(len(face.triangles), FACE, np.int32),
        dict(face.shapes_cm), np.zeros(count), np.zeros(count),
    )  # fmt: skip
    directed = {(a, b) for t in skin.faces for a, b in ((t[0], t[1]), (t[1], t[2]), (t[2], t[0]))}
    for eye in face.eyes:
        skin = _add_rim(skin, face, eye, directed)
    return _add_head(_add_bag(skin, face, directed), face, directed, warp)


def _grow(
    skin: Skin,
    loop: Indices,
    rings: Points,
    shapes: dict[str, Points],
    region: int,
    directed: set[tuple[int, int]],
    cap: bool = False,
) -> Skin:
    """Append (R, N, 3) `rings` to the closed border `loop` of N vertices; `cap` closes the last ring with a fan."""
    first = len(skin.points_cm)
    count, size = rings.shape[:2]
    ids = np.concatenate([loop[None], first + np.arange(count * size).reshape(count, size)])
    if (int(loop[0]), int(loop[1])) in directed:
        ids = ids[:, ::-1]
    faces = [
        [int(ids[r, c]), int(ids[r, (c + 1) % size]), int(ids[r + 1, (c + 1) % size]), int(ids[r + 1, c])]
        for r in range(count)
        for c in range(size)
    ]
    points = rings.reshape(-1, 3)
    if cap:
        centre = first + count * size
        points = np.concatenate([points, rings[-1].mean(axis=0, keepdims=True)])
        faces += [[int(ids[-1, c]), int(ids[-1, (c + 1) % size]), centre] for c in range(size)]
    added = np.zeros(len(points))
    grown = {}
    for name, delta in skin.shapes_cm.items():
        more = shapes[name].reshape(-1, 3)
        if cap:
            more = np.concatenate([more, shapes[name][-1].mean(axis=0, keepdims=True)])
        grown[name] = np.concatenate([delta, more])
    return replace(
        skin,
        points_cm=np.concatenate([skin.points_cm, points]),
        faces=skin.faces + faces,
        region=np.concatenate([skin.region, np.full(len(faces), region, np.int32)]),
        shapes_cm=grown,
        head_v=np.concatenate([skin.head_v, added]),
        head_u=np.concatenate([skin.head_u, added]),
    )


def _add_rim(skin: Skin, face: Face, eye: Eye, directed: set[tuple[int, int]]) -> Skin:
    """The edge of the lids: from the margin radially down into the eyeball."""
    loop = np.concatenate([eye.upper, eye.lower[-2:0:-1]])

    def rings(margin: Points) -> Points:
        away = margin - eye.centre_cm
        distance = np.linalg.norm(away, axis=1, keepdims=True)
        inner = eye.radius_cm - 0.05
        return np.stack(
            [eye.centre_cm + away / distance * (distance + share * (inner - distance)) for share in (0.35, 0.7, 1.0)]
        )

    rest = rings(face.points_cm[loop])
    shapes = {name: rings((face.points_cm + delta)[loop]) - rest for name, delta in face.shapes_cm.items()}
    return _grow(skin, loop, rest, shapes, RIM, directed)


def _add_bag(skin: Skin, face: Face, directed: set[tuple[int, int]]) -> Skin:
    """The inside of the lips and the mouth behind them; its floor follows the jaw."""
    upper, lower = face.mouth_upper, face.mouth_lower[-2:0:-1]
    loop = np.concatenate([upper, lower])
    along = np.concatenate([np.linspace(0, 1, len(upper)), np.linspace(1, 0, len(face.mouth_lower))[1:-1]])
    sign = np.concatenate([np.ones(len(upper)), -np.ones(len(lower))])
    corner = smoothstep(0.15, 0.0, np.minimum(along, 1 - along))
    floor = np.where(sign > 0, 0.5 * corner, 1 - 0.5 * corner)
    height = sign * np.sin(np.pi * along) ** 0.7
    edge = face.points_cm[loop]
    x, y, z = edge.T
    rings = np.stack([np.stack([x * wide, y + opening * height, z - depth], axis=1) for depth, opening, wide, _ in BAG])
    share = np.array([row[3] for row in BAG])[:, None, None]
    jaw = jaw_motions(face)
    shapes = {}
    for name, delta in face.shapes_cm.items():
        bone = (
            jaw[name].displacement(rings.reshape(-1, 3)).reshape(rings.shape) * floor[:, None] if name in jaw else 0.0
        )
        shapes[name] = share * delta[loop] + (1 - share) * bone
    return _grow(skin, loop, rings, shapes, BAG_REGION, directed, cap=True)


def _add_head(skin: Skin, face: Face, directed: set[tuple[int, int]], warp: Callable[[Points], Points] | None) -> Skin:
    """Rings from the face oval over cranium and jaw down to the collar."""
    size = len(face.oval)
    turn = np.arange(size) / size * 2
    u = np.where(turn <= 1, turn, turn - 2)
    v = (np.arange(RINGS + 1) / RINGS) ** 1.25
    grid_v, grid_u = np.meshgrid(v, u, indexing="ij")
    field = head_points(grid_u.ravel(), grid_v.ravel())
    field = (field if warp is None else warp(field)).reshape(RINGS + 1, size, 3)
    edge = face.points_cm[face.oval]
    rings = field + (edge - field[0]) * (1 - smoothstep(0.0, SEAM_FADE, grid_v))[..., None]
    step = np.linalg.norm(np.diff(rings, axis=0), axis=2)
    length = np.cumsum(step, axis=0)
    shapes = {}
    for name, delta in face.shapes_cm.items():
        reach = JAW_FADE_CM if name in JAW_SHAPES else FADE_CM
        shapes[name] = (1 - smoothstep(0.0, reach, length))[..., None] * delta[face.oval]
    first = len(skin.points_cm)
    skin = _grow(skin, face.oval, rings[1:], shapes, HEAD, directed)
    skin.head_v[first:] = grid_v[1:].ravel()
    skin.head_u[first:] = grid_u[1:].ravel()
    return _smooth_seam(skin, face)


def _smooth_seam(skin: Skin, face: Face) -> Skin:
    """Average the positions near the face oval a few times, so that head and face meet without a crease."""
    distance = np.linalg.norm(skin.points_cm[:, None] - face.points_cm[None, face.oval], axis=2).min(axis=1)
    weight = 0.6 * smoothstep(3.0, 0.0, distance)
    weight[: len(face.points_cm)][distance[: len(face.points_cm)] > 1.6] = 0.0
    edges = np.array(
        [(a, b) for f in skin.faces for a, b in zip(f, f[1:] + f[:1], strict=True) if weight[a] + weight[b] > 0]
    )
    edges = np.concatenate([edges, edges[:, ::-1]])
    valence = np.maximum(np.bincount(edges[:, 0], minlength=len(weight)), 1)[:, None]
    points = skin.points_cm.copy()
    for _ in range(SEAM_ROUNDS):
        sums = np.stack([np.bincount(edges[:, 0], points[edges[:, 1], axis], len(points)) for axis in range(3)], axis=1)
        points += weight[:, None] * np.where(valence > 1, sums / valence - points, 0.0)
    return replace(skin, points_cm=points)
