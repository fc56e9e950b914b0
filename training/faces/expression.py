"""Random expressions: the 52 coefficients of a picture and where each eye looks."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...inference.arkit import INDEX, NAMES

Floats = NDArray[np.float32]
Rng = np.random.Generator

FULL_LOOK_RAD: Final = {"In": 0.55, "Out": 0.55, "Up": 0.45, "Down": 0.55}
"""Rotation of an eye at which the eyeLook shape of that direction is complete."""
KINDS: Final = {"rest": 0.10, "units": 0.33, "speech": 0.19, "single": 0.13, "many": 0.09, "grin": 0.16}
SIDES: Final = ("Left", "Right")

# A `*` stands for the side; what is hard to see and what mouths do most comes up more often.
_UNITS: Final = (
    *("jawOpen", "jawOpen", "jawOpen", "jawForward", "jawLeft", "jawRight", "mouthFunnel", "mouthPucker"),
    *("mouthLeft", "mouthRight", "mouthRollLower", "mouthRollLower", "mouthRollUpper", "mouthRollUpper"),
    *("mouthShrugLower", "mouthShrugUpper", "browInnerUp", "cheekPuff", "cheekPuff", "mouthClose", "tongueOut"),
    *("eyeSquint*", "eyeSquint*", "eyeWide*", "mouthSmile*", "mouthSmile*", "mouthFrown*", "mouthDimple*"),
    *("mouthStretch*", "mouthPress*", "mouthLowerDown*", "mouthUpperUp*", "browDown*", "browDown*", "browOuterUp*"),
    *("cheekSquint*", "cheekSquint*", "noseSneer*", "noseSneer*"),
)
_NEVER_TOGETHER: Final = (
    {"jawLeft", "jawRight"}, {"mouthLeft", "mouthRight"}, {"mouthSmile*", "mouthFrown*"}, {"eyeSquint*", "eyeWide*"},
    {"mouthFunnel", "mouthPress*"}, {"browDown*", "browOuterUp*"}, {"cheekPuff", "jawOpen"},
    {"cheekPuff", "mouthStretch*"},
    {"cheekPuff", "tongueOut"}, {"mouthRollUpper", "mouthUpperUp*"}, {"mouthRollLower", "mouthLowerDown*"},
    {"mouthRollLower", "tongueOut"}, {"mouthPress*", "tongueOut"}, {"mouthFunnel", "mouthStretch*"},
    {"mouthPucker", "mouthSmile*"},
    {"mouthPucker", "mouthStretch*"}, {"mouthClose", "tongueOut"}, {"mouthPress*", "mouthUpperUp*"},
    {"mouthPress*", "mouthLowerDown*"}, {"mouthFunnel", "mouthRollUpper"}, {"mouthFunnel", "mouthRollLower"},
)  # fmt: skip


def random_expression(rng: Rng) -> tuple[Floats, NDArray[np.float64]]:
    """Coefficients (52,) and gaze (2, 2): yaw to the actor's left and pitch up of the left and right eye, radians."""
    values = np.zeros(len(NAMES))
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    if kind == "speech":
        _speech(values, rng)
    elif kind == "grin":
        _grin(values, rng)
    elif kind == "single":
        _act(values, str(rng.choice(_UNITS)), rng, rng.uniform(0.6, 1.0))
    elif kind != "rest":
        _several(values, int(rng.integers(2, 6) if kind == "units" else rng.integers(6, 10)), rng)
    if rng.random() < 0.5:  # no face is ever quite still
        values += np.maximum(rng.normal(0.0, 0.05, len(values)), 0.0) * (rng.random(len(values)) < 0.4)
    gaze = _gaze(rng)
    follow = 1.0 if rng.random() < 0.75 else rng.uniform(0.0, 1.2)
    _look(values, gaze, follow)
    _lids(values, rng)
    return _possible(values).astype(np.float32), gaze


def _several(values: NDArray[np.float64], count: int, rng: Rng) -> None:
    """Movements that go together."""
    chosen: set[str] = set()
    for unit in map(str, rng.permutation(_UNITS)):
        if len(chosen) < count and not any(unit in pair and pair & (chosen - {unit}) for pair in _NEVER_TOGETHER):
            chosen.add(unit)
            _act(values, unit, rng, rng.uniform(0.15, 1.0) if rng.random() < 0.8 else rng.uniform(0.8, 1.0))


def _act(values: NDArray[np.float64], unit: str, rng: Rng, size: float) -> None:
    """Set one movement; sides differ a little, and sometimes one does nothing."""
    if unit.endswith("*"):
        both = size * np.array([1.0, rng.uniform(0.6, 1.0)])[rng.permutation(2)]
        if rng.random() < 0.3:
            both[rng.integers(2)] *= rng.choice([0.0, 0.0, 0.3])
        for side, value in zip(SIDES, both, strict=True):
            values[INDEX[unit[:-1] + side]] = value
        return
    values[INDEX[unit]] = size
    if unit == "mouthClose":  # lips that stay together over the open jaw
        values[INDEX[unit]] = 0.7 * size
        values[INDEX["jawOpen"]] = 0.7 * size * rng.uniform(1.0, 1.15)
    if unit == "tongueOut":
        values[INDEX["jawOpen"]] = max(values[INDEX["jawOpen"]], 0.2 + rng.uniform(0.1, 0.3) * size)


