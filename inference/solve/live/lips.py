"""Where the lips touch while they are watched: `lips`, with the noise of the past."""

from __future__ import annotations

import numpy as np

from ..geometry import Array, Camera, Poses
from ..lips import PARTS, lip_contact, lip_gaps_cm, noise_cm

REMEMBERED = 128
"""Frames from which the noise is measured, each time so many have been seen."""


class LiveLips:
    """What is remembered of the gaps between an actor's lips."""

    def __init__(self) -> None:
        self.contact = np.zeros(PARTS)
        self._gaps_cm = np.zeros((REMEMBERED, PARTS))
        self._count = 0
        self._noise_cm = 0.0

    def contact_of(self, points_px: Array, pose: Poses, camera: Camera) -> Array:
        """(3,) 1 where the lips of (468, 2) points touch, 0 where they are apart."""
        return np.asarray(lip_contact(lip_gaps_cm(points_px[None], pose, camera), self._noise_cm)[0])

    def follow(self, points_px: Array, pose: Poses, camera: Camera) -> None:
        """Take in one frame: its `contact`, and what it says about the noise."""
        gaps_cm = lip_gaps_cm(points_px[None], pose, camera)
        self._gaps_cm[self._count % REMEMBERED] = gaps_cm[0]
        self._count += 1
        if self._count % REMEMBERED == 0:
            self._noise_cm = noise_cm(self._gaps_cm)
        self.contact = lip_contact(gaps_cm, self._noise_cm)[0]
