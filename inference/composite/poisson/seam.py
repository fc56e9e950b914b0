"""The correction of the seam: a membrane on a coarse grid that brings the face to the plate where the two meet.

It minimises the slope of the correction m, its distance to plate - face along the matte's soft edge, and, where the
colours of the inside were matched before, its size there (screened Poisson equation; Bhat et al., "Fourier analysis of
the 2D screened Poisson equation", 2008). The edge is believed only where the plate shows skin, and what does not fit to
its neighbours is an outlier: hair, a collar or a green screen leave the edge free there instead of pulling at it.
The grid is small, so the correction can be averaged over time, and finer than a membrane ever is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from ..pictures import blur, enlarge, shrink
from ..types import Floats

CELLS: Final = 56
"""Longest side of the grid."""
REACH: Final = (0.12, 0.03)
"""Face widths; so far the correction reaches inward where the inside has the plate's colours already: those of another
person, and of the same one, whose colours were compared up to the rim, so that what differs there is of the rim alone."""
_FINE: Final = 1 / 120
"""Face widths; pixel size of the pictures in which the edge is looked at, finer than the matte's soft edge."""
_FAINT: Final = 0.05
"""Shares of edge and face below which a pixel does not count."""
_HOLD: Final = 12.0
"""Pull of a cell of the edge that is wholly believed, against 1 of each neighbour."""
_LOOSE: Final = 1.0
_FREE: Final = 1.0
"""The same, and the stiffness per width of the region, while outliers are looked for: these must not draw the membrane to
themselves, and what a whole stretch of the edge agrees on is none."""
_ROUNDS: Final = 2
_OUTLIER: Final = (0.03, 0.15)
"""Encoded colour distance from the membrane at which an edge is believed a quarter; the edge's own spread within this."""

HUE_TOLERANCE: Final = (0.06, 0.12)
"""Shares of the colour sum: up to the first a pixel at the edge counts as skin, from the second on not at all."""
DARKNESS_TOLERANCE: Final = (0.4, 0.65)
"""Share of the skin's brightness: below the first a pixel is hair or background, above the second it may be skin."""
AGREEMENT: Final = (0.05, 0.12)
"""Encoded colour distance of plate and face: up to the first they are the same, from the second on they are not."""


