"""Between the footage's own pixels and the compositor's light: curve and primaries of the footage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...media.colour_tags import BT709, CHROMATICITIES, ColourTags
from ..pictures import cv2
from ..types import Floats
from .transfer import Curve, decode, encode, to_pixels

_SAME: Final = (1, 2, 5, 6)
"""H.273 codes of primaries that are BT.709's, or so near that no player tells them apart."""
_BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@dataclass(frozen=True)
class Space:
    """How the footage's pixels stand for light."""

    curve: Curve = "sdr"
    xy: tuple[float, ...] | None = None
    """CIE 1931 x and y of red, green, blue and white; None for BT.709's, in which renders come."""

    @classmethod
    def of(cls, tags: ColourTags) -> Space:
        """The space that tags tell."""
        same = tags.chromaticities is None and tags.primaries in _SAME
        return cls(tags.curve, None if same or tags.xy == BT709.xy else tags.xy)

    @property
    def is_shown(self) -> bool:
        """Are the pixels already as the compositor works, encoded like sRGB?"""
        return self.curve == "sdr" and self.xy is None

    def light(self, pixels: NDArray[Any]) -> Floats:
        """Pixels (H, W, 3) as linear light in BT.709's primaries; colours beyond these are negative."""
        light = decode(pixels, self.curve)
        if self.curve == "linear":
            light = np.nan_to_num(light)
        return light if self.xy is None else _turned(light, _to_bt709(self.xy))

    def pixels(self, light: Floats, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Linear light (H, W, 3) in BT.709's primaries as pixels, rounded once."""
        if self.xy is not None:
            light = _turned(light, np.linalg.inv(_to_bt709(self.xy)))
        return to_pixels(encode(light, self.curve), dtype, self.curve)


SHOWN: Final = Space()


def _turned(light: Floats, matrix: NDArray[np.float64]) -> Floats:
    turned: Floats = cv2.transform(light, matrix.astype(np.float32))
    return turned


@cache
def _to_bt709(xy: tuple[float, ...]) -> NDArray[np.float64]:
    """(3, 3) linear light of other primaries to BT.709, white to white after Bradford."""
    ours, theirs = CHROMATICITIES[1], xy
    cones_ours, cones_theirs = (_BRADFORD @ _xyz(one[6], one[7]) for one in (ours, theirs))
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(cones_ours / cones_theirs) @ _BRADFORD
    matrix: NDArray[np.float64] = np.linalg.inv(_to_xyz(ours)) @ adapted @ _to_xyz(theirs)
    return matrix


def _to_xyz(xy: tuple[float, ...]) -> NDArray[np.float64]:
    """(3, 3) linear RGB to XYZ (SMPTE RP 177)."""
    primaries = np.column_stack([_xyz(xy[place], xy[place + 1]) for place in (0, 2, 4)])
    return primaries * np.linalg.solve(primaries, _xyz(xy[6], xy[7]))


def _xyz(x: float, y: float) -> NDArray[np.float64]:
    """XYZ of a chromaticity with Y = 1."""
    return np.array([x / y, 1.0, (1 - x - y) / y])
