"""Islands of surprise: patches of a picture that differ from what was expected, strongly, and with a sharp edge.

Shine, shadow and wrinkles differ too, but fade out; things in front of a face end abruptly.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..pictures import blur, cv2
from ..types import Floats

Mask = NDArray[np.bool_]


class _Scale(NamedTuple):
    """What counts as an island in a picture that was blurred: small ones must be striking, broad ones need less."""

    sigma_px: float
    core: float
    shore: float
    fewest_px: int


_SCALES: Final = (_Scale(1.0, 3.4, 1.8, 14), _Scale(2.5, 2.2, 1.2, 50), _Scale(4.0, 1.1, 0.6, 150))
SHARPNESS: Final = 0.45
"""Share of an island's height by which it falls at its shore."""
UNUSUAL: Final = 2.5
"""Units of noise from the usual colour, beyond which a pixel beside an island belongs to it."""
SURPRISING: Final = 0.35
"""and beyond any usual colour."""
_ROOM_PX: Final = 12


def islands(surprise: Floats, inside: Mask) -> Mask:
    """(H, W) the islands of a picture of surprise (H, W), in units of noise; only shores ``inside`` are looked at."""
    found = np.zeros(surprise.shape, bool)
    for scale in _SCALES:
        height = blur(surprise, scale.sigma_px)
        count, labels, boxes, _ = cv2.connectedComponentsWithStats((height > scale.shore).astype(np.uint8))
        core = np.bincount(labels[height > scale.core], minlength=count)
        for label in range(1, count):
            if core[label] < scale.fewest_px:
                continue
            x, y, width, depth = (int(number) for number in boxes[label, :4])
            box = np.s_[max(y - _ROOM_PX, 0) : y + depth + _ROOM_PX, max(x - _ROOM_PX, 0) : x + width + _ROOM_PX]
            island = labels[box] == label
            if found[box][island].mean() < 0.6 and _falls(height[box], island, inside[box], scale):
                peak = float(np.percentile(height[box][island], 70))
                found[box] |= island & (blur(surprise[box], 1.0) > 0.35 * peak) if scale.sigma_px > 1.5 else island
    return found


def flooded(found: Mask, unusual: Floats, surprise: Floats, features: Floats) -> Mask:
    """(H, W) islands with all the unusual pixels that hang together with them, features of the face left out.

    Once something is known to be there, less is needed to see how far it goes.
    """
    if not found.any() or np.median(unusual[unusual > 0]) > 1:
        return found
    wet = (blur(unusual, 1.0) > UNUSUAL) & (blur(surprise, 1.0) > SURPRISING) & (features < 0.5)
    wet = cv2.morphologyEx(wet.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    _, labels = cv2.connectedComponents((wet | found).astype(np.uint8))
    reached = np.unique(labels[found])
    flood: Mask = np.isin(labels, reached[reached > 0])
    return flood


def _falls(height: Floats, island: Mask, inside: Mask, scale: _Scale) -> bool:
    """Does the surprise end at the island's shore?"""
    near, far = 1.2 * scale.sigma_px + 0.3, 1.2 * scale.sigma_px + 2.8
    within = cv2.distanceTransform(island.astype(np.uint8), cv2.DIST_L2, 3)
    beyond = cv2.distanceTransform((~island).astype(np.uint8), cv2.DIST_L2, 3)
    shore = (within >= near) & (within <= far)
    water = (beyond >= near) & (beyond <= far) & inside
    if not water.any():
        return False
    top = np.median(height[shore if shore.any() else island])
    # The blurred shore of a mountain is high enough anyway.
    peak = min(float(np.percentile(height[island], 70)), 2 * scale.core)
    return float(top - np.median(height[water])) > SHARPNESS * peak
