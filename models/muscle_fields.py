"""Step 3 of the face model: every expression as a sum of anatomical fields, fitted to samples of ICT-FaceKit's shapes.

A field is a smooth bump (centre, spread in cm) on the face, cut at the mouth or at an eye, where the two sides of the
opening move apart. Jaw and lid shapes are first explained by a guide, the rigid motion of the bone or of the lid about
the eyeball, with bumps as its strength; what is left, and every other shape, is a sum of bumps that each pull in one
fitted direction (orthogonal matching pursuit).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .landmark_topology import EYES, LOWER_LIP, UPPER_LIP, Rim

SPREADS_CM = (0.45, 0.8, 1.3, 2.1, 3.4, 5.5)
GUIDE_BUMPS = 24
MAX_BUMPS = 80
GOOD_ENOUGH_CM = 0.012
_RIDGE = 1e-4


@dataclass(frozen=True)
class Bumps:
    """Every bump that a shape may use, sampled at the points of the face."""

    values: NDArray[np.float64]
    """(B, N), each bump scaled to unit length."""


def make_bumps(points_cm: NDArray[np.float64]) -> Bumps:
    """Bumps at every point (N, 3), in every spread, whole and cut at the mouth and the eyes."""
    squared = ((points_cm[:, None] - points_cm[None]) ** 2).sum(axis=2)
    whole = np.concatenate([np.exp(-squared / (2 * spread**2)) for spread in SPREADS_CM])
    parts = [whole]
    for upper in (_above_mouth(points_cm), _above_eye(points_cm, EYES[0]), _above_eye(points_cm, EYES[1])):
        parts += [whole * upper, whole * (1 - upper)]
    values = np.concatenate(parts)
    length = np.linalg.norm(values, axis=1)
    useful = length > 0.3
    return Bumps(values[useful] / length[useful, None])


def fit_shape(
    bumps: Bumps, displacement_cm: NDArray[np.float64], guide_cm: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], int]:
    """The displacement (N, 3) rebuilt from fields, and how many fields it took."""
    rebuilt, used = np.zeros_like(displacement_cm), 0
    if guide_cm is not None:
        length = np.maximum((guide_cm**2).sum(axis=1), 1e-9)
        strength = (displacement_cm * guide_cm).sum(axis=1) / length
        weight = np.sqrt(length)
        smooth, used = _pursue(bumps, strength[:, None], GUIDE_BUMPS, 0.0, weight)
        rebuilt = smooth * guide_cm
    rest, count = _pursue(bumps, displacement_cm - rebuilt, MAX_BUMPS, GOOD_ENOUGH_CM, None)
    return rebuilt + rest, used + count


def _pursue(
    bumps: Bumps, target: NDArray[np.float64], limit: int, good_enough: float, weight: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], int]:
    """Sum of at most `limit` bumps near the target (N, C): add the best one, refit all, until the error is small."""
    row = np.ones(len(target)) if weight is None else weight / weight.max()
    atoms = bumps.values * row
    norms = np.maximum(np.linalg.norm(atoms, axis=1), 1e-9)
    wanted = target * row[:, None]
    chosen: list[int] = []
    rebuilt = np.zeros_like(target)
    for _ in range(limit):
        residual = wanted - rebuilt * row[:, None]
        if (
            np.linalg.norm(residual, axis=1).max() < good_enough * 3
            and np.sqrt((residual**2).sum(axis=1).mean()) < good_enough
        ):
            break
        chosen.append(int(np.argmax(((atoms @ residual) ** 2).sum(axis=1) / norms**2)))
        basis = atoms[chosen]
        gains = np.linalg.solve(basis @ basis.T + _RIDGE * np.eye(len(chosen)), basis @ wanted)
        rebuilt = bumps.values[chosen].T @ gains
    return rebuilt, len(chosen)


def _ramp(x: NDArray[np.float64]) -> NDArray[np.float64]:
    t = np.clip((x + 1) / 2, 0.0, 1.0)
    return t * t * (3 - 2 * t)


def _above_mouth(points_cm: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) 1 above the line of the mouth, 0 below, soft beside the corners."""
    x, y = points_cm[:, 0], points_cm[:, 1]
    corner = points_cm[[78, 308]]
    beyond = np.maximum(np.abs(x) - np.abs(corner[:, 0]).mean(), 0.0)
    side = _ramp((y - corner[:, 1].mean()) / (0.25 + 0.6 * beyond))
    side[list(UPPER_LIP)], side[list(LOWER_LIP)] = 1.0, 0.0
    return side


def _above_eye(points_cm: NDArray[np.float64], eye: Rim) -> NDArray[np.float64]:
    """(N,) 1 above the line through the corners of an eye, 0 below, soft beside the corners."""
    start, end = points_cm[eye.upper[0]], points_cm[eye.upper[-1]]
    share = (points_cm[:, 0] - start[0]) / (end[0] - start[0])
    beyond = np.maximum(np.maximum(share - 1, -share), 0.0) * abs(end[0] - start[0])
    line = start[1] + np.clip(share, 0, 1) * (end[1] - start[1])
    side = _ramp((points_cm[:, 1] - line) / (0.12 + 0.6 * beyond))
    side[list(eye.upper[1:-1])], side[list(eye.lower[1:-1])] = 1.0, 0.0
    return side


def lid_guide(points_cm: NDArray[np.float64], centre_cm: NDArray[np.float64], angle_rad: float) -> NDArray[np.float64]:
    """(N, 3) motion of points that turn down about the sideways axis through an eye's centre."""
    return _turn(points_cm - centre_cm, angle_rad)


def jaw_guide(points_cm: NDArray[np.float64], hinge_cm: NDArray[np.float64], angle_rad: float) -> NDArray[np.float64]:
    """(N, 3) motion of points that turn down with the jaw about its hinge (y, z of a sideways axis in the middle of the face)."""
    return _turn(points_cm - hinge_cm, angle_rad)


def _turn(arm: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    cosine, sine = np.cos(angle), np.sin(angle)
    turned = np.stack([arm[:, 0], cosine * arm[:, 1] - sine * arm[:, 2], sine * arm[:, 1] + cosine * arm[:, 2]], axis=1)
    return turned - arm


def fit_hinge(
    points_cm: NDArray[np.float64], displacement_cm: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Hinge (3,) and angle of the planar rotation (about x) that moves points (N, 3) of the lower teeth best."""
    before, after = points_cm[:, 1:], (points_cm + displacement_cm)[:, 1:]
    p, q = before - before.mean(axis=0), after - after.mean(axis=0)
    angle = float(np.arctan2((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum(), (p * q).sum()))
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = after.mean(axis=0) - rotation @ before.mean(axis=0)
    hinge = np.linalg.solve(np.eye(2) - rotation, shift)
    return np.array([0.0, *hinge]), angle
