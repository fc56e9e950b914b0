"""What the plate's picture is like close up: its grain, and how sharp it is beside the render.

Grain is measured on the actor's skin in the quieter blocks of 8 x 8 pixels, where there are no features: its strength per
channel and level, how its channels go together, how large its grains are, and which part of it is new in every frame
(what a codec has frozen stays with the skin). Sharpness is the standard deviation of the blur that would make the
strongest edges from ideal ones (Zhuo and Sim, "Defocus map estimation from a single image", 2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..pictures import blur, cv2, distance, shrink
from ..regions import OVAL, features, fill
from ..renders import Render
from ..types import Floats, Pixels, Region
from .transfer import encode, to_encoded

LEVELS: Final = np.array([0.15, 0.35, 0.55, 0.75], np.float32)
"""Encoded brightness at which the strength of grain is known."""
HIGH_PASS_PX: Final = 1.5
BLOCK_PX: Final = 8
QUIET: Final = 0.25
"""Share of the blocks, the quietest first, that show grain and nothing else."""
LUMA: Final = np.array([0.2126, 0.7152, 0.0722], np.float32)
FINE_PX: Final = 0.7
_QUARTILE: Final = 0.85
"""Lower quartile of the ratio of two variances of 64 pixels, over its mean."""
_DEPTH: Final = 0.06
"""Face widths inside the outline where skin is looked at."""
_LEAST_BLOCKS: Final = 12
_EDGE_PX: Final = (0.5, 1.5)
"""Blurs under which the slopes of an edge are compared."""
_EDGES: Final = 96.0
_SHARPEST: Final = 85.0
"""Percentiles: the strongest slopes, and of these the sharpest, which are edges and not shading."""
_LEAST_SLOPE: Final = 0.006
_LEAST_EDGES: Final = 20
_OPAQUE: Final = 0.99
_MOST_PX: Final = 352
_RIM_PX: Final = 3
"""The render's own outline is no edge of the face."""


@dataclass(frozen=True)
class Surface:
    """One frame's figures; NaN where nothing could be measured."""

    strength: Floats
    """(4, 3) quiet high-pass standard deviation of the encoded channels at `LEVELS`."""
    together: Floats
    """(3, 3) correlation of the channels' grain."""
    fineness: float
    """Standard deviation of the finest detail of the grain over that of its high-pass: small for large grains."""
    fresh: float
    """0..1 share of the grain's variance that is new in every frame."""
    plate_edge_px: float
    """Blur of the sharpest edges on the actor's face."""
    render_edge_px: float
    """The same on the render."""

    def luma_grain(self) -> float:
        """Quiet deviation of the plate's skin, see `quiet_deviation`."""
        share = LUMA * self.strength.mean(0)
        return float(np.sqrt(max(share @ self.together @ share, 0)))


def mean_surface(weights: Sequence[float], surfaces: Sequence[Surface]) -> Surface | None:
    """Weighted mean of the figures that are known; None of nothing."""
    if not surfaces:
        return None

    def mean(values: Sequence[Floats | float]) -> Floats:
        stacked = np.stack([np.asarray(value, np.float32) for value in values])
        share = np.reshape(weights, (-1, *[1] * (stacked.ndim - 1))) * np.isfinite(stacked)
        total = (share * np.where(share > 0, stacked, 0)).sum(0)
        return np.where(share.any(0), total / np.maximum(share.sum(0), 1e-12), np.nan).astype(np.float32)

    return Surface(
        mean([item.strength for item in surfaces]),
        mean([item.together for item in surfaces]),
        float(mean([item.fineness for item in surfaces])),
        float(mean([item.fresh for item in surfaces])),
        float(mean([item.plate_edge_px for item in surfaces])),
        float(mean([item.render_edge_px for item in surfaces])),
    )


