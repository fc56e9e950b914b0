"""How far a take is from a performance that is known, because it was rendered."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks, peak_widths
from scipy.spatial.transform import Rotation

from ..errors import InputError
from ..face_model.assembly import ict_landmarks
from ..face_model.default import load_default
from ..take import Take

ACTIVE_PEAK = 0.3
"""A shape that reaches this in the truth is active."""
INACTIVE_PEAK = 0.02
"""A shape that stays below this in the truth is inactive."""
EVENT_RISE = 0.25
"""A rise and fall of at least this much in the truth is an event."""
SHORT_EVENT_FRAMES = 6
"""An event is short, as a blink is, when it spends at most this many frames above a quarter of its height."""
QUIET_CHANGE = 0.02
"""Where the truth's second difference stays below this, what a take does more is jitter."""
LAG_SEARCH_FRAMES = 6

LANDMARKS_68: Final = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 81, 13, 311, 308, 402, 14, 178,
)  # fmt: skip
"""Of the 478 landmarks those that mark the classic 68 (jaw from the actor's right ear, brows, nose, eyes, lips).

The customary choice. On the average head the two lie up to a centimetre apart (jaw line, brows): `score` carries each
found landmark by that constant offset on the head before it is compared.
"""
_OUTER_EYE_CORNERS: Final = (36, 45)
_CAMERA_OF_TRUTH: Final = {"landmarks68_px", "rotation", "translation_cm", "camera_distance_cm", "K"}


@dataclass(frozen=True)
class Accuracy:
    """Figures of one take against the truth; NaN where the truth says nothing about one."""

    active_shapes: int
    mean_correlation: float
    """Over active shapes; 1 is perfect."""
    mean_absolute_error: float
    """Over active shapes, in coefficient units."""
    leakage: float
    """Mean value of shapes that the truth never uses."""
    head_error_deg: float
    """Mean rotation error after the constant offset between the two neutral heads is removed."""
    median_correlation: float = float("nan")
    blink_gain: float = float("nan")
    """Mean height of short eyeBlink events as a share of the true height; 1 is perfect."""
    short_gain: float = float("nan")
    """The same of all short events (3 to 6 frames)."""
    long_gain: float = float("nan")
    """The same of longer events."""
    jitter: float = float("nan")
    """Mean second difference of the error of active shapes where the truth moves evenly or not at all."""
    lag_frames: float = float("nan")
    """By how many frames the take is late."""
    landmark_error_px: float = float("nan")
    """Mean distance of the 68 known points."""
    landmark_error_share: float = float("nan")
    """The same as a share of the distance between the outer eye corners."""


def known_coefficients(path: Path) -> dict[str, NDArray[np.float64]]:
    """The truth's curves by ARKit name; shapes that ICT-FaceKit splits and ARKit does not are averaged."""
    try:
        with np.load(path, allow_pickle=False) as truth:
            names, values = truth["names"], truth["coefficients"].astype(float)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a truth file; it needs names, coefficients and rotation.") from error
    curves: dict[str, list[NDArray[np.float64]]] = {}
    for name, curve in zip(names, values.T, strict=True):
        arkit_name = str(name).replace("_L", "Left").replace("_R", "Right")
        for shared_shape in ("browInnerUp", "cheekPuff"):
            if arkit_name.startswith(shared_shape):
                arkit_name = shared_shape
        curves.setdefault(arkit_name, []).append(curve)
    return {name: np.mean(parts, axis=0) for name, parts in curves.items()}


def score(take: Take, truth_path: Path) -> Accuracy:
    """Compare a take with the truth of the same clip, frame by frame."""
    truth = known_coefficients(truth_path)
    with np.load(truth_path, allow_pickle=False) as stored:
        everything = {name: stored[name] for name in stored.files}
    true_rotation = everything["rotation"].astype(float)
    frames = min(len(take), len(true_rotation))
    found = {name: take.coefficients[:frames, index].astype(float) for index, name in enumerate(take.names)}
    truth = {name: curve[:frames] for name, curve in truth.items() if name in found}
    active = [name for name, curve in truth.items() if curve.max() > ACTIVE_PEAK]
    inactive = [name for name, curve in truth.items() if curve.max() < INACTIVE_PEAK]
    pairs = [(found[name], truth[name]) for name in active]
    correlations = [correlation(*pair) for pair in pairs]
    short, long = gains(pairs)
    blinks, _ = gains([(found[name], truth[name]) for name in active if name.startswith("eyeBlink")])
    error_px, error_share = _landmark_error(take.landmarks_px[:frames], everything)
    return Accuracy(
        active_shapes=len(active),
        mean_correlation=_mean(correlations),
        median_correlation=float(np.median(correlations)) if active else float("nan"),
        mean_absolute_error=_mean([float(np.abs(a - b).mean()) for a, b in pairs]),
        leakage=float(np.mean([found[name].mean() for name in inactive])) if inactive else 0.0,
        head_error_deg=_head_error_deg(take.rotation[:frames], true_rotation[:frames]),
        blink_gain=_mean(blinks),
        short_gain=_mean(short),
        long_gain=_mean(long),
        jitter=jitter(pairs),
        lag_frames=lag_frames(pairs),
        landmark_error_px=error_px,
        landmark_error_share=error_share,
    )


