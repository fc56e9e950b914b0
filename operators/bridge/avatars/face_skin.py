"""The default avatar's face from the embedded face model: smooth and dense, its shapes linear in the model's; no bpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....inference import arkit
from ....inference.face_model.subdivision import border_loops, interpolating, loop_matrix
from ....inference.face_model.types import FaceModel
from . import face_topology as parts
from .mesh import Indices, Points, smoothstep, vertex_normals

LEVELS = 2
SKIN_COUNT = 468
EYEBALL_OF_MODEL = 0.945
"""The eyeball is this much smaller than the model's, so that lids of real thickness fit over it."""
FAIRING_ROUNDS = 12
LID_CM = 0.11
"""Least distance of the skin from the eyeball."""
CLOSING_LINE = 0.25
"""Where closed lids meet: 0 = where the lower lid is in the model's blink, 1 = the upper."""


@dataclass(frozen=True)
class Eye:
    """One eye of the actor; margins run from the outer to the inner corner, both with the same number of vertices."""

    side: str
    centre_cm: Points
    radius_cm: float
    upper: Indices
    lower: Indices


@dataclass(frozen=True)
class Face:
    """The dense face up to its oval: landmark i is vertex i."""

    points_cm: Points
    triangles: Indices
    parent: Indices
    """(F,) row of `cage` that each triangle comes from."""
    cage: Indices
    """(C, 3) landmark triangles, holes open."""
    shapes_cm: dict[str, Points]
    eyes: tuple[Eye, Eye]
    mouth_upper: Indices
    mouth_lower: Indices
    """Inner lip lines from the actor's right to the left corner."""
    oval: Indices
    """Outer border from the forehead down the actor's left side and round."""


def build_face(model: FaceModel) -> Face:
    """Refine the model's mesh, open its holes, keep the lids off the eyeballs and make the blinks close."""
    cage = model.triangles.astype(np.int64)
    for hole in parts.HOLES:
        cage = cage[~np.isin(cage, hole).all(axis=1)]
    triangles, refine = loop_matrix(cage, SKIN_COUNT, LEVELS)
    matrix = interpolating(refine) @ _relaxed(cage)
    points = matrix @ model.mean_cm[:SKIN_COUNT].astype(np.float64)
    expressions = matrix @ model.expressions_cm[:, :SKIN_COUNT].astype(np.float64)
    data = np.concatenate([points[None], expressions]).transpose(1, 0, 2).reshape(len(points), -1)
    data = _faired(data, triangles, points).reshape(len(points), -1, 3)
    points = data[:, 0]
    shapes = {name: data[:, 1 + index] for name, index in arkit.INDEX.items()}
    loops = border_loops(triangles)
    eye_left, eye_right, mouth, oval = (
        next(loop for loop in loops if landmark in loop)
        for landmark in (parts.EYE_LEFT_LOWER[0], parts.EYE_RIGHT_LOWER[0], parts.MOUTH_UPPER[0], 10)
    )
    radius = model.eye_radius_cm * EYEBALL_OF_MODEL
    left, right = model.eye_centres_cm.astype(np.float64)
    eyes = (
        Eye(
            "Left",
            left,
            radius,
            *(parts.refined_path(p, eye_left) for p in (parts.EYE_LEFT_UPPER, parts.EYE_LEFT_LOWER)),
        ),
        Eye(
            "Right",
            right,
            radius,
            *(parts.refined_path(p, eye_right) for p in (parts.EYE_RIGHT_UPPER, parts.EYE_RIGHT_LOWER)),
        ),
    )
    start = oval.index(10)
    walk = oval[start:] + oval[:start]
    if walk.index(338) > walk.index(109):
        walk = [walk[0], *walk[:0:-1]]
    face = Face(
        points, triangles, np.arange(len(triangles)) // 4**LEVELS, cage, shapes, eyes,
        parts.refined_path(parts.MOUTH_UPPER, mouth), parts.refined_path(parts.MOUTH_LOWER, mouth), np.array(walk),
    )  # fmt: skip
    return _sculpt_nose(_close_lips(_fit_lids(face)))


def _relaxed(cage: Indices) -> NDArray[np.float64]:
    """(468, 468): the vertices in and on the rim of the nostrils and a few slivers become the mean of their neighbours.

    Landmarks there mark image features, not a surface: taken literally they fold. All others stay.
    """
    count = SKIN_COUNT
    edges = np.concatenate([cage[:, [0, 1]], cage[:, [1, 2]], cage[:, [2, 0]]])
    neighbours = np.zeros((count, count))
    neighbours[edges[:, 0], edges[:, 1]] = neighbours[edges[:, 1], edges[:, 0]] = 1.0
    average = neighbours / np.maximum(neighbours.sum(axis=1, keepdims=True), 1.0)
    loose = np.array(parts.NOSTRIL_LEFT + parts.NOSTRIL_RIGHT + parts.WING_LEFT + parts.WING_RIGHT + parts.SLIVERS)
    fixed = np.setdiff1d(np.arange(count), loose)
    relaxed = np.eye(count)
    relaxed[loose] = 0.0
    system = np.eye(len(loose)) - average[np.ix_(loose, loose)]
    relaxed[np.ix_(loose, fixed)] = np.linalg.solve(system, average[np.ix_(loose, fixed)])
    return relaxed


