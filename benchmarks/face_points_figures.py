"""The arithmetic of the landmark benchmark: errors by region and by kind of face, and whether a network's doubts are right."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from understudy.inference import arkit
from understudy.inference.capture.face_points import KNOWN_68, POINT_COUNT
from understudy.inference.face_model import load
from understudy.inference.solve.landmark_groups import LEFT_LIDS, LIPS, MESH_COUNT, OVAL, RIGHT_LIDS

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

LANDMARKS: Final = 478
OUTER_EYE_CORNERS: Final = (33, 263)
EYES_PX_AT_512: Final = 152.0
"""Mean distance of the outer eye corners in the rendered performances (seeds 101 to 106), brought to 512 px pictures."""
BROWS: Final = (
    *(70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    *(300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
)
SKIN_KINDS: Final = ("dark", "middle", "light")
YAWS_DEG: Final = (0, 15, 30, 45, 91)
HIDDEN_SHARES: Final = (0.0, 0.1, 0.3, 1.01)
RIGID: Final = (33, 133, 362, 263, 168, 6, 197, 195)
"""Landmarks that expressions hardly move."""
FEWEST: Final = 8
"""A kind of face with fewer samples says nothing."""
MOVED: Final = 0.05
"""A shape whose truth spreads less than this has no correlation worth telling."""
_MEDIAN_OF_RAYLEIGH: Final = 1.1774


@dataclass(frozen=True)
class Readings:
    """What one system found in N faces of known points; NaN where it says nothing."""

    points_px: Array
    """(N, 546, 2)."""
    sigma_px: Array
    """(N, 546)."""
    coefficients: Array
    """(N, 52)."""
    coefficient_sigma: Array
    """(N, 52)."""


@dataclass(frozen=True)
class Known:
    """The truth of N faces."""

    points_px: Array
    """(N, 546, 3), the third in pixels too."""
    visible: Mask
    """(N, 546)."""
    coefficients: Array
    """(N, 52), NaN where nobody knows."""
    rotation: Array
    """(N, 3, 3) head axes to camera axes (y up)."""
    shot: NDArray[np.int64]
    """(N,) faces of one number show one actor."""
    traits: dict[str, Array]
    """By name (N,), NaN where nobody knows: `skin` (luminance), and shares or flags of what a face wears."""

    @property
    def eyes_px(self) -> Array:
        """(N,) distance of the outer eye corners in space, in pixels."""
        first, second = (self.points_px[:, corner] for corner in OUTER_EYE_CORNERS)
        return np.asarray(np.linalg.norm(second - first, axis=1))


def regions() -> dict[str, Mask]:
    """(546,) masks: every landmark is in one region of the face; the 68 known points are a region of their own."""
    mean = load("default").landmark_mean_cm
    named: dict[str, list[int]] = {
        "irises": list(range(MESH_COUNT, LANDMARKS)),
        "lids": [*LEFT_LIDS, *RIGHT_LIDS],
        "lips": list(LIPS),
        "brows": list(BROWS),
        "jaw line": [i for i in OVAL if mean[i, 1] < mean[33, 1]],
    }
    taken = {i for points in named.values() for i in points}
    rest = [i for i in range(MESH_COUNT) if i not in taken]
    highest, lowest, wide = mean[168, 1] + 0.3, mean[2, 1] - 0.5, 2.0
    named["nose"] = [i for i in rest if abs(mean[i, 0]) < wide and lowest < mean[i, 1] < highest]
    named["forehead"] = [i for i in rest if mean[i, 1] > mean[105, 1] - 0.3]
    named["cheeks, chin"] = [i for i in rest if i not in named["nose"] and i not in named["forehead"]]
    masks = {name: np.isin(np.arange(POINT_COUNT), points) for name, points in named.items()}
    known = np.zeros(POINT_COUNT, bool)
    known[KNOWN_68] = True
    return {**masks, "68 known points": known}


def distances(known: Known, found: Readings) -> Array:
    """(N, 546) as shares of the eyes' distance; NaN where the truth is hidden or nothing was found."""
    apart = np.linalg.norm(found.points_px - known.points_px[..., :2], axis=2) / known.eyes_px[:, None]
    return np.where(known.visible, apart, np.nan)


def without_habits(known: Known, found: Readings) -> Readings:
    """The readings less each point's constant offset on the head (least squares over all faces).

    A network may mean another place of the skin by a point; what remains does not depend on where.
    """
    apart = found.points_px - known.points_px[..., :2]
    sight = known.rotation[:, :2] * np.array([1.0, -1.0])[:, None] * known.eyes_px[:, None, None]
    moved = np.zeros_like(apart)
    for point in range(apart.shape[1]):
        seen = known.visible[:, point] & np.isfinite(apart[:, point]).all(1)
        if seen.sum() >= FEWEST:
            rows = sight[seen].reshape(-1, 3)
            offset = np.linalg.lstsq(rows, apart[seen, point].ravel(), rcond=1e-2)[0]
            moved[:, point] = sight @ offset
    return Readings(found.points_px - moved, found.sigma_px, found.coefficients, found.coefficient_sigma)


def by_region(shares: Array) -> dict[str, dict[str, float]]:
    """Mean, median and 95th percentile in per cent of the eyes' distance, and the mean in pixels at 512."""
    figures = {}
    face = np.arange(POINT_COUNT) < LANDMARKS
    for name, mask in {"whole face": face, **regions()}.items():
        seen = shares[:, mask][np.isfinite(shares[:, mask])]
        if seen.size:
            figures[name] = {
                "mean_percent": 100 * float(seen.mean()),
                "median_percent": 100 * float(np.median(seen)),
                "p95_percent": 100 * float(np.percentile(seen, 95)),
                "px_at_512": EYES_PX_AT_512 * float(seen.mean()),
            }
    return figures