def measure_surface(plate: Pixels, before: Pixels | None, render: Render, actor_px: Floats, region: Region) -> Surface:
    """Figures of a frame in the region of its face; ``before`` is the frame before of the same shot."""
    region = _middle(region)
    image = to_encoded(plate[region.slices])
    points = actor_px - region.origin_px
    inside, skin = _skin(image, points)
    high = image - blur(image, HIGH_PASS_PX)
    luma, grey = _brightness(high), _brightness(image)
    grain = _Quiet(luma, skin)
    if grain.count < _LEAST_BLOCKS:
        nothing = np.full((len(LEVELS), 3), np.nan, np.float32)
        strength, together, fineness, fresh = nothing, np.full((3, 3), np.nan, np.float32), np.nan, np.nan
    else:
        strength, together = _strength(high, grey, grain), grain.correlation(high)
        fineness = grain.deviation(grey - blur(grey, FINE_PX)) / max(grain.deviation(luma), 1e-6)
        fresh = np.nan if before is None else _fresh(image, to_encoded(before[region.slices]), skin, grain, luma)
    drawn, opaque = _drawn(render, region)
    return Surface(
        strength,
        together,
        float(fineness),
        float(fresh),
        edge_blur(grey, inside),
        edge_blur(drawn, opaque),
    )


