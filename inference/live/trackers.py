"""Other trackers as sources: a phone or a program that sends coefficients over UDP, no pictures."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from .. import arkit
from ..errors import InputError, UsageError
from .face_values import FaceValues
from .ifacialmocap import HELLO, IFacialMocap
from .livelink_udp import LiveLinkFace
from .sample import LiveSample
from .vmc import Vmc

_MOST_BYTES = 65535
_MOST_PACKETS = 2000
"""More than this are not read at a time."""
_HELLO_EVERY_S = 2.0
_GONE_S = 0.5
"""A sender that says nothing for so long shows no face."""


class PacketReader(Protocol):
    """What makes values of packets."""

    def feed(self, packet: bytes) -> FaceValues | None:
        """The face, once a packet completes it; raises `InputError` for a packet of something else."""


PROTOCOLS: dict[str, Callable[[], PacketReader]] = {"livelink": LiveLinkFace, "ifacialmocap": IFacialMocap, "vmc": Vmc}


class TrackerSource:
    """A UDP port on which another tracker's face arrives."""

    def __init__(self, name: str) -> None:
        """``livelink://PORT``, ``vmc://PORT``, ``ifacialmocap://PORT`` or ``ifacialmocap://PHONE:PORT``."""
        scheme, _, rest = name.partition("://")
        host, _, port = rest.rpartition(":")
        if scheme not in PROTOCOLS or not port.isdecimal() or not 0 < int(port) < 65536:
            raise UsageError(
                f"'{name}' is no tracker; write {scheme or 'livelink'}://PORT, with a port from 1 to 65535."
            )
        self.name, self.phone, self.port = name, host, int(port)
        self._protocol: PacketReader = PROTOCOLS[scheme]()
        self.refused = 0
        """Packets of something else."""
        self._socket = _bound(self.port)
        self._frame = self._dropped = 0
        self._began_s = self._heard_s = self._said_s = -np.inf
        self._last = FaceValues.nobody()

    def newest(self, patience_s: float) -> LiveSample | None:
        """What arrived last, as soon as something did; None when nothing does in so long."""
        self._greet()
        until_s = time.monotonic() + patience_s
        while (left_s := until_s - time.monotonic()) > 0:
            if not select.select([self._socket], [], [], left_s)[0]:
                break
            if (face := self._drained()) is not None:
                return self._sample(face)
        silent = time.monotonic() - self._heard_s > _GONE_S and self._frame > 0
        return self._sample(replace(self._last, confidence=0.0)) if silent else None

    def close(self) -> None:
        """Let go of the port."""
        self._socket.close()

    def _drained(self) -> FaceValues | None:
        newest: FaceValues | None = None
        for _ in range(_MOST_PACKETS):
            try:
                packet = self._socket.recv(_MOST_BYTES)
            except BlockingIOError:
                break
            except OSError:  # Windows tells of a greeting that reached nobody
                continue
            try:
                face = self._protocol.feed(packet)
            except InputError:
                self.refused += 1
                continue
            if face is not None:
                self._dropped += newest is not None
                self._frame += 1
                newest = face
        return newest

    def _sample(self, face: FaceValues) -> LiveSample:
        now_s = time.monotonic()
        if not np.isfinite(self._began_s):
            self._began_s = now_s
        if face.confidence > 0:
            self._last = face
        self._heard_s = now_s if face.confidence > 0 else self._heard_s
        return LiveSample(
            frame=self._frame,
            time_s=now_s - self._began_s,
            confidence=face.confidence,
            coefficients=face.coefficients,
            rotation=face.rotation,
            translation_cm=face.translation_cm,
            gaze=face.gaze,
            dropped=self._dropped,
        )

    def _greet(self) -> None:
        """A phone sends after it was greeted, and goes on while it is."""
        now_s = time.monotonic()
        if self.phone and now_s - max(self._said_s, self._heard_s) > _HELLO_EVERY_S:
            self._said_s = now_s
            try:
                self._socket.sendto(HELLO, (self.phone, self.port))
            except OSError as error:
                raise InputError(
                    f"The phone {self.phone} cannot be reached: {error.strerror}; check its address."
                ) from error


def is_tracker(name: str) -> bool:
    """Whether a source's name is that of another tracker."""
    return urlsplit(name).scheme in PROTOCOLS


def _bound(port: int) -> socket.socket:
    """From everywhere: phones are other machines."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        opened.bind(("", port))
    except OSError as error:
        opened.close()
        raise InputError(
            f"Port {port} cannot be opened: {error.strerror}; close the program that uses it, or choose another."
        ) from error
    opened.setblocking(False)
    return opened


def rested(sample: LiveSample, neutral: NDArray[np.float32]) -> LiveSample:
    """A sample of a tracker whose (52,) coefficients at rest are known: rest is 0, and full is still 1."""
    looks = np.array([name.startswith("eyeLook") for name in arkit.NAMES])
    rest = np.where(looks, 0.0, np.clip(neutral, 0.0, 0.9))
    shown = np.clip((sample.coefficients - rest) / (1.0 - rest), 0.0, 1.0)
    return replace(sample, coefficients=shown.astype(np.float32))
