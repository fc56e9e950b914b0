"""Avatars whose right answer is known, for rig_solve.py: made from ICT-FaceKit, with other names, topology and proportions.

Every vertex of an avatar is a point of ICT-FaceKit's surface, seen through a warp of space. So what it should do for a
performance is known: the warp of what ICT-FaceKit does. What it can do are its own channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from understudy.inference import arkit
from understudy.inference.face_model.assembly import ict_landmarks
from understudy.inference.face_model.ict_folder import IctModel, read_ict
from understudy.inference.face_model.rims import EYES, INNER_LIPS
from understudy.inference.face_model.surface import nearest_on_surface
from understudy.inference.retarget.by_shape.shapes import RigShapes

Array = NDArray[np.float64]
Warp = Callable[[Array], Array]

SKIN = ("M_Face", "M_BackHead")
JAW_HINGE_CM = np.array([0.0, 0.9, 1.5])
JAW_UNIT_RAD = 0.3
CAP_CM = 0.12
OPEN = {"jawOpen": 0.35, "eyeWideLeft": 0.6, "eyeWideRight": 0.6}
"""The pose in which heads are remeshed, so that lips and lids stay apart."""


@dataclass(frozen=True)
class Head:
    """A surface of points of ICT-FaceKit."""

    rest: Array
    """(V, 3) cm, before any warp."""
    motions: NDArray[np.float32]
    """(52, V, 3) of the ARKit shapes."""
    triangles: NDArray[np.int32]
    skin: NDArray[np.bool_]
    """(V,) the front of the face's skin: where errors are measured."""
    rims: dict[str, tuple[NDArray[np.int64], Array]]
    """Corners (N, 3) and weights (N, 3) of upper and lower points of the lips and lids: 2 x N, upper ones first."""


@dataclass(frozen=True)
class Avatar:
    """A rig, and what it should do."""

    name: str
    shapes: RigShapes
    names: tuple[str, ...]
    """What an artist who names keys by a standard would have called the channels; "" for what such names do not cover."""
    head: Head
    warp: Warp
    evaluate: Callable[[Array], Array]
    """Weights (T, C) to surfaces (T, V, 3)."""
    strength: Array = field(default_factory=lambda: np.ones(len(arkit.NAMES)))
    """(52,) how far the avatar's own physiology takes each ARKit shape."""

    def ideal(self, coefficients: NDArray[np.floating]) -> Array:
        """(T, V, 3) surfaces of what the avatar should do."""
        motion = np.tensordot(np.asarray(coefficients) * self.strength, self.head.motions, 1)
        return np.stack([self.warp(self.head.rest + frame) for frame in motion])


def ict(folder: Path) -> IctModel:
    """ICT-FaceKit with its people."""
    return read_ict(folder, with_identity=True)


def whole_head(model: IctModel, person: int | None = None) -> Head:
    """All of ICT-FaceKit: skin, eyes, teeth, tongue, lashes."""
    rest = model.neutral_cm.copy()
    if person is not None:
        rest = rest + np.tensordot(
            np.random.default_rng(person).normal(size=len(model.identity_cm)), model.identity_cm, 1
        )
    triangles = model.triangles(*sorted(set(model.materials))).astype(np.int32)
    inside = np.zeros(len(rest), bool)
    inside[model.part("M_Face")] = True
    front = inside & (rest[:, 2] > 4.0) & (rest[:, 1] > -9.0) & (rest[:, 1] < 10.0)
    return Head(rest, _motions(model), triangles, front & _outside(model), _rims(model))


def skin_head(model: IctModel) -> Head:
    """The skin alone."""
    whole = whole_head(model)
    triangles = model.triangles(*SKIN)
    used = np.unique(triangles)
    number = np.full(len(whole.rest), -1)
    number[used] = np.arange(len(used))
    rims = {name: (number[corners], weights) for name, (corners, weights) in whole.rims.items()}
    return Head(whole.rest[used], whole.motions[:, used], number[triangles].astype(np.int32), whole.skin[used], rims)