def seam_correction(
    plate: Floats,
    face: Floats,
    outline: Floats,
    width_px: float,
    skin: Floats | None = None,
    seen: Floats | None = None,
    same: float = 0.0,
) -> Floats:
    """(h, w, 3) what is to be added to the face, on a grid of `CELLS` cells over the region.

    ``plate`` and ``face`` are encoded (H, W, 3), ``outline`` (H, W) is the face's matte without what is in front of it,
    ``seen`` (H, W) where nothing is in front. ``skin`` (3,) is the encoded colour to which the inside of the face was
    matched; without it nothing is known of the colours and the whole face follows its edge. ``same`` is 1 when plate and
    face show one person.
    """
    height, width = outline.shape
    scale = min(1.0, CELLS / max(height, width))
    size = (max(3, round(width * scale)), max(3, round(height * scale)))
    edge = _look_at_edge(plate, face, outline, width_px, seen)
    if skin is None:
        return _membrane(edge, edge.trust, size, _HOLD, 1e-3)
    trust = edge.trust * skin_trust(edge.plate, edge.difference, skin)
    stiffness = width / ((REACH[0] + same * (REACH[1] - REACH[0])) * width_px)
    believed, coarse = trust, (max(3, size[0] // 2), max(3, size[1] // 2))
    for _ in range(_ROUNDS):
        found = _membrane(edge, believed, coarse, _LOOSE, _FREE + same * (stiffness - _FREE))
        believed = trust * _fit(edge.difference - found[edge.cells(coarse)], trust, same)
    return _membrane(edge, believed, size, _HOLD, stiffness)


def apply_correction(face: Floats, correction: Floats) -> Floats:
    """The face (H, W, 3) with a correction of any smaller size added."""
    height, width = face.shape[:2]
    corrected: Floats = face + enlarge(correction, (width, height), smooth=True)
    return corrected


def skin_trust(plate: Floats, difference: Floats, skin: Floats) -> Floats:
    """(N,) 0..1 how surely encoded plate pixels (N, 3) show skin like ``skin`` (3,), or what the face shows there."""
    total = np.maximum(plate.sum(-1), 1e-3)
    hue = np.linalg.norm(plate / total[..., None] - skin / skin.sum(), axis=-1)
    # Skin in shadow is dark too, but the face is lit like it.
    expected = np.clip(total - difference.sum(-1), 0.25 * skin.sum(), skin.sum())
    like_skin = (1 - _rise(hue, *HUE_TOLERANCE)) * _rise(total / expected, *DARKNESS_TOLERANCE)
    # Where both already agree, whatever it is, nothing can bleed.
    agree = 1 - _rise(np.linalg.norm(difference, axis=-1), *AGREEMENT)
    return np.maximum(like_skin, agree).astype(np.float32)


@dataclass(frozen=True)
class _Edge:
    """The N pixels of the soft edge, at reduced size."""

    places: Floats
    """(N, 2) x, y as shares of the region."""
    plate: Floats
    """(N, 3) encoded."""
    difference: Floats
    """(N, 3) encoded plate minus face."""
    trust: Floats
    """(N,) how much of a pixel is edge and not hidden."""

    def cells(self, size: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns (N,) of the pixels in a grid of ``size`` = (w, h)."""
        columns, rows = (self.places * np.array(size, np.float32)).astype(np.intp).T
        return rows, columns


def _look_at_edge(plate: Floats, face: Floats, outline: Floats, width_px: float, seen: Floats | None) -> _Edge:
    """The soft edge of the outline, `seam_correction`'s arguments; every second pixel is enough for a mean."""
    pixel = max(1.0, _FINE * width_px)
    fine = (max(2, round(outline.shape[1] / pixel)), max(2, round(outline.shape[0] / pixel)))
    step = max(1, round(pixel / 2))
    plate, face, outline = (picture[::step, ::step] for picture in (plate, face, outline))
    shown = shrink(np.ascontiguousarray(outline), fine)
    # A matte may also be hard.
    soft = blur(shown, 1.0)
    edge = 4 * soft * (1 - soft)
    trust = edge if seen is None else edge * shrink(np.ascontiguousarray(seen[::step, ::step]), fine)
    rows, columns = np.nonzero((trust > _FAINT) & (shown > _FAINT))
    # Where there is no face there is no difference either.
    weighted = shrink((plate - face) * outline[..., None], fine)[rows, columns]
    return _Edge(
        places=(np.stack([columns, rows], 1) + np.float32(0.5)) / np.array(fine, np.float32),
        plate=shrink(np.ascontiguousarray(plate), fine)[rows, columns],
        difference=weighted / shown[rows, columns, None],
        trust=trust[rows, columns],
    )


def _fit(residual: Floats, trust: Floats, same: float) -> Floats:
    """(N,) Geman-McClure weights of residuals (N, 3), their scale twice the median along the edge; small of one person."""
    length = np.linalg.norm(residual, axis=1)
    order = np.argsort(length)
    share = np.cumsum(trust[order])
    median = length[order[np.searchsorted(share, 0.5 * share[-1])]] if len(order) else 0.0
    low, high = _OUTLIER
    scale = float(np.clip(2 * median, low, high + same * (low - high))) ** 2
    weight: Floats = (scale / (scale + length * length)) ** 2
    return weight


def _membrane(edge: _Edge, believed: Floats, size: tuple[int, int], hold: float, stiffness: float) -> Floats:
    """(h, w, 3) solution on a grid of ``size`` = (w, h); the stiffness is per width of the region."""
    width, height = size
    rows, columns = edge.cells(size)
    cell, count = rows * width + columns, width * height
    full = max(float(np.bincount(cell, edge.trust, count).max()), 1e-3)
    weight = np.bincount(cell, believed, count) * (hold / full)
    wanted = [np.bincount(cell, believed * channel, count) * (hold / full) for channel in edge.difference.T]
    return _solve(np.stack(wanted, 1).reshape(height, width, 3), weight.reshape(height, width), stiffness / width)


def _solve(wanted: Floats, weight: Floats, stiffness: float) -> Floats:
    """The m with (weight + stiffness^2 - Laplacian) m = wanted, free at the border; banded Cholesky, exact."""
    height, width = weight.shape
    if width > height:
        return _solve(wanted.transpose(1, 0, 2), weight.T, stiffness).transpose(1, 0, 2)
    bands = _laplacian_bands(height, width).copy()
    bands[0] += weight.ravel() + stiffness**2
    cells = solveh_banded(bands, wanted.reshape(height * width, -1), overwrite_ab=True, lower=True, check_finite=False)
    membrane: Floats = cells.reshape(wanted.shape).astype(np.float32)
    return membrane


@lru_cache(maxsize=4)
def _laplacian_bands(height: int, width: int) -> NDArray[np.float64]:
    """(W + 1, H * W) lower bands of the negative 5-point Laplacian of a free grid."""
    right, below = np.zeros((height, width)), np.zeros((height, width))
    right[:, :-1] = below[:-1] = 1
    bands = np.zeros((width + 1, height, width))
    bands[0] = right + below
    bands[0, :, 1:] += right[:, :-1]
    bands[0, 1:] += below[:-1]
    bands[1] = -right
    bands[width] = -below
    return bands.reshape(width + 1, -1)


def _rise(value: Floats, low: float, high: float) -> Floats:
    """Smooth step from 0 at ``low`` to 1 at ``high``."""
    share = np.clip((value - low) / (high - low), 0, 1)
    smooth: Floats = share * share * (3 - 2 * share)
    return smooth