Pairs = list[tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Found and true curve (T,) of each shape."""


def correlation(found: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """Pearson's r; a flat curve follows nothing."""
    if found.std() < 1e-6 or true.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(found, true)[0, 1])


def gains(pairs: Pairs) -> tuple[list[float], list[float]]:
    """Found height of each true event as a share of its true height: short events, longer ones.

    A height is the peak above the mean of the curve at the event's two feet; the found peak may be a frame beside
    the event.
    """
    short: list[float] = []
    long: list[float] = []
    for found, true in pairs:
        padded = np.concatenate([[0.0], true, [0.0]])
        peaks, _ = find_peaks(padded, prominence=EVENT_RISE)
        widths, _, left, right = peak_widths(padded, peaks, rel_height=0.75)
        for peak, width, first, last in zip(peaks - 1, widths, left - 1, right - 1, strict=True):
            # A smooth bump spends two thirds of its length above a quarter of its height.
            begin = max(int(np.floor(first - width / 4)) - 1, 0)
            end = min(int(np.ceil(last + width / 4)) + 1, len(true) - 1)
            true_rise = true[peak] - (true[begin] + true[end]) / 2
            found_rise = found[begin : end + 1].max() - (found[begin] + found[end]) / 2
            if true_rise > EVENT_RISE / 2:  # else the clip cuts the event off
                (short if width <= SHORT_EVENT_FRAMES else long).append(float(found_rise / true_rise))
    return short, long


def jitter(pairs: Pairs) -> float:
    """Mean absolute second difference of the error, per frame squared, in the frames in which the truth is quiet."""
    parts = []
    for found, true in pairs:
        if len(true) < 3:
            continue
        bends = np.abs(np.diff(true, 2))
        near = np.maximum(bends, np.maximum(np.append(bends[1:], 0), np.append(0, bends[:-1])))
        parts.append(np.abs(np.diff(found - true, 2))[near < QUIET_CHANGE])
    every = np.concatenate(parts) if parts else np.empty(0)
    return float(every.mean()) if len(every) else float("nan")


def lag_frames(pairs: Pairs) -> float:
    """Shift of best agreement over all curves, to a part of a frame (a parabola through the best three)."""
    usable = [(f - f.mean(), t - t.mean()) for f, t in pairs if f.std() > 1e-6 and t.std() > 1e-6]
    reach = min(LAG_SEARCH_FRAMES, min((len(t) // 4 for _, t in usable), default=0))
    if reach < 1:
        return float("nan")
    agreement = np.zeros(2 * reach + 1)
    for found, true in usable:
        scale = np.linalg.norm(found) * np.linalg.norm(true)
        for at, shift in enumerate(range(-reach, reach + 1)):
            late, early = (
                found[max(shift, 0) : len(found) + min(shift, 0)],
                true[max(-shift, 0) : len(true) - max(shift, 0)],
            )
            agreement[at] += late @ early / scale
    best = int(agreement.argmax())
    if best in (0, 2 * reach):
        return float(best - reach)
    before, top, after = agreement[best - 1 : best + 2]
    return float(best - reach + 0.5 * (before - after) / (before - 2 * top + after))


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _head_error_deg(found: NDArray[np.float32], true: NDArray[np.float64]) -> float:
    """Two face models call slightly different directions 'straight ahead': the mean offset is not an error."""
    difference = Rotation.from_matrix(found).inv() * Rotation.from_matrix(true)
    residual = difference * difference.mean().inv()
    return float(np.degrees(residual.magnitude()).mean())


def _landmark_error(found_px: NDArray[np.float32], truth: dict[str, NDArray[np.generic]]) -> tuple[float, float]:
    """Mean distance of the 68 known points in pixels, and as a share of the distance between the outer eye corners."""
    if not (truth.keys() >= _CAMERA_OF_TRUTH and np.isfinite(found_px).any()):
        return float("nan"), float("nan")
    frames = len(found_px)
    known = {name: truth[name].astype(float)[:frames] for name in ("landmarks68_px", "rotation")}
    depth_cm = truth["camera_distance_cm"].astype(float) - truth["translation_cm"].astype(float)[:frames, 2]
    scale = truth["K"].astype(float)[0, 0] / depth_cm
    offset_cm = ict_landmarks()["landmarks68_cm"].astype(float) - load_default().landmark_mean_cm[list(LANDMARKS_68)]
    offset = np.einsum("tij,nj->tni", known["rotation"], offset_cm)[..., :2] * [1, -1] * scale[:, None, None]
    distance = np.linalg.norm(found_px[:, LANDMARKS_68] + offset - known["landmarks68_px"], axis=2)
    right, left = (known["landmarks68_px"][:, corner] for corner in _OUTER_EYE_CORNERS)
    share = distance / np.linalg.norm(right - left, axis=1)[:, None]
    return float(np.nanmean(distance)), float(np.nanmean(share))
