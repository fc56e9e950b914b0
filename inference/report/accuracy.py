"""How far a take is from a performance that is known, because it was rendered."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..errors import InputError
from ..take import Take

ACTIVE_PEAK = 0.3
"""A shape that reaches this in the truth is active."""
INACTIVE_PEAK = 0.02
"""A shape that stays below this in the truth is inactive."""


@dataclass(frozen=True)
class Accuracy:
    """Figures of one take against the truth."""

    active_shapes: int
    mean_correlation: float
    """Over active shapes; 1 is perfect."""
    mean_absolute_error: float
    """Over active shapes, in coefficient units."""
    leakage: float
    """Mean value of shapes that the truth never uses."""
    head_error_deg: float
    """Mean rotation error after the constant offset between the two neutral heads is removed."""


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
        true_rotation = stored["rotation"].astype(float)
    frames = min(len(take), len(true_rotation))
    found = {name: take.coefficients[:frames, index].astype(float) for index, name in enumerate(take.names)}
    active = [name for name, curve in truth.items() if curve.max() > ACTIVE_PEAK and name in found]
    inactive = [name for name, curve in truth.items() if curve.max() < INACTIVE_PEAK and name in found]
    correlations = [_correlation(found[name], truth[name][:frames]) for name in active]
    errors = [np.abs(found[name] - truth[name][:frames]).mean() for name in active]
    return Accuracy(
        active_shapes=len(active),
        mean_correlation=float(np.mean(correlations)) if active else float("nan"),
        mean_absolute_error=float(np.mean(errors)) if active else float("nan"),
        leakage=float(np.mean([found[name].mean() for name in inactive])) if inactive else 0.0,
        head_error_deg=_head_error_deg(take.rotation[:frames], true_rotation[:frames]),
    )


def _correlation(found: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """Pearson's r; a flat curve follows nothing."""
    if found.std() < 1e-6 or true.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(found, true)[0, 1])


def _head_error_deg(found: NDArray[np.float32], true: NDArray[np.float64]) -> float:
    """Two face models call slightly different directions 'straight ahead': the mean offset is not an error."""
    difference = Rotation.from_matrix(found).inv() * Rotation.from_matrix(true)
    residual = difference * difference.mean().inv()
    return float(np.degrees(residual.magnitude()).mean())
