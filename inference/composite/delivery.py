"""Finished pictures on their way into the file: from the footage's encoding to what is delivered, rounded once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..media.delivery import Delivery
from ..media.encodings import PictureForm
from ..media.sequence_writer import SequenceWriter
from ..media.types import VideoInfo
from ..media.whole import WholeWriter
from ..media.writer import VideoWriter
from .colour.space import Space
from .colour.transfer import decode, encode, to_pixels

Array = NDArray[Any]


class DeliveryWriter(WholeWriter):
    """Writes finished pictures as planned; use it in a ``with`` statement."""

    def __init__(
        self, delivery: Delivery, info: VideoInfo, out_path: Path, seal: Callable[[Path], None] | None = None
    ) -> None:
        """Sound and frame times are those of the footage of ``info``; ``seal`` is called with a finished movie before it
        gets its name.

        Raises:
            UsageError: the codec does not go into a file of that name.
            InputError: the target cannot be written.
        """
        self._delivery = delivery
        # EXR holds colours multiplied by their alpha, all else straight ones; so does what the pictures come from.
        self._comes_multiplied = info.is_float and not delivery.element
        self._goes_multiplied = delivery.codec == "exr"
        form = PictureForm(delivery.depth, delivery.colour, delivery.alpha, info.hdr10)
        size = (info.width, info.height)
        self._writer: VideoWriter | SequenceWriter
        match delivery.codec:
            case "png" | "exr" as codec:
                self._writer = SequenceWriter(out_path, *size, info.fps, codec, form, info.first_number)
            case codec:
                source = info.path if info.path.is_file() else None
                self._writer = movie = VideoWriter(out_path, *size, info.fps, codec, audio_from=source, form=form)
                movie.seal = seal

    def write(self, pixels: Array, time_s: float, alpha: Array | None = None) -> None:
        """Append a picture, (H, W, 3), in the footage's encoding, shown from ``time_s`` on.

        ``alpha`` (H, W) is the footage's, or the matte of an element, 0..1; a delivery without alpha takes no notice.

        Raises:
            InputError: the disk is full or gone.
        """
        if not self._delivery.alpha:
            self._writer.write(self._encoded(pixels), time_s)
            return
        alpha = np.ones(pixels.shape[:2], np.float32) if alpha is None else alpha
        if self._comes_multiplied and not self._goes_multiplied:
            pixels = np.divide(pixels, alpha[..., None], out=np.zeros_like(pixels), where=alpha[..., None] > 0)
        colours = self._encoded(pixels)
        shade = _as_type(alpha, colours.dtype)
        if self._goes_multiplied and not self._comes_multiplied:
            colours = colours * shade[..., None]
        elif self._delivery.element:
            # What lies behind the face is not part of the element.
            colours = (colours * (shade[..., None] > 0)).astype(colours.dtype)
        self._writer.write(colours, time_s, shade)

    def close(self) -> None:
        """Give it its name.

        Raises:
            InputError: no picture was written, or the disk is full or gone.
        """
        self._writer.close()

    def discard(self) -> None:
        """Stop and leave nothing behind."""
        self._writer.discard()

    def _encoded(self, pixels: Array) -> Array:
        """The pixels as the file holds them; its writer widens or rounds integers."""
        source = self._delivery.source.curve
        if self._delivery.codec == "exr":
            return decode(pixels, source)
        if source == "linear":
            # Primaries that have a code keep it.
            coded = self._delivery.source.chromaticities is None
            light = np.nan_to_num(pixels) if coded else Space.of(self._delivery.source).light(pixels)
            return to_pixels(encode(light), np.dtype(np.uint16))
        return pixels


def _as_type(alpha: Array, dtype: np.dtype[Any]) -> Array:
    """Alpha of the type that the colours have."""
    if alpha.dtype == dtype:
        return alpha
    share = alpha if alpha.dtype.kind == "f" else alpha / np.float32(np.iinfo(alpha.dtype).max)
    if dtype.kind == "f":
        return share.astype(dtype)
    whole: Array = np.rint(np.clip(share, 0, 1) * np.float32(np.iinfo(dtype).max)).astype(dtype)
    return whole
