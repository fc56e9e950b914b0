"""A decoded frame with all that it holds: depth, alpha, colour tags; upright and with square pixels."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from .colour_tags import ColourTags
from .deep import has_alpha, is_full_range, to_alpha, to_deep
from .pixels import clockwise_turn, matrix_code, square_size, to_rgb
from .types import Pixels


def to_plate(frame: av.VideoFrame, reformatter: VideoReformatter, aspect: Fraction) -> tuple[Pixels, Pixels | None]:
    """(H, W, 3) RGB and (H, W) alpha, see `Plate`; 8-bit colours are those of `to_rgb`, bit by bit."""
    size = square_size(frame.width, frame.height, aspect)
    if bits_of(frame) <= 8:
        shade = to_alpha(frame, reformatter) if has_alpha(frame) else None
        return to_rgb(frame, reformatter, aspect, exact=True), _placed(shade, frame, size)
    pixels, alpha = to_deep(frame, matrix_code(frame), reformatter)
    return _placed(pixels, frame, size), _placed(alpha, frame, size)


def colour_of(frame: av.VideoFrame) -> ColourTags:
    """As the frame is tagged."""
    matrix = 0 if frame.format.is_rgb else int(frame.colorspace)
    return ColourTags(int(frame.color_primaries), int(frame.color_trc), matrix, is_full_range(frame))


def bits_of(frame: av.VideoFrame) -> int:
    """Bits of a sample."""
    return frame.format.components[0].bits


def widened(pixels: Any, dtype: type[np.generic] | None) -> Any:
    """8-bit integers as 16-bit ones where these are wanted; white stays white."""
    if pixels is None or dtype is not np.uint16 or pixels.dtype != np.uint8:
        return pixels
    return pixels.astype(np.uint16) * np.uint16(257)


def narrowed(pixels: Any) -> Any:
    """16-bit integers as 8-bit ones, rounded once; 8-bit ones stay."""
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) + np.uint32(128)) // np.uint32(257)).astype(np.uint8)


def _placed(image: Any, frame: av.VideoFrame, size: tuple[int, int]) -> Any:
    if image is None:
        return None
    if size != (frame.width, frame.height):
        image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(np.rot90(image, -clockwise_turn(frame) // 90))
