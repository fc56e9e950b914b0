"""The take of a live recording: rows go to disk as they come, so that memory does not grow, and become a take at the end."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import arkit, face_model
from .. import take as takes
from ..solve.geometry import Camera
from ..solve.identity import Actor
from ..solve.shot import neutral_mesh, tool_version
from .performer import Seen
from .sample import LiveSample

_COUNT = len(arkit.NAMES)
ROW = np.dtype(
    [
        ("frame", "<i8"),
        ("time_s", "<f8"),
        ("confidence", "<f4"),
        ("coefficients", "<f4", (_COUNT,)),
        ("sigma", "<f4", (_COUNT,)),
        ("rotation", "<f4", (3, 3)),
        ("translation_cm", "<f4", (3,)),
        ("gaze", "<f4", (2, 2)),
        ("landmarks_px", "<f4", (478, 2)),
    ]
)
USUAL_SIZE = (1280, 720)
_USUAL_FOCAL = 1.2
"""Of the longer side: about 45 degrees."""


@dataclass(frozen=True)
class Source:
    """What is known of the pictures; a tracker without pictures has a usual camera."""

    size: tuple[int, int] = USUAL_SIZE
    rate: Fraction = Fraction(60)


class Rows:
    """Rows in a file beside the recording."""

    def __init__(self, path: Path) -> None:
        """Raises `OSError` where it cannot be written."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = path.open("w+b")
        self.count = 0

    def add(self, sample: LiveSample, seen: Seen | None) -> None:
        """Append one; raises `OSError` when the disk is full."""
        row = np.zeros((), ROW)
        row["frame"], row["time_s"], row["confidence"] = sample.frame, sample.time_s, sample.confidence
        for name in ("coefficients", "rotation", "translation_cm", "gaze"):
            row[name] = getattr(sample, name)
        lost = sample.confidence <= 0 or (seen is not None and seen.landmarks_px is None)
        row["sigma"] = takes.UNKNOWN_SIGMA if lost or seen is None else seen.frame.sigma
        row["landmarks_px"] = np.nan if seen is None or seen.landmarks_px is None else seen.landmarks_px
        self._stream.write(row.tobytes())
        self.count += 1

    def read(self) -> NDArray[np.void]:
        """All of them; raises `OSError` when the disk is full."""
        self._stream.seek(0)
        whole = self._stream.read()
        return np.frombuffer(whole[: len(whole) // ROW.itemsize * ROW.itemsize], ROW)

    def remove(self) -> None:
        """They are not needed any more."""
        with suppress(OSError):  # what could not be written cannot be flushed either
            self._stream.close()
        self._path.unlink(missing_ok=True)


def write_live_take(
    path: Path,
    rows: Rows,
    source: Source,
    frames: Sequence[int] | None,
    began_s: float,
    actor: Actor | None,
    digest: str,
) -> bool:
    """Write the take of a recording; `frames` are the source's numbers of the video's frames, None without a video.

    Returns False where no frame was solved. Raises `InputError` when the disk is full.
    """
    every = rows.read()
    if frames is None:
        began_s = float(every["time_s"][0]) if len(every) else 0.0
        index = np.arange(len(every))
    else:
        known = np.asarray(frames, np.int64)
        index = np.searchsorted(known, every["frame"])
        there = np.array(index < len(known))
        there[there] = known[index[there]] == every["frame"][there]
        every, index = every[there], index[there]
    if not len(every):
        return False
    model = face_model.load("default")
    middle = (source.size[0] / 2, source.size[1] / 2)
    camera = actor.camera if actor is not None else Camera(_USUAL_FOCAL * max(source.size), middle)
    modes = len(model.identity_modes_cm)
    take = takes.Take(
        names=arkit.NAMES,
        coefficients=every["coefficients"].astype(np.float32),
        confidence=every["confidence"].astype(np.float32),
        time_s=every["time_s"] - began_s,
        rotation=every["rotation"].astype(np.float32),
        translation_cm=every["translation_cm"].astype(np.float32),
        gaze=every["gaze"].astype(np.float32),
        camera_matrix=camera.matrix(),
        landmarks_px=every["landmarks_px"].astype(np.float32),
        identity=np.zeros(modes, np.float32) if actor is None else actor.identity.astype(np.float32),
        neutral_cm=model.mean_cm.astype(np.float32) if actor is None else neutral_mesh(model, actor),
        fps=source.rate,
        frame_size=source.size,
        frame_index=index.astype(np.int64),
        face_model=model.name,
        source_sha256=digest,
        tool_version=tool_version(),
        sigma=every["sigma"].astype(np.float32),
    )
    takes.save(take, path)
    return True
