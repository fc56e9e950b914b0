"""What a rendered actor does: a seeded performance of speech, blinks, brows, a smile, gaze and head motion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

FPS: Final = 24
LID_TRAVEL_RAD: Final = {"In": 0.55, "Out": 0.55, "Up": 0.45, "Down": 0.55}
"""Eye rotation at which the eyeLook shape of a direction is complete."""


@dataclass(frozen=True)
class Performance:
    """The truth of every frame (T of them), in the axes of the project's synthetic clips."""

    names: list[str]
    coefficients: NDArray[np.float64]
    """(T, 53) ICT-FaceKit shapes."""
    identity: NDArray[np.float64]
    """(100,)."""
    rotation: NDArray[np.float64]
    """(T, 3, 3)."""
    translation_cm: NDArray[np.float64]
    """(T, 3)."""
    gaze: NDArray[np.float64]
    """(T, 2, 2) yaw to the actor's left and pitch up of the left and the right eye, in head axes, radians."""
    camera_matrix: NDArray[np.float64]
    camera_distance_cm: float


def perform(names: list[str], frames: int, size_px: int, seed: int) -> Performance:
    """A performance of `frames` frames for an actor, camera and head motion drawn from the seed."""
    rng = np.random.default_rng(seed)
    identity = rng.normal(0.0, 0.75, 100)
    distance = float(rng.uniform(54, 62))
    focal = 15.4 / 480 * size_px * distance
    time = np.arange(frames) / FPS
    curves = {name: np.zeros(frames) for name in names}
    length = time[-1]
    _speak(curves, time, 0.08 * length, 0.56 * length, rng)
    _smile(curves, time, 0.60 * length, 0.97 * length, rng)
    _brows(curves, time, length, rng)
    gaze = _look(curves, time, length, rng)
    _blink(curves, time, (0.20 * length, 0.57 * length, 0.88 * length))
    coefficients = np.clip(np.stack([curves[name] for name in names], axis=1), 0.0, 1.0)
    rotation, translation = _move_head(time, length, rng)
    matrix = np.array([[focal, 0, size_px / 2], [0, focal, size_px / 2], [0, 0, 1.0]])
    return Performance(names, coefficients, identity, rotation, translation, gaze, matrix, distance)


def _bump(time: NDArray[np.float64], centre: float, half_width: float) -> NDArray[np.float64]:
    """(T,) smooth rise and fall, 1 at the centre, 0 beyond the half width."""
    inside = np.clip(np.abs(time - centre) / half_width, 0.0, 1.0)
    return np.cos(inside * np.pi / 2) ** 2


def _plateau(time: NDArray[np.float64], start: float, end: float, ramp: float) -> NDArray[np.float64]:
    """(T,) smooth step up over `ramp` seconds after the start and down before the end."""
    up, down = np.clip((time - start) / ramp, 0, 1), np.clip((end - time) / ramp, 0, 1)
    return np.asarray((up * up * (3 - 2 * up)) * (down * down * (3 - 2 * down)))


def _both(curves: dict[str, NDArray[np.float64]], name: str, left: NDArray[np.float64], right_share: float) -> None:
    curves[name + "_L"] += left
    curves[name + "_R"] += right_share * left


def _speak(
    curves: dict[str, NDArray[np.float64]],
    time: NDArray[np.float64],
    start: float,
    end: float,
    rng: np.random.Generator,
) -> None:
    """Syllables of about a fifth of a second: open, rounded and spread vowels, lips closed between some of them."""
    at = start
    for number in range(64):
        half = float(rng.uniform(0.10, 0.15))
        at += half
        if at + half > end:
            break
        syllable = _bump(time, at, 1.4 * half)
        curves["jawOpen"] += float(rng.uniform(0.22, 0.55)) * syllable
        vowel = number % 3
        if vowel == 1:
            curves["mouthFunnel"] += float(rng.uniform(0.35, 0.6)) * syllable
            curves["mouthPucker"] += float(rng.uniform(0.2, 0.5)) * syllable
        elif vowel == 2:
            _both(curves, "mouthStretch", float(rng.uniform(0.3, 0.5)) * syllable, 0.9)
            _both(curves, "mouthLowerDown", float(rng.uniform(0.3, 0.6)) * syllable, 1.0)
        else:
            _both(curves, "mouthUpperUp", float(rng.uniform(0.15, 0.35)) * syllable, 0.9)
        at += half * 0.8
        if vowel == 0:
            _both(curves, "mouthPress", 0.45 * _bump(time, at, 0.09), 1.0)


