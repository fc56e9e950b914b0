"""Live Link Face CSV: the exchange format that animators already use.

61 columns beside the timecode: the 52 ARKit coefficients in the app's order and nine angles in radians. Yaw is positive
toward the actor's left, pitch positive up, roll positive when the head leans toward the actor's left shoulder.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from . import arkit
from .errors import InputError
from .files import write_whole
from .take import Take

ANGLES: Final[tuple[str, ...]] = (
    "HeadYaw", "HeadPitch", "HeadRoll",
    "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll",
    "RightEyeYaw", "RightEyePitch", "RightEyeRoll",
)  # fmt: skip


def _app_order() -> tuple[str, ...]:
    """The app writes right before left for these two pairs."""
    names = list(arkit.NAMES)
    for left in ("jawLeft", "mouthLeft"):
        index = names.index(left)
        names[index], names[index + 1] = names[index + 1], names[index]
    return tuple(names)


COEFFICIENTS: Final[tuple[str, ...]] = _app_order()
_HEADER: Final[tuple[str, ...]] = tuple(name[0].upper() + name[1:] for name in COEFFICIENTS) + ANGLES


@dataclass(frozen=True)
class LiveLinkRecording:
    """What a CSV holds, T rows."""

    time_s: NDArray[np.float64]
    """(T,) time of day, or since the start when we wrote the file."""
    coefficients: NDArray[np.float32]
    """(T, 52) in the order of `arkit.NAMES`."""
    angles_rad: NDArray[np.float32]
    """(T, 9) in the order of `ANGLES`; zero where the file has no such column."""


def write_csv(take: Take, path: Path) -> None:
    """Write a take as Live Link Face CSV, in one piece. Frames without a face are left out."""
    fps = nominal_fps(float(take.fps))
    angles = np.hstack([head_angles(take.rotation), eye_angles(take.gaze)])
    order = [arkit.INDEX[name] for name in COEFFICIENTS]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("Timecode", "BlendShapeCount", *_HEADER))
    for row in np.flatnonzero(take.confidence > 0):
        values = (*take.coefficients[row, order], *angles[row])
        time_s = float(take.time_s[row] - take.time_s[0])
        writer.writerow((timecode(time_s, fps), len(_HEADER), *(f"{value:.6f}" for value in values)))
    write_whole(path, text.getvalue().encode())


def read_csv(path: Path, fps: int = 60) -> LiveLinkRecording:
    """Read a recording of the app (60 frames per second) or of ours (`fps` = `nominal_fps` of the take)."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
        if not rows:
            raise InputError(f"{path} has no rows; record again.")
        time_s = np.array([parse_timecode(row["Timecode"], fps) for row in rows])
        columns = {column.lower(): column for column in rows[0] if column}
        coefficients = np.array(
            [[float(row[columns[name.lower()]]) for name in arkit.NAMES] for row in rows], np.float32
        )
        angles = [[float(row.get(columns.get(name.lower(), ""), 0.0)) for name in ANGLES] for row in rows]
    except FileNotFoundError as error:
        raise InputError(f"There is no recording at {path}; check the path.") from error
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(f"{path} is not a Live Link Face recording or is damaged; export it again.") from error
    return LiveLinkRecording(time_s, coefficients, np.array(angles, np.float32))


def nominal_fps(fps: float) -> int:
    """Timecode counts whole frames: 29.97 is written as 30."""
    return max(1, round(fps))


def timecode(time_s: float, fps: int) -> str:
    """``HH:MM:SS:FF.fff``: the frame within the second and the thousandths of a frame."""
    thousandths = round(time_s * fps * 1000)
    seconds, within = divmod(thousandths, fps * 1000)
    frame, fraction = divmod(within, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}.{fraction:03d}"


def parse_timecode(text: str, fps: int) -> float:
    """Seconds of a timecode; raises `ValueError` for anything else."""
    hours, minutes, seconds, frames = text.split(":")
    value = int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(frames) / fps
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def head_angles(rotation: NDArray[np.float32]) -> NDArray[np.float64]:
    """(T, 3) yaw, pitch, roll of (T, 3, 3): turned by yaw after pitch after roll."""
    # One row per entry: of strided arrays, numpy's arctan2 depends in its last bit on where they lie in memory.
    turn = np.ascontiguousarray(np.moveaxis(rotation.astype(np.float64), 0, -1))
    yaw = np.arctan2(turn[0, 2], turn[2, 2])
    pitch = np.arcsin(np.clip(turn[1, 2], -1, 1))
    roll = -np.arctan2(turn[1, 0], turn[1, 1])
    return np.stack([yaw, pitch, roll], axis=1)


def eye_angles(gaze: NDArray[np.float32]) -> NDArray[np.float64]:
    """(T, 6) yaw, pitch and no roll for each eye of (T, 2, 2)."""
    return np.concatenate([gaze, np.zeros((len(gaze), 2, 1))], axis=2).reshape(len(gaze), 6)
