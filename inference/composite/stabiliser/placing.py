"""Where the face is, steadied: what neighbouring frames say of a point is brought along the plate's flow and averaged.

A landmark network is off by another part of a pixel in every frame, and the face would swim. Skin moves as the flow says,
however fast it moves; what differs from that is the network's noise, or the slow slide of an outline over the skin of a
turning head. So a straight line is fitted to the differences in time and its value at the frame itself is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..types import Floats
from .flow import Trail

WILD: Final = 0.03
"""Face widths; a difference to the flow beyond that is no noise of a few tenths of a pixel and hardly counts."""
_LOST: Final = 0.05
"""Weight of a point whose trail is lost: it moves with the others."""


def steady_points(
    points_px: Mapping[int, Floats], along: Mapping[int, Trail], sigma: float, face_width_px: float
) -> Floats:
    """(N, 2) points of the frame at offset 0, steadied by the points (N, 2) that the frames of its run have.

    ``along`` are the trails of this frame's points, (1, N, 2), to each of those frames.
    """
    own = points_px[0].astype(float)
    offsets = np.array(sorted(points_px))
    misses = np.stack([points_px[k] - along[k].points_px[0] for k in offsets]).astype(float)
    trust = np.stack([along[k].trust[0] for k in offsets]).astype(float)
    for at, sure in enumerate(trust):
        if sure.max() > 0.5:
            common = np.median(misses[at][sure > 0.5], axis=0)
            misses[at] += (1 - sure)[:, None] * (common - misses[at])
    length = np.linalg.norm(misses - np.median(misses, axis=0), axis=-1) / (WILD * face_width_px)
    weights = gaussian(offsets, sigma)[:, None] * np.maximum(trust, _LOST) / (1 + length**2)
    return (own + value_at_zero(offsets, misses, weights)).astype(np.float32)


def steady_affine(affines: Mapping[int, Floats], centres_px: Mapping[int, Floats], sigma: float) -> Floats:
    """(2, 3) affine of plate pixels at offset 0 from those (2, 3) of a run, each about its own face's centre (2,)."""
    offsets = np.array(sorted(affines))
    linear = np.stack([affines[k][:, :2] for k in offsets]).astype(float)
    moves = np.stack([affines[k][:, :2] @ centres_px[k] + affines[k][:, 2] - centres_px[k] for k in offsets])
    weights = gaussian(offsets, sigma)[:, None]
    parts = value_at_zero(offsets, np.concatenate([linear, moves[..., None].astype(float)], 2), weights)
    centre = centres_px[0].astype(float)
    return np.column_stack([parts[:, :2], centre + parts[:, 2] - parts[:, :2] @ centre]).astype(np.float32)


def steady_values(values: Mapping[int, Floats], sigma: float) -> Floats:
    """Value (N, M) at offset 0 of what changes slowly over a run."""
    offsets = np.array(sorted(values))
    stacked = np.stack([values[k] for k in offsets]).astype(float)
    return value_at_zero(offsets, stacked, gaussian(offsets, sigma)[:, None]).astype(np.float32)


def gaussian(offsets: NDArray[np.int64], sigma: float) -> NDArray[np.float64]:
    """Weights of neighbours."""
    weights: NDArray[np.float64] = np.exp(-0.5 * (offsets / sigma) ** 2)
    return weights


def value_at_zero(
    offsets: NDArray[np.int64], values: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N, M) value at offset 0 of the straight lines through values (T, N, M) with weights (T, N) or (T, 1).

    Where all weight lies on one side the line would lean on its far end, so its slope is held back a little.
    """
    k = offsets[:, None].astype(float)
    total, first, second = weights.sum(0), (weights * k).sum(0), (weights * k * k).sum(0) + weights.sum(0)
    mean = (weights[..., None] * values).sum(0)
    slope = (weights[..., None] * k[..., None] * values).sum(0)
    determinant = total * second - first**2
    result: NDArray[np.float64] = (second[:, None] * mean - first[:, None] * slope) / determinant[:, None]
    return result
