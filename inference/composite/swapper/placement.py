"""Where the face goes in one frame: by landmarks, by where it was rendered, and by pixels, whichever the plate bears out.

Landmarks may be far off (a plate that is out of focus, a half-hidden face). A render of the tracked head lies about where it
belongs all the same; when pixels say so, the face goes there, and the actor's points are corrected by the avatar's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ..regions import face_width_px
from ..renders import Render
from ..types import Floats, Pixels
from .refinement import refine
from .warp import IDENTITY, apply_affine, chain, fit_warp, inverse

_FAR: Final = 0.04
"""Face widths by which landmarks move the render; pixels find the way from less, from more it is asked whether the render
lies better as it is."""
_APART: Final = (0.01, 0.02)
"""Face widths between the actor's points and where pixels put them: landmark noise up to the first, wrong from the second
on."""


@dataclass(frozen=True)
class Placement:
    """One frame's answer, as plain arrays."""

    actor_px: Floats
    """(478, 2) in the plate, corrected where pixels know better."""
    offset_px: Floats
    """(478, 2) from the actor's landmarks to the avatar's in the render."""
    refinement: Floats
    """(2, 3) done to plate pixels before the warp, see `warp.Warp`."""
    likeness: float
    """-1..1, see `refinement.sameness`."""
    correction: float = 0.0
    """0..1 how far the actor's landmarks are wrong and pixels know better."""

    def with_points(self, actor_px: Floats) -> Placement:
        """The same place of the render under other points of the actor."""
        avatar_px = self.actor_px + self.offset_px
        before, after = (
            fit_warp(points, avatar_px, bend_strength=0.0).similarity for points in (self.actor_px, actor_px)
        )
        refinement = chain(inverse(after), chain(before, self.refinement))
        return replace(self, actor_px=actor_px, offset_px=avatar_px - actor_px, refinement=refinement)


def place(plate: Pixels, render: Render, actor_px: Floats, avatar_px: Floats) -> Placement:
    """Place the render of one frame; landmarks (478, 2) of the actor in the plate and of the avatar in the render."""
    by_landmarks = fit_warp(actor_px, avatar_px, bend_strength=0.0).similarity
    found, trust, likeness = _refined(plate, render, by_landmarks, actor_px)
    if trust < 1 and _distance(apply_affine(by_landmarks, actor_px), actor_px) > _FAR:
        other, other_trust, other_likeness = _refined(plate, render, IDENTITY, avatar_px)
        if other_trust > trust:
            found, trust, likeness = other, other_trust, other_likeness
    if trust == 0:
        return Placement(actor_px, avatar_px - actor_px, IDENTITY, likeness)
    whole = by_landmarks + np.float32(trust) * (found - by_landmarks)
    borne_out = apply_affine(inverse(found), avatar_px)
    correction = trust * _apart(actor_px, borne_out)
    refinement = chain(inverse(by_landmarks), whole)
    placed = Placement(actor_px, avatar_px - actor_px, refinement, likeness, correction)
    return placed.with_points((actor_px + correction * (borne_out - actor_px)).astype(np.float32))


def _refined(plate: Pixels, render: Render, similarity: Floats, points_px: Floats) -> tuple[Floats, float, float]:
    """Affine (2, 3) of plate pixels to render pixels, how far it is to be trusted, and the likeness it brings."""
    fit = refine(plate, render, similarity, points_px)
    return chain(similarity, fit.move), fit.trust(points_px), fit.likeness


def _apart(first_px: Floats, second_px: Floats) -> float:
    """0..1: are the two sets of points apart by more than landmarks' noise?"""
    return float(np.clip((_distance(first_px, second_px) - _APART[0]) / (_APART[1] - _APART[0]), 0, 1))


def _distance(first_px: Floats, second_px: Floats) -> float:
    """Median distance of two sets of points in face widths."""
    return float(np.median(np.linalg.norm(first_px - second_px, axis=1))) / face_width_px(second_px)
