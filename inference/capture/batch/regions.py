"""Regions of many faces as arrays, with the rules of `region`, `landmarks` and `following` for single ones.

A region is a row of four numbers: x and y of the middle and the side of the square in pixels, and its turn in radians,
as `Region` has them. Nothing here needs OpenCV; the tests hold every rule against that of the single face.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..rules import SETTLED_GROWTH, SETTLED_SHIFT

Floats = NDArray[np.float32]
Regions = NDArray[np.float64]
"""(..., 4) x, y, side, angle."""

X_Y, SIDE, ANGLE = slice(0, 2), 2, 3
_CALM_SHIFT, _CALM_GROWTH, _CALM_TURN, _LEAST_SHARE = 0.03, 0.05, 0.08, 0.3
_EYE_OUTER_CORNERS = (33, 263)


def matrices(regions: Regions, side: int = 1) -> NDArray[np.float64]:
    """(N, 2, 3) from crop coordinates 0..``side`` to image pixels, as `Region.matrix`."""
    size = regions[:, SIDE] / side
    cos, sin = np.cos(regions[:, ANGLE]) * size, np.sin(regions[:, ANGLE]) * size
    linear = np.stack([np.stack([cos, -sin], axis=1), np.stack([sin, cos], axis=1)], axis=1)
    begin = regions[:, X_Y] - linear.sum(axis=2) * side / 2
    return np.concatenate([linear, begin[:, :, None]], axis=2)


def to_image(regions: Regions, points: Floats) -> Floats:
    """(N, P, 2) region coordinates 0..1 -> image pixels."""
    matrix = matrices(regions)
    return np.asarray(points @ matrix[:, :, :2].swapaxes(1, 2) + matrix[:, None, :, 2], np.float32)


def scaled(regions: Regions, factor: float) -> Regions:
    """The same regions, larger or smaller about their middles."""
    return regions * (1.0, 1.0, factor, 1.0)


def straight(points_px: Floats, margin: float) -> Regions:
    """Squares around the (N, P, 2) points of faces, as `landmarks.straight_region` puts one around a face."""
    level = points_px[:, _EYE_OUTER_CORNERS[1]] - points_px[:, _EYE_OUTER_CORNERS[0]]
    axis = level / np.maximum(np.hypot(level[:, 0], level[:, 1]), 1e-6)[:, None]
    frame = np.stack([axis, np.stack([-axis[:, 1], axis[:, 0]], axis=1)], axis=1)
    along = frame @ points_px.swapaxes(1, 2)
    low, high = along.min(axis=2), along.max(axis=2)
    middle = np.einsum("na,nab->nb", (low + high) / 2, frame)
    side = (high - low).max(axis=1) * margin
    return np.column_stack([middle, side, np.arctan2(level[:, 1], level[:, 0])]).astype(np.float64)


def apart(regions: Regions, others: Regions) -> tuple[NDArray[np.float64], ...]:
    """How much the others are larger, in octaves, how far away, in region sizes, and how turned, in radians: (...,) each."""
    side = regions[..., SIDE]
    growth = np.abs(np.log2(np.maximum(others[..., SIDE], 1e-3) / side))
    step = others[..., X_Y] - regions[..., X_Y]
    shift = np.hypot(step[..., 0], step[..., 1]) / side
    turn = np.abs((others[..., ANGLE] - regions[..., ANGLE] + np.pi) % (2 * np.pi) - np.pi)
    return growth, shift, turn


def fit(points_px: Floats, growth: NDArray[np.float64], shift: NDArray[np.float64], size: tuple[int, int]) -> Regions:
    """(N,) 0..1: does the face fill the region as faces do, and lie within the picture of this width and height?"""
    inside = ((points_px >= 0) & (points_px <= size)).view(np.uint16).reshape(points_px.shape[:2]) == 0x0101
    inside = inside.mean(axis=1)
    return np.asarray(inside * np.clip(1.5 - growth, 0, 1) * np.clip(1.5 - 2 * shift, 0, 1))


def chain(start: Regions, following: Regions, jumps: NDArray[np.bool_]) -> tuple[Regions, Regions, NDArray[np.bool_]]:
    """Where a face is read frame after frame, and where after each: (T, 4) both, of the (4,) region of the first frame.

    ``following`` (T, 4) are the regions that the points of each frame ask for. As `Follower` does it: a region moves
    toward what the points ask, calmed; a frame whose points ask for far more, or that is said to (``jumps``, (T,)), is
    read where they ask. The third result says which frames are.
    """
    read, after, jumped = [], [], jumps.tolist()
    region = (float(start[0]), float(start[1]), float(start[2]), float(start[3]))
    for frame, (x, y, side, angle) in enumerate(following.tolist()):
        asked = (x, y, side, angle)
        jumped[frame] = jumped[frame] or not _is_settled(region, asked)
        if jumped[frame]:
            region = asked
        read.append(region)
        region = calmed(region, asked)
        after.append(region)
    return np.array(read).reshape(-1, 4), np.array(after).reshape(-1, 4), np.array(jumped, bool)


Numbers = tuple[float, float, float, float]


def _is_settled(region: Numbers, asked: Numbers) -> bool:
    growth = abs(math.log2(max(asked[2], 1e-3) / region[2]))
    shift = math.hypot(asked[0] - region[0], asked[1] - region[1]) / region[2]
    return growth < SETTLED_GROWTH and shift < SETTLED_SHIFT


def calmed(region: Numbers, asked: Numbers) -> Numbers:
    """A region moved toward the next one, fully when that differs much, by a part when it only trembles."""
    x, y, side, angle = region
    turn = (asked[3] - angle + math.pi) % (2 * math.pi) - math.pi
    step_x, step_y = asked[0] - x, asked[1] - y
    trembles = max(
        math.hypot(step_x, step_y) / asked[2] / _CALM_SHIFT,
        abs(math.log(asked[2] / side)) / _CALM_GROWTH,
        abs(turn) / _CALM_TURN,
    )
    share = min(max(1 - 1 / max(trembles, 1e-6), _LEAST_SHARE), 1.0)
    return x + share * step_x, y + share * step_y, side + share * (asked[2] - side), angle + share * turn


def between(start: Regions, asked: Regions, known: NDArray[np.bool_], motion_px: Floats, reach: int) -> Regions:
    """(T, 4) what points would ask for in frames that were not read, from those that were (``known``) and the (4,) start.

    Behind the last known frame a face goes on as it moved, for ``reach`` frames at most, then it stays.
    """
    frames = np.flatnonzero(known)
    if len(frames) == len(known):
        return asked
    nodes = np.concatenate([start[None], asked[frames]])
    nodes[:, ANGLE] = np.unwrap(nodes[:, ANGLE])
    times = np.concatenate([[-1], frames])
    every = np.arange(len(known))
    filled = np.stack([np.interp(every, times, nodes[:, axis]) for axis in range(4)], axis=1)
    if len(frames) > 1:
        motion_px = ((nodes[-1, X_Y] - nodes[-2, X_Y]) / (times[-1] - times[-2])).astype(np.float32)
    filled[:, X_Y] += np.clip(every - times[-1], 0, reach)[:, None] * motion_px
    filled[known] = asked[known]
    return filled
