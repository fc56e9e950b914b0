"""One rendered actor drawn from a seed: identity, skin, hair, light, lens and how large the face is in the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from performance_events import random_blinks, random_events, random_fixations, wide_head_motion
from performance_script import Performance, perform

Colour = tuple[float, float, float]

FACE_WIDTH_CM: Final = 15.5
NEAREST_CM: Final = 36.0
_SKIN_LIGHT: Final = np.array([0.66, 0.43, 0.34])
_SKIN_MIDDLE: Final = np.array([0.44, 0.235, 0.145])
_SKIN_DARK: Final = np.array([0.15, 0.072, 0.042])
_HAIR: Final = (
    (0.012, 0.010, 0.009),
    (0.045, 0.022, 0.011),
    (0.11, 0.05, 0.02),
    (0.30, 0.19, 0.09),
    (0.25, 0.24, 0.23),
)
_IRIS: Final = ((0.085, 0.045, 0.02), (0.07, 0.13, 0.17), (0.09, 0.12, 0.05), (0.05, 0.028, 0.015))


@dataclass(frozen=True)
class Skin:
    """What the skin shows: contrasts are relative standard deviations of its brightness."""

    base: Colour
    lips: Colour
    hair: Colour
    blotches: float
    """Contrast of patches of 0.5 to 3 cm."""
    pores: float
    """Contrast of grain below 2 mm."""
    freckles: int
    moles: int
    stubble: float
    """0 none to 1; a darker, speckled beard region."""
    blush: float
    brow_strength: float
    bald: bool
    dressed: bool
    cloth: Colour


@dataclass(frozen=True)
class Light:
    """One sun-like key light and a soft fill without a place, both in camera axes (x right, y up, z to the camera)."""

    key_from: tuple[float, float, float]
    """Unit vector toward the light."""
    key_strength: float
    key_colour: Colour
    fill_from: tuple[float, float, float]
    """Unit vector toward the brighter half of the surroundings."""
    fill_bright: Colour
    fill_dark: Colour


@dataclass(frozen=True)
class Actor:
    """Everything about the pictures that is no motion."""

    skin: Skin
    iris: Colour
    light: Light
    wall: tuple[Colour, Colour]
    """Two sRGB colours between which the background wanders."""
    sensor_noise: float
    """Standard deviation in 8-bit grey levels."""


def truth_performance(names: list[str], frames: int, seed: int, style: str) -> tuple[Performance, Actor, int]:
    """The performance, the actor and the picture's size in pixels for a seed; `style` is `speech` or `events`."""
    rng = np.random.default_rng([seed, 7])
    size = int(rng.integers(25, 29)) * 16
    focal = size / 2 / np.tan(np.radians(rng.uniform(25, 60)) / 2)
    face_px = min(float(rng.uniform(150, 260)), focal * FACE_WIDTH_CM / NEAREST_CM)
    distance = focal * FACE_WIDTH_CM / face_px
    room_cm = 0.5 * (size / face_px * FACE_WIDTH_CM - 20.0) + 0.5
    rotation, translation = wide_head_motion(frames, max(room_cm, 0.3), rng)
    matrix = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1.0]])
    if style == "speech":
        spoken = perform(names, frames, size, seed)
        coefficients, gaze, identity = spoken.coefficients, spoken.gaze, spoken.identity
    else:
        curves = random_events(names, frames, rng)
        gaze = random_fixations(curves, frames, rng)
        random_blinks(curves, frames, rng)
        coefficients = np.clip(np.stack([curves[name] for name in names], axis=1), 0.0, 1.0)
        identity = rng.normal(0.0, 0.75, 100)
    performance = Performance(names, coefficients, identity, rotation, translation, gaze, matrix, distance)
    return performance, _actor(seed, rng), size


def _actor(seed: int, rng: np.random.Generator) -> Actor:
    wall = rng.uniform(0.08, 0.75) * (0.7 + 0.3 * rng.random((2, 3)))
    return Actor(
        skin=_skin(seed, rng),
        iris=_IRIS[rng.integers(len(_IRIS))],
        light=_light(rng),
        wall=(_colour(wall[0]), _colour(np.clip(wall[1] * rng.uniform(0.6, 1.4), 0, 1))),
        sensor_noise=float(rng.uniform(0.4, 2.0)),
    )


def _skin(seed: int, rng: np.random.Generator) -> Skin:
    """From smooth to rough and freckled, from light to dark (dark skin shows fewer freckles).

    Neighbouring seeds are spread evenly over both ranges, so that a few of them show all kinds of skin.
    """
    tone, roughness = 2 * (seed * 0.7548777 % 1.0) - 1, seed * 0.5698403 % 1.0
    other = _SKIN_LIGHT if tone > 0 else _SKIN_DARK
    base = _SKIN_MIDDLE + abs(tone) * (other - _SKIN_MIDDLE)
    return Skin(
        base=_colour(base * rng.uniform(0.92, 1.08, 3)),
        lips=_colour(base * np.array([0.86, 0.46, 0.52]) * rng.uniform(0.85, 1.15)),
        hair=_HAIR[rng.integers(len(_HAIR))],
        blotches=0.02 + 0.05 * roughness,
        pores=0.015 + 0.05 * float(rng.uniform(0, 1)) * (0.3 + roughness),
        freckles=int(rng.integers(80, 600) * (roughness > 0.45) * (1.0 if tone > -0.3 else 0.3)),
        moles=int(rng.integers(0, 7)),
        stubble=float(max(rng.uniform(-0.8, 0.8), 0.0)),
        blush=float(rng.uniform(0.2, 1.0)),
        brow_strength=float(rng.uniform(0.55, 0.95)),
        bald=bool(rng.random() < 0.4),
        dressed=bool(rng.random() < 0.7),
        cloth=_colour(rng.uniform(0.02, 0.35, 3)),
    )


def _light(rng: np.random.Generator) -> Light:
    azimuth = np.radians(rng.uniform(12, 65)) * rng.choice([-1, 1])
    height = np.radians(rng.uniform(10, 50))
    warm, share = rng.uniform(-1, 1), rng.uniform(0.25, 0.6)
    fill = np.array([-np.sign(azimuth) * rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.9), 0.6])
    cool = np.array([0.9, 0.97, 1.05])
    return Light(
        key_from=_colour([np.sin(azimuth) * np.cos(height), np.sin(height), np.cos(azimuth) * np.cos(height)]),
        key_strength=float(rng.uniform(2.2, 3.4) * (1.15 - share)),
        key_colour=_colour(1.0 + warm * np.array([0.08, 0.0, -0.14])),
        fill_from=_colour(fill / np.linalg.norm(fill)),
        fill_bright=_colour(1.25 * share * cool),
        fill_dark=_colour(0.5 * share * np.array([1.0, 0.95, 0.9])),
    )


def _colour(values: NDArray[np.float64] | list[float]) -> Colour:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
