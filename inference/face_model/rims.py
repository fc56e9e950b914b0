"""Which landmark of the MediaPipe face mesh is what: lids, lips, brows and irises. Left and right are the actor's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SKIN: Final = 468
"""Landmarks 0 to 467 lie on the skin, the other ten on the irises."""


@dataclass(frozen=True)
class Rim:
    """An opening of the face: upper and lower edge from corner to corner (both ends shared), entry k above entry k."""

    upper: tuple[int, ...]
    lower: tuple[int, ...]


LEFT_EYE: Final = Rim((362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263))
RIGHT_EYE: Final = Rim((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133))
EYES: Final = (LEFT_EYE, RIGHT_EYE)
INNER_LIPS: Final = Rim(
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308), (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
)
IRISES: Final = (tuple(range(473, 478)), tuple(range(468, 473)))
"""Centre, then four points of the ring, of the left and the right eye."""

NOSE_TIP: Final = 4
BROW: Final = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)
"""Upper and lower edge of the actor's right brow."""

# Between the vermilion border and the inner edge, corners (61 76 62 78 | 291 306 292 308) left out.
UPPER_LIP: Final = frozenset(
    (185, 40, 39, 37, 0, 267, 269, 270, 409, 184, 74, 73, 72, 11, 302, 303, 304, 408)
    + (183, 42, 41, 38, 12, 268, 271, 272, 407, 191, 80, 81, 82, 13, 312, 311, 310, 415)
)
LOWER_LIP: Final = frozenset(
    (146, 91, 181, 84, 17, 314, 405, 321, 375, 77, 90, 180, 85, 16, 315, 404, 320, 307)
    + (96, 89, 179, 86, 15, 316, 403, 319, 325, 95, 88, 178, 87, 14, 317, 402, 318, 324)
)
