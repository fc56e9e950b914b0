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
    noise = np.sqrt(np.float32(1 - fresh)) * _with_the_skin(size, grain.frame, region)
    noise += np.sqrt(np.float32(fresh)) * _of_the_frame(size, frame_index, region)
    noise = cv2.transform(noise, np.linalg.cholesky(surface.together + 1e-4 * np.eye(3)).astype(np.float32))
    strength = share * _strength_at(mixed, surface.strength)
    added: Floats = noise * strength * np.sqrt(matte * (2 - matte))[..., None]
    return added


def grain_size(fineness: float) -> float:
    """Blur in pixels, one of a few, that makes grain of a measured fineness from white noise."""
    nearest = int(np.abs(np.array([_fineness(size) for size in _SIZES_PX]) - fineness).argmin())
    return float(_SIZES_PX[nearest])


def _strength_at(face: Floats, strength: Floats) -> Floats:
    """(H, W, 3) from the strength (4, 3) at `LEVELS`."""
    index = np.clip(face @ (255 * LUMA), 0, 255).astype(np.uint8)
    places = np.arange(256) / 255
    table = np.stack([np.interp(places, LEVELS, strength[:, channel]) for channel in range(3)], 1).astype(np.float32)
    return table[index]


def _of_the_frame(size: float, frame_index: int, region: Region) -> Floats:
    """(H, W, 3) that no other frame has."""
    x, y = np.random.default_rng(frame_index).integers(0, _TILE_PX, 2)
    tile = _tile(size)
    return tile[np.ix_((np.arange(region.height) + y) % _TILE_PX, (np.arange(region.width) + x) % _TILE_PX)]


def _with_the_skin(size: float, frame: FaceFrame, region: Region) -> Floats:
    """(H, W, 3) that moves with the face's centre."""
    left, top = (float(place) for place in region.origin_px - frame.centre_px)
    to_tile = np.array([[1, 0, left % _TILE_PX], [0, 1, top % _TILE_PX]], np.float32)
    moved: Floats = cv2.warpAffine(
        _tile(size),
        to_tile,
        (region.width, region.height),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_WRAP,
    )
    return moved


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
