"""The take: one actor's performance in one shot, the file every later step starts from."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import arkit
from .errors import InputError
from .files import write_whole

SCHEMA = 1
SCHEMA_MINOR = 1
"""Counts arrays that were added to schema 1 and that a reader may lack or pass over: 1 added `sigma`."""
UNKNOWN_SIGMA = 1.0
"""Spread of a coefficient where no face was seen: it may be anything from 0 to 1."""
UNCERTAIN_BELOW = 0.6
"""Frames of less confidence than this are worth a look by a person."""


@dataclass(frozen=True)
class Take:
    """A performance of T frames. Times are seconds; scene frames exist only in Blender's bridge.

    Head axes: x toward the actor's left, y up, z out of the face. Camera-aligned axes: x right in the image, y up,
    z toward the camera, camera at the origin, so a head in front of it has a negative z.
    """

    names: tuple[str, ...]
    """The 52 ARKit names."""
    coefficients: NDArray[np.float32]
    """(T, 52), 0..1."""
    confidence: NDArray[np.float32]
    """(T,) 0 where no face was seen."""
    time_s: NDArray[np.float64]
    """(T,) presentation times."""
    rotation: NDArray[np.float32]
    """(T, 3, 3) head axes to camera-aligned axes."""
    translation_cm: NDArray[np.float32]
    """(T, 3) head origin in camera-aligned axes."""
    gaze: NDArray[np.float32]
    """(T, 2, 2) yaw (positive to the actor's left) and pitch (positive up) in radians, actor's left then right eye."""
    camera_matrix: NDArray[np.float64]
    """(3, 3) pixels, corner convention."""
    landmarks_px: NDArray[np.float32]
    """(T, 478, 2), NaN where the face is lost."""
    identity: NDArray[np.float32]
    """(I,) parameters of the face model."""
    neutral_cm: NDArray[np.float32]
    """(V, 3) the actor's neutral face in the face model's topology."""
    fps: Fraction
    frame_size: tuple[int, int]
    """width, height after rotation."""
    frame_index: NDArray[np.int64]
    """(T,) index of each frame in the source file."""
    face_model: str
    source_sha256: str
    tool_version: str
    sigma: NDArray[np.float32] | None = None
    """(T, 52) standard deviation of each coefficient, `UNKNOWN_SIGMA` where no face was seen. None where nobody
    measured it: takes of schema minor 0, and performances that did not come from the solver."""

    def __len__(self) -> int:
        return len(self.time_s)

    def part(self, frames: slice) -> Take:
        """Some of its frames."""
        return replace(
            self,
            coefficients=self.coefficients[frames],
            confidence=self.confidence[frames],
            time_s=self.time_s[frames],
            rotation=self.rotation[frames],
            translation_cm=self.translation_cm[frames],
            gaze=self.gaze[frames],
            landmarks_px=self.landmarks_px[frames],
            frame_index=self.frame_index[frames],
            sigma=None if self.sigma is None else self.sigma[frames],
        )


def save(take: Take, path: Path) -> None:
    """Write a take in one piece: a partial file never carries the final name."""
    arrays: dict[str, NDArray[np.generic]] = {"schema": np.array(SCHEMA), "schema_minor": np.array(SCHEMA_MINOR)}
    for field in fields(Take):
        value = getattr(take, field.name)
        if value is None:
            continue
        if field.name == "fps":
            value = np.array([value.numerator, value.denominator], np.int64)
        arrays[field.name] = np.asarray(value)
    arrays["frame_size"] = arrays["frame_size"].astype(np.int64)
    # Not straight into the file: on a full disk NumPy's archive fails once more when it is collected.
    archive = io.BytesIO()
    np.savez_compressed(archive, **arrays)
    write_whole(Path(path), archive.getvalue())


def load(path: Path) -> Take:
    """Read a take; raises `InputError` for anything that is not one."""
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except FileNotFoundError as error:
        raise InputError(f"There is no take at {path}; make one with 'understudy track'.") from error
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} is not a take or is damaged; track the footage again.") from error
    if int(arrays.get("schema", np.array(0))) != SCHEMA:
        raise InputError(f"{path} has take schema {arrays.get('schema')}, this version reads schema {SCHEMA}.")
    optional = ("frame_index", "sigma")
    missing = [field.name for field in fields(Take) if field.name not in arrays and field.name not in optional]
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}; track the footage again.")
    frames = len(arrays["time_s"])
    for name, shape in {
        "coefficients": (frames, len(arkit.NAMES)),
        "sigma": (frames, len(arkit.NAMES)),
        "confidence": (frames,),
        "rotation": (frames, 3, 3),
        "translation_cm": (frames, 3),
        "gaze": (frames, 2, 2),
        "landmarks_px": (frames, 478, 2),
        "camera_matrix": (3, 3),
    }.items():
        if name in arrays and arrays[name].shape != shape:
            raise InputError(
                f"{path}: {name} has shape {arrays[name].shape}, expected {shape}; track the footage again."
            )
    return Take(
        names=tuple(str(name) for name in arrays["names"]),
        coefficients=arrays["coefficients"],
        confidence=arrays["confidence"],
        time_s=arrays["time_s"],
        rotation=arrays["rotation"],
        translation_cm=arrays["translation_cm"],
        gaze=arrays["gaze"],
        camera_matrix=arrays["camera_matrix"],
        landmarks_px=arrays["landmarks_px"],
        identity=arrays["identity"],
        neutral_cm=arrays["neutral_cm"],
        fps=Fraction(int(arrays["fps"][0]), int(arrays["fps"][1])),
        frame_size=(int(arrays["frame_size"][0]), int(arrays["frame_size"][1])),
        frame_index=arrays.get("frame_index", np.arange(frames)),
        face_model=str(arrays["face_model"]),
        source_sha256=str(arrays["source_sha256"]),
        tool_version=str(arrays["tool_version"]),
        sigma=arrays.get("sigma"),
    )
