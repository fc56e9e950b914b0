"""The way of live samples from the worker to whoever shows them: one packet each, over this machine's own loopback.

Nobody waits for anybody, and nothing queues up: who looks seldom sees the newest only.
"""

from __future__ import annotations

import socket
from contextlib import suppress

from ..errors import InputError
from .sample import PACKET_BYTES, LiveSample, pack, unpack

HERE = "127.0.0.1"
_MOST_PACKETS = 1000
"""A flood must not hold up who looks: more than this are not read at a time."""


class LiveReceiver:
    """A port that live samples are sent to; it is free again after `close`."""

    def __init__(self) -> None:
        """Open any free port; raises `InputError` where the system allows none."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((HERE, 0))
        except OSError as error:
            self._socket.close()
            raise InputError(
                f"No port of this machine can be opened for live samples: {error.strerror}; check the firewall."
            ) from error
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self.refused = 0
        """Packets that were no live samples."""

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def newest(self) -> LiveSample | None:
        """The sample that came last, None when none came since the last look. Returns at once."""
        newest: LiveSample | None = None
        for _ in range(_MOST_PACKETS):
            try:
                packet = self._socket.recv(PACKET_BYTES + 1)
            except BlockingIOError:
                break
            except OSError:  # Windows: a packet longer than any of ours
                self.refused += 1
                continue
            try:
                newest = unpack(packet)
            except InputError:
                self.refused += 1
        return newest

    def close(self) -> None:
        """Let go of the port."""
        self._socket.close()


class LiveSender:
    """Sends to a `LiveReceiver`'s port."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((HERE, port))
        self._socket.setblocking(False)

    def send(self, sample: LiveSample) -> None:
        """Send one sample; where nobody listens, or has no room, it is lost."""
        with suppress(OSError):
            self._socket.send(pack(sample))

    def close(self) -> None:
        """Let go."""
        self._socket.close()
