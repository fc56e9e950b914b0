"""One rendered person, drawn from a seed: shape of the head, skin, hair, eyes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .style import Style, random_styles
from .things import Glasses, Hat, random_glasses, random_hat

Colour = NDArray[np.float64]
Rng = np.random.Generator

IDENTITIES: Final = 100
CHILDREN: Final = 0.1
"""Share of people with child-like proportions."""
_HAIR: Final = np.array([
    (0.010, 0.009, 0.009), (0.020, 0.013, 0.010), (0.050, 0.028, 0.016), (0.10, 0.055, 0.028), (0.18, 0.11, 0.055),
    (0.34, 0.22, 0.11), (0.20, 0.065, 0.025), (0.28, 0.28, 0.29), (0.55, 0.53, 0.50),
])  # fmt: skip
_IRIS: Final = np.array([
    (0.045, 0.022, 0.010), (0.09, 0.045, 0.018), (0.15, 0.09, 0.035), (0.10, 0.13, 0.06), (0.12, 0.18, 0.22), (0.22, 0.27, 0.30),
])  # fmt: skip


@dataclass(frozen=True)
class Skin:
    """Colours are linear albedo; contrasts are relative."""

    base: Colour
    lips: Colour
    red: float
    """How much redder cheeks, nose and ears are."""
    blotches: float
    pores: float
    freckles: int
    moles: int
    wrinkles: float
    """0 smooth to 1 furrowed."""
    gloss: float
    """Strength of the sheen, 0..1."""
    rough: float
    """Spread of the sheen, 0.25 oily to 0.6 dry."""
    stubble: float
    """0 none to 1, a dark speckled beard."""
    shadow: Colour
    """Eyeshadow, and how much of it (0 none):"""
    shadow_cover: float
    liner: float
    rouge: float
    under_eyes: float
    """Dark rings."""


@dataclass(frozen=True)
class Brows:
    """Hair of the brows; offsets in cm from their usual place."""

    colour: Colour
    cover: float
    thick: float
    """1 usual."""
    shift_cm: tuple[float, float]
    """Along the face outward, and up."""
    slant_cm: float
    """How much higher the outer end is."""
    reach: float
    """How long they are, 1 usual."""


@dataclass(frozen=True)
class Hair:
    """Hair of the head."""

    colour: Colour
    cover: float
    """0 bald to 1."""
    line_cm: float
    """How much higher than usual the forehead reaches."""
    part_cm: float
    """Sideways shift of the hairline's shape."""
    sleek: float
    """Strength of its sheen."""
    styles: tuple[Style, ...]


@dataclass(frozen=True)
class Eyes:
    """Colours are linear albedo."""

    iris: Colour
    white: Colour
    pupil_cm: float
    lashes: float
    """Cover, 0 to 1."""
    lash_colour: Colour
    lash_fineness: float
    """Hairs per strip of the lashes."""


@dataclass(frozen=True)
class Actor:
    """Everything about a person that stays the same from picture to picture."""

    identity: NDArray[np.float32]
    """(100,)."""
    skin: Skin
    brows: Brows
    hair: Hair
    eyes: Eyes
    teeth: Colour
    gaps: float
    """How dark it is between the teeth, 0 to 1."""
    cloth: Colour
    neck_cm: float
    """How much lower than usual the collar is."""
    glasses: Glasses | None
    hat: Hat | None
    child: float
    """0 an adult to 1 the proportions of a small child."""


