"""Ears of the default avatar, procedural: an outline, a profile from the bowl to the rim, a back; no bpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .mesh import Piece, Points, grid_faces, smoothstep

ROUND = 72
CENTRE_CM = np.array([7.55, 1.05, 2.35])
STAND_OFF, TILT = np.radians(24.0), np.radians(14.0)
"""Angle of the ear's plane to the side of the head, and lean toward the back."""
# Outline: angle (0 = toward the face, 90 = up, 180 = back, 270 = down) and radius, cm.
OUTLINE = (
    (0, 1.10), (25, 1.30), (50, 1.95), (70, 2.50), (90, 2.75), (115, 2.72), (140, 2.45), (165, 2.12), (190, 1.88),
    (215, 1.80), (240, 2.05), (262, 2.42), (280, 2.35), (298, 1.85), (318, 1.30), (340, 1.10),
)  # fmt: skip
RHO = np.array([0.0, 0.12, 0.22, 0.32, 0.40, 0.47, 0.54, 0.61, 0.68, 0.75, 0.81, 0.86, 0.91, 0.955, 0.985, 1.0])


def ear(side: float) -> Piece:
    """The ear of the actor's left (side 1) or right (side -1)."""
    turn = np.arange(ROUND) / ROUND * 2 * np.pi
    radius = _outline(turn)
    rings = [_ring(turn, radius * rho, _relief(turn, rho)) for rho in RHO[1:]]
    # The rim turns over and the back runs into the head.
    for rho, lift in (
        (1.01, 0.04),
        (0.985, -0.12),
        (0.93, -0.26),
        (0.84, -0.42),
        (0.70, -0.62),
        (0.58, -0.95),
        (0.5, -1.5),
    ):
        rings.append(_ring(turn, radius * rho, _relief(turn, 1.0) + lift - 0.1 * (1 - rho)))
    centre = _ring(turn[:1], radius[:1] * 0, _relief(turn[:1], 0.0))
    local = np.concatenate([centre, *rings])
    faces = [
        [face[0] + 1, face[1] + 1, face[2] + 1, face[3] + 1] for face in grid_faces(len(rings), ROUND, closed=True)
    ]
    faces += [[0, 1 + i, 1 + (i + 1) % ROUND] for i in range(ROUND)]
    points = _placed(local) * [side, 1.0, 1.0]
    # In local axes (forward, up, outward) angles grow clockwise seen from outside on the actor's left side.
    outward = faces if side < 0 else [face[::-1] for face in faces]
    return Piece(
        name="Ear",
        points_cm=points,
        faces=outward,
        materials=["skin"],
        face_material=np.zeros(len(faces), np.int32),
        bone_weights={"head": np.ones(len(points))},
        attributes={"rest_cm": points},
    )


def _outline(turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radius at each angle: the table, smoothed by a short Fourier series."""
    angle, radius = np.array(OUTLINE, float).T
    fine = np.interp(np.arange(360), np.r_[angle, 360], np.r_[radius, radius[0]])
    spectrum = np.fft.rfft(fine)
    spectrum[9:] = 0
    smooth = np.fft.irfft(spectrum, 360)
    return np.interp(np.degrees(turn), np.arange(361), np.r_[smooth, smooth[0]])


def _relief(turn: NDArray[np.float64], rho: float) -> NDArray[np.float64]:
    """Height over the ear's plane, cm: bowl, tragus, inner fold, groove and rim."""
    degrees = np.degrees(turn)

    def toward(angle: float, width: float) -> NDArray[np.float64]:
        off = np.abs((degrees - angle + 180) % 360 - 180)
        return np.exp(-((off / width) ** 2))

    lobe = toward(272, 34)
    front = toward(0, 42)
    r = np.full(len(turn), rho)
    bowl = -0.75 * smoothstep(0.50, 0.12, r) * (1 - 0.5 * lobe)
    fold = (
        0.22 * np.exp(-(((rho - 0.60) / 0.10) ** 2)) * (toward(165, 75) + 0.6 * toward(95, 30)).clip(0, 1) * (1 - lobe)
    )
    groove = -0.16 * np.exp(-(((rho - 0.79) / 0.08) ** 2)) * (1 - lobe) * (1 - front)
    rim = 0.22 * smoothstep(0.84, 0.95, r) * (1 - 0.75 * lobe) * (1 - 0.6 * front)
    tragus = 0.55 * np.exp(-(((rho - 0.62) / 0.20) ** 2)) * toward(352, 26)
    antitragus = 0.24 * np.exp(-(((rho - 0.50) / 0.12) ** 2)) * toward(292, 24)
    root = -0.40 * smoothstep(0.75, 1.0, r) * front
    return bowl + fold + groove + rim + tragus + antitragus + root


def _ring(turn: NDArray[np.float64], radius: NDArray[np.float64], height: NDArray[np.float64]) -> Points:
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), height], axis=1)


def _placed(local: Points) -> Points:
    """Local (forward, up, outward) axes of the left ear to face-model axes."""
    forward, up, outward = local.T
    leaned = forward * np.cos(TILT) - up * np.sin(TILT), forward * np.sin(TILT) + up * np.cos(TILT)
    forward, up = leaned
    x = outward * np.cos(STAND_OFF) - forward * np.sin(STAND_OFF)
    z = outward * np.sin(STAND_OFF) + forward * np.cos(STAND_OFF)
    return CENTRE_CM + np.stack([x, up, z], axis=1)
