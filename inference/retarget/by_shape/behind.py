"""What an avatar's channels do behind the skin: they turn its eyeballs and put its tongue out.

Both become further points beside the landmarks: the middle of each iris, and a point that stands for the tongue.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ... import arkit
from ...face_model.rims import EYES, INNER_LIPS
from ...face_model.surface import Array
from ...face_model.types import FaceModel
from ...solve.gaze import full_look_rad
from .place import Placed
from .shapes import RigShapes
from .skin import Ball, Skin

POINTS: Final = 3
"""Left iris, right iris, tongue."""
IRIS_CM = 1.2
"""An eyeball that is turned by a radian moves its iris by this much of our face, whatever its own size."""
CAP = 0.6
"""The front of a ball, as a part of its radius."""
OUT_CM = 0.6
"""A tongue comes out at least this far."""
STILL = 0.35
"""While it does, the lips move less than this part of its way."""


def behind(shapes: RigShapes, skin: Skin, placed: Placed, model: FaceModel) -> tuple[Array, Array]:
    """(C, 3, 3) what the channels do to the points at their unit, and (52, 3, 3) what the coefficients ask of them."""
    channels, asked = np.zeros((len(shapes.keys), POINTS, 3)), np.zeros((len(arkit.NAMES), POINTS, 3))
    full = full_look_rad(model)
    for side, (eye, ending, out) in enumerate(zip(EYES, ("Left", "Right"), (1.0, -1.0), strict=True)):
        rim = placed.points[list(eye.upper + eye.lower)]
        turn = _turn(shapes, skin.balls, rim)
        if turn is None:
            continue
        channels[:, side] = turn
        for name, way in (("Out", (out, 0.0)), ("In", (-out, 0.0)), ("Up", (0.0, 1.0)), ("Down", (0.0, -1.0))):
            index = arkit.INDEX[f"eyeLook{name}{ending}"]
            asked[index, side, :2] = IRIS_CM * np.sin(full[index]) * np.array(way)
    tongue = _tongue(shapes, skin, placed)
    if tongue is not None:
        channels[tongue, 2, 2] = asked[arkit.INDEX["tongueOut"], 2, 2] = 1.0
    return channels, asked


def _turn(shapes: RigShapes, balls: tuple[Ball, ...], rim: Array) -> Array | None:
    """(C, 3) motion of the middle of the iris behind a rim of lids, as if the ball were ours; None without a ball."""
    middle, width = rim.mean(0), float(np.ptp(rim[:, 0]))
    best, most = None, 0.0
    for ball in balls:
        if np.abs(ball.centre - middle)[:2].max() > 0.5 * width:
            continue
        away = shapes.rest[ball.vertices] - ball.centre
        front = ball.vertices[away[:, 2] > CAP * ball.radius]
        if not len(front):
            continue
        motion = shapes.deltas[:, front].mean(1) - shapes.deltas[:, ball.vertices].mean(1)
        arm = float((shapes.rest[front, 2].mean() - shapes.rest[ball.vertices, 2].mean()) or 1.0)
        turn = np.asarray(motion / arm, np.float64) * [1.0, 1.0, 0.0]
        if np.abs(turn).max() > most:
            best, most = IRIS_CM * turn, float(np.abs(turn).max())
    return best


def _tongue(shapes: RigShapes, skin: Skin, placed: Placed) -> int | None:
    """The channel that brings something out of the mouth while the lips stay about where they are."""
    inside = np.ones(len(shapes.rest), bool)
    inside[np.unique(skin.triangles)] = False
    mouth = placed.points[list(INNER_LIPS.upper + INNER_LIPS.lower)]
    low, high = mouth.min(0), mouth.max(0)
    span = high[0] - low[0]
    near: NDArray[np.bool_] = inside & (shapes.rest[:, 0] > low[0]) & (shapes.rest[:, 0] < high[0])
    near &= (shapes.rest[:, 1] > low[1] - 0.6 * span) & (shapes.rest[:, 1] < high[1] + 0.3 * span)
    if not near.any():
        return None
    out = shapes.deltas[:, near, 2].max(1) / placed.scale
    lips = np.abs(placed.at(shapes.deltas)[:, list(INNER_LIPS.upper + INNER_LIPS.lower), 2]).max(1) / placed.scale
    found = int((out - lips / STILL).argmax())
    return found if out[found] > OUT_CM and lips[found] < STILL * out[found] else None
