"""Rigify's faces, the older one and the modular one: which way each control goes for each coefficient.

Numbers are centimetres of the face model (x to the actor's left, y up, z out of the face) or, behind ``turn``, radians
about those axes. They were measured: both faces were generated from Rigify's human metarig, laid over the default face, each
control was moved, and the moves that come nearest to the default face's own expressions were solved for, the mean of both
faces and both sides. Left sides are written down; the right ones are mirrored.
"""

from __future__ import annotations

import re
from typing import Final

from ... import arkit

Way = tuple[float, float, float]
Moves = dict[str, Way]
"""By control, ``turn NAME`` for rotations."""

ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "corner.L": ("lips.L", "lip_end.L.001"),
    "corner.R": ("lips.R", "lip_end.R.001"),
}
"""Controls that the two faces call differently."""
TURN: Final = "turn "

_LEFT: Final[dict[str, Moves]] = {
    "eyeBlinkLeft": {"lid.B.L.002": (-0.25, 0, -0.1), "lid.T.L.002": (-0.12, -0.92, 0.24)},
    "eyeLookDownLeft": {"lid.B.L.002": (0, -0.18, -0.1), "lid.T.L.002": (0, -0.74, 0.28)},
    "eyeLookUpLeft": {"lid.B.L.002": (0, 0.15, 0), "lid.T.L.002": (0.03, 0.43, -0.11)},
    "eyeSquintLeft": {"cheek.T.L.001": (-0.2, 0.2, 0.03), "lid.B.L.002": (-0.13, 0.21, 0.05)},
    "eyeWideLeft": {"lid.B.L.002": (0, 0.03, 0), "lid.T.L.002": (0.05, 0.41, -0.12)},
    "jawForward": {
        "corner.L": (0.06, -0.06, 0.2), "corner.R": (-0.06, -0.06, 0.2), "jaw_master": (0, 0, 0.77),
        "lip.B": (0, -0.08, 0.17), "lip.B.L.001": (0, 0, 0.15), "lip.B.R.001": (0, 0, 0.15),
        "lip.T.L.001": (0, 0, -0.1), "lip.T.R.001": (0, 0, -0.1),
    },
    "jawLeft": {
        "corner.L": (0.23, 0, 0), "corner.R": (0.17, 0.03, 0.05), "jaw_master": (0.46, 0, 0),
        "turn jaw_master": (0, 0.03, 0), "lip.B": (0.09, 0.03, 0.08), "lip.B.L.001": (0.18, 0, -0.03),
        "lip.B.R.001": (0.1, 0, 0.1), "lip.T": (0.13, 0, 0), "lip.T.L.001": (-0.07, 0, 0),
        "lip.T.R.001": (-0.08, 0, 0),
    },
    "jawOpen": {
        "corner.L": (-0.18, -0.72, -0.5), "corner.R": (0.18, -0.72, -0.5), "turn jaw_master": (0.34, 0, 0),
        "lip.B": (0, -1.54, -0.34), "lip.B.L.001": (0.27, -0.33, -0.38), "lip.B.R.001": (-0.27, -0.33, -0.38),
        "lip.T": (0, -0.19, 0), "lip.T.L.001": (0, 0.22, 0.11), "lip.T.R.001": (0, 0.22, 0.11),
    },
    "mouthClose": {
        "cheek.B.L.001": (0, -0.7, -0.31), "cheek.B.R.001": (0, -0.7, -0.31), "corner.L": (0, 1.55, 0.83),
        "corner.R": (0, 1.55, 0.83), "lip.B": (0, 3.35, 1.65), "lip.B.L.001": (-0.32, 0.44, 0.43),
        "lip.B.R.001": (0.32, 0.44, 0.43), "lip.T.L.001": (0, -0.49, -0.26), "lip.T.R.001": (0, -0.49, -0.26),
    },
    "mouthFunnel": {
        "cheek.B.L.001": (0, 0.22, -0.25), "cheek.B.R.001": (0, 0.22, -0.25), "corner.L": (-0.3, -0.07, 0.8),
        "corner.R": (0.3, -0.07, 0.8), "lip.B": (0, -0.91, 0.47), "lip.B.L.001": (0.12, 0, 0.12),
        "lip.B.R.001": (-0.12, 0, 0.12), "lip.T": (0, 0.52, 0.5), "lip.T.L.001": (0, -0.07, 0.08),
        "lip.T.R.001": (0, -0.07, 0.08),
    },
    "mouthPucker": {
        "cheek.B.L.001": (0, 0, -0.28), "cheek.B.R.001": (0, 0, -0.28), "corner.L": (-0.45, 0.2, 0.98),
        "corner.R": (0.45, 0.2, 0.98), "lip.B": (0, -0.14, 0.73), "lip.B.L.001": (0, 0, 0.08),
        "lip.B.R.001": (0, 0, 0.08), "lip.T": (0, 0.17, 0.57), "lip.T.L.001": (-0.05, -0.1, 0.09),
        "lip.T.R.001": (0.05, -0.1, 0.09),
    },
    "mouthLeft": {
        "cheek.B.L.001": (-0.13, 0.17, 0.28), "cheek.B.R.001": (-0.2, 0, 0.31), "corner.L": (0.67, 0.46, -0.41),
        "corner.R": (1.48, 0, 0.79), "lip.B": (1.52, 0, -0.27), "lip.B.L.001": (0, 0, -0.1),
        "lip.B.R.001": (0.17, 0, 0), "lip.T": (1.5, 0.08, -0.3), "lip.T.L.001": (-0.11, 0, -0.14),
        "lip.T.R.001": (0.1, 0, 0.25),
    },
    "mouthSmileLeft": {
        "cheek.B.L.001": (0.22, 0.1, 0.29), "cheek.T.L.001": (-0.12, 0, 0.24), "corner.L": (0.62, 0.97, -0.79),
        "lip.B": (0, 0.24, -0.07), "lip.B.L.001": (0.06, 0, 0), "lip.B.R.001": (-0.06, -0.06, 0),
        "lip.T": (0, 0.15, -0.11), "lip.T.L.001": (0.18, -0.07, -0.09), "lip.T.R.001": (-0.08, 0, 0),
    },
    "mouthFrownLeft": {
        "cheek.B.L.001": (-0.09, 0, 0), "corner.L": (0.16, -0.37, -0.08), "lip.B.L.001": (0, 0.08, 0.07),
        "lip.T": (0, -0.05, -0.04), "lip.T.L.001": (0, 0.04, -0.05),
    },
    "mouthDimpleLeft": {
        "cheek.B.L.001": (0.04, -0.11, 0.57), "corner.L": (0.15, 0.35, -0.53), "lip.B": (0, 0.05, -0.04),
        "lip.B.L.001": (0.14, 0.05, 0.04), "lip.B.R.001": (-0.03, 0, 0), "lip.T.L.001": (0.1, -0.18, 0.12),
        "lip.T.R.001": (0, 0, -0.03),
    },
    "mouthStretchLeft": {
        "cheek.B.L.001": (-0.11, 0.1, 0.31), "corner.L": (0.58, -0.16, -0.54), "lip.B": (0, 0.04, -0.06),
        "lip.B.L.001": (0.03, 0, 0.1), "lip.B.R.001": (-0.06, 0, 0), "lip.T": (0, -0.04, -0.09),
        "lip.T.L.001": (0.04, 0, 0.03),
    },
    "mouthRollLower": {
        "cheek.B.L.001": (0, 0.06, 0.09), "cheek.B.R.001": (0, 0.06, 0.09), "corner.L": (0.04, 0, -0.12),
        "corner.R": (-0.04, 0, -0.12), "lip.B": (0, 0.7, -0.71), "lip.B.L.001": (-0.09, 0, -0.14),
        "lip.B.R.001": (0.09, 0, -0.14),
    },
    "mouthRollUpper": {
        "cheek.B.L.001": (0.06, -0.08, 0.13), "cheek.B.R.001": (-0.06, -0.08, 0.13),
        "corner.L": (0.07, 0.05, -0.21), "corner.R": (-0.07, 0.05, -0.21), "lip.B": (0, 0.04, 0),
        "lip.B.L.001": (-0.06, 0, 0.16), "lip.B.R.001": (0.06, 0, 0.16), "lip.T": (0, -0.32, -0.71),
        "lip.T.L.001": (0.04, 0.05, -0.28), "lip.T.R.001": (-0.04, 0.05, -0.28),
    },
    "mouthShrugLower": {
        "chin": (0, 1.03, 0.26), "corner.L": (0, 0.25, 0.21), "corner.R": (0, 0.25, 0.21),
        "lip.B": (0, 0.81, 0.54), "lip.B.L.001": (0, 0.09, 0.14), "lip.B.R.001": (0, 0.09, 0.14),
        "lip.T.L.001": (0, -0.12, -0.1), "lip.T.R.001": (0, -0.12, -0.1),
    },
    "mouthShrugUpper": {"lip.T": (0, 0.51, 0.05), "lip.T.L.001": (0, 0.03, 0), "lip.T.R.001": (0, 0.03, 0)},
    "mouthPressLeft": {
        "chin": (0, 0.26, 0.1), "corner.L": (0, 0.19, 0.09), "lip.B": (0, 0.11, 0.09), "lip.B.L.001": (0, 0.06, 0),
        "lip.B.R.001": (0, 0, -0.03), "lip.T.L.001": (-0.06, 0, -0.05), "lip.T.R.001": (0, 0.03, 0),
    },
    "mouthLowerDownLeft": {
        "cheek.B.L.001": (0, 0.09, 0), "corner.L": (0.04, -0.16, -0.04), "lip.B": (0, -0.34, -0.1),
        "lip.B.L.001": (0.1, -0.16, -0.03), "lip.B.R.001": (-0.04, 0.13, 0.04), "lip.T.L.001": (-0.04, 0.07, 0),
    },
    "mouthUpperUpLeft": {
        "cheek.B.L.001": (0.09, 0.29, 0.09), "corner.L": (0, 0.36, 0), "lip.B.L.001": (0, -0.13, 0),
        "lip.T": (0, 0.33, -0.06), "lip.T.L.001": (0.15, 0.39, 0), "lip.T.R.001": (-0.05, -0.08, 0.04),
    },
    "browDownLeft": {
        "brow.B.L.002": (-0.1, -0.12, 0.09), "brow.T.L.001": (-0.27, -0.15, 0.32),
        "brow.T.L.002": (-0.14, -0.1, 0.07), "brow.T.L.003": (-0.31, -0.33, 0.2),
    },
    "browInnerUp": {
        "brow.B.L.002": (0, 0.1, 0), "brow.B.R.002": (0, 0.1, 0), "brow.T.L.001": (0, 0.13, 0),
        "brow.T.L.002": (0, -0.07, 0), "brow.T.L.003": (0.06, 0.48, 0), "brow.T.R.001": (0, 0.13, 0),
        "brow.T.R.002": (0, -0.07, 0), "brow.T.R.003": (-0.06, 0.48, 0),
    },
    "browOuterUpLeft": {
        "brow.B.L.002": (0, 0.25, -0.04), "brow.T.L.001": (0.14, 0.69, -0.21), "brow.T.L.002": (0.09, 0.19, -0.1),
        "brow.T.L.003": (0.16, 0.52, -0.1),
    },
    "cheekPuff": {
        "cheek.B.L.001": (0.3, 0.28, 0.07), "cheek.B.R.001": (-0.3, 0.28, 0.07), "corner.L": (-0.21, 0.14, 1.33),
        "corner.R": (0.21, 0.14, 1.33), "lip.B": (0, 0, 0.86), "lip.B.L.001": (-0.17, 0, 0),
        "lip.B.R.001": (0.17, 0, 0), "lip.T": (0, 0.11, 0.73), "lip.T.L.001": (-0.2, 0.08, 0),
        "lip.T.R.001": (0.2, 0.08, 0),
    },
    "cheekSquintLeft": {
        "cheek.B.L.001": (0.11, 0.41, 0.06), "cheek.T.L.001": (-0.15, 0.23, 0.1),
        "lid.B.L.002": (-0.07, 0.17, 0.07),
    },
    "noseSneerLeft": {
        "brow.T.L.003": (-0.09, -0.34, 0.06), "cheek.T.L.001": (-0.15, 0.79, 0.24), "lip.T": (0, 0.31, 0),
        "lip.T.L.001": (0, 0.64, 0), "lip.T.R.001": (0, -0.07, 0), "nose.L.001": (0, 0.44, 0.15),
        "nose.R.001": (0, 0.05, 0),
    },
}  # fmt: skip


def moves(coefficient: str) -> Moves:
    """What the controls do for a coefficient at 1; nothing for those that Rigify's face cannot show."""
    if coefficient in _LEFT:
        return _LEFT[coefficient]
    left = coefficient.removesuffix("Right") + "Left"
    return {_other_side(name): _mirrored(name, way) for name, way in _LEFT.get(left, {}).items()}


def _other_side(name: str) -> str:
    return re.sub(r"\.([LR])(?=\.|$)", lambda found: ".R" if found[1] == "L" else ".L", name)


def _mirrored(name: str, way: Way) -> Way:
    x, y, z = way
    return (x, -y, -z) if name.startswith(TURN) else (-x, y, z)


SHOWN: Final[tuple[str, ...]] = tuple(name for name in arkit.NAMES if moves(name))