def other_topology(head: Head, kind: str, amount: float) -> Head:
    """The head decimated ("DECIMATE", share kept) or remeshed ("REMESH", voxel size in cm) while mouth and eyes are open."""
    posed = head.rest + np.tensordot(
        np.array([OPEN.get(name, 0.0) for name in arkit.NAMES]), head.motions.astype(np.float64), 1
    )
    points, triangles = _modified(posed, head.triangles, kind, amount)
    corners, weights = nearest_on_surface(points, posed, head.triangles)
    points, triangles, kept = _without_caps(
        points, triangles, np.linalg.norm(np.einsum("nk,nkc->nc", weights, posed[corners]) - points, axis=1) < CAP_CM
    )
    corners, weights = corners[kept], weights[kept]

    def carried(values: NDArray[np.floating]) -> Array:
        return np.asarray(sum(weights[:, k, None] * values[..., corners[:, k], :] for k in range(3)))

    rims = {
        name: nearest_on_surface(np.einsum("nk,nkc->nc", share, posed[at]), points, triangles)
        for name, (at, share) in head.rims.items()
    }
    skin = head.skin[corners[np.arange(len(corners)), weights.argmax(1)]]
    return Head(carried(head.rest), carried(head.motions).astype(np.float32), triangles, skin, rims)


def shape_rig(
    name: str,
    head: Head,
    channels: dict[str, dict[str, float]],
    warp: Warp = lambda points: points,
    strength: Array | None = None,
    pairs: bool = False,
) -> Avatar:
    """A rig of shape keys, each the warp of a mix of ARKit shapes; keys get nonsense names in a random order."""
    strength = np.ones(len(arkit.NAMES)) if strength is None else strength
    shuffle = np.random.default_rng(len(name)).permutation(len(channels))
    names = tuple(list(channels)[i] for i in shuffle)
    rest = warp(head.rest)
    mixes = [np.array([channels[key].get(shape, 0.0) for shape in arkit.NAMES]) * strength for key in names]
    deltas = np.stack([warp(head.rest + np.tensordot(mix, head.motions, 1)) - rest for mix in mixes]).astype(np.float32)
    joint = _joint(head, names, mixes, warp, rest, deltas) if pairs else ((), np.zeros((0, 0, 3), np.float32))
    count = len(names)
    shapes = RigShapes(
        _nonsense(count), rest, deltas, np.ones(count), np.zeros(count), np.ones(count), head.triangles, *joint
    )

    def evaluate(weights: Array) -> Array:
        extra = [weights[:, a] * weights[:, b] for a, b in shapes.pairs]
        moved = rest + np.tensordot(weights, deltas, 1)
        return moved + np.tensordot(np.stack(extra, 1), shapes.pair_deltas, 1) if extra else moved

    return Avatar(name, shapes, names, head, warp, evaluate, strength)


def jaw_bone_rig(name: str, head: Head, kept: tuple[str, ...]) -> Avatar:
    """Some shape keys, and a jaw that turns about its hinge: open, sideways, and slides forward."""
    keys = shape_rig(name, head, {shape: {shape: 1.0} for shape in kept})
    follow = _jaw_share(head)[:, None]
    count = len(keys.names)

    def turned(points: Array, open_rad: float, side_rad: float, forward_cm: float) -> Array:
        c, s, cy, sy = np.cos(open_rad), np.sin(open_rad), np.cos(side_rad), np.sin(side_rad)
        turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
        moved = (points - JAW_HINGE_CM) @ turn.T + JAW_HINGE_CM + [0, 0, forward_cm]
        return points + follow * (moved - points)

    def evaluate(weights: Array) -> Array:
        skin = keys.evaluate(weights[:, :count])
        return np.stack([turned(s, *w) for s, w in zip(skin, weights[:, count:], strict=True)])

    unit = np.array([JAW_UNIT_RAD, 0.1, 0.5])
    bone = np.stack([turned(head.rest, *(unit * (np.arange(3) == k))) - head.rest for k in range(3)])
    old = keys.shapes
    shapes = RigShapes(
        (*old.keys, 'pose.bones["Bone.007"].rotation_euler[0]', 'pose.bones["Bone.007"].rotation_euler[1]',
         'pose.bones["Bone.007"].location[1]'),
        old.rest,
        np.concatenate([old.deltas, bone.astype(np.float32)]),
        np.concatenate([old.unit, unit]),
        np.concatenate([old.lower, [0.0, -0.25, -0.3]]),
        np.concatenate([old.upper, [0.6, 0.25, 1.0]]),
        old.triangles,
    )  # fmt: skip
    return Avatar(name, shapes, (*keys.names, "", "", ""), head, lambda points: points, evaluate)


