"""Still pictures: PNG in RGB or RGBA, 8 or 16 bit, written whole or not at all; and any picture of a sequence."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import write_whole
from .colour_tags import UNTAGGED, ColourTags
from .exr import read_exr

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

_HEADER_END = 33
"""Bytes of a PNG's signature and first chunk; the chunk of colour codes comes before the pixels."""


def read_picture(path: str | Path) -> Pixels | NDArray[np.float32]:
    """(H, W, 3) RGB or (H, W, 4) RGBA as stored: a PNG in uint8 or uint16, an EXR in float32 (see `read_exr`).

    Raises:
        InputError: missing, unreadable or not a picture.
    """
    path = Path(path)
    return read_exr(path) if path.suffix.lower() == ".exr" else read_png(path)


def write_png(path: str | Path, image: Pixels, colour: ColourTags | None = None) -> None:
    """Write (H, W, 3) RGB or (H, W, 4) RGBA (straight alpha), uint8 or uint16; ``colour`` says whose colours they are.

    Raises:
        InputError: the target cannot be written.
    """
    order = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    encoded = cv2.imencode(".png", cv2.cvtColor(image, order))[1].tobytes()
    codes = b"" if colour is None or colour.transfer == UNTAGGED else _colour_chunk(colour)
    # Not cv2.imwrite: it takes no name outside the system's code page on Windows.
    write_whole(Path(path), encoded[:_HEADER_END] + codes + encoded[_HEADER_END:])


def read_png(path: str | Path) -> Pixels:
    """(H, W, 3) RGB or (H, W, 4) RGBA as stored, uint8 or uint16; grey becomes RGB.

    Raises:
        InputError: missing, unreadable or not a picture.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check the name and your access to it.") from error
    image: Pixels | None = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None  # type: ignore[assignment]
    if image is None:
        raise InputError(f"{path} is not a picture, or it is damaged; write it again.")
    if image.ndim == 2:
        return np.repeat(image[:, :, None], 3, axis=2)
    swapped: Pixels = cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA if image.shape[2] == 4 else cv2.COLOR_BGR2RGB)  # type: ignore[assignment]
    return swapped


def _colour_chunk(colour: ColourTags) -> bytes:
    """The cICP chunk of PNG, third edition: H.273 codes of RGB in full range."""
    content = b"cICP" + bytes([colour.primaries, colour.transfer, 0, 1])
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
