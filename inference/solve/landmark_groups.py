"""Groups of the 478 face mesh landmarks that the solver treats differently. Left and right are the actor's own."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

MESH_COUNT: Final = 468
"""Points of the face mesh; the ten points after them are the irises."""

IRIS_CENTRES: Final = (473, 468)
"""Actor's left and right iris centre."""

OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""The outline of the face: a silhouette in turned views, so its points slide over the skin."""

LEFT_LIDS: Final = (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398)
RIGHT_LIDS: Final = (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173)
EYE_CORNERS: Final = (263, 362, 133, 33)
LEFT_UPPER_LID: Final = (466, 388, 387, 386, 385, 384, 398)
LEFT_LOWER_LID: Final = (249, 390, 373, 374, 380, 381, 382)
RIGHT_UPPER_LID: Final = (246, 161, 160, 159, 158, 157, 173)
RIGHT_LOWER_LID: Final = (7, 163, 144, 145, 153, 154, 155)
"""Upper and lower lids from the outer to the inner corner, so that points of equal position face each other."""

LIPS: Final = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
)  # fmt: skip


def mask(*groups: tuple[int, ...]) -> NDArray[np.bool_]:
    """(468,) True for the mesh points of the groups."""
    result = np.zeros(MESH_COUNT, bool)
    for group in groups:
        result[list(group)] = True
    return result
