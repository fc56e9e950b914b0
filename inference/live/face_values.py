"""What another tracker says of a face, before it has a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import arkit

USUAL_AWAY_CM = 60.0
_KNOWN = {name.lower(): index for name, index in arkit.INDEX.items()}
_KNOWN |= {
    name.lower().removesuffix(side.lower()) + "_" + side[0].lower(): index
    for name, index in arkit.INDEX.items()
    for side in ("Left", "Right")
    if name.endswith(side) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
}


@dataclass(frozen=True, eq=False)
class FaceValues:
    """As in `sample.LiveSample`."""

    confidence: float
    coefficients: NDArray[np.float32]
    """(52,)."""
    rotation: NDArray[np.float32]
    """(3, 3)."""
    translation_cm: NDArray[np.float32]
    """(3,)."""
    gaze: NDArray[np.float32]
    """(2, 2)."""

    @staticmethod
    def nobody() -> FaceValues:
        """A neutral face straight ahead."""
        return FaceValues(
            0.0,
            np.zeros(len(arkit.NAMES), np.float32),
            np.eye(3, dtype=np.float32),
            np.array([0.0, 0.0, -USUAL_AWAY_CM], np.float32),
            np.zeros((2, 2), np.float32),
        )


def index_of(name: str) -> int | None:
    """Where a coefficient stands whose name may be written ``mouthSmileLeft``, ``MouthSmileLeft`` or ``mouthSmile_L``."""
    return _KNOWN.get(name.lower())


def coefficients_of(values: Mapping[str, float]) -> NDArray[np.float32]:
    """(52,) of values 0..1 by name; unknown names, and values that are no numbers, are passed over."""
    found = np.zeros(len(arkit.NAMES), np.float32)
    for name, value in values.items():
        index = index_of(name)
        if index is not None and np.isfinite(value):
            found[index] = min(max(value, 0.0), 1.0)
    return found
