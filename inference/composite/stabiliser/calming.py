"""A render with more noise than the plate, calmed: first along time, then, as far as that is not enough, in space.

Skin of the face moves as the plate's skin does, so frames in a row show it again with other noise: they are averaged along
the plate's flow where they differ by no more than noise does. Where features move otherwise, a frame keeps its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from ..colour.surface import HIGH_PASS_PX, LUMA
from ..pictures import blur, cv2, scaled
from ..types import Floats, Region
from .flow import Trail, places

NOISY: Final = 1.2
"""Times the plate's grain from which on a face is calmed."""
_LOCAL_PX: Final = 2.0
"""Over which pixels are asked together whether they differ by noise alone."""
_DOUBT: Final = 1.5
"""How fast belief falls when they differ by more."""


def calm_face(
    faces: Mapping[int, tuple[Floats, Region]], along: Mapping[int, Trail], own: float, wanted: float
) -> tuple[Floats, float]:
    """The face (H, W, 3) of the frame at offset 0 with its noise ``own`` brought toward ``wanted``, and what is left of it.

    ``faces`` are those of the run over their regions, ``along`` the trails to them; noise is the standard deviation of the
    high-passed brightness, encoded.
    """
    face, left = _over_time(faces, along, own)
    noise = own * left
    if noise <= wanted:
        return face, noise
    fine = cv2.subtract(face, blur(face, HIGH_PASS_PX))
    energy = blur(_luma(fine) ** 2, _LOCAL_PX)
    # Noise shrinks to what is wanted, features stronger than it stay.
    kept = np.sqrt((np.maximum(energy - noise**2, 0) + wanted**2) / np.maximum(energy, noise**2))
    return cv2.subtract(face, scaled(fine, 1 - kept), dst=fine), wanted


def _over_time(
    faces: Mapping[int, tuple[Floats, Region]], along: Mapping[int, Trail], noise: float
) -> tuple[Floats, float]:
    """Mean along the flow, and the share of the noise that is left."""
    face, region = faces[0]
    height, width = face.shape[:2]
    grid = places(region, (width, height))
    total, weights, squares = face.copy(), np.ones((height, width), np.float32), np.ones((height, width), np.float32)
    for offset, (other, other_region) in faces.items():
        if offset == 0:
            continue
        trail = along[offset].over(grid, region)
        brought = trail.bring(other, other_region, sharp=True)
        excess = blur(_luma(cv2.subtract(brought, face)) ** 2, _LOCAL_PX) * np.float32(0.5 / noise**2)
        weight = trail.trust * np.exp(-_DOUBT * np.maximum(excess - 1, 0)).astype(np.float32)
        total += scaled(brought, weight)
        weights += weight
        squares += weight * weight
    return scaled(total, 1 / weights), float(np.median(np.sqrt(squares) / weights))


def _luma(image: Floats) -> Floats:
    luma: Floats = cv2.transform(image, LUMA[None])
    return luma
