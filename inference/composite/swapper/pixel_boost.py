"""Pixel boost: a network for small pictures draws a large one, as many interleaved small ones.

The large crop is dealt out pixel by pixel onto k x k small pictures, each is drawn, and they are woven together again.
The network judges each of them a little differently, which would show as a fine grid; what the small pictures disagree
about broadly is no part of the picture, and is taken out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from ..pictures import blur, enlarge
from ..types import Floats

AGREEMENT_PX: Final = 3.0
"""Pixels of the small pictures; disagreement broader than this is unrest, finer than this is detail."""

Draw = Callable[[Floats], Floats]
"""What the network changes of a picture (S, S, 3)."""


def boosted_change(crop: Floats, factor: int, draw: Draw) -> Floats:
    """(k S, k S, 3) what ``draw`` changes of a crop (k S, k S, 3), with k = ``factor``."""
    return agreed(np.stack([draw(part) for part in dealt(crop, factor)]), factor)


def agreed(changes: Floats, factor: int) -> Floats:
    """(k S, k S, 3) of what is changed of the k k small pictures (k k, S, S, 3), in the order of `dealt`."""
    if factor == 1:
        alone: Floats = changes[0]
        return alone
    height, width = changes.shape[1:3]
    # A smooth change has other values in each phase by right: they are compared with the mean as it is at their places.
    expected = dealt(enlarge(changes.mean(0), (factor * width, factor * height), smooth=True), factor)
    own = [rest - blur(rest, AGREEMENT_PX) for rest in changes - expected]
    return woven(expected + np.stack(own), factor)


def dealt(picture: Floats, factor: int) -> Floats:
    """(k S, k S, C) to (k k, S, S, C): picture (a, b) holds every k-th pixel from row a and column b on."""
    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    parts = picture.reshape(height, factor, width, factor, -1).transpose(1, 3, 0, 2, 4)
    return np.ascontiguousarray(parts).reshape(factor * factor, height, width, -1)


def woven(parts: Floats, factor: int) -> Floats:
    """The inverse of `dealt`."""
    height, width = parts.shape[1:3]
    grid = parts.reshape(factor, factor, height, width, -1).transpose(2, 0, 3, 1, 4)
    return np.ascontiguousarray(grid).reshape(factor * height, factor * width, -1)