def random_actor(rng: Rng) -> Actor:
    """A person of any tone of skin, age and taste."""
    spread = 1.3 if rng.random() < 0.1 else rng.uniform(0.7, 1.0)
    child = float(rng.uniform(0.3, 1.0)) if rng.random() < CHILDREN else 0.0
    skin = _skin(rng)
    if child > 0:
        skin = replace(skin, wrinkles=0.0, stubble=0.0, pores=0.3 * skin.pores, blotches=0.5 * skin.blotches, liner=0.0)
    hair = _HAIR[rng.integers(len(_HAIR))] * np.exp(rng.normal(0, 0.2, 3) * 0.5 + rng.normal(0, 0.2))
    if skin.base[0] < 0.2 and rng.random() < 0.85:
        hair = _HAIR[rng.integers(2)] * rng.uniform(0.8, 1.3)
    if rng.random() < 0.03:
        hair = rng.uniform(0.02, 0.5, 3)
    covered = rng.random() > 0.12
    own = hair * rng.uniform(0.25, 0.8)
    return Actor(
        identity=(spread * rng.normal(size=IDENTITIES)).astype(np.float32),
        skin=skin,
        brows=Brows(
            colour=own,
            cover=float(np.clip(rng.normal(0.95, 0.3), 0.15, 1.0)),
            thick=float(np.exp(rng.normal(0.12, 0.28))) * (1 - 0.35 * child),
            shift_cm=(float(rng.normal(0, 0.06)), float(rng.normal(0, 0.08))),
            slant_cm=float(rng.normal(0, 0.12)),
            reach=float(rng.normal(1.0, 0.06)),
        ),
        hair=Hair(
            colour=hair,
            cover=float(rng.choice([rng.uniform(0.3, 0.9), 1.0], p=[0.2, 0.8])) if covered else 0.0,
            line_cm=float(rng.normal(0.1, 0.7)),
            part_cm=float(rng.normal(0, 1.0)),
            sleek=float(rng.uniform(0.0, 0.12)),
            styles=random_styles(rng, skin.stubble, covered),
        ),
        eyes=Eyes(
            iris=0.75 * _IRIS[rng.integers(len(_IRIS))] * np.exp(rng.normal(0, 0.15, 3)),
            white=np.array([0.52, 0.49, 0.46]) * rng.uniform(0.7, 1.1) * np.exp(rng.normal(0, 0.03, 3)),
            pupil_cm=float(rng.uniform(0.13, 0.32)),
            lashes=float(np.clip(rng.normal(0.45, 0.3), 0.0, 1.0)),
            lash_colour=own * 0.4,
            lash_fineness=float(rng.uniform(4.0, 11.0)),
        ),
        teeth=np.array([0.62, 0.56, 0.45]) * rng.uniform(0.4, 1.0) * np.exp(rng.normal(0, 0.06, 3)),
        gaps=float(rng.uniform(0.3, 1.0)),
        cloth=np.exp(rng.uniform(np.log(0.02), np.log(0.8))) * rng.uniform(0.4, 1.0, 3),
        neck_cm=float(rng.normal(0.5, 1.2)),
        glasses=random_glasses(rng),
        hat=random_hat(rng),
        child=child,
    )


def _skin(rng: Rng) -> Skin:
    """Tones are spread evenly between very dark and very pale on a logarithmic scale."""
    tone = rng.uniform()
    dark, middle, pale = np.array([0.055, 0.030, 0.020]), np.array([0.36, 0.20, 0.13]), np.array([0.72, 0.52, 0.44])
    ends = (dark, middle, 2 * tone) if tone < 0.5 else (middle, pale, 2 * tone - 1)
    base = np.exp((1 - ends[2]) * np.log(ends[0]) + ends[2] * np.log(ends[1]))
    base = base * np.exp(rng.normal(0, 0.07, 3) * [0.6, 0.8, 1.0])
    made_up = rng.random() < 0.3
    redder = rng.uniform([0.75, 0.38, 0.40], [1.0, 0.7, 0.7])
    lips = base * (redder if rng.random() < 0.5 else rng.uniform([0.85, 0.65, 0.65], [1.02, 0.95, 0.95]))
    if made_up:
        stick = rng.uniform(0.12, 0.6) * np.array([1.0, rng.uniform(0.05, 0.5), rng.uniform(0.1, 0.7)])
        lips = lips + rng.uniform(0.2, 0.95) * (stick - lips)
    bearded = not made_up and rng.random() < 0.4
    age = rng.uniform()
    return Skin(
        base=base,
        lips=lips,
        red=float(rng.uniform(0.0, 0.5)),
        blotches=float(rng.uniform(0.01, 0.09)),
        pores=float(rng.uniform(0.01, 0.07)),
        freckles=int(rng.integers(40, 500) * (rng.random() < 0.3) * (1.0 if tone > 0.35 else 0.3)),
        moles=int(rng.integers(0, 8)),
        wrinkles=float(age**2),
        gloss=float(rng.uniform(0.15, 1.0)),
        rough=float(rng.uniform(0.28, 0.6)),
        stubble=float(rng.uniform(0.1, 1.0)) if bearded else 0.0,
        shadow=base * rng.uniform(0.2, 0.8) + (rng.random() < 0.3) * rng.uniform(0.0, 0.4, 3),
        shadow_cover=float(rng.uniform(0.1, 0.7)) if made_up else 0.0,
        liner=float(rng.uniform(0.0, 0.9)) if made_up else 0.0,
        rouge=float(rng.uniform(0.0, 0.5)) if made_up else 0.0,
        under_eyes=float(rng.uniform(0.0, 0.35)),
    )