def cartoon(points: Array) -> Array:
    """Big eyes, wide mouth, small nose and chin: a warp that bends space smoothly."""
    eyes = sum(
        _blob(points, np.array([side * 3.15, 3.4, 9.0]), 2.6)[:, None]
        * (points - [side * 3.15, 3.4, 9.0])
        * [0.55, 0.75, 0.1]
        for side in (-1.0, 1.0)
    )
    mouth = _blob(points, np.array([0.0, -3.6, 10.5]), 3.2)[:, None] * (points - [0.0, -3.6, 10.5]) * [0.5, 0.1, 0.0]
    nose = _blob(points, np.array([0.0, 0.3, 12.0]), 1.9)[:, None] * (points - [0.0, 0.8, 9.8]) * [-0.35, -0.25, -0.5]
    chin = _blob(points, np.array([0.0, -8.5, 9.0]), 3.5)[:, None] * (points - [0.0, -5.0, 6.0]) * [-0.4, -0.25, -0.15]
    round_ = points + eyes + mouth + nose + chin
    return np.asarray(round_ * [1.12, 0.92, 1.0])


def puppet(points: Array) -> Array:
    """A puppet: no nose, eyes like saucers, a small mouth low down, a head like a ball."""
    eyes = sum(
        _blob(points, np.array([s * 3.15, 3.4, 9.0]), 3.2)[:, None]
        * ((points - [s * 3.15, 3.4, 9.0]) * [0.7, 1.3, 0.0] + [s * 0.7, -0.9, 0.6])
        for s in (-1.0, 1.0)
    )
    mouth = _blob(points, np.array([0.0, -3.6, 10.5]), 3.0)[:, None] * (
        (points - [0.0, -3.6, 10.5]) * [-0.35, -0.3, -0.2] + [0.0, -0.9, -0.4]
    )
    nose = _blob(points, np.array([0.0, 0.3, 12.0]), 2.4)[:, None] * (points - [0.0, 0.6, 9.6]) * [-0.55, -0.45, -0.85]
    bent = points + eyes + mouth + nose
    away = bent - [0.0, 2.0, 1.0]
    length = np.linalg.norm(away, axis=1, keepdims=True)
    head = np.clip((bent[:, 1:2] + 11.0) / 4.0, 0.0, 1.0)
    ball = away / np.maximum(length, 1e-9) * (10.5 + 0.25 * (length - 10.5))
    return np.asarray(bent + 0.45 * head * (ball - away))


def lean(points: Array) -> Array:
    """A long, lean, crooked face with small eyes high up, a long nose and heavy jaw; in metres."""
    brow = _blob(points, np.array([0.0, 4.6, 10.5]), 3.0)[:, None] * [0.0, -0.3, 0.7]
    eyes = sum(
        _blob(points, np.array([s * 3.15, 3.5, 9.5]), 2.2)[:, None]
        * (points - [s * 3.15, 3.5, 9.5])
        * [-0.15, -0.2, 0.0]
        for s in (-1.0, 1.0)
    )
    nose = _blob(points, np.array([0.0, 0.0, 12.5]), 1.8)[:, None] * [0.15, -0.6, 1.2]
    jaw = _blob(points, np.array([0.0, -8.0, 8.0]), 4.5)[:, None] * (points - [0.0, -5.0, 5.0]) * [0.35, 0.3, 0.15]
    bent = points + brow + eyes + nose + jaw
    bent = bent * [0.82, 1.18, 0.95]
    bent[:, 0] += 0.004 * bent[:, 1] ** 2
    return np.asarray(0.01 * bent + [0.0, 1.62, 0.03])


def _blob(points: Array, centre: Array, radius: float) -> Array:
    return np.asarray(np.exp(-((points - centre) ** 2).sum(1) / (2 * (radius * 0.75) ** 2)))


def _joint(
    head: Head, names: tuple[str, ...], mixes: list[Array], warp: Warp, rest: Array, deltas: NDArray[np.float32]
) -> tuple[tuple[tuple[int, int], ...], NDArray[np.float32]]:
    """The pairs of shapes whose sum is most wrong under the warp, and what is missing."""
    found = []
    for a in range(len(names)):
        for b in range(a):
            motion = np.tensordot(mixes[a] + mixes[b], head.motions, 1)
            left = warp(head.rest + motion) - rest - deltas[a] - deltas[b]
            found.append((float((left[head.skin] ** 2).sum()), (b, a), left.astype(np.float32)))
    best = sorted(found, key=lambda item: -item[0])[:24]
    return tuple(item[1] for item in best), np.stack([item[2] for item in best])


