"""What a rendered actor does, second kind: random events over random shapes, blinks, fixations and wide head motion."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from performance_script import FPS, lids_follow
from scipy.spatial.transform import Rotation

FRAMES_OF_AN_EVENT: Final = (6, 24)
FRAMES_OF_A_BLINK: Final = (3, 6)
GROUPS_OF_A_SHOT: Final = (10, 16)
_LONE_SIDE: Final = 0.2
"""Share of two-sided events that only one side of the face makes."""

# Shapes that no face makes at once: an event of one never overlaps an event of another.
_EXCLUSIVE: Final = (
    {"jawLeft", "jawRight"},
    {"mouthLeft", "mouthRight"},
    {"eyeSquint", "eyeWide"},
    {"browDown", "browOuterUp"},
    {"mouthSmile", "mouthFrown", "mouthFunnel", "mouthPucker"},
    {"mouthStretch", "mouthFunnel", "mouthPucker"},
    {"mouthPress", "mouthRollLower", "mouthRollUpper", "mouthUpperUp", "mouthLowerDown", "mouthFunnel"},
    {"mouthPress", "mouthRollUpper", "mouthRollLower", "jawOpen", "cheekPuff"},
    {"cheekPuff", "mouthSmile", "mouthStretch", "jawOpen"},
)
# Gaze moves these, and a mouth that closes on an open jaw comes with the jaw.
_NOT_ALONE: Final = ("eyeLook", "eyeBlink", "mouthClose")


def random_events(names: list[str], frames: int, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Curves (T,) by ICT shape: 10 to 16 shapes or left-right pairs, each with one or two events of 6 to 24 frames."""
    curves = {name: np.zeros(frames) for name in names}
    groups = sorted({_group(name) for name in names if not name.startswith(_NOT_ALONE)})
    chosen = rng.permutation(groups)[: int(rng.integers(GROUPS_OF_A_SHOT[0], GROUPS_OF_A_SHOT[1] + 1))]
    taken: list[tuple[str, int, int]] = []
    for group in map(str, chosen):
        for _ in range(int(rng.integers(1, 3))):
            length = int(rng.integers(FRAMES_OF_AN_EVENT[0], FRAMES_OF_AN_EVENT[1] + 1))
            start = _free_start(group, length, frames, taken, rng)
            if start is None:
                continue
            taken.append((group, start, start + length))
            _add(curves, group, _event(frames, start, length, rng) * float(rng.uniform(0.45, 0.95)), rng)
    if "jawOpen" in chosen and rng.random() < 0.5:
        curves["mouthClose"] = 0.8 * curves["jawOpen"]  # chewing: lips stay together over the open jaw
    return curves


def random_blinks(curves: dict[str, NDArray[np.float64]], frames: int, rng: np.random.Generator) -> None:
    """Two or three blinks of 3 to 6 frames, both eyes; a closed lid needs no squint, wide, up or down shape."""
    lid = np.zeros(frames)
    for part in np.array_split(np.arange(4, frames - 8), int(rng.integers(2, 4))):
        length = int(rng.integers(FRAMES_OF_A_BLINK[0], FRAMES_OF_A_BLINK[1] + 1))
        lid = np.maximum(lid, _event(frames, int(rng.choice(part)), length, rng) * float(rng.uniform(0.9, 1.0)))
    for side in ("_L", "_R"):
        for other in ("eyeSquint", "eyeWide", "eyeLookUp", "eyeLookDown"):
            curves[other + side] *= 1 - lid
        curves["eyeBlink" + side] = lid.copy()


def random_fixations(
    curves: dict[str, NDArray[np.float64]], frames: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(T, 2, 2) gaze of both eyes that jumps within two frames between two to five fixations; the lids follow."""
    count = int(rng.integers(2, 6))
    starts = np.sort(rng.uniform(0, frames / FPS, count - 1))
    at = np.column_stack([rng.uniform(-0.35, 0.35, count), rng.uniform(-0.2, 0.2, count)])
    part = np.clip((np.arange(frames)[:, None] / FPS - starts) / 0.06, 0.0, 1.0)
    gaze = at[0] + (part * part * (3 - 2 * part)) @ np.diff(at, axis=0)
    lids_follow(curves, gaze[:, 0], gaze[:, 1])
    return np.stack([gaze, gaze], axis=1)


def wide_head_motion(
    frames: int, room_cm: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turns to at most 30 degrees, nods to 12, tilts to 6 (T, 3, 3), and a sway (T, 3) that keeps within the picture."""
    turn = 2 * np.pi * np.arange(frames) / frames
    yaw = _wave(turn, rng) * np.radians(rng.uniform(12, 30))
    pitch = _wave(turn, rng) * np.radians(rng.uniform(5, 12))
    roll = _wave(turn, rng) * np.radians(rng.uniform(2, 6))
    rotation = Rotation.from_euler("YXZ", np.stack([yaw, pitch, roll], axis=1)).as_matrix()
    reach = np.minimum([2.0, 1.0, 1.8], room_cm)
    return rotation, np.stack([_wave(turn, rng) * part for part in reach], axis=1)


def _wave(turn: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """(T,) two slow sines within -1..1, one and two turns long at most."""
    slow, fast = rng.uniform(0.6, 1.3), rng.uniform(1.5, 2.5)
    wave = np.sin(slow * turn + rng.uniform(0, 2 * np.pi)) + 0.35 * np.sin(fast * turn + rng.uniform(0, 2 * np.pi))
    return np.asarray(wave / np.abs(wave).max())


def _group(name: str) -> str:
    return name.removesuffix("_L").removesuffix("_R")


def _free_start(
    group: str, length: int, frames: int, taken: list[tuple[str, int, int]], rng: np.random.Generator
) -> int | None:
    """A random frame at which the event clashes with none before it; None where there is no room."""
    rivals = {group}.union(*(family for family in _EXCLUSIVE if group in family))
    for start in rng.permutation(np.arange(2, frames - length)):
        clash = [1 for other, a, b in taken if other in rivals and start < b + 1 and a < start + length + 1]
        if not clash:
            return int(start)
    return None


def _event(frames: int, start: int, length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(T,) a rise and a fall over `length` frames above zero, 1 on a frame; long ones may hold their peak."""
    curve = np.zeros(frames)
    rise = max(1, round(length * float(rng.uniform(0.3, 0.55))))
    hold = int(rng.integers(0, length // 3 + 1)) if length >= 12 else 0
    fall = max(1, length - rise - hold + 1)
    up = np.sin(np.arange(1, rise + 1) / rise * np.pi / 2) ** 2
    down = np.cos(np.arange(1, fall) / fall * np.pi / 2) ** 2
    event = np.concatenate([up, np.ones(hold), down])[: frames - start]
    curve[start : start + len(event)] = event
    return curve


def _add(
    curves: dict[str, NDArray[np.float64]], group: str, event: NDArray[np.float64], rng: np.random.Generator
) -> None:
    if group in curves:
        curves[group] = np.maximum(curves[group], event)
        return
    left, right = rng.uniform(0.85, 1.0, 2)
    if rng.random() < _LONE_SIDE:
        left, right = (1.0, 0.0) if rng.random() < 0.5 else (0.0, 1.0)
    curves[group + "_L"] = np.maximum(curves[group + "_L"], left * event)
    curves[group + "_R"] = np.maximum(curves[group + "_R"], right * event)