def _speech(values: NDArray[np.float64], rng: Rng) -> None:
    """A moment of talking: an open, rounded or spread vowel or a closed consonant, with a face that takes part a little."""
    jaw, sound = rng.uniform(0.05, 0.5), rng.integers(6)
    values[INDEX["jawOpen"]] = jaw
    if sound == 0:
        values[INDEX["mouthFunnel"]], values[INDEX["mouthPucker"]] = rng.uniform(0.2, 0.7), rng.uniform(0.0, 0.6)
    elif sound == 1:
        _act(values, "mouthStretch*", rng, rng.uniform(0.1, 0.6))
        _act(values, "mouthLowerDown*", rng, rng.uniform(0.1, 0.7))
    elif sound == 2:
        values[INDEX["mouthClose"]] = jaw * rng.uniform(0.6, 1.0)
        _act(values, "mouthPress*", rng, rng.uniform(0.0, 0.6))
    elif sound == 3:
        values[INDEX["mouthRollLower"]] = rng.uniform(0.1, 0.7)
        values[INDEX["jawOpen"]] = 0.4 * jaw
    elif sound == 4:
        _act(values, "mouthUpperUp*", rng, rng.uniform(0.1, 0.5))
    for unit in ("browInnerUp", "browOuterUp*", "browDown*", "mouthSmile*", "cheekSquint*", "eyeSquint*"):
        if rng.random() < 0.15:
            _act(values, unit, rng, rng.uniform(0.05, 0.5))


def _grin(values: NDArray[np.float64], rng: Rng) -> None:
    """Lips drawn off the teeth, the jaw closed or nearly so; a laugh opens it."""
    _act(values, "mouthSmile*", rng, rng.uniform(0.2, 1.0))
    for unit, share in (
        ("mouthUpperUp*", 0.8),
        ("mouthLowerDown*", 0.7),
        ("mouthStretch*", 0.4),
        ("cheekSquint*", 0.6),
    ):
        if rng.random() < share:
            _act(values, unit, rng, rng.uniform(0.1, 1.0))
    for unit, share in (("eyeSquint*", 0.5), ("mouthDimple*", 0.3), ("noseSneer*", 0.2), ("browOuterUp*", 0.15)):
        if rng.random() < share:
            _act(values, unit, rng, rng.uniform(0.1, 0.7))
    values[INDEX["jawOpen"]] = rng.uniform(0.0, 0.12) if rng.random() < 0.65 else rng.uniform(0.1, 0.6)


def _gaze(rng: Rng) -> NDArray[np.float64]:
    """Both eyes on one thing, near or far; now and then not quite."""
    draw = rng.random()
    if draw < 0.6:
        common = rng.normal(0.0, [0.22, 0.14])
    elif draw < 0.85:
        common = rng.uniform([-0.7, -0.45], [0.7, 0.38])
    else:  # right into the corner
        common = np.array([rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 0.8), rng.normal(0.0, 0.12)])
    gaze = np.tile(np.clip(common, [-0.8, -0.5], [0.8, 0.42]), (2, 1))
    gaze[:, 0] += rng.exponential(0.03) * np.array([-1.0, 1.0])
    if rng.random() < 0.08:
        gaze += rng.normal(0.0, 0.08, (2, 2))
    return np.asarray(gaze)


def _look(values: NDArray[np.float64], gaze: NDArray[np.float64], follow: float) -> None:
    """The skin around the eyes follows the gaze."""
    for (yaw, pitch), side, inward in zip(gaze, SIDES, (-1.0, 1.0), strict=True):
        for way, angle in (("In", inward * yaw), ("Out", -inward * yaw), ("Up", pitch), ("Down", -pitch)):
            values[INDEX[f"eyeLook{way}{side}"]] = follow * max(angle, 0.0) / FULL_LOOK_RAD[way]


def _lids(values: NDArray[np.float64], rng: Rng) -> None:
    """Closed, half closed or winking eyes in two of five pictures; a closed lid has no other motion."""
    draw = rng.random()
    if draw > 0.40:
        return
    lid = np.full(2, rng.uniform(0.88, 1.0) if draw < 0.17 else rng.uniform(0.05, 0.95))
    lid *= rng.uniform(0.85, 1.0, 2) if draw > 0.11 else 1.0
    if rng.random() < 0.2:
        lid[rng.integers(2)] *= rng.uniform(0.0, 0.3)
    for side, value in zip(SIDES, lid, strict=True):
        for other in ("eyeSquint", "eyeWide", "eyeLookUp", "eyeLookDown"):
            values[INDEX[other + side]] *= 1.0 - value
        values[INDEX["eyeBlink" + side]] = value


def _possible(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Within 0..1; lips close no further than the jaw is open."""
    values = np.clip(values, 0.0, 1.0)
    jaw, close = INDEX["jawOpen"], INDEX["mouthClose"]
    values[close] = min(values[close], values[jaw])
    if values[jaw] < 0.2:  # a tongue needs room
        values[INDEX["tongueOut"]] = 0.0
    return values
