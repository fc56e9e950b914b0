"""What the landmark network reports of a face: not its geometry, but that geometry filtered by the network's own idea of faces.

Measured on rendered heads by models/build_landmark_response.py: a bias that depends on the view, the response to every
expression (brows come damped, sneers and rolled lips more so; half of it counts, real faces are not renderings), how the
network misjudges people, and the errors that its points have in common. It adds to whatever face model is fitted. Points of
another source know nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from .geometry import Array, Single
from .landmark_groups import MESH_COUNT
from .products import by_axis

FILE = Path(__file__).with_name("landmark_response.npz")
COMMON_PART = 0.7
POINT_CM = 0.25
"""The measured common errors hold what the linear response leaves too, and live in more directions than were measured:
so they count in part, and every point has its own error several times larger than what the measurement left."""


@dataclass(frozen=True)
class Response:
    """All in cm; the first three in head axes, to be added to the geometry."""

    bias: Array
    """(4, 468, 3) for the terms of `view_terms`."""
    expressions: Array
    """(52, 468, 3) how much more than the geometry the points move, per coefficient."""
    people: Array
    """(S, 468, 3) how people are misjudged, one standard deviation each."""
    errors: Array
    """(M, 468, 2) errors that points of a frame have in common, in the picture (right, down), one deviation each."""
    point_errors: Array
    """(468,) standard deviation of a point's own error."""

    @cached_property
    def bias_by_axis(self) -> Single:
        """(3, 4, 468) the bias as `products.displaced` takes it."""
        return by_axis(self.bias)

    @cached_property
    def error_rows(self) -> Single:
        """(M, 2, 468) the common errors as columns of least squares, see `products`."""
        return np.ascontiguousarray(np.swapaxes(self.errors, 1, 2), np.float32)


@cache
def measured() -> Response:
    """The response of MediaPipe's network; the arrays are read-only, callers share them."""
    with np.load(FILE, allow_pickle=False) as data:
        bias, expressions, people, errors = (
            data[name].astype(np.float64) for name in ("bias", "expressions", "people", "errors")
        )
    response = Response(bias, expressions, people, COMMON_PART * errors, np.full(MESH_COUNT, POINT_CM))
    for value in vars(response).values():
        value.setflags(write=False)
    return response


def view_terms(rotation: Array) -> Array:
    """(T, 4) how the bias depends on the side from which heads of rotations (T, 3, 3) are seen."""
    across, up = rotation[:, 2, 0], rotation[:, 2, 1]
    return np.stack([np.ones_like(across), across, up, across**2 - 0.1], 1)
