"""The packets of Epic's Live Link Face app (version 6), both ways.

Big-endian: version byte; device and subject as length and bytes; frame, part of a frame, rate as two numbers; a count and
so many floats: 52 coefficients in ARKit's order of Unreal's list, then head yaw, pitch, roll and the same of each eye, as
in `livelink`. A packet that ends before the count says that no face is seen.
"""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from fractions import Fraction

import numpy as np

from .. import arkit
from ..errors import InputError
from ..livelink import ANGLES, eye_angles, head_angles
from .angles import turned
from .face_values import FaceValues
from .sample import LiveSample

VERSION = 6
VALUES = len(arkit.NAMES) + len(ANGLES)
DEVICE, SUBJECT = "understudy-0000-0000-0000-0000000000", "Understudy"
_TIME = struct.Struct(">ifii")
_LONGEST_NAME = 512


class LiveLinkFace:
    """Reads the app's packets."""

    def __init__(self) -> None:
        self._last = FaceValues.nobody()

    def feed(self, packet: bytes) -> FaceValues:
        """The face of a packet; raises `InputError` for any other."""
        try:
            values = _values(packet)
        except (struct.error, ValueError, IndexError) as error:
            raise InputError("This is no packet of Live Link Face; check what sends to this port.") from error
        if values is None:
            return replace(self._last, confidence=0.0)
        shapes, angles = values[: len(arkit.NAMES)], values[len(arkit.NAMES) :]
        self._last = FaceValues(
            confidence=1.0,
            coefficients=np.clip(shapes, 0.0, 1.0).astype(np.float32),
            rotation=turned(*angles[:3]).astype(np.float32),
            translation_cm=self._last.translation_cm,
            gaze=np.array([angles[3:5], angles[6:8]], np.float32),
        )
        return self._last


def _values(packet: bytes) -> list[float] | None:
    if packet[0] != VERSION:
        raise ValueError("another version")
    place = _after_name(packet, _after_name(packet, 1))
    _TIME.unpack_from(packet, place)
    place += _TIME.size
    if place == len(packet) or packet[place] == 0:
        return None
    if packet[place] != VALUES:
        raise ValueError("another count")
    values = struct.unpack_from(f">{VALUES}f", packet, place + 1)
    if not all(map(math.isfinite, values)) or max(map(abs, values)) > 100.0:
        raise ValueError("no values")
    return list(values)


def _after_name(packet: bytes, place: int) -> int:
    length: int = struct.unpack_from(">i", packet, place)[0]
    if not 0 <= length <= _LONGEST_NAME:
        raise ValueError("no name")
    return place + 4 + length


def packet_of(sample: LiveSample, rate: int = 60) -> bytes:
    """The app's packet of a sample."""
    frames = Fraction(sample.time_s) * rate
    whole = math.floor(frames)
    names = [struct.pack(">i", len(name)) + name.encode() for name in (DEVICE, SUBJECT)]
    parts = [struct.pack(">B", VERSION), *names]
    parts.append(_TIME.pack(whole & 0x7FFFFFFF, float(frames - whole), rate, 1))
    if sample.confidence > 0:
        head, eyes = head_angles(sample.rotation[None])[0], eye_angles(sample.gaze[None])[0]
        parts.append(struct.pack(f">B{VALUES}f", VALUES, *sample.coefficients, *head, *eyes))
    return b"".join(parts)
