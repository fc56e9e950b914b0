"""OpenEXR pictures: the facts in their header, their pixels by FFmpeg's decoder, and a writer that says whose colours they are.

Layout after the "OpenEXR File Layout" document: magic, version, attributes, offsets of the chunks, chunks. Colours are
linear light, transparent ones multiplied by their alpha, as the format defines.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from ..errors import InputError
from ..files import write_whole
from .colour_tags import BT709, CHROMATICITIES, UNTAGGED, ColourTags
from .container import reason
from .deep import to_deep

Floats = NDArray[np.float32]

_MAGIC: Final = 20000630
_TYPES: Final[dict[str, tuple[int, np.dtype[Any]]]] = {"half": (1, np.dtype("<f2")), "float": (2, np.dtype("<f4"))}
_ZIP, _ZIP_LINES = 3, 16
_LINES_OF: Final = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256)
"""Lines of a chunk by compression: none, RLE, ZIPS, ZIP, PIZ, PXR24, B44, B44A, DWAA, DWAB."""
_IN_PARTS: Final = 0x200 | 0x800 | 0x1000
"""Version flags of pictures whose chunks are told otherwise: tiles, depth samples, several parts."""
_ZIP_LEVEL: Final = 4  # As the OpenEXR library: higher ones cost time and save nothing.
_HALF_TOP: Final = 65504.0


@dataclass(frozen=True)
class ExrFacts:
    """What the header of a picture says."""

    channels: dict[str, str]
    """Name -> ``half``, ``float`` or ``uint``, in the file's order."""
    colour: ColourTags
    """BT.709's primaries where the file says nothing, by definition of the format."""
    fps: Fraction | None
    is_whole: bool
    """No part of the pixels is missing; the decoder would leave it black."""

    @property
    def layer(self) -> str:
        """The layer whose colours are the picture: none where plain R, G and B are there."""
        reds = [name.removesuffix("R") for name in self.channels if name == "R" or name.endswith(".R")]
        return "" if not reds or "" in reds else reds[0].removesuffix(".")

    @property
    def bits(self) -> int:
        """16 when every channel of the picture is half, else 32."""
        prefix = f"{self.layer}." if self.layer else ""
        kinds = {self.channels[prefix + part] for part in "RGBAY" if prefix + part in self.channels}
        return 16 if kinds == {"half"} else 32


