"""Open Sound Control 1.0, as much as face tracking over UDP needs: messages of numbers and names, and bundles of them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from ..errors import InputError

Argument: TypeAlias = "int | float | str"
_BUNDLE = b"#bundle\0"
_AT_ONCE = 1
"""The time tag that means: now."""
_DEEPEST = 4
"""Bundles within bundles."""
_SIZES = {"i": ">i", "f": ">f", "d": ">d", "h": ">q"}
_WITHOUT_DATA = {"T": 1, "F": 0, "N": 0, "I": 1}


@dataclass(frozen=True)
class Message:
    """One message."""

    address: str
    arguments: tuple[Argument, ...]


def encode(messages: Iterable[Message]) -> bytes:
    """The packet of some messages: a bundle."""
    parts = [_BUNDLE, struct.pack(">Q", _AT_ONCE)]
    for message in messages:
        packet = _encoded(message)
        parts += [struct.pack(">i", len(packet)), packet]
    return b"".join(parts)


def decode(packet: bytes) -> list[Message]:
    """The messages of a packet, be it a bundle or a single one; raises `InputError` for anything else."""
    try:
        return _decoded(packet, 0)
    except (struct.error, UnicodeDecodeError, ValueError, IndexError) as error:
        raise InputError("This is no OSC packet; check which program sends to this port.") from error


def _encoded(message: Message) -> bytes:
    tags = "".join("s" if isinstance(one, str) else "i" if isinstance(one, int) else "f" for one in message.arguments)
    parts = [_text(message.address), _text("," + tags)]
    for tag, one in zip(tags, message.arguments, strict=True):
        parts.append(_text(str(one)) if tag == "s" else struct.pack(_SIZES[tag], one))
    return b"".join(parts)


def _text(text: str) -> bytes:
    """Ended by a zero and filled up to four bytes."""
    raw = text.encode() + b"\0"
    return raw + bytes(-len(raw) % 4)


def _decoded(packet: bytes, depth: int) -> list[Message]:
    if not packet.startswith(_BUNDLE):
        return [_message(packet)]
    if depth >= _DEEPEST:
        raise ValueError("bundles too deep")
    messages, place = [], len(_BUNDLE) + 8
    while place < len(packet):
        (size,) = struct.unpack_from(">i", packet, place)
        part = packet[place + 4 : place + 4 + size]
        if size <= 0 or len(part) != size:
            raise ValueError("a part of a bundle is cut off")
        messages += _decoded(part, depth + 1)
        place += 4 + size
    return messages


def _message(packet: bytes) -> Message:
    address, place = _read_text(packet, 0)
    if not address.startswith("/"):
        raise ValueError("no address")
    tags, place = _read_text(packet, place)
    if not tags.startswith(","):
        raise ValueError("no type tags")
    arguments: list[Argument] = []
    for tag in tags[1:]:
        if tag in _SIZES:
            arguments.append(struct.unpack_from(_SIZES[tag], packet, place)[0])
            place += struct.calcsize(_SIZES[tag])
        elif tag in "sS":
            text, place = _read_text(packet, place)
            arguments.append(text)
        elif tag in _WITHOUT_DATA:
            arguments.append(_WITHOUT_DATA[tag])
        else:
            raise ValueError(f"type {tag}")
    return Message(address, tuple(arguments))


def _read_text(packet: bytes, place: int) -> tuple[str, int]:
    end = packet.index(b"\0", place)
    return packet[place:end].decode(), end + 4 - end % 4
