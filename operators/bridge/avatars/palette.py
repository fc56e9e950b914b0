"""Colours of the avatars, linear RGB; no bpy."""

from __future__ import annotations

Colour = tuple[float, float, float]

SKIN: Colour = (0.55, 0.315, 0.225)
BLUSH: Colour = (0.60, 0.25, 0.19)
LID: Colour = (0.44, 0.215, 0.165)
LIP: Colour = (0.42, 0.155, 0.135)
GUM: Colour = (0.36, 0.085, 0.075)
TONGUE: Colour = (0.42, 0.13, 0.115)
TOOTH: Colour = (0.72, 0.66, 0.55)
BROW: Colour = (0.055, 0.032, 0.020)
HAIR: Colour = (0.030, 0.017, 0.010)
EYE_WHITE: Colour = (0.80, 0.765, 0.74)
WHITE: Colour = (0.80, 0.77, 0.74)
IRIS: Colour = (0.10, 0.20, 0.26)
