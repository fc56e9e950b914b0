"""Grain: what the face lacks of the plate's, drawn by frame number, so that a frame always gets the same.

Two fields of noise of the measured grain size: one is new in every frame, one stays with the skin, as what a codec has
frozen does. Both are cut from one tile that repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from ..pictures import blur, cv2
from ..types import Floats, Region
from .light import FaceFrame
from .surface import BLOCK_PX, FINE_PX, HIGH_PASS_PX, LEVELS, LUMA, QUIET, Surface

_TILE_PX: Final = 512
_SIZES_PX: Final = (0.0, 0.4, 0.55, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7)
"""Standard deviations of the blur that makes grains from white noise."""
_HALF_FRESH: Final = 0.5
"""Share that is new in every frame where nobody could measure it."""


@dataclass(frozen=True)
class Grain:
    """The grain of one frame's face and of its plate."""

    own: float
    """Quiet deviation of the face's skin, see `quiet_deviation`; NaN where there is too little of it."""
    surface: Surface
    frame: FaceFrame


def mean_own(grains: Sequence[Grain]) -> float:
    """Own grain of faces in a row; NaN where it is known of none."""
    known = [grain.own for grain in grains if np.isfinite(grain.own)]
    return float(np.mean(known)) if known else float("nan")


def grain_of(mixed: Floats, matte: Floats, own: float, grain: Grain, frame_index: int, region: Region) -> Floats:
    """What to add to an encoded picture (H, W, 3) of a region so that its face, of grain ``own``, has the plate's.

    Where face and plate are mixed by the matte (H, W), each has lost part of its grain: that is made up for.
    """
    surface = grain.surface
    wanted = surface.luma_grain()
    if not np.isfinite([wanted, own, surface.fineness]).all() or own >= wanted:
        return np.zeros_like(mixed)
    # Grain that is there already counts: variances add up.
    share = np.float32(np.sqrt(1 - (own / wanted) ** 2))
    fresh = surface.fresh if np.isfinite(surface.fresh) else _HALF_FRESH
    size = grain_size(surface.fineness)
    fresh_noise, kept_noise = _of_the_frame(size, frame_index, region), _with_the_skin(size, grain.frame, region)
    noise = cv2.addWeighted(kept_noise, float(np.sqrt(1 - fresh)), fresh_noise, float(np.sqrt(fresh)), 0)
    noise = cv2.transform(noise, np.linalg.cholesky(surface.together + 1e-4 * np.eye(3)).astype(np.float32))
    strength = _strength_at(mixed, share * surface.strength)
    lost = np.sqrt(matte * (2 - matte))
    return np.asarray(cv2.multiply(cv2.multiply(noise, strength), cv2.merge([lost, lost, lost])), np.float32)


def grain_size(fineness: float) -> float:
    """Blur in pixels, one of a few, that makes grain of a measured fineness from white noise."""
    nearest = int(np.abs(np.array([_fineness(size) for size in _SIZES_PX]) - fineness).argmin())
    return float(_SIZES_PX[nearest])


def _strength_at(face: Floats, strength: Floats) -> Floats:
    """(H, W, 3) from the strength (4, 3) at `LEVELS`."""
    level = cv2.transform(face, 255 * LUMA[None])
    index = np.clip(level, 0, 255, out=level).astype(np.uint8)
    places = np.arange(256) / 255
    table = np.stack([np.interp(places, LEVELS, strength[:, channel]) for channel in range(3)], 1).astype(np.float32)
    return np.asarray(cv2.LUT(cv2.merge([index, index, index]), table[None]), np.float32)


def _of_the_frame(size: float, frame_index: int, region: Region) -> Floats:
    """(H, W, 3) that no other frame has."""
    x, y = np.random.default_rng(frame_index).integers(0, _TILE_PX, 2)
    return _cut(_tile(size), int(x), int(y), region.width, region.height)


def _with_the_skin(size: float, frame: FaceFrame, region: Region) -> Floats:
    """(H, W, 3) that moves with the face's centre."""
    (left, right), (top, down) = (np.divmod(float(place), 1) for place in region.origin_px - frame.centre_px)
    around = _cut(_tile(size), int(left) - 1, int(top) - 1, region.width + 3, region.height + 3)
    moved = cv2.sepFilter2D(around, -1, _shift(right), _shift(down), anchor=(1, 1))
    return np.asarray(moved[1:-2, 1:-2], np.float32)


def _cut(tile: Floats, x: int, y: int, width: int, height: int) -> Floats:
    """(height, width, 3) of a tile that repeats in all directions, from (x, y) on."""
    side = len(tile)
    cut = np.empty((height, width, 3), np.float32)
    for top in range(-(y % side), height, side):
        for left in range(-(x % side), width, side):
            piece = tile[max(-top, 0) : height - top, max(-left, 0) : width - left]
            cut[max(top, 0) : top + side, max(left, 0) : left + side] = piece
    return cut


def _shift(part: float) -> Floats:
    """(4,) cubic weights of the neighbours -1, 0, 1, 2 of a place ``part`` of a pixel past a pixel (Keys, 1981)."""
    away = np.abs(np.arange(-1, 3) - part)
    near, far = 1.25 * away**3 - 2.25 * away**2 + 1, -0.75 * (away**3 - 5 * away**2 + 8 * away - 4)
    return np.where(away <= 1, near, far).astype(np.float32)


@lru_cache(maxsize=len(_SIZES_PX))
def _tile(size: float) -> Floats:
    """(512, 512, 3) independent channels that repeat, with a quiet high-pass deviation of 1."""
    white = np.random.default_rng(round(100 * size)).standard_normal((_TILE_PX, _TILE_PX, 3)).astype(np.float32)
    grains = _wrapped_blur(white, size)
    high = grains - _wrapped_blur(grains, HIGH_PASS_PX)
    side = _TILE_PX // BLOCK_PX
    blocks = high.reshape(side, BLOCK_PX, side, BLOCK_PX, 3).transpose(0, 2, 4, 1, 3).reshape(-1, BLOCK_PX**2)
    spread = blocks.std(-1)
    quiet = float(np.sqrt((blocks[spread <= np.quantile(spread, QUIET)] ** 2).mean()))
    return grains / np.float32(quiet)


@lru_cache(maxsize=len(_SIZES_PX))
def _fineness(size: float) -> float:
    """Of noise of a grain size, as `Surface.fineness` measures it."""
    white = np.random.default_rng(0).standard_normal((_TILE_PX // 4, _TILE_PX // 4)).astype(np.float32)
    grains = _wrapped_blur(white, size)
    fine, high = (float((grains - _wrapped_blur(grains, sigma)).std()) for sigma in (FINE_PX, HIGH_PASS_PX))
    return fine / high


def _wrapped_blur(image: Floats, sigma: float) -> Floats:
    if sigma == 0:
        return image
    reach = 16
    padded = cv2.copyMakeBorder(image, reach, reach, reach, reach, cv2.BORDER_WRAP)
    return np.ascontiguousarray(blur(padded, sigma)[reach:-reach, reach:-reach])
