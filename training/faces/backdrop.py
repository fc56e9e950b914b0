"""Random backgrounds: gradients, clouds, soft shapes, lights out of focus."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator


def random_backdrop(size: int, rng: Rng) -> NDArray[np.uint8]:
    """(size, size, 3) sRGB."""
    small = size // 4
    first, second = rng.uniform(0.0, 1.0, (2, 3)) ** 1.3
    if rng.random() < 0.8:  # most walls are nearly grey
        first, second = (
            colour.mean() + rng.uniform(0.0, 0.35) * (colour - colour.mean()) for colour in (first, second)
        )
    angle = rng.uniform(0, 2 * np.pi)
    x, y = np.meshgrid(np.linspace(-1, 1, small), np.linspace(-1, 1, small))
    share = 0.5 + 0.4 * (np.cos(angle) * x + np.sin(angle) * y)
    for cells in (3, 8, 24):
        coarse = rng.normal(size=(cells, cells)).astype(np.float32)
        share += rng.uniform(0, 0.25) * cv2.resize(coarse, (small, small), interpolation=cv2.INTER_CUBIC)
    share = np.clip(share, 0, 1)[..., None]
    picture = (first * share + second * (1 - share)).astype(np.float32)
    for _ in range(int(rng.integers(0, 14) * (rng.random() < 0.7))):
        _shape(picture, rng)
    sharp = rng.random() < 0.3
    picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 1.0) if sharp else rng.uniform(1.0, 6.0))
    if rng.random() < 0.2:
        _lights(picture, rng)
    large = cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC)
    if sharp:
        large += rng.normal(0, rng.uniform(0, 0.06), (size, size, 1)).astype(np.float32)
    return np.asarray(np.clip(large * 255, 0, 255), np.uint8)


def _shape(picture: NDArray[np.float32], rng: Rng) -> None:
    size = len(picture)
    colour = tuple(float(part) for part in _pale(rng.uniform(0, 1, 3) * rng.uniform(0.2, 1.0), rng))
    place = tuple(int(part) for part in rng.integers(0, size, 2))
    if rng.random() < 0.5:
        other = tuple(int(part) for part in rng.integers(0, size, 2))
        cv2.rectangle(picture, place, other, colour, int(rng.choice([-1, -1, 2, 5])))
    else:
        axes = tuple(int(part) for part in rng.integers(3, size // 3, 2))
        cv2.ellipse(picture, place, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)


def _pale(colour: NDArray[np.float64], rng: Rng) -> NDArray[np.float64]:
    return np.asarray(colour.mean() + rng.uniform(0.1, 0.8) * (colour - colour.mean()))


def _lights(picture: NDArray[np.float32], rng: Rng) -> None:
    """Discs of lamps far away."""
    size = len(picture)
    for _ in range(int(rng.integers(3, 16))):
        disc = np.zeros_like(picture)
        colour = tuple(float(part) for part in rng.uniform(0.3, 1.0, 3))
        place = tuple(int(part) for part in rng.integers(0, size, 2))
        cv2.circle(disc, place, int(rng.integers(2, 9)), colour, -1, cv2.LINE_AA)
        picture += rng.uniform(0.3, 1.0) * disc
