"""What a stopped tracking had finished, kept in chunks: a second start goes on from there, to the same bits.

A chunk holds what was seen in some successive frames and how the tracker stood after the last of them. It is named by
its first frame and written in one piece, so chunks of two processes on the same shot may even mix.
"""

from __future__ import annotations

import io
import logging
import shutil
import time
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import write_whole
from .following import Reading
from .region import Region
from .tracking import Observation, TrackedFace
from .types import Landmarks

log = logging.getLogger(__name__)

FRAMES = 100
"""In a chunk: a killed job loses so much at most, about four seconds' work."""
_KEPT_DAYS = 30
_DAMAGE = (OSError, ValueError, KeyError, EOFError, IndexError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Seen:
    """What a frame brought."""

    frame_index: int
    time_s: float
    observations: tuple[Observation, ...]
    """Of this frame and, for faces found late, of frames before."""
    faces: tuple[TrackedFace, ...] | None
    """How the tracker stands after it; None in the midst of frames that it takes at once."""


@dataclass(frozen=True)
class Chunk:
    """Successive frames, and how the tracker stood after the last."""

    frame_index: list[int]
    time_s: list[float]
    observations: list[Observation]
    faces: tuple[TrackedFace, ...]


class Chunks:
    """The chunks of one shot in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        _forget_old(folder.parent)

    def read(self) -> list[Chunk]:
        """All that follow on each other from the first frame; a damaged one ends them."""
        chunks: list[Chunk] = []
        frames = 0
        while (chunk := self._read(frames)) is not None and chunk.frame_index:
            chunks.append(chunk)
            frames += len(chunk.frame_index)
        return chunks

    def write(self, first: int, frames: Sequence[Seen]) -> None:
        """Keep what was seen in frames of which `first` were seen before; where it cannot be kept, work goes on.

        How the tracker stands after the last of them must be known.
        """
        faces = frames[-1].faces
        assert faces is not None
        seen = [observation for frame in frames for observation in frame.observations]
        arrays = {
            "frame_index": np.array([frame.frame_index for frame in frames], np.int64),
            "time_s": np.array([frame.time_s for frame in frames], np.float64),
            "seen": np.array([(one.frame, one.track_id) for one in seen], np.int64).reshape(-1, 2),
            "seen_confidence": np.array([one.confidence for one in seen], np.float64),
            **_landmarks_arrays("seen", [one.landmarks for one in seen]),
            **_own_arrays(seen),
            "face": np.array([(face.track_id, face.last_frame, face.frames) for face in faces], np.int64).reshape(
                -1, 3
            ),
            "face_confidence": np.array([face.reading.confidence for face in faces], np.float64),
            "face_region": np.array([_numbers(face.reading.next_region) for face in faces], np.float64),
            "face_looks": np.array([face.looks for face in faces], np.float32),
            "face_motion": np.array([face.motion_px for face in faces], np.float32),
            **_landmarks_arrays("face", [face.landmarks for face in faces]),
        }
        archive = io.BytesIO()
        np.savez(archive, **arrays)
        try:
            write_whole(self._path(first), archive.getvalue())
        except InputError as error:
            log.warning("What was tracked is not kept for another start: %s", error)

    def _path(self, first: int) -> Path:
        return self._folder / f"{first:08d}.npz"

    def _read(self, first: int) -> Chunk | None:
        try:
            with np.load(self._path(first), allow_pickle=False) as stored:
                return _chunk({name: stored[name] for name in stored.files})
        except _DAMAGE:
            return None


def _chunk(arrays: dict[str, NDArray[np.generic]]) -> Chunk:
    own = _own(arrays)
    observations = [
        Observation(frame, track_id, landmarks, confidence, own.get(position))
        for position, ((frame, track_id), landmarks, confidence) in enumerate(
            zip(arrays["seen"].tolist(), _landmarks("seen", arrays), arrays["seen_confidence"].tolist(), strict=True)
        )
    ]
    faces = tuple(
        TrackedFace(
            track_id, Reading(landmarks, confidence, _region(*region)), looks.copy(), last, motion.copy(), count
        )
        for (track_id, last, count), landmarks, confidence, region, looks, motion in zip(
            arrays["face"].tolist(),
            _landmarks("face", arrays),
            arrays["face_confidence"].tolist(),
            arrays["face_region"].tolist(),
            arrays["face_looks"],
            arrays["face_motion"],
            strict=True,
        )
    )
    return Chunk(arrays["frame_index"].tolist(), arrays["time_s"].tolist(), observations, faces)


def _landmarks_arrays(name: str, landmarks: Sequence[Landmarks]) -> dict[str, NDArray[np.generic]]:
    return {
        f"{name}_points": np.array([one.points_px for one in landmarks], np.float32),
        f"{name}_depth": np.array([one.depth_px for one in landmarks], np.float32),
        f"{name}_presence": np.array([one.presence for one in landmarks], np.float64),
    }


def _landmarks(name: str, arrays: dict[str, NDArray[np.generic]]) -> list[Landmarks]:
    points, depth = arrays[f"{name}_points"].astype(np.float32), arrays[f"{name}_depth"].astype(np.float32)
    presence = arrays[f"{name}_presence"].tolist()
    return [Landmarks(points[i].copy(), depth[i].copy(), presence[i]) for i in range(len(presence))]


_OWN_FIELDS = ("sigma_px", "visible", "coefficients", "coefficient_sigma")


def _own_arrays(seen: Sequence[Observation]) -> dict[str, NDArray[np.generic]]:
    """What our own network read, and in which of the observations."""
    read = [(position, one.own) for position, one in enumerate(seen) if one.own is not None]
    own = [landmarks for _, landmarks in read]
    return {
        "own": np.array([position for position, _ in read], np.int64),
        **_landmarks_arrays("own", own),
        **{f"own_{field}": np.array([getattr(one, field) for one in own], np.float32) for field in _OWN_FIELDS},
    }


def _own(arrays: dict[str, NDArray[np.generic]]) -> dict[int, Landmarks]:
    """What our own network read, by the observation's place."""
    fields = {field: arrays[f"own_{field}"].astype(np.float32) for field in _OWN_FIELDS}
    return {
        position: replace(landmarks, **{field: values[row].copy() for field, values in fields.items()})
        for row, (position, landmarks) in enumerate(zip(arrays["own"].tolist(), _landmarks("own", arrays), strict=True))
    }


def _numbers(region: Region) -> tuple[float, ...]:
    return (*region.centre_px, *region.size_px, region.angle_rad)


def _region(x: float, y: float, width: float, height: float, angle_rad: float) -> Region:
    return Region((x, y), (width, height), angle_rad)


def _forget_old(folder: Path) -> None:
    """Work that nobody went on with goes after some weeks."""
    oldest_s = time.time() - _KEPT_DAYS * 24 * 3600
    with suppress(OSError):
        for work in folder.iterdir():
            if work.stat().st_mtime < oldest_s:
                shutil.rmtree(work, ignore_errors=True)
