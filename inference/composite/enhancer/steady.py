"""Enhancer detail without flicker: what a network draws is kept as far as it draws the same along the plate's flow.

Restorers work frame by frame, and what they invent changes from frame to frame (the worst flicker of a composite, at
lips and lashes). Detail of neighbouring frames is brought along the flow and averaged; then every place keeps the share
of its mean that is signal and not the remainder of the network's unrest (Wiener, "Extrapolation, interpolation and
smoothing of stationary time series", 1949, with both powers measured there).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from ..pictures import blur, sample
from ..stabiliser.flow import Trail, places
from ..types import Floats, Region

SIGMA: Final = 1.5
"""Frames over which detail is averaged."""
POOL_PX: Final = 2.5
"""Pixels over which signal and unrest are measured."""
CAUTION: Final = 2.0
"""Unrest counts this much: measured on a handful of frames it is uncertain, and too little detail is never seen."""


def steady_detail(fields: Mapping[int, tuple[Floats, Region]], along: Mapping[int, Trail]) -> Floats:
    """(H, W, 3) what to add to the frame at offset 0, from what the network would add to it and to its neighbours.

    ``fields`` holds by offset the detail (h, w, 3) over a region of that frame, ``along`` the trails from frame 0 to it.
    """
    own, region = fields[0]
    if len(fields) == 1:
        return own.astype(np.float32)
    grid = places(region, (own.shape[1], own.shape[0]))
    samples, weights = [], []
    for offset, (field, field_region) in fields.items():
        trail = along[offset].over(grid, region)
        samples.append(own if offset == 0 else _brought(field, trail, field_region))
        weights.append(np.float32(np.exp(-0.5 * (offset / SIGMA) ** 2)) * trail.trust)
    total = np.sum(weights, axis=0)
    shares = [weight / total for weight in weights]
    mean: Floats = np.sum([share[..., None] * one for share, one in zip(shares, samples, strict=True)], axis=0)
    return mean * signal_share(samples, shares, mean)[..., None]


def signal_share(samples: list[Floats], shares: list[Floats], mean: Floats) -> Floats:
    """(H, W) 0..1: how much of the power of a mean (H, W, C) is not the unrest that averaging left in it.

    ``shares`` (H, W) are the weights of the ``samples`` (H, W, C), which sum to one.
    """
    spread = np.sum(
        [share * ((one - mean) ** 2).sum(-1) for share, one in zip(shares, samples, strict=True)], axis=0
    ).astype(np.float32)
    # Share of one sample's variance that is left in a weighted mean, and that the spread about the mean misses.
    left = np.sum(np.square(shares), axis=0)
    unrest = spread * (left / np.maximum(1 - left, 1e-3))
    power = blur((mean**2).sum(-1), POOL_PX)
    signal = np.clip(1 - CAUTION * blur(unrest.astype(np.float32), POOL_PX) / np.maximum(power, 1e-9), 0, 1)
    # Where the flow is lost there is one sample, which proves nothing.
    share: Floats = signal * np.clip(2 * (1 - left), 0, 1)
    return share


def _brought(field: Floats, trail: Trail, region: Region) -> Floats:
    """A neighbour's detail in this frame's places; nothing where its region does not reach."""
    height, width = field.shape[:2]
    x = (trail.points_px[..., 0] - np.float32(region.x)) * np.float32(width / region.width)
    y = (trail.points_px[..., 1] - np.float32(region.y)) * np.float32(height / region.height)
    return sample(field.astype(np.float32), x, y, sharp=True)