def exr_facts(path: Path) -> ExrFacts:
    """Read a header.

    Raises:
        InputError: missing, unreadable or no EXR picture.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) != struct.pack("<i", _MAGIC):
                raise _damaged(path)
            (version,) = struct.unpack("<i", file.read(4))
            found = dict(_attributes(file))
            whole = bool(version & _IN_PARTS) or _is_whole(file, found)
        channels = _channels(found["channels"])
        white = found.get("chromaticities")
        rate = found.get("framesPerSecond")
        fps = Fraction(*struct.unpack("<iI", rate)) if rate is not None else None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}; check the name and your access to it.") from error
    except (struct.error, KeyError, ZeroDivisionError, UnicodeDecodeError, IndexError) as error:
        raise _damaged(path) from error
    return ExrFacts(channels, _colour(struct.unpack("<8f", white) if white is not None else None), fps, whole)


def read_exr(path: Path) -> Floats:
    """(H, W, 3) RGB or (H, W, 4) RGBA as stored: linear light, multiplied by alpha; grey becomes RGB.

    Raises:
        InputError: missing, unreadable or not an EXR picture.
    """
    facts = exr_facts(path)
    if not facts.is_whole:
        raise _damaged(path)
    try:
        with av.open(str(path.absolute()), format="exr_pipe") as container:
            container.streams.video[0].codec_context.options = {"layer": facts.layer}
            frame = next(container.decode(video=0))
            pixels, alpha = to_deep(frame, 0, VideoReformatter())
    except (av.error.FFmpegError, OSError, StopIteration, ValueError) as error:
        raise _damaged(path) from error
    parts = (pixels,) if alpha is None else (pixels, alpha)
    return np.ascontiguousarray(np.dstack(parts), np.float32)


def write_exr(
    path: Path, image: Floats, depth: Literal["half", "float"], colour: ColourTags = BT709, fps: Fraction | None = None
) -> None:
    """Write (H, W, 3) RGB or (H, W, 4) RGBA in linear light, colours multiplied by alpha, ZIP-compressed.

    Values beyond the range of half are kept at its end.

    Raises:
        InputError: the target cannot be written.
    """
    height, width, count = image.shape
    code, kind = _TYPES[depth]
    names = "ABGR" if count == 4 else "BGR"  # The format wants the channels in alphabetical order.
    planes = image.transpose(0, 2, 1)[:, ::-1]
    if depth == "half":
        planes = np.clip(planes, -_HALF_TOP, _HALF_TOP)
    lines: NDArray[Any] = np.ascontiguousarray(planes.astype(kind))
    head = struct.pack("<ii", _MAGIC, 2) + _header(width, height, names, code, colour.xy, fps)
    chunks = [_chunk(top, lines[top : top + _ZIP_LINES].tobytes()) for top in range(0, height, _ZIP_LINES)]
    first = len(head) + 8 * len(chunks)
    offsets = first + np.cumsum([0, *(len(chunk) for chunk in chunks[:-1])])
    write_whole(path, b"".join([head, offsets.astype("<u8").tobytes(), *chunks]))


def _header(width: int, height: int, names: str, code: int, xy: tuple[float, ...], fps: Fraction | None) -> bytes:
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    channels = b"".join(name.encode() + b"\0" + struct.pack("<iB3xii", code, 0, 1, 1) for name in names) + b"\0"
    attributes = [
        ("channels", "chlist", channels),
        ("compression", "compression", bytes([_ZIP])),
        ("dataWindow", "box2i", window),
        ("displayWindow", "box2i", window),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
        ("chromaticities", "chromaticities", struct.pack("<8f", *xy)),
    ]
    if fps is not None:
        attributes.append(("framesPerSecond", "rational", struct.pack("<iI", fps.numerator, fps.denominator)))
    packed = [
        name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value
        for name, kind, value in attributes
    ]
    return b"".join(packed) + b"\0"


def _chunk(top: int, raw: bytes) -> bytes:
    """Lines from row ``top`` on: even bytes before odd ones, differences, zlib; as they are where that does not help."""
    data = np.frombuffer(raw, np.uint8)
    sorted_bytes = np.concatenate([data[0::2], data[1::2]])
    # Each byte less the one before, around 128 (modulo 256).
    predicted = np.empty_like(sorted_bytes)
    predicted[0] = sorted_bytes[0]
    np.subtract(sorted_bytes[1:], sorted_bytes[:-1], out=predicted[1:])
    predicted[1:] += np.uint8(128)
    packed = zlib.compress(predicted.tobytes(), _ZIP_LEVEL)
    content = packed if len(packed) < len(raw) else raw
    return struct.pack("<ii", top, len(content)) + content


def _is_whole(file: BinaryIO, found: dict[str, bytes]) -> bool:
    """Are all chunks of a picture of lines there? The file stands at the table of their offsets."""
    _, top, _, bottom = struct.unpack("<4i", found["dataWindow"])
    count = -(-(bottom - top + 1) // _LINES_OF[found["compression"][0]])
    offsets = struct.unpack(f"<{count}Q", file.read(8 * count))
    file.seek(max(offsets) + 4)
    (size,) = struct.unpack("<i", file.read(4))
    end = file.tell() + size
    return bool(min(offsets) > 0 and end <= file.seek(0, 2))


def _attributes(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    while name := _text(file):
        _text(file)  # its type
        (size,) = struct.unpack("<i", file.read(4))
        yield name, file.read(size)


def _text(file: BinaryIO) -> str:
    letters = bytearray()
    while (letter := file.read(1)) != b"\0":
        if not letter or len(letters) > 255:
            raise struct.error
        letters += letter
    return letters.decode()


def _channels(packed: bytes) -> dict[str, str]:
    """Names and kinds of a channel list."""
    channels, place = {}, 0
    while packed[place]:
        end = packed.index(0, place)
        (kind,) = struct.unpack_from("<i", packed, end + 1)
        channels[packed[place:end].decode()] = ("uint", "half", "float")[kind]
        place = end + 17
    return channels


def _colour(xy: tuple[float, ...] | None) -> ColourTags:
    """The tags of linear light with given chromaticities."""
    for code, known in CHROMATICITIES.items():
        if xy is None or np.allclose(xy, known, atol=1e-3):
            return ColourTags(code, 8, 0, True)
    return ColourTags(UNTAGGED, 8, 0, True, xy)


def _damaged(path: Path) -> InputError:
    return InputError(f"{path} is not an EXR picture that can be decoded, or it is damaged; write it again.")
