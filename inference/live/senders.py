"""Live samples for other programs, over UDP: VMC and Live Link Face."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress

from ..errors import UsageError
from .livelink_udp import packet_of
from .sample import LiveSample
from .vmc import packets_of

_WAYS: dict[str, Callable[[LiveSample], list[bytes]]] = {
    "vmc": packets_of,
    "livelink": lambda sample: [packet_of(sample)],
}


class Sender:
    """Sends every sample to one program; what does not arrive is lost."""

    def __init__(self, name: str) -> None:
        """``vmc://HOST:PORT`` or ``livelink://HOST:PORT``; raises `UsageError` for anything else."""
        scheme, _, rest = name.partition("://")
        host, _, port = rest.rpartition(":")
        if scheme not in _WAYS or not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise UsageError(f"'{name}' is no place to send to; write vmc://HOST:PORT or livelink://HOST:PORT.")
        try:
            self._address = socket.getaddrinfo(host, int(port), socket.AF_INET, socket.SOCK_DGRAM)[0][4]
        except OSError as error:
            raise UsageError(f"There is no machine called {host}; check the address in '{name}'.") from error
        self._packets = _WAYS[scheme]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def send(self, sample: LiveSample) -> None:
        """Send one sample."""
        with suppress(OSError):
            for packet in self._packets(sample):
                self._socket.sendto(packet, self._address)

    def close(self) -> None:
        """Let go."""
        self._socket.close()
