"""What the media room hands out: facts about a file, and its frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .colour_tags import UNKNOWN_COLOUR, ColourTags, Hdr10

Image = NDArray[np.uint8]
"""(H, W, 3) sRGB as decoded."""


class Picture(Protocol):
    """An `Image`, or what gives one for the rows and columns that are asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and 3."""

    def __getitem__(self, part: tuple[slice, slice], /) -> Image:
        """RGB of some rows and columns."""


Pixels = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]
"""Full-scale integers in the file's own transfer, or floats in linear light."""


@dataclass(frozen=True)
class VideoInfo:
    """Facts about a video file. Sizes are those of the picture as shown, after rotation."""

    path: Path
    width: int
    height: int
    fps: Fraction
    frame_count: int
    """0 when the container does not say."""
    duration_s: float
    rotation_deg: int
    """0, 90, 180 or 270: already applied to the frames that are handed out."""
    bit_depth: int
    codec: str
    has_audio: bool
    is_float: bool = False
    """Pictures of floats, 16 or 32 bit: linear light without an upper end."""
    has_alpha: bool = False
    colour: ColourTags = UNKNOWN_COLOUR
    """As the file is tagged."""
    first_number: int = 0
    """The number of a picture sequence's first file; 0 for movies."""
    hdr10: Hdr10 | None = None

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16] | type[np.float32]:
        """What holds the pictures without loss, see `Plate`."""
        if self.is_float:
            return np.float32
        return np.uint8 if self.bit_depth <= 8 else np.uint16


@dataclass(frozen=True)
class VideoFrame:
    """One decoded frame, turned upright."""

    index: int
    """Position in the file's presentation order, from 0."""
    time_s: float
    """Presentation time; the first frame of a file is not always at 0."""
    rgb: Image


@dataclass(frozen=True)
class Glimpsed:
    """One decoded frame, turned upright, of which RGB is made where somebody looks."""

    index: int
    """As in `VideoFrame`, also the next."""
    time_s: float
    rgb: Picture


@dataclass(frozen=True)
class Plate:
    """One decoded frame with all that the file holds, turned upright."""

    index: int
    """Position in the file's presentation order, from 0."""
    time_s: float
    pixels: Pixels
    """(H, W, 3) RGB. 8 bits as uint8; 9 to 16 bits as uint16, 65535 is white; floats as float32 in linear light."""
    alpha: Pixels | None = None
    """(H, W), of the same type; None for footage without."""