def _middle(region: Region) -> Region:
    """What is looked at of a region: grain and sharpness are the same all over a face."""
    width, height = min(region.width, _MOST_PX), min(region.height, _MOST_PX)
    return Region(region.x + (region.width - width) // 2, region.y + (region.height - height) // 2, width, height)


def edge_blur(grey: Floats, where: NDArray[np.bool_]) -> float:
    """Pixels of blur of the sharpest edges of a picture (H, W), encoded; NaN without edges."""
    if not where.any():
        return float("nan")
    fine, broad = (_slope(blur(grey, sigma)) for sigma in _EDGE_PX)
    strong = where & (broad >= max(float(np.percentile(broad[where], _EDGES)), _LEAST_SLOPE))
    # An edge is looked at where it is steepest.
    strong &= fine >= cv2.dilate(fine, np.ones((3, 3), np.uint8))
    if strong.sum() < _LEAST_EDGES:
        return float("nan")
    ratio = float(np.percentile(fine[strong] / broad[strong], _SHARPEST))
    first, second = (sigma**2 for sigma in _EDGE_PX)
    return float(np.sqrt(max(second - ratio**2 * first, 0) / max(ratio**2 - 1, 1e-3)))


def quiet_deviation(image: Floats, where: NDArray[np.bool_]) -> float:
    """High-pass standard deviation of an encoded picture (H, W, 3) in its quieter blocks; NaN where there are too few."""
    height, width = where.shape
    middle = _middle(Region(0, 0, width, height)).slices
    grey = _brightness(np.ascontiguousarray(image[middle]))
    luma = grey - blur(grey, HIGH_PASS_PX)
    quiet = _Quiet(luma, where[middle])
    return quiet.deviation(luma) if quiet.count >= _LEAST_BLOCKS else float("nan")


class _Quiet:
    """The quieter blocks of a high-passed picture (H, W) inside a mask."""

    def __init__(self, luma: Floats, where: NDArray[np.bool_]) -> None:
        whole = _block_means(where.astype(np.float32)) > 0.999
        variance = _block_means(luma * luma) - _block_means(luma) ** 2
        limit = np.quantile(variance[whole], QUIET) if whole.any() else 0
        self.chosen: NDArray[np.bool_] = whole & (variance <= limit)
        self.count = int(self.chosen.sum())

    def means(self, image: Floats) -> Floats:
        """(blocks[, C]) means of a picture (H, W[, C])."""
        means: Floats = _block_means(image)[self.chosen]
        return means

    def deviation(self, image: Floats) -> float:
        """Root of the mean square."""
        return float(np.sqrt(self.means(image * image).mean()))

    def correlation(self, high: Floats) -> Floats:
        """(3, 3) of the channels."""
        products = [self.means(high * high[..., channel, None]).mean(0) for channel in range(3)]
        covariance = np.stack(products).astype(float) + 1e-10 * np.eye(3)
        size = np.sqrt(np.diag(covariance))
        correlation: Floats = (covariance / np.outer(size, size)).astype(np.float32)
        return correlation


def _strength(high: Floats, grey: Floats, grain: _Quiet) -> Floats:
    """(4, 3) strength at `LEVELS`; where a level is not seen, that of the next one which is."""
    nearest = np.abs(grain.means(grey)[:, None] - LEVELS).argmin(1)
    variance = grain.means(high * high)
    seen = [index for index in range(len(LEVELS)) if (nearest == index).sum() >= _LEAST_BLOCKS // 2]
    if not seen:
        return np.tile(np.sqrt(variance.mean(0)), (len(LEVELS), 1)).astype(np.float32)
    known = np.stack([np.sqrt(variance[nearest == index].mean(0)) for index in seen])
    places = LEVELS[seen]
    return np.stack([np.interp(LEVELS, places, known[:, c]) for c in range(3)], 1).astype(np.float32)


def _fresh(image: Floats, before: Floats, skin: NDArray[np.bool_], grain: _Quiet, luma: Floats) -> float:
    """Share of the variance that the frame before, moved onto this one, does not have."""
    rows, columns = np.nonzero(skin)
    box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    now, then = (
        np.rint(255 * _brightness(np.ascontiguousarray(picture[box]))).clip(0, 255).astype(np.uint8)
        for picture in (image, before)
    )
    flow = np.zeros((*skin.shape, 2), np.float32)
    flow[box] = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(now, then, None)
    y, x = np.mgrid[: skin.shape[0], : skin.shape[1]].astype(np.float32)
    grey = _brightness(before)
    moved = cv2.remap(grey, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    change = luma - (moved - blur(moved, HIGH_PASS_PX))
    # A wrong flow only ever adds to the change: the better followed blocks are believed.
    share = grain.means(change * change) / np.maximum(2 * grain.means(luma * luma), 1e-12)
    return float(np.clip(np.quantile(share, QUIET) / _QUARTILE, 0, 1))


def _skin(image: Floats, points_px: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(H, W) the inside of the face, and the skin in it that is neither black nor burnt out."""
    canvas = image[..., 0]
    depth = distance(fill(canvas, points_px[list(OVAL)]) > 127)
    inside = depth > _DEPTH * np.ptp(points_px[list(OVAL)], axis=0).mean()
    seen = (image > 0.03).all(-1) & (image < 0.97).all(-1)
    return inside, inside & seen & (features(canvas, points_px) == 0)


def _drawn(render: Render, region: Region) -> tuple[Floats, NDArray[np.bool_]]:
    """Encoded brightness (h, w) of the render as it lies over a region, and where it is opaque."""
    place = render.region
    left, top = max(0, region.x - place.x), max(0, region.y - place.y)
    right, bottom = region.x + region.width - place.x, region.y + region.height - place.y
    light = render.light(slice(top, max(top, bottom)), slice(left, max(left, right)))
    opaque = light[..., 3] > _OPAQUE
    if not opaque.any():
        return light[..., 3], opaque
    return _brightness(encode(light[..., :3])), distance(opaque) > _RIM_PX


def _slope(image: Floats) -> Floats:
    slope: Floats = cv2.magnitude(cv2.Sobel(image, -1, 1, 0, scale=0.125), cv2.Sobel(image, -1, 0, 1, scale=0.125))
    return slope


def _block_means(image: Floats) -> Floats:
    """(rows, columns[, C]) means of the squares that a picture (H, W[, C]) is cut into; what does not fill one is left out."""
    height, width = (size // BLOCK_PX for size in image.shape[:2])
    if not height or not width:
        return np.zeros((height, width, *image.shape[2:]), np.float32)
    return shrink(image[: height * BLOCK_PX, : width * BLOCK_PX], (width, height))


def _brightness(image: Floats) -> Floats:
    """(H, W) of encoded colours (H, W, 3)."""
    grey: Floats = cv2.transform(image, LUMA[None])
    return grey
