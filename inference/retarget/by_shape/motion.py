"""Where the landmarks lie on a face that no network knows as one: where its channels move like an actor's expressions.

Our mean face is stretched over the avatar seen from the front; eyes and mouth may be larger, smaller, higher or lower
than ours. The best fit is the one under which the avatar's channels look most like our expressions, each to its best match.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.optimize import minimize

from ...face_model.rims import EYES, INNER_LIPS, SKIN
from ...face_model.surface import Array, Triangles
from ...face_model.types import FaceModel
from .pictures import Painted, View, paint
from .shapes import RigShapes
from .skin import Skin

SIDE_PX = 384
WIDTHS = (0.45, 0.55, 0.67, 0.82, 1.0, 1.2)
"""Of our face, as parts of what moves: necks and ears may move along."""
ASPECTS = (0.75, 0.9, 1.1, 1.35)
HEIGHTS = 13
"""Places tried between the lowest and the highest."""
REACH_CM = (3.0, 3.2)
"""How far around an eye and around the mouth its own stretch is felt."""
USUAL = np.array([1.0, 0.3, 0.35, 0.8, 0.7, 0.3, 0.3, 0.8])
"""How far each number of a stretch after the third may wander before it counts as odd."""
FIRST_STEPS = (0.08, 0.08, 0.6, 0.15, 0.12, 0.12, 0.3, 0.3, 0.12, 0.12, 0.4)
ODD = 0.012
ROUNDS = 1200


@dataclass(frozen=True)
class _Sight:
    """The avatar from the front, and what its channels do there."""

    painted: Painted
    nearest: NDArray[np.int32]
    """(2, side, side) row and column of the nearest pixel that shows skin."""
    rest: Array
    deltas: NDArray[np.float32]
    """(C, V, 3) of length 1 for the strongest vertex."""
    pixels_per_unit: float

    def points(self, flat: Array) -> tuple[NDArray[np.int64], Array]:
        """Corners (N, 3) and weights (N, 3) of the skin at places (N, 2), units right and up from the picture's middle."""
        side = self.painted.view.side_px
        pixels = flat * [1, -1] * self.pixels_per_unit + side / 2
        column, row = (np.clip(pixels[:, k].astype(np.int64), 0, side - 1) for k in range(2))
        row, column = self.nearest[0][row, column], self.nearest[1][row, column]
        shown, weights = self.painted.corners_at(np.stack([column + 0.5, row + 0.5], 1))
        return self.painted.triangles[shown].astype(np.int64), weights


def motion_marks(shapes: RigShapes, skin: Skin, model: FaceModel) -> tuple[Array, float]:
    """(468, 3) points of the skin, and how well the channels match expressions there, 0 to 1."""
    sight = _sight(shapes, skin)
    ours = model.landmark_mean_cm[:SKIN]
    expressions = model.landmark_expressions_cm[:, :SKIN]
    unit = skin.extent / float(np.ptp(ours[:, 0]))

    def badness(numbers: Array) -> float:
        found = alike(sight.deltas, *sight.points(_stretched(ours, numbers, unit)), expressions)
        return ODD * float(((numbers[3:] / USUAL) ** 2).sum()) - found

    start = min(_starts(), key=badness)
    best = minimize(badness, start, method="Nelder-Mead", options={
        "maxfev": ROUNDS, "xatol": 1e-3, "fatol": 1e-5,
        "initial_simplex": np.concatenate([start[None], start + np.diag(FIRST_STEPS)]),
    })  # fmt: skip
    corners, weights = sight.points(_stretched(ours, best.x, unit))
    return np.einsum("nk,nkc->nc", weights, shapes.rest[corners]), alike(sight.deltas, corners, weights, expressions)


def alike_at(shapes: RigShapes, corners: Triangles, weights: Array, model: FaceModel) -> float:
    """How well the channels match our expressions when the landmarks lie there, 0 to 1."""
    return alike(_even(shapes), corners, weights, model.landmark_expressions_cm[:, :SKIN])


def alike(
    deltas: NDArray[np.float32], corners: NDArray[np.int64] | Triangles, weights: Array, expressions: Array
) -> float:
    """Mean likeness (squared cosine) of each expression to the channel that is most like it, and of each channel."""
    motion = np.zeros((len(deltas), SKIN, 3))
    for k in range(3):
        motion += weights[:, k, None] * deltas[:, corners[:, k]]
    seen = motion.reshape(len(deltas), -1)
    wanted = expressions.reshape(len(expressions), -1)
    wanted = wanted[(wanted**2).sum(1) > 0]
    length = np.linalg.norm(seen, axis=1)
    cosine = (wanted @ seen.T) / np.linalg.norm(wanted, axis=1)[:, None] / np.maximum(length, 0.3)
    square = np.clip(cosine, 0.0, None) ** 2
    return float(square.max(1).mean() + square.max(0).mean()) / 2


def _even(shapes: RigShapes) -> NDArray[np.float32]:
    reach = np.linalg.norm(shapes.deltas, axis=2).max(1)
    return np.asarray(shapes.deltas / np.maximum(reach, 1e-12)[:, None, None], np.float32)


def _sight(shapes: RigShapes, skin: Skin) -> _Sight:
    scale = 0.7 * SIDE_PX / skin.extent
    painted = paint(shapes.rest, skin.triangles, View(skin.centre, 0.0, scale, SIDE_PX))
    nearest = distance_transform_edt(painted.shown < 0, return_distances=False, return_indices=True)
    return _Sight(painted, nearest, shapes.rest, _even(shapes), scale)


def _stretched(ours: Array, numbers: Array, unit: float) -> Array:
    """(468, 2) our face from the front, stretched: width, height, place; eyes and mouth by themselves.

    Numbers: logarithms of width and height, height of the middle, sideways shift; then for eyes and mouth the logarithms
    of width and height, and their way up and (eyes) out, in centimetres.
    """
    wide, high, up, side, eye_wide, eye_high, eye_up, eye_out, mouth_wide, mouth_high, mouth_up = numbers
    points = ours[:, :2].copy()
    for eye, sign in zip(EYES, (1.0, -1.0), strict=True):
        rim = list(eye.upper + eye.lower)
        near = _near(ours, rim, REACH_CM[0])
        points += near * ((ours - ours[rim].mean(0))[:, :2] * np.expm1([eye_wide, eye_high]) + [sign * eye_out, eye_up])
    rim = list(INNER_LIPS.upper + INNER_LIPS.lower)
    near = _near(ours, rim, REACH_CM[1])
    points += near * ((ours - ours[rim].mean(0))[:, :2] * np.expm1([mouth_wide, mouth_high]) + [0.0, mouth_up])
    return np.asarray(unit * (points * np.exp([wide, high]) + [side, up]))


def _near(ours: Array, rim: list[int], reach: float) -> Array:
    centre = ours[rim, :2].mean(0)
    return np.asarray(np.exp(-((ours[:, :2] - centre) ** 2).sum(1) / (2 * (reach / 1.5) ** 2)))[:, None]


def _starts() -> list[Array]:
    """Faces of several sizes all over what moves."""
    found = []
    for width in WIDTHS:
        for aspect in ASPECTS:
            for up in np.linspace(-9.0, 9.0, HEIGHTS):
                numbers = np.zeros(len(FIRST_STEPS))
                numbers[:3] = np.log(width), np.log(width * aspect), up
                found.append(numbers)
    return found