def _smile(
    curves: dict[str, NDArray[np.float64]],
    time: NDArray[np.float64],
    start: float,
    end: float,
    rng: np.random.Generator,
) -> None:
    smile = _plateau(time, start, end, 0.30)
    _both(curves, "mouthSmile", float(rng.uniform(0.75, 0.9)) * smile, float(rng.uniform(0.85, 1.0)))
    _both(curves, "cheekSquint", 0.45 * smile, 0.9)
    _both(curves, "eyeSquint", 0.35 * smile, 1.0)
    curves["jawOpen"] += 0.14 * _plateau(time, start + 0.2, end - 0.1, 0.25)
    _both(curves, "mouthUpperUp", 0.25 * _plateau(time, start + 0.2, end - 0.1, 0.25), 1.0)


def _brows(
    curves: dict[str, NDArray[np.float64]], time: NDArray[np.float64], length: float, rng: np.random.Generator
) -> None:
    raise_ = _plateau(time, 0.26 * length, 0.50 * length, 0.2)
    _both(curves, "browInnerUp", float(rng.uniform(0.6, 0.8)) * raise_, 1.0)
    _both(curves, "browOuterUp", float(rng.uniform(0.5, 0.75)) * raise_, float(rng.uniform(0.6, 1.0)))
    _both(curves, "eyeWide", 0.25 * raise_, 1.0)
    _both(curves, "browDown", 0.55 * _plateau(time, 0.03 * length, 0.17 * length, 0.12), 0.9)


def _look(
    curves: dict[str, NDArray[np.float64]], time: NDArray[np.float64], length: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(T, 2, 2) gaze that jumps between fixations, with the lids following through the eyeLook shapes."""
    starts = np.array([0.0, 0.16, 0.34, 0.55, 0.72, 0.86]) * length
    yaw_at = np.array([0.0, 0.30, -0.26, 0.05, -0.14, 0.02]) * float(rng.choice([-1, 1]))
    pitch_at = np.array([0.0, 0.06, 0.14, -0.20, -0.05, 0.0])
    sooner = np.clip((time[:, None] - starts[None, 1:]) / 0.06, 0.0, 1.0)
    steps = sooner * sooner * (3 - 2 * sooner)
    yaw = yaw_at[0] + steps @ np.diff(yaw_at)
    pitch = pitch_at[0] + steps @ np.diff(pitch_at)
    lids_follow(curves, yaw, pitch)
    both = np.stack([yaw, pitch], axis=1)
    return np.stack([both, both], axis=1)


def lids_follow(curves: dict[str, NDArray[np.float64]], yaw: NDArray[np.float64], pitch: NDArray[np.float64]) -> None:
    """Add the eyeLook shapes of a gaze (T,) that both eyes share."""
    for side, toward_nose in (("_L", -yaw), ("_R", yaw)):
        for direction, angle in (("In", toward_nose), ("Out", -toward_nose), ("Up", pitch), ("Down", -pitch)):
            curves[f"eyeLook{direction}{side}"] += np.maximum(angle, 0.0) / LID_TRAVEL_RAD[direction]


def _blink(curves: dict[str, NDArray[np.float64]], time: NDArray[np.float64], at_s: tuple[float, ...]) -> None:
    """Full blinks: two to three frames down, a little longer up. A closed lid needs no squint, look or wide shape."""
    lid = np.zeros_like(time)
    for centre in at_s:
        centre_on_frame = round(centre * FPS) / FPS
        phase = time - centre_on_frame
        lid = np.maximum(lid, np.where(phase < 0, _bump(phase, 0.0, 0.13), _bump(phase, 0.0, 0.21)))
    for side in ("_L", "_R"):
        for other in ("eyeSquint", "eyeWide", "eyeLookUp", "eyeLookDown"):
            curves[other + side] *= 1 - lid
        curves["eyeBlink" + side] = lid.copy()


def _move_head(
    time: NDArray[np.float64], length: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slow nods, turns and tilts (T, 3, 3) and a sway (T, 3) in cm."""
    phase = rng.uniform(0, 2 * np.pi, 6)
    turn = 2 * np.pi * time / length
    pitch = 0.07 * np.sin(1.6 * turn + phase[0]) + 0.03 * np.sin(3.7 * turn + phase[1])
    yaw = 0.26 * np.sin(1.0 * turn + phase[2]) + 0.05 * np.sin(2.6 * turn + phase[3])
    roll = 0.07 * np.sin(1.3 * turn + phase[4])
    rotation = Rotation.from_euler("YXZ", np.stack([yaw, pitch, roll], axis=1)).as_matrix()
    sway = [0.9 * np.sin(1.1 * turn + phase[5]), 0.4 * np.sin(1.9 * turn + phase[0]), 1.2 * np.sin(0.8 * turn)]
    return rotation, np.stack(sway, axis=1)