def _nonsense(count: int) -> tuple[str, ...]:
    rng = np.random.default_rng(5)
    letters = "bdfgklmnprtvz", "aeiou"
    return tuple(
        "".join(rng.choice(list(letters[i % 2])) for i in range(6)).title() + f"_{k:02d}" for k in range(count)
    )


def _motions(model: IctModel) -> NDArray[np.float32]:
    none = np.zeros(model.neutral_cm.shape, np.float32)
    shapes = [model.arkit_shape(name) for name in arkit.NAMES]
    return np.stack([none if shape is None else shape for shape in shapes])


def _outside(model: IctModel) -> NDArray[np.bool_]:
    """(V,) not in the mouth's bag or the eyes' sockets: seen from the front of an open face."""
    posed = model.neutral_cm
    facing = np.zeros(len(posed))
    triangles = model.triangles("M_Face")
    corners = posed[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]
    for k in range(3):
        np.add.at(facing, triangles[:, k], normal)
    return facing > 0


def _rims(model: IctModel) -> dict[str, tuple[NDArray[np.int64], Array]]:
    known = ict_landmarks()
    corners, weights = known["corners"].astype(np.int64), known["weights"].astype(np.float64)
    rims = {"lips": INNER_LIPS, "left lids": EYES[0], "right lids": EYES[1]}
    at = {name: [*rim.upper[1:-1], *rim.lower[1:-1]] for name, rim in rims.items()}
    return {name: (corners[where], weights[where]) for name, where in at.items()}


def _jaw_share(head: Head) -> Array:
    """(V,) how far skin follows the jaw's bone: as painted weights would, 1 below the lower lip, 0 above the upper one."""
    drop = head.motions[arkit.INDEX["jawOpen"]][:, 1].astype(np.float64)
    lever = np.maximum(np.linalg.norm((head.rest - JAW_HINGE_CM)[:, 1:], axis=1), 4.0)
    share = -drop / lever
    return np.clip(share / np.quantile(share[head.skin], 0.98), 0.0, 1.0)


def _with_caps(points: Array, triangles: NDArray[np.int32]) -> tuple[Array, NDArray[np.int32]]:
    """The same without holes: each gets a point in its middle."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    there = set(map(tuple, edges.tolist()))
    rim = np.array([edge for edge in edges.tolist() if (edge[1], edge[0]) not in there])
    graph = coo_matrix((np.ones(len(rim)), rim.T), shape=(len(points),) * 2)
    hole = connected_components(graph, directed=False)[1][rim[:, 0]]
    middles, caps = [], []
    for number in np.unique(hole):
        around = rim[hole == number]
        caps += [(b, a, len(points) + len(middles)) for a, b in around]
        middles.append(points[around[:, 0]].mean(0))
    return np.concatenate([points, middles]), np.concatenate([triangles, np.array(caps, np.int32)])


def _without_caps(
    points: Array, triangles: NDArray[np.int32], near: NDArray[np.bool_]
) -> tuple[Array, NDArray[np.int32], NDArray[np.int64]]:
    """What lies near the surface that was remeshed; the holes of eyes and neck, closed for remeshing, open again."""
    left = triangles[near[triangles].all(1)]
    kept = np.unique(left)
    number = np.full(len(points), -1, np.int32)
    number[kept] = np.arange(len(kept))
    return points[kept], number[left], kept


def _modified(points: Array, triangles: NDArray[np.int32], kind: str, amount: float) -> tuple[Array, NDArray[np.int32]]:
    """Vertices and triangles after one of Blender's modifiers."""
    import bpy

    if kind == "REMESH":
        points, triangles = _with_caps(points, triangles)
    mesh = bpy.data.meshes.new("head")
    mesh.from_pydata(points.tolist(), [], triangles.tolist())
    thing = bpy.data.objects.new("head", mesh)
    bpy.context.scene.collection.objects.link(thing)
    modifier = thing.modifiers.new("topology", kind)
    if kind == "DECIMATE":
        modifier.ratio = amount
    else:
        modifier.mode, modifier.voxel_size = "VOXEL", amount
    result = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    result.calc_loop_triangles()
    where = np.empty(3 * len(result.vertices), np.float32)
    corners = np.empty(3 * len(result.loop_triangles), np.int32)
    result.vertices.foreach_get("co", where)
    result.loop_triangles.foreach_get("vertices", corners)
    bpy.data.objects.remove(thing)
    return where.reshape(-1, 3).astype(np.float64), corners.reshape(-1, 3)
