"""Difference of two colours as the eye sees it: CIEDE2000."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..types import Floats


def delta_e_2000(first: Floats, second: Floats) -> NDArray[np.float64]:
    """CIEDE2000 of (N, 3) Lab colours (Sharma, Wu, Dalal, 2005)."""
    l1, a1, b1 = first.T.astype(float)
    l2, a2, b2 = second.T.astype(float)
    mean_c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean_c7 / (mean_c7 + 25.0**7))
    c1, c2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1, h2 = np.arctan2(b1, stretch * a1), np.arctan2(b2, stretch * a2)
    turn = np.where(c1 * c2 == 0, 0, (h2 - h1 + np.pi) % (2 * np.pi) - np.pi)
    mean_h = h1 + turn / 2
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    weight = (
        1 - 0.17 * np.cos(mean_h - np.radians(30)) + 0.24 * np.cos(2 * mean_h)
        + 0.32 * np.cos(3 * mean_h + np.radians(6)) - 0.2 * np.cos(4 * mean_h - np.radians(63))
    )  # fmt: skip
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * weight
    hue_degrees = np.degrees(mean_h) % 360
    rotation = -2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    rotation *= np.sin(np.radians(60) * np.exp(-(((hue_degrees - 275) / 25) ** 2)))
    lightness, chroma = (l2 - l1) / s_l, (c2 - c1) / s_c
    hue = 2 * np.sqrt(c1 * c2) * np.sin(turn / 2) / s_h
    squared: NDArray[np.float64] = lightness**2 + chroma**2 + hue**2 + rotation * chroma * hue
    steps: NDArray[np.float64] = np.sqrt(np.maximum(squared, 0))
    return steps
