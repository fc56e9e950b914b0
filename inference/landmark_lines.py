"""The lines of a face in MediaPipe's topology, for drawing: outline, lips, lids, brows and irises."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

_LOOPS: Final = (
    (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
     152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (469, 470, 471, 472),
    (474, 475, 476, 477),
)  # fmt: skip
_STROKES: Final = (
    (276, 283, 282, 295, 285),
    (300, 293, 334, 296, 336),
    (46, 53, 52, 65, 55),
    (70, 63, 105, 66, 107),
    (168, 6, 197, 195, 5, 4),
    (98, 97, 2, 326, 327),
)


def _pairs() -> NDArray[np.int64]:
    loops = [pair for loop in _LOOPS for pair in zip(loop, (*loop[1:], loop[0]), strict=True)]
    strokes = [pair for stroke in _STROKES for pair in pairwise(stroke)]
    return np.array(loops + strokes, np.int64)


LINES: Final = _pairs()
"""(L, 2) landmarks that a line joins."""
POINTS: Final = np.arange(468)
"""The mesh points; irises are drawn as lines."""
