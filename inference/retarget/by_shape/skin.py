"""Which parts of an avatar are the skin of its face and its eyeballs: told by how they move and hang together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ...errors import InputError
from ...face_model.surface import Array, Triangles
from .shapes import RigShapes

WELD = 1e-5
"""Vertices this near to each other, as part of the avatar's size, are one: seams of textures split them."""
MOVES = 0.08
"""A vertex moves when a channel takes it along by this part of what it takes any vertex."""
SKIN_PART = 0.3
"""A part of the mesh that spans this much of the moving area, across and up, is skin; lashes, teeth, eyes are less."""
ROUND = 0.12
"""A ball's points lie within this part of its radius from a sphere."""
WHOLE = 0.8
"""Skin that spans this part of what moves has not been cut to pieces."""
IRIS_PART = 0.45
"""An iris, as a part of the ball's radius."""
BROAD = 1.3
"""An eyeball, even half of one, is at least this many radii wide and high; shells over an eye are less."""


@dataclass(frozen=True)
class Skin:
    """The face of an avatar."""

    triangles: Triangles
    """(F, 3) of the skin, in the avatar's own numbering."""
    centre: Array
    """(3,) of what moves."""
    extent: float
    """The larger of width and height of what moves."""
    balls: tuple[Ball, ...]
    """Eyeballs, and whatever else is as round and as near."""


@dataclass(frozen=True)
class Ball:
    """A round part of the mesh."""

    vertices: NDArray[np.int64]
    centre: Array
    radius: float


def find_skin(shapes: RigShapes) -> Skin:
    """Raises InputError where no channel moves anything."""
    reach = np.linalg.norm(shapes.deltas.astype(np.float64), axis=2)
    size = float(np.ptp(shapes.rest, axis=0).max())
    strongest = reach.max(1, keepdims=True)
    alive = strongest[:, 0] > 1e-5 * size
    if not alive.any():
        raise InputError("None of the avatar's shapes moves its surface; choose the object that has its face shapes.")
    moving = (reach[alive] / strongest[alive]).max(0) > MOVES
    low, high = _middle_span(shapes.rest[moving])
    # Vertices are only welded where seams cut the skin to pieces: shells over the eyes may lie upon the lids.
    for weld in (0.0, WELD * size):
        part = parts(shapes.rest, shapes.triangles, weld)
        skin_parts = _wide(shapes.rest, part, moving, high - low)
        whole = np.ptp(shapes.rest[moving & np.isin(part, skin_parts)], axis=0) if skin_parts else np.zeros(3)
        if (whole[:2] > WHOLE * (high - low)[:2]).all():
            break
    if not skin_parts:
        skin_parts = [int(np.bincount(part[moving]).argmax())]
    skin = np.isin(part, skin_parts)
    seen = shapes.rest[moving & skin]
    low, high = _middle_span(seen)
    extent = float((high - low)[:2].max())
    balls = tuple(
        _balls(shapes.rest, part, [p for p in np.unique(part) if p not in skin_parts], (low + high) / 2, extent)
    )
    return Skin(shapes.triangles[skin[shapes.triangles].all(1)], (low + high) / 2, extent, balls)


def _wide(points: Array, part: NDArray[np.int64], moving: NDArray[np.bool_], span: Array) -> list[int]:
    """The parts that move over much of the face."""
    found = []
    for number in np.unique(part[moving]):
        own = np.ptp(points[moving & (part == number)], axis=0)
        if (own[:2] > SKIN_PART * span[:2]).all():
            found.append(int(number))
    return found


def parts(points: Array, triangles: Triangles, weld: float) -> NDArray[np.int64]:
    """(V,) number of the connected part that each vertex belongs to; vertices within about `weld` are one."""
    same = np.arange(len(points))
    if weld:
        _, same = np.unique(np.round(points / weld).astype(np.int64), axis=0, return_inverse=True)
    welded = same.ravel()[triangles]
    edges = np.concatenate([welded[:, :2], welded[:, 1:]])
    count = int(same.max()) + 1
    graph = coo_matrix((np.ones(len(edges), np.int8), edges.T), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1][same.ravel()], np.int64)


def _middle_span(points: Array) -> tuple[Array, Array]:
    """Corners of the box around all but the outermost points."""
    low, high = np.quantile(points, [0.005, 0.995], axis=0)
    return low, high


def _balls(points: Array, part: NDArray[np.int64], numbers: list[int], centre: Array, extent: float) -> list[Ball]:
    """Round parts about as large as an eye, in front of which the face lies."""
    found = []
    for number in numbers:
        vertices = np.flatnonzero(part == number)
        own = points[vertices]
        middle = (own.min(0) + own.max(0)) / 2
        near = np.abs(middle - centre)[:2].max() < 0.6 * extent
        if len(own) < 12 or not near or not 0.04 * extent < np.ptp(own, axis=0).max() < 0.6 * extent:
            continue
        rows = np.column_stack([2 * own, np.ones(len(own))])
        answer, *_ = np.linalg.lstsq(
            rows - rows.mean(0) * [1, 1, 1, 0], (own**2).sum(1) - (own**2).sum(1).mean(), rcond=None
        )
        ball = answer[:3]
        radius = np.linalg.norm(own - ball, axis=1)
        broad = np.ptp(own, axis=0)[:2].min() > BROAD * radius.mean()
        if broad and radius.std() < ROUND * radius.mean() and 0.04 * extent < radius.mean() < 0.3 * extent:
            found.append(Ball(vertices, ball, float(radius.mean())))
    return found


def eyed(skin: Skin, triangles: Triangles) -> Triangles:
    """(F, 3) skin and eyeballs: lashes, brows and clear shells over the eyes would hide the rims of the lids."""
    if not skin.balls:
        return skin.triangles
    ball = np.zeros(int(triangles.max()) + 1, bool)
    ball[np.concatenate([part.vertices for part in skin.balls])] = True
    return np.concatenate([skin.triangles, triangles[ball[triangles].all(1)]])


def painted_colours(points: Array, skin: Skin) -> Array:
    """(V, 3) 0 to 255, so that a network for faces sees one: skin, and white eyes with a dark iris."""
    colours = np.full((len(points), 3), (215.0, 170.0, 145.0))
    for ball in skin.balls:
        colours[ball.vertices] = (225.0, 222.0, 220.0)
        away = points[ball.vertices] - ball.centre
        iris = (np.linalg.norm(away[:, :2], axis=1) < IRIS_PART * ball.radius) & (away[:, 2] > 0)
        colours[ball.vertices[iris]] = (60.0, 42.0, 35.0)
    return colours
