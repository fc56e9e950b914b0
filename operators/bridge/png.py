"""Just enough of PNG to know that a rendered frame is whole, and to write an empty one. No image library needed."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGBA = 6


def is_whole(path: Path, size: tuple[int, int]) -> bool:
    """Whether `path` is an undamaged 8-bit RGBA PNG of `size` (width, height)."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    if not data.startswith(SIGNATURE):
        return False
    position, kind, header = len(SIGNATURE), b"", b""
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 4 : position + 8 + length]
        checksum = data[position + 8 + length : position + 12 + length]
        if len(checksum) < 4 or zlib.crc32(body) != int.from_bytes(checksum, "big"):
            return False
        header = header or body[4:]
        position += 12 + length
    return kind == b"IEND" and header[:10] == struct.pack(">IIBB", *size, 8, RGBA)


def empty(size: tuple[int, int]) -> bytes:
    """A fully transparent 8-bit RGBA PNG of `size` (width, height)."""
    width, height = size
    rows = bytes((1 + 4 * width) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, RGBA, 0, 0, 0)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
