"""What people wear on or hold before their faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator

GLASSES: Final = 0.17
"""Share of people."""
HATS: Final = 0.09
OCCLUDED: Final = 0.09
"""Share of pictures."""


@dataclass(frozen=True)
class Glasses:
    """Sizes in cm; colours linear."""

    frame: NDArray[np.float64]
    thick_cm: float
    half_size_cm: tuple[float, float]
    """Half width and height of a lens."""
    roundness: float
    """Exponent of the lens' outline: 2 an ellipse, 5 nearly a rectangle."""
    low_cm: float
    """How much below the eyes' middle the lenses sit."""
    tint: NDArray[np.float64]
    cover: float
    """Of the tint: 0 clear glass, 1 opaque."""


@dataclass(frozen=True)
class Hat:
    """A cap, a woollen hat or headphones."""

    kind: str
    """`cap`, `beanie` or `headphones`."""
    rim_cm: float
    """Height of its front rim above the eyes."""
    tilt: float
    """How much further down it reaches behind, cm per cm."""
    loose_cm: float
    colour: NDArray[np.float64]
    second: NDArray[np.float64]


@dataclass(frozen=True)
class Occluder:
    """Something before the face, in the picture's plane."""

    kind: str
    """`hand`, `microphone`, `cup`, `board` or `ball`."""
    place: tuple[float, float]
    """Right and up of the face's middle, in face widths."""
    turn_rad: float
    size: float
    colour: NDArray[np.float64]
    seed: int


def random_glasses(rng: Rng) -> Glasses | None:
    """None for most people."""
    if rng.random() > GLASSES:
        return None
    dark = rng.random() < 0.15
    return Glasses(
        frame=rng.uniform(0.005, 0.3, 3) if rng.random() < 0.4 else np.full(3, rng.uniform(0.005, 0.06)),
        thick_cm=float(rng.uniform(0.07, 0.32)),
        half_size_cm=(float(rng.uniform(2.1, 2.9)), float(rng.uniform(1.5, 2.6))),
        roundness=float(rng.uniform(2.0, 5.0)),
        low_cm=float(rng.uniform(0.0, 0.7)),
        tint=np.full(3, rng.uniform(0.005, 0.03)) if dark else rng.uniform(0.3, 1.0, 3),
        cover=float(rng.uniform(0.6, 0.97)) if dark else float(rng.uniform(0.0, 0.12)),
    )


def random_hat(rng: Rng) -> Hat | None:
    """None for most people."""
    if rng.random() > HATS:
        return None
    colour = np.exp(rng.uniform(np.log(0.01), np.log(0.7))) * rng.uniform(0.3, 1.0, 3)
    return Hat(
        kind=str(rng.choice(["cap", "beanie", "headphones"])),
        rim_cm=float(rng.uniform(2.6, 5.5)),
        tilt=float(rng.uniform(-0.1, 0.35)),
        loose_cm=float(rng.uniform(0.5, 1.2)),
        colour=colour,
        second=colour if rng.random() < 0.6 else rng.uniform(0.01, 0.7, 3),
    )


def random_occluder(rng: Rng, skin: NDArray[np.float64]) -> Occluder | None:
    """None for most pictures; a hand has mostly the actor's own skin."""
    if rng.random() > OCCLUDED:
        return None
    kind = str(rng.choice(["hand", "hand", "hand", "microphone", "cup", "board", "ball"]))
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.75)
    colour = skin * rng.uniform(0.8, 1.15) if kind == "hand" and rng.random() < 0.85 else rng.uniform(0.01, 0.7, 3)
    return Occluder(
        kind=kind,
        place=(float(reach * np.cos(angle)), float(reach * np.sin(angle) - 0.2)),
        turn_rad=float(rng.uniform(0, 2 * np.pi)),
        size=float(rng.uniform(0.75, 1.25)),
        colour=colour,
        seed=int(rng.integers(1 << 31)),
    )