def calibration(known: Known, found: Readings) -> dict[str, dict[str, float]]:
    """By region: share of coordinates within one and two sigma (68 and 95 % are right), and sigma over true spread."""
    apart = np.abs(found.points_px - known.points_px[..., :2]) / found.sigma_px[..., None]
    apart[~known.visible] = np.nan
    figures = {}
    for name, mask in regions().items():
        seen = apart[:, mask][np.isfinite(apart[:, mask])]
        if seen.size:
            figures[name] = {
                "within_1": float((seen < 1).mean()),
                "within_2": float((seen < 2).mean()),
                "error_to_sigma": float(np.median(np.hypot(*_pairs(apart[:, mask])))) / _MEDIAN_OF_RAYLEIGH,
            }
    return figures


def motion_gain(known: Known, found: Readings) -> dict[str, float]:
    """By region: how much of the skin's true motion on the head the found points show; 1 is right, less is damped.

    In the picture, over all shots of enough faces: the error, less each point's mean in its shot, regressed on how far
    the point is from its mean place on the head.
    """
    up, down = np.zeros(POINT_COUNT), np.zeros(POINT_COUNT)
    eyes = known.eyes_px[:, None, None]
    error = np.where(known.visible[..., None], (found.points_px - known.points_px[..., :2]) / eyes, np.nan)
    head = np.einsum("nji,nvj->nvi", known.rotation, known.points_px * [1, -1, -1]) / eyes
    head -= head[:, RIGID].mean(1, keepdims=True)
    for shot in np.unique(known.shot):
        part = (known.shot == shot) & np.isfinite(found.points_px).all((1, 2))
        if part.sum() < FEWEST:
            continue
        moved = np.einsum("nij,nvj->nvi", known.rotation[part], head[part] - head[part].mean(0))[..., :2] * [1, -1]
        habit = np.where(known.visible[part].any(0)[:, None], _mean(error[part]), 0.0)
        up += np.nansum((error[part] - habit) * moved, axis=(0, 2))
        down += np.nansum(np.where(np.isfinite(error[part]), moved, np.nan) ** 2, axis=(0, 2))
    return {name: 1 + float(up[mask].sum() / down[mask].sum()) for name, mask in regions().items() if down[mask].any()}


def _mean(values: Array) -> Array:
    """(V, 2) over the faces, whatever is seen in them."""
    seen = np.isfinite(values)
    return np.asarray(np.where(seen, values, 0).sum(0) / np.maximum(seen.sum(0), 1))


def _pairs(apart: Array) -> tuple[Array, Array]:
    both = apart[np.isfinite(apart).all(-1)]
    return both[:, 0], both[:, 1]


def coefficient_figures(known: Known, found: Readings) -> dict[str, dict[str, float]]:
    """By shape: mean error, correlation over the faces, and the share within one and two sigma; and their mean."""
    figures = {}
    for shape, (true, value, sigma) in zip(
        arkit.NAMES,
        zip(known.coefficients.T, found.coefficients.T, found.coefficient_sigma.T, strict=True),
        strict=True,
    ):
        seen = np.isfinite(true) & np.isfinite(value)
        if seen.sum() < FEWEST or true[seen].std() < MOVED:
            continue
        error = np.abs(value - true)[seen]
        moves = value[seen].std() > 1e-6
        figures[shape] = {
            "mean_error": float(error.mean()),
            "correlation": float(np.corrcoef(true[seen], value[seen])[0, 1]) if moves else 0.0,
            "within_1": float((error < sigma[seen]).mean()),
            "within_2": float((error < 2 * sigma[seen]).mean()),
        }
    if figures:
        keys = next(iter(figures.values()))
        figures["mean"] = {key: float(np.mean([row[key] for row in figures.values()])) for key in keys}
    return figures


def kinds(known: Known) -> dict[str, dict[str, Mask]]:
    """Kinds of faces by what tells them apart: masks (N,)."""
    yaw = np.degrees(np.abs(np.arctan2(known.rotation[:, 0, 2], known.rotation[:, 2, 2])))
    hidden = 1 - known.visible[:, :MESH_COUNT].mean(1)
    found = {
        "yaw": {f"{a} to {min(b, 90)} deg": (yaw >= a) & (yaw < b) for a, b in itertools.pairwise(YAWS_DEG)},
        "hidden": {
            f"{a:.0%} to {min(b, 1):.0%}": (hidden >= a) & (hidden < b) for a, b in itertools.pairwise(HIDDEN_SHARES)
        },
    }
    for name, values in known.traits.items():
        told = np.isfinite(values)
        if name == "skin" and told.any():
            low, high = np.quantile(values[told], (1 / 3, 2 / 3))
            parts = (values <= low, (values > low) & (values <= high), values > high)
            found["skin"] = {kind: told & part for kind, part in zip(SKIN_KINDS, parts, strict=True)}
        elif told.any():
            found[name] = {"no": told & (values < 0.25), "yes": told & (values >= 0.25)}
    return found


def spread(known: Known, shares: Array) -> dict[str, dict[str, float]]:
    """By trait: mean error of the visible landmarks of each kind of face in per cent, and worst over best."""
    faces = np.full(len(shares), np.nan)
    seen = np.isfinite(shares[:, :LANDMARKS]).any(1)
    faces[seen] = 100 * np.nanmean(shares[seen, :LANDMARKS], axis=1)
    figures = {}
    for trait, masks in kinds(known).items():
        means = {kind: float(np.nanmean(faces[mask])) for kind, mask in masks.items() if (mask & seen).sum() >= FEWEST}
        if len(means) > 1:
            figures[trait] = {**means, "worst_to_best": max(means.values()) / min(means.values())}
    return figures
