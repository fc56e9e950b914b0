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
from numpy.typing import NDArray

from ..pictures import blur, sample
from ..stabiliser.flow import Trail, places
from ..types import Floats, Region

SIGMA: Final = 1.5
"""Frames over which detail is averaged."""
POOL_PX: Final = 2.5
"""Pixels over which signal and unrest are measured."""
_KERNEL_PX: Final = 5
CAUTION: Final = 2.0
"""Unrest counts this much: measured on a handful of frames it is uncertain, and too little detail is never seen."""


Detail = Floats | NDArray[np.float16]


def steady_detail(fields: Mapping[int, tuple[Detail, Region]], along: Mapping[int, Trail]) -> Floats:
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
        brought = _brought(field, trail, field_region) if offset else own.astype(np.float32, copy=False)
        samples.append(brought)
        weights.append(np.float32(np.exp(-0.5 * (offset / SIGMA) ** 2)) * trail.trust)
    shares, mean = weighted_mean(samples, weights)
    return mean * signal_share(samples, shares, mean)[..., None]


def weighted_mean(samples: list[Floats], weights: list[Floats]) -> tuple[list[Floats], Floats]:
    """Shares (H, W) that sum to one, and the mean (H, W, C) of samples with these."""
    total = weights[0].copy()
    for weight in weights[1:]:
        total += weight
    shares = [weight / total for weight in weights]
    mean = shares[0][..., None] * samples[0]
    for part, one in zip(shares[1:], samples[1:], strict=True):
        mean += part[..., None] * one
    return shares, mean


def signal_share(samples: list[Floats], shares: list[Floats], mean: Floats) -> Floats:
    """(H, W) 0..1: how much of the power of a mean (H, W, C) is not the unrest that averaging left in it.

    ``shares`` (H, W) are the weights of the ``samples`` (H, W, C), which sum to one.
    """
    spread, left = np.zeros_like(shares[0]), np.zeros_like(shares[0])
    for share, one in zip(shares, samples, strict=True):
        away = one - mean
        spread += share * np.einsum("hwc,hwc->hw", away, away)
        left += share * share
    # ``left`` is the share of one sample's variance that stays in the mean, and that the spread about the mean misses.
    unrest = blur(spread * (left / np.maximum(1 - left, np.float32(1e-3))), POOL_PX)
    power = blur(np.einsum("hwc,hwc->hw", mean, mean), POOL_PX)
    signal = np.clip(1 - np.float32(CAUTION) * unrest / np.maximum(power, np.float32(1e-9)), 0, 1)
    # Where the flow is lost there is one sample, which proves nothing.
    kept: Floats = signal * np.clip(2 * (1 - left), 0, 1)
    return kept


def _brought(field: Detail, trail: Trail, region: Region) -> Floats:
    """A neighbour's detail in this frame's places; nothing where its region does not reach."""
    height, width = field.shape[:2]
    x = (trail.points_px[..., 0] - np.float32(region.x)) * np.float32(width / region.width)
    y = (trail.points_px[..., 1] - np.float32(region.y)) * np.float32(height / region.height)
    # A band of a large frame looks at a band of its neighbour only.
    top, bottom = max(0, int(y.min()) - _KERNEL_PX), max(1, min(height, int(y.max()) + _KERNEL_PX))
    rows = field[min(top, height - 1) : max(bottom, top + 1)].astype(np.float32, copy=False)
    return sample(rows, x, y - np.float32(min(top, height - 1)), sharp=True)
