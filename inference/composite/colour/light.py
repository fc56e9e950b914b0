"""The light: a gain per channel, in linear light, that varies slowly over the face and moves with it.

Two layers, both robust fits of log(plate / face) on skin. The first is a surface of second order: exposure, white balance,
a lamp at one side. The second is what remains, averaged over a good part of a cheek: light that falls from somewhere else
than in the render, its shading taken off the face and the plate's put on. It is pulled toward nothing where there is
little evidence, and what is finer than it belongs to the avatar.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..pictures import blur, cv2
from ..types import Floats, Region

DARK: Final = 0.0005
"""Linear light below which ratios are noise."""
GRID: Final = 17
"""Cells a side of the second layer, over `GRID_REACH` face radii each way."""
GRID_REACH: Final = 1.4
_PULL: Final = (0.0, 1e-3, 1e-3, 0.03, 0.03, 0.03)
"""Toward zero, per term: lamps make slopes; curvature needs more evidence, hair at the temples looks like it too."""
_LOCAL_PULL: Final = 0.05
"""Toward zero, as a share of full evidence, of the second layer."""
_LEAST_SCALE: Final = (0.01, 0.03)
"""Of a log ratio, in the first and second layer; residuals as small as this are never outliers."""


_SHINE: Final = 1.2
_TINT: Final = 0.2
"""Log ratios of brightness and of colour that light may still have after the first layer."""


@dataclass(frozen=True)
class FaceFrame:
    """Coordinates that move with the face: centre at 0, outline near 1."""

    centre_px: Floats
    radius_px: float

    def places(self, region: Region, size: tuple[int, int]) -> tuple[Floats, Floats]:
        """Coordinates u (W,) and v (H,) of the pixels of a region shown at ``size`` = W, H."""
        x = region.x + (np.arange(size[0], dtype=np.float32) + 0.5) * (region.width / size[0])
        y = region.y + (np.arange(size[1], dtype=np.float32) + 0.5) * (region.height / size[1])
        u, v = (x - self.centre_px[0]) / self.radius_px, (y - self.centre_px[1]) / self.radius_px
        return u.astype(np.float32), v.astype(np.float32)

    def basis(self, region: Region, size: tuple[int, int]) -> Floats:
        """(6, H, W) second-order terms 1, u, v, u2 - v2, 2uv, u2 + v2 over a region shown at ``size`` = W, H.

        Outside twice the face's radius the coordinates stay put, so the field cannot run away.
        """
        u, v = np.meshgrid(*self.places(region, size))
        u, v = np.clip(u, -2, 2), np.clip(v, -2, 2)
        terms: Floats = np.stack([np.ones_like(u), u, v, u * u - v * v, 2 * u * v, u * u + v * v])
        return terms.astype(np.float32)

    def to_grid(self, field: Floats, region: Region) -> Floats:
        """(GRID, GRID, C) values in face coordinates of a field (h, w, C) shown over a region."""
        place = (np.arange(GRID, dtype=np.float32) + 0.5) * (2 * GRID_REACH / GRID) - GRID_REACH
        x = (self.centre_px[0] + place * self.radius_px - region.x) * (field.shape[1] / region.width) - 0.5
        y = (self.centre_px[1] + place * self.radius_px - region.y) * (field.shape[0] / region.height) - 0.5
        return _bilinear(field, x, y)

    def from_grid(self, grid: Floats, region: Region, size: tuple[int, int]) -> Floats:
        """(H, W, C) of a region shown at ``size``, from values in face coordinates."""
        u, v = self.places(region, size)
        scale = GRID / (2 * GRID_REACH)
        return _bilinear(grid, (u + GRID_REACH) * scale - 0.5, (v + GRID_REACH) * scale - 0.5)


def fit_light(plate: Floats, face: Floats, basis: Floats, weight: Floats) -> Floats:
    """(6, 3) robust fit of log(plate / face), both linear (H, W, 3), where ``weight`` (H, W) is above 0."""
    rows, terms, trust = fit_rows(plate, face, basis, weight)
    return robust_fit(terms, rows, trust)


def fit_rows(
    plate: Floats, face: Floats, basis: Floats, weight: Floats
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Log ratios (N, 3), terms (N, 6) and weights (N, 3) of the pixels that say something; clipped ones do not."""
    used = weight > 0
    ratio = log_ratio(plate, face)[used].astype(float)
    return ratio, basis[:, used].T.astype(float), weight[used][:, None] * (clear(plate, face)[used] + 1e-3)


