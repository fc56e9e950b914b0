"""The face that the user says is neutral: whether it was held still, and what of it is taken off from then on."""

from __future__ import annotations

from typing import Final

import numpy as np

from ... import arkit
from ..geometry import Array

OF_FACE: Final = np.array([not name.startswith(("eyeBlink", "eyeLook")) for name in arkit.NAMES])
"""Eyes may blink and look around meanwhile."""
STEADY: Final = OF_FACE & np.array([not name.startswith("eyeWide") for name in arkit.NAMES])
"""What noise moves least."""
PARTS: Final = 10
"""Of the time in which the face is held."""
MOST_CHANGE: Final = 0.25
"""A coefficient that differs by more than this between the parts was acted; noise changes less."""
MOST_AT_REST: Final = 0.5
"""What a face shows beyond this is no rest."""


def was_acted(parts: Array) -> bool:
    """Whether a face that should have been neutral moved between parts of the time (P, 52)."""
    return bool(np.ptp(parts[:, STEADY], axis=0).max() > MOST_CHANGE)


def resting_of(coefficients: Array) -> Array:
    """(52,) what is taken off, of the coefficients that a neutral face shows."""
    return np.where(OF_FACE, np.clip(coefficients, 0.0, MOST_AT_REST), 0.0)


def without_rest(coefficients: Array, resting: Array) -> Array:
    """(52,) coefficients of which those at rest are 0, and full ones still 1."""
    return np.asarray(np.clip((coefficients - resting) / (1.0 - resting), 0.0, 1.0))
