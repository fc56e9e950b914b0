"""What live mode says of one moment, and its bytes: plain numbers in one small packet that is whole or refused."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .. import arkit
from ..errors import InputError

MAGIC: Final = b"UNDL"
VERSION: Final = 1
_HEAD: Final = struct.Struct("<4sHH")
"""Magic, version, flags."""
_FACTS: Final = struct.Struct("<QdffffQ")
"""Frame, time, confidence, latency, fps, calibrated, dropped."""
_FLOATS: Final = np.dtype("<f4")
_SHAPES: Final[tuple[tuple[int, ...], ...]] = ((len(arkit.NAMES),), (3, 3), (3,), (2, 2))
_COUNTS: Final = tuple(int(np.prod(shape)) for shape in _SHAPES)
_CHECK: Final = struct.Struct("<I")
"""CRC-32 of everything before."""
_RECORDING: Final = 1
LARGEST: Final = 2**63 - 1
"""Frames are counted so far."""
PACKET_BYTES: Final = _HEAD.size + _FACTS.size + sum(_COUNTS) * _FLOATS.itemsize + _CHECK.size


@dataclass(frozen=True, eq=False)
class LiveSample:
    """The performance at one moment; axes and units are those of `take.Take`."""

    frame: int
    """Count of the source's frames before this one, also of those that were dropped."""
    time_s: float
    """By the source's clock, 0 at its first frame."""
    confidence: float
    """0..1; 0 where no face is seen, and the other values are the last ones."""
    coefficients: NDArray[np.float32]
    """(52,) 0..1, in the order of `arkit.NAMES`."""
    rotation: NDArray[np.float32]
    """(3, 3) head axes to camera-aligned axes."""
    translation_cm: NDArray[np.float32]
    """(3,)."""
    gaze: NDArray[np.float32]
    """(2, 2) yaw and pitch in radians of the actor's left and right eye."""
    latency_ms: float = 0.0
    """From the frame's arrival until this was sent."""
    fps: float = 0.0
    """Samples per second, lately."""
    dropped: int = 0
    """Frames so far for which there was no time."""
    calibrated: float = 0.0
    """0..1 how far the neutral calibration is; 0 before the first, 1 after."""
    recording: bool = False


def pack(sample: LiveSample) -> bytes:
    """The packet of a sample, always `PACKET_BYTES` long."""
    arrays = (sample.coefficients, sample.rotation, sample.translation_cm, sample.gaze)
    body = b"".join(
        [
            _HEAD.pack(MAGIC, VERSION, _RECORDING * sample.recording),
            _FACTS.pack(
                sample.frame,
                sample.time_s,
                sample.confidence,
                sample.latency_ms,
                sample.fps,
                sample.calibrated,
                sample.dropped,
            ),
            *(np.asarray(array, _FLOATS).tobytes() for array in arrays),
        ]
    )
    return body + _CHECK.pack(zlib.crc32(body))


def unpack(packet: bytes) -> LiveSample:
    """The sample of a packet; raises `InputError` for anything that is not a whole packet of this version."""
    if packet[: len(MAGIC)] != MAGIC or len(packet) < _HEAD.size:
        raise InputError("This is no live sample; check which program sends to this port.")
    _, version, flags = _HEAD.unpack_from(packet)
    if version != VERSION:
        raise InputError(
            f"This live sample has version {version}, this program reads {VERSION}; use the same Understudy on both ends."
        )
    body, check = packet[: -_CHECK.size], packet[-_CHECK.size :]
    if len(packet) != PACKET_BYTES or _CHECK.unpack(check)[0] != zlib.crc32(body) or flags not in (0, _RECORDING):
        raise _damaged()
    frame, time_s, confidence, latency_ms, fps, calibrated, dropped = _FACTS.unpack_from(body, _HEAD.size)
    values = np.frombuffer(body, _FLOATS, offset=_HEAD.size + _FACTS.size).astype(np.float32)
    facts = (time_s, confidence, latency_ms, fps, calibrated)
    if not (np.isfinite(values).all() and np.isfinite(facts).all() and frame <= LARGEST and dropped <= LARGEST):
        raise _damaged()
    parts = np.split(values, np.cumsum(_COUNTS)[:-1])
    coefficients, rotation, translation_cm, gaze = (
        part.reshape(shape) for part, shape in zip(parts, _SHAPES, strict=True)
    )
    return LiveSample(
        frame=frame,
        time_s=time_s,
        confidence=confidence,
        coefficients=coefficients,
        rotation=rotation,
        translation_cm=translation_cm,
        gaze=gaze,
        latency_ms=latency_ms,
        fps=fps,
        dropped=dropped,
        calibrated=calibrated,
        recording=bool(flags & _RECORDING),
    )


def _damaged() -> InputError:
    return InputError("A live sample arrived damaged; it is left out.")