def _faired(data: NDArray[np.float64], triangles: Indices, points: Points) -> NDArray[np.float64]:
    """(V, K) vertex data with its creases ironed out: repeated averaging that fades away from crowded landmarks."""
    distance = np.linalg.norm(points[:, None] - points[None, list(parts.CREASES)], axis=2).min(axis=1)
    weight = 0.8 * smoothstep(0.8, 0.1, distance)[:, None]
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    pairs, sides = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    on_border = np.isin(np.arange(len(points)), pairs[sides == 1])
    both = np.concatenate([pairs, pairs[:, ::-1]])
    # Border vertices follow only their neighbours on the border, so that the holes keep their outline.
    wanted = (weight[both[:, 0], 0] > 0) & ((np.tile(sides, 2) == 1) | ~on_border[both[:, 0]])
    both = both[wanted][np.argsort(both[wanted, 0], kind="stable")]
    near, first, valence = np.unique(both[:, 0], return_index=True, return_counts=True)
    for _ in range(FAIRING_ROUNDS):
        average = np.add.reduceat(data[both[:, 1]], first, axis=0) / valence[:, None]
        data[near] += weight[near] * (average - data[near])
    return data


def off_eyeball(points: Points, eye: Eye) -> Points:
    """`points` in front of an eye pushed out to at least a lid's thickness from the eyeball."""
    away = points - eye.centre_cm
    distance = np.linalg.norm(away, axis=1)
    least = eye.radius_cm + LID_CM
    wanted = least + 0.5 * (distance - least + np.sqrt((distance - least) ** 2 + 0.03**2))
    # The smooth maximum acts only near the ball: far skin stays where it is.
    near = smoothstep(eye.radius_cm + 0.9, eye.radius_cm + 0.4, distance) * (away[:, 2] > 0)
    scale = 1.0 + near * (wanted / np.maximum(distance, 1e-6) - 1.0)
    return eye.centre_cm + away * scale[:, None]


def _fit_lids(face: Face) -> Face:
    """Lids rest on the eyeball in every shape, and the blinks close without a gap."""
    rest = face.points_cm
    for eye in face.eyes:
        rest = off_eyeball(rest, eye)
    shapes = {}
    for name, delta in face.shapes_cm.items():
        posed = face.points_cm + delta
        for eye in face.eyes:
            if name == f"eyeBlink{eye.side}":
                posed = _meet(face.points_cm, posed, eye)
            posed = off_eyeball(posed, eye)
        moved = np.abs(delta).max(axis=1, keepdims=True) > 1e-4
        shapes[name] = np.where(moved, posed - rest, 0.0)
    return _replaced(face, points_cm=rest, shapes_cm=shapes)


def _meet(rest: Points, posed: Points, eye: Eye) -> Points:
    """Move both lid margins of a blink onto one line and carry the skin near them along."""
    line = posed[eye.lower] + CLOSING_LINE * (posed[eye.upper] - posed[eye.lower])
    margin = np.concatenate([eye.upper, eye.lower])
    shift = np.concatenate([line - posed[eye.upper], line - posed[eye.lower]])
    near = np.flatnonzero(np.linalg.norm(rest - eye.centre_cm, axis=1) < 3.0)
    distance = np.linalg.norm(rest[near, None] - rest[None, margin], axis=2)
    closest = distance.argmin(axis=1)
    fade = smoothstep(0.7, 0.0, distance[np.arange(len(near)), closest])
    result = posed.copy()
    result[near] += fade[:, None] * shift[closest]
    return result


def _close_lips(face: Face) -> Face:
    """In the neutral face the inner lip lines touch; the skin around follows within a centimetre."""
    upper, lower = face.mouth_upper, face.mouth_lower
    middle = 0.5 * (face.points_cm[upper] + face.points_cm[lower])
    margin = np.concatenate([upper, lower])
    shift = np.concatenate([middle - face.points_cm[upper], middle - face.points_cm[lower]])
    distance = np.linalg.norm(face.points_cm[:, None] - face.points_cm[None, margin], axis=2)
    closest = distance.argmin(axis=1)
    fade = smoothstep(0.6, 0.0, distance[np.arange(len(distance)), closest])
    return _replaced(face, points_cm=face.points_cm + fade[:, None] * shift[closest])


def nostril_depth(face: Face) -> NDArray[np.float64]:
    """(V,) 0 outside the nostrils, 1 deep inside."""
    inside = np.zeros(SKIN_COUNT, bool)
    inside[list(parts.NOSTRIL_LEFT + parts.NOSTRIL_RIGHT)] = True
    share = inside[face.cage].all(axis=1)[face.parent]
    depth = np.zeros(len(face.points_cm))
    depth[face.triangles[share]] = 1.0
    # Two averaging rounds turn the mask into a bowl with a soft rim.
    edges = np.concatenate([face.triangles[:, [0, 1]], face.triangles[:, [1, 2]], face.triangles[:, [2, 0]]])
    valence = np.bincount(edges.ravel(), minlength=len(depth))
    for _ in range(2):
        depth = (
            np.bincount(edges[:, 0], depth[edges[:, 1]], len(depth))
            + np.bincount(edges[:, 1], depth[edges[:, 0]], len(depth))
        ) / valence
    return depth


def _sculpt_nose(face: Face) -> Face:
    """Bowls for the nostrils, and the round of the wings that the ironing took away."""
    normals = vertex_normals(face.points_cm, face.triangles)
    depth = nostril_depth(face)
    inward = 0.4 * np.array([0.0, 1.0, -0.55]) - 0.15 * normals
    points = face.points_cm + (depth**1.5)[:, None] * inward
    for wing, side in ((parts.WING_LEFT, 1.0), (parts.WING_RIGHT, -1.0)):
        centre = face.points_cm[list(wing[-2:])].mean(axis=0)
        swell = np.exp(-((np.linalg.norm(face.points_cm - centre, axis=1) / 0.42) ** 2)) * (1.0 - depth)
        points += swell[:, None] * np.array([0.17 * side, -0.03, 0.06])
    return _replaced(face, points_cm=points)


def _replaced(face: Face, **changes: object) -> Face:
    return Face(**{**vars(face), **changes})  # type: ignore[arg-type]