def log_ratio(plate: Floats, face: Floats) -> Floats:
    """Log of plate over face, both linear."""
    ratio: Floats = np.log((plate + np.float32(DARK)) / (face + np.float32(DARK)))
    return ratio


def clear(plate: Floats, face: Floats) -> NDArray[np.bool_]:
    """Where the ratio means something: neither picture is black, the face not burnt out.

    A burnt-out plate counts: its light is at least what it shows, and to leave it out would make bright faces dull.
    """
    seen: NDArray[np.bool_] = (plate > DARK) & (face > DARK) & (face < 0.97)
    return seen


def robust_fit(
    terms: NDArray[np.float64], values: NDArray[np.float64], weights: NDArray[np.float64], rounds: int = 4
) -> Floats:
    """(M, C) least squares per channel with Geman-McClure weights: hair, shine and shadows do not pull."""
    ridge = np.diag(_PULL)
    trust = weights.copy()
    solution = np.zeros((terms.shape[1], values.shape[1]))
    for _ in range(rounds):
        for channel in range(values.shape[1]):
            weighted = terms * trust[:, channel, None]
            normal = weighted.T @ terms + ridge * max(trust[:, channel].sum(), 1e-9)
            solution[:, channel] = np.linalg.solve(
                normal + 1e-12 * np.eye(len(normal)), weighted.T @ values[:, channel]
            )
        residual = np.linalg.norm(values - terms @ solution, axis=1)
        trust = weights * _belief(residual, weights.max(axis=1) > 0, _LEAST_SCALE[0])[:, None]
    return solution.astype(np.float32)


def local_light(residual: Floats, weight: Floats, sigma_px: float, rounds: int = 3) -> Floats:
    """(H, W, 3) smooth part of the log ratios (H, W, 3) that the first layer left; pixels that disagree with their
    surroundings, hair or a strand, are not followed.
    """
    used = weight > 0
    brightness = residual.mean(-1)
    hue = np.linalg.norm(residual - brightness[..., None], axis=-1)
    # Shine and shadow are light, be they strong; what has another colour or is as dark as hair is a thing.
    weight = weight * _share(brightness, _SHINE) * _share(hue, _TINT)
    field = np.zeros_like(residual)
    for turn in range(rounds):
        trust = weight
        if turn:
            trust = weight * _belief(np.linalg.norm(residual - field, axis=-1), used, _LEAST_SCALE[1])
        evidence = blur(trust, sigma_px)[..., None]
        field = blur(residual * trust[..., None], sigma_px) / (evidence + np.float32(_LOCAL_PULL))
    return field


def _belief(residual: NDArray[np.floating[Any]], used: NDArray[np.bool_], least: float) -> NDArray[np.floating[Any]]:
    """Geman-McClure weights by the size of residuals, whose scale is the median of the used ones."""
    return _share(residual, 2 * max(float(np.median(residual[used])) if used.any() else 0, least))


def _share(residual: NDArray[np.floating[Any]], scale: float) -> NDArray[np.floating[Any]]:
    """Geman-McClure weights: a quarter at the scale."""
    share: NDArray[np.floating[Any]] = (scale**2 / (scale**2 + residual**2)) ** 2
    return share


def _bilinear(image: Floats, x: Floats, y: Floats) -> Floats:
    """(len(y), len(x), C) values at pixel-centre places; the border is continued."""
    columns, rows = (np.ascontiguousarray(axis) for axis in np.meshgrid(x, y))
    sampled: Floats = cv2.remap(
        image, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return sampled
