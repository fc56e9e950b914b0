"""How far our network's points follow every expression: measured, see training/measure_response.py.

A network draws what it is unsure of toward the usual face. Its points are then expected there, and coefficients come out
as large as they are played. The file ships with the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from .geometry import Array

FILE = Path(__file__).with_name("surface_response.npz")


@dataclass(frozen=True)
class SurfaceResponse:
    """Measured on the network whose sha256 the file holds as `network`; to be measured again with every new one."""

    expressions: Array
    """(52, 468, 3) how much more than the geometry the points move, per coefficient; cm in head axes."""
    coefficients: Array
    """(3, 52) how the network reads coefficients: offset, gain, and standard deviation of the noise."""


@cache
def measured() -> SurfaceResponse:
    """The response of the network that ships with the project; the arrays are read-only, callers share them."""
    with np.load(FILE, allow_pickle=False) as data:
        response = SurfaceResponse(*(data[name].astype(np.float64) for name in ("expressions", "coefficients")))
    for value in vars(response).values():
        value.setflags(write=False)
    return response
