"""ARKit's shapes out of a maker's own expression space: its motions are combined so that the landmarks move as ours do.

Regularised least squares per shape: minimise ``sum_i s_i |B c - e|_i^2 / ERROR_CM^2 + sum_m (c_m / spread_m)^2`` over the
468 skin landmarks, with B the maker's motions and e the default model's shape, scaled to the size of the maker's face.
"""

from __future__ import annotations

import numpy as np

from .. import arkit
from .default import load_default
from .overlay import Overlay
from .rims import EYES, LOWER_LIP, SKIN, UPPER_LIP
from .surface import Array

ERROR_CM = 0.05
"""How exactly landmarks are to move."""
RIM_FACTOR = 4.0
"""Lids and lips count this many times as much: what touches matters most."""
EXPLAINED = 0.5
"""A shape of whose motion a maker's space cannot make this part stays zero."""


def arkit_weights(motions_cm: Array, spread: Array, overlay: Overlay) -> Array:
    """(52, M) how much of each of the maker's motions (M, V, 3) makes each ARKit shape; `spread` (M,) is their usual size."""
    importance = np.sqrt(landmark_importance())[:, None] / ERROR_CM
    basis = (overlay.at_skin(motions_cm) * importance).reshape(len(motions_cm), -1)
    wanted = (targets_cm(overlay) * importance).reshape(len(arkit.NAMES), -1)
    square = basis @ basis.T + np.diag(1.0 / spread**2)
    return np.linalg.solve(square, basis @ wanted.T).T


def keep_explained(expressions_cm: Array, overlay: Overlay) -> Array:
    """(52, V, 3) with the shapes zeroed that explain too little of the motion that their names stand for."""
    share = explained(expressions_cm, overlay)
    return expressions_cm * (share >= EXPLAINED)[:, None, None]


def explained(expressions_cm: Array, overlay: Overlay) -> Array:
    """(52,) part of the default model's landmark motion that shapes (52, V, 3) make; 0 where it has none."""
    importance = landmark_importance()[:, None]
    wanted = targets_cm(overlay)
    left = (importance * (overlay.at_skin(expressions_cm) - wanted) ** 2).sum((1, 2))
    whole = (importance * wanted**2).sum((1, 2))
    return np.where(whole > 0, 1.0 - left / np.maximum(whole, 1e-12), 0.0)


def targets_cm(overlay: Overlay) -> Array:
    """(52, 468, 3) the default model's landmark motions at the maker's size and in its axes."""
    return overlay.scale * load_default().landmark_expressions_cm[:, :SKIN] @ overlay.rotation


def landmark_importance() -> Array:
    """(468,) how much each landmark counts."""
    result = np.ones(SKIN)
    result[sorted(UPPER_LIP | LOWER_LIP | {i for eye in EYES for i in eye.upper + eye.lower})] = RIM_FACTOR
    return result
