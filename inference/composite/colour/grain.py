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
from numpy.typing import NDArray

from ...face_model import load
from ..pictures import blur, cv2, scaled
from ..regions import OVAL, STEADY
from ..types import Floats, Region
from .surface import BLOCK_PX, FINE_PX, HIGH_PASS_PX, LEVELS, LUMA, QUIET, Surface

_TILE_PX: Final = 512
_SIZES_PX: Final = (0.0, 0.4, 0.55, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7)
"""Standard deviations of the blur that makes grains from white noise."""
_KERNEL_PX: Final = 3
_HALF_FRESH: Final = 0.5
"""Share that is new in every frame where nobody could measure it."""


@dataclass(frozen=True)
class Grain:
    """The grain of one frame's face and of its plate."""

    own: float
    """Quiet deviation of the face's skin, see `quiet_deviation`; NaN where there is too little of it."""
    surface: Surface
    points_px: Floats
    """(478, 2) landmarks of the face in the plate."""


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
    # Grain that is there already counts, as new in every frame, which a render's noise is: variances add up.
    lacking = wanted**2 - own**2
    fresh = surface.fresh if np.isfinite(surface.fresh) else _HALF_FRESH
    new = min(max(fresh * wanted**2 - own**2, 0), lacking)
    size = grain_size(surface.fineness)
    noise = _of_the_frame(size, frame_index, region)
    noise = cv2.transform(noise, np.linalg.cholesky(surface.together + 1e-4 * np.eye(3)).astype(np.float32))
    kept = _with_the_skin(size, grain.points_px, region)
    noise = cv2.addWeighted(noise, float(np.sqrt(new)), cv2.merge([kept, kept, kept]), float(np.sqrt(lacking - new)), 0)
    strength = _strength_at(mixed, surface.strength / np.float32(wanted))
    return scaled(cv2.multiply(noise, strength, dst=noise), np.sqrt(matte * (2 - matte)))


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


def _with_the_skin(size: float, points_px: Floats, region: Region) -> Floats:
    """(H, W) that moves with the head."""
    to_face = _to_face(points_px)
    # A power of two, so that the pattern's own scale stays while the face comes nearer.
    per_unit = 2.0 ** np.round(-np.log2(np.sqrt(abs(np.linalg.det(to_face[:, :2])))))
    to_tile = to_face * per_unit
    to_tile[:, 2] = to_tile[:, :2] @ (region.origin_px + 0.5) + to_tile[:, 2]
    scale = float(np.sqrt(abs(np.linalg.det(to_tile[:, :2]))))
    grains = _SIZES_PX[int(np.abs(np.array(_SIZES_PX) - size * scale).argmin())]
    to_tile[:, 2] %= _TILE_PX
    size_px = region.width, region.height
    # Where the picture never leaves the tiles OpenCV takes a shorter way.
    corners = to_tile[:, :2] @ np.array([[0, size_px[0], 0, size_px[0]], [0, 0, size_px[1], size_px[1]]])
    first = np.floor((corners.min(1) + to_tile[:, 2] - _KERNEL_PX) / _TILE_PX).astype(int)
    last = np.floor((corners.max(1) + to_tile[:, 2] + _KERNEL_PX) / _TILE_PX).astype(int)
    to_tile[:, 2] -= first * _TILE_PX
    tiles = _tiles(grains, *(last - first + 1).tolist())
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(tiles, to_tile, size_px, flags=flags, borderMode=cv2.BORDER_WRAP))


def _to_face(points_px: Floats) -> NDArray[np.float64]:
    """(2, 3) affine from plate pixels to the middle face model's front view, in centimetres."""
    steady = [*STEADY, *OVAL]
    model = load("default").landmark_mean_cm[steady, :2] * (1, -1)
    places = np.column_stack([points_px[steady].astype(float), np.ones(len(steady))])
    affine: NDArray[np.float64] = np.linalg.lstsq(places, model, rcond=None)[0].T
    return affine


def _cut(tile: Floats, x: int, y: int, width: int, height: int) -> Floats:
    """(height, width, 3) of a tile that repeats in all directions, from (x, y) on."""
    side = len(tile)
    cut = np.empty((height, width, 3), np.float32)
    for top in range(-(y % side), height, side):
        for left in range(-(x % side), width, side):
            piece = tile[max(-top, 0) : height - top, max(-left, 0) : width - left]
            cut[max(top, 0) : top + side, max(left, 0) : left + side] = piece
    return cut


@lru_cache(maxsize=4)
def _tiles(size: float, across: int, down: int) -> Floats:
    """(512 down, 512 across) of the first channel of a tile."""
    return np.ascontiguousarray(np.tile(_tile(size)[..., 0], (down, across)))


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
