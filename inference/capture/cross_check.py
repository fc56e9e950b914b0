"""Whether our own network's points are to be believed: they are compared with MediaPipe's where faces do not move.

Lengths are in face sizes, the longer side of the straightened box of the mesh; the outer corners of the eyes of a face
seen from the front are half of that apart. Unlike their distance it does not vanish when the head turns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .landmarks import straight_region
from .types import Landmarks

Floats = NDArray[np.float32]

RIGID = np.array([33, 133, 362, 263, 168, 6, 197, 195, 193, 417, 98, 97, 2, 326, 327, 468, 473])
"""Corners of the eyes, bridge and wings of the nose, irises: both networks see an edge there, no expression moves them
far, and they span the face, so that a wrong place, size or tilt shows. Brows, lips, chin and outline move, or mean
another place on the two surfaces (on renders MediaPipe's are off by up to 0.07 there)."""
_BOUND = 0.045
"""Of the middle distance. On renders (seeds 101-106) MediaPipe's distance from the truth is 0.012, and 0.033 at worst."""
_SIGMAS = 2.0
"""So many standard deviations of its own the network may be farther off."""
_MAX_SIGMA = 0.03
"""A network that knows so little about rigid points sees no face. Measured: 0.007 on clear footage, 0.01 with a hand
before an eye, 0.02 on strongly blurred faces, 0.04 where half the face or all above the nose is covered."""


def agrees(mediapipe: Landmarks, own: Landmarks) -> bool:
    """Do both networks see the same face in the same place?"""
    assert own.sigma_px is not None
    size_px = face_size_px(mediapipe.points_px)
    sigma = float(np.median(own.sigma_px[RIGID])) / size_px
    apart = float(np.median(np.linalg.norm(own.points_px[RIGID] - mediapipe.points_px[RIGID], axis=1))) / size_px
    # Written so that NaN disagrees.
    return apart < _BOUND + _SIGMAS * sigma and sigma < _MAX_SIGMA and bool(np.isfinite(own.points_px).all())


def face_size_px(points_px: Floats) -> float:
    """The longer side of the straightened box of (478, 2) points."""
    return max(straight_region(points_px, 1.0).size_px[0], 1e-3)
