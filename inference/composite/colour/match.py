"""The colour matcher: gives the face the light and the colours of the plate's skin.

Two steps, both measured on skin only. The light is a gain per channel that varies slowly over the face (second order
in both directions), in linear light: exposure, white balance, a lamp at one side. What then still differs in spread
and correlation of the channels is matched by the Monge-Kantorovich linear map (Pitie and Kokaram, 2007).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..pictures import enlarge, low_pass, shrink
from ..types import Floats, Region
from .transfer import decode_float, encode

TERMS: Final = 6
DARK: Final = 0.0005
"""Linear light below which ratios are noise."""
LIGHT_BLUR: Final = 0.12
"""Face widths; what is finer belongs to the person, not to the light."""
_MAX_LOG_GAIN: Final = float(np.log(6))
_MAX_LOCAL_LOG_GAIN: Final = float(np.log(2))
_PULL: Final = (0.0, 1e-3, 1e-3, 0.03, 0.03, 0.03)
"""Toward zero, per term: lamps make slopes; curvature needs more evidence, hair at the temples looks like it too."""
_SPREAD_LIMITS: Final = (0.75, 1.33)
_SPREAD_NOISE: Final = 0.05
"""Encoded; smaller spreads are features and noise of one person rather than contrast of the picture."""


@dataclass(frozen=True)
class FaceFrame:
    """Coordinates that move with the face: centre at 0, outline near 1."""

    centre_px: Floats
    radius_px: float

    def basis(self, region: Region, size: tuple[int, int]) -> Floats:
        """(6, H, W) second-order terms 1, u, v, u2 - v2, 2uv, u2 + v2 over a region shown at ``size`` = W, H.

        Outside twice the face's radius the coordinates stay put, so the field cannot run away.
        """
        x = region.x + (np.arange(size[0], dtype=np.float32) + 0.5) * (region.width / size[0])
        y = region.y + (np.arange(size[1], dtype=np.float32) + 0.5) * (region.height / size[1])
        u, v = np.meshgrid((x - self.centre_px[0]) / self.radius_px, (y - self.centre_px[1]) / self.radius_px)
        u, v = np.clip(u, -2, 2), np.clip(v, -2, 2)
        terms: Floats = np.stack([np.ones_like(u), u, v, u * u - v * v, 2 * u * v, u * u + v * v])
        return terms.astype(np.float32)


@dataclass(frozen=True)
class ColourMatch:
    """What to do to a face. Plain arrays, so that matches of neighbouring frames can be averaged."""

    log_gain: Floats
    """(6, 3) light field."""
    mean: Floats
    """(3,) encoded skin colour about which the spread is matched."""
    spread: Floats
    """(3, 3)."""

    def gain(self, basis: Floats) -> Floats:
        """(H, W, 3) factor in linear light; its local part is bounded to half and double."""
        middle = np.clip(self.log_gain[0], -_MAX_LOG_GAIN, _MAX_LOG_GAIN)
        local = np.tensordot(basis[1:], self.log_gain[1:], (0, 0))
        gain: Floats = np.exp(middle + np.clip(local, -_MAX_LOCAL_LOG_GAIN, _MAX_LOCAL_LOG_GAIN))
        return gain.astype(np.float32)


def apply_match(linear: Floats, matte: Floats, match: ColourMatch, face: FaceFrame, region: Region) -> Floats:
    """Linear (H, W, 3) of a region, in its matte (H, W), to matched encoded values, 0..1."""
    size = (linear.shape[1], linear.shape[0])
    small = (max(2, size[0] // 8), max(2, size[1] // 8))
    basis = face.basis(region, small)
    encoded = encode(linear * enlarge(match.gain(basis), size))
    if not np.array_equal(match.spread, np.eye(3)):
        # Measured on low-passed colours, so it is done to them: lashes and lips keep their own contrast.
        sigma_px = 2 * LIGHT_BLUR * face.radius_px * small[0] / size[0]
        broad = low_pass(shrink(encoded, small), shrink(matte, small), sigma_px)
        change = (broad - match.mean) @ (match.spread - np.eye(3, dtype=np.float32)).T
        encoded += enlarge(change.astype(np.float32), size)
    return np.clip(encoded, 0, 1)


def fit_light(plate: Floats, face: Floats, basis: Floats, weight: Floats) -> Floats:
    """(6, 3) robust fit of log(plate / face), both linear (H, W, 3), where ``weight`` (H, W) is above 0."""
    rows, terms, trust = fit_rows(plate, face, basis, weight)
    return robust_fit(terms, rows, trust)


def fit_rows(
    plate: Floats, face: Floats, basis: Floats, weight: Floats
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Log ratios (N, 3), terms (N, 6) and weights (N, 3) of the pixels that say something; clipped ones do not."""
    used = weight > 0
    ratio = np.log((plate[used] + DARK) / (face[used] + DARK)).astype(float)
    clear = (plate[used] > DARK) & (plate[used] < 0.97) & (face[used] > DARK) & (face[used] < 0.97)
    return ratio, basis[:, used].T.astype(float), weight[used][:, None] * (clear + 1e-3)


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
        scale = 2 * max(float(np.median(residual)), 0.01)
        trust = weights * ((scale**2 / (scale**2 + residual**2)) ** 2)[:, None]
    return solution.astype(np.float32)


def fit_spread(plate: Floats, face: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Mean (3,) and Monge-Kantorovich map (3, 3) of encoded face colours onto the plate's, bounded."""
    used = weight > 0
    share = weight[used] / weight[used].sum()
    mean = share @ plate[used]
    spreads = []
    for image in (plate, face):
        deviation = image[used].astype(float) - share @ image[used]
        spreads.append((deviation * share[:, None]).T @ deviation + _SPREAD_NOISE**2 * np.eye(3))
    root = _power(spreads[1], 0.5)
    inverse = _power(spreads[1], -0.5)
    values, vectors = np.linalg.eigh(inverse @ _power(root @ spreads[0] @ root, 0.5) @ inverse)
    spread = (vectors * np.clip(values, *_SPREAD_LIMITS)) @ vectors.T
    return mean.astype(np.float32), spread.astype(np.float32)


def match_colours(plate: Floats, face: Floats, basis: Floats, weight: Floats) -> ColourMatch:
    """Measure a match on small, low-passed encoded pictures (H, W, 3) of plate and face, on skin (H, W)."""
    plate_light, face_light = decode_float(plate), decode_float(face)
    flat = ColourMatch(
        fit_light(plate_light, face_light, basis, weight), np.zeros(3, np.float32), np.eye(3, dtype=np.float32)
    )
    lit = encode(face_light * flat.gain(basis))
    mean, spread = fit_spread(plate, lit, weight)
    return ColourMatch(flat.log_gain, mean, spread)


def _power(matrix: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """Power of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    power: NDArray[np.float64] = (vectors * np.maximum(values, 1e-12) ** exponent) @ vectors.T
    return power
