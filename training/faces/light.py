"""Random light: soft surroundings of a few coloured lobes, and one or two lamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Light:
    """In camera axes (x right, y up, z to the camera); colours are linear RGB."""

    lobe_from: Floats
    """(L, 3) unit vectors toward soft lights, and their colours:"""
    lobe_colour: Floats
    """(L, 3)."""
    base: Floats
    """(3,) light from everywhere."""
    lamp_from: Floats
    """(2, 3) unit vectors toward the lamps; only the first throws shadows."""
    lamp_colour: Floats
    """(2, 3)."""
    brightness: float
    """Of the finished picture: what a white surface in the mean light would have, linear."""


def random_light(rng: np.random.Generator) -> Light:
    """From overcast to a single hard lamp, from warm to cool."""
    lobes = int(rng.integers(1, 5))
    toward = rng.normal(size=(lobes, 3)) * [1.0, 0.8, 0.8] + [0.0, 0.35, 0.3]
    soft = _colours(lobes, rng) * rng.uniform(0.2, 1.0, (lobes, 1))
    hardness = rng.choice([0.0, rng.uniform(0.2, 1.0), rng.uniform(1.0, 3.0)], p=[0.2, 0.5, 0.3])
    lamps = rng.normal(size=(2, 3)) * [1.0, 0.6, 0.4] + [0.0, 0.45, 0.7]
    lamp_colour = _colours(2, rng) * hardness * np.array([[1.0], [rng.uniform(0.0, 0.5) * (rng.random() < 0.5)]])
    if rng.random() < 0.15:  # a rim light from behind
        lamps[1, 2] = -abs(lamps[1, 2]) - 0.3
        lamp_colour[1] = _colours(1, rng)[0] * rng.uniform(0.5, 2.0)
    return Light(
        lobe_from=toward / np.linalg.norm(toward, axis=1, keepdims=True),
        lobe_colour=soft,
        base=_colours(1, rng)[0] * rng.uniform(0.1, 0.7),
        lamp_from=lamps / np.linalg.norm(lamps, axis=1, keepdims=True),
        lamp_colour=lamp_colour,
        brightness=float(np.exp(rng.normal(np.log(0.9), 0.35))),
    )


def _colours(count: int, rng: np.random.Generator) -> Floats:
    """(count, 3) mostly whitish between warm and cool; now and then coloured."""
    warm = rng.normal(0.0, 0.12, (count, 1))
    colours = 1.0 + warm * np.array([[1.0, 0.1, -1.3]]) + rng.normal(0, 0.03, (count, 3))
    if rng.random() < 0.08:
        colours *= rng.uniform(0.35, 1.2, (count, 3))
    return np.clip(colours, 0.05, 2.0)


def irradiance(light: Light, normals: Floats | NDArray[np.float32]) -> Floats:
    """(N, 3) soft light on surfaces with these normals in camera axes.

    A cosine lobe seen by a diffuse surface, kept to the second order of spherical harmonics (Ramamoorthi and Hanrahan
    2001): 1/4 + 1/2 cos + 5/16 (cos^2 - 1/3) up to a factor.
    """
    cosine = normals @ light.lobe_from.T
    spread = np.maximum(0.25 + 0.5 * cosine + 0.3125 * (cosine * cosine - 1 / 3), 0.0)
    return np.asarray(light.base + spread @ light.lobe_colour)
