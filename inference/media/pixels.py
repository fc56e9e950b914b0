"""Decoded frame <-> upright RGB: colour matrix and range as tagged, display rotation, square pixels."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from .colour_tags import ColourTags
from .types import Image

# AVColorSpace (ITU-T H.273 matrix coefficients) -> swscale matrix. 2 = not tagged.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
# swscale's fast path is one level too dark and up to three off; these flags stay within half a level, and repeat
# chroma so that YUV -> RGB -> YUV gives the same picture back.
_EXACT = Interpolation.POINT | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_TO_YUV = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP
_RESAMPLE = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


def matrix_code(frame: av.VideoFrame) -> int:
    """The H.273 code of a frame's YUV matrix; untagged pictures of 720 lines or 1280 columns and more count as BT.709."""
    code = int(frame.colorspace)
    if code in _MATRICES:
        return code
    return 1 if frame.width >= 1280 or frame.height >= 720 else 6


def to_rgb(frame: av.VideoFrame, reformatter: VideoReformatter, pixel_aspect: Fraction, exact: bool) -> Image:
    """(H, W, 3) RGB of a decoded frame, upright and with square pixels."""
    width, height = square_size(frame.width, frame.height, pixel_aspect)
    interpolation = _EXACT if exact else Interpolation.BILINEAR
    if (width, height) != (frame.width, frame.height):
        interpolation = _RESAMPLE
    full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    rgb = reformatter.reformat(
        _unsited(frame) if interpolation == _EXACT else frame,
        width=width,
        height=height,
        format="rgb24",
        src_colorspace=_MATRICES[matrix_code(frame)],
        src_color_range=ColorRange.JPEG if full or frame.format.is_rgb else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=interpolation,
        threads=1,
    )
    return np.ascontiguousarray(np.rot90(rgb.to_ndarray(), -clockwise_turn(frame) // 90))


def _unsited(frame: av.VideoFrame) -> av.VideoFrame:
    """A copy without a word on where chroma lies: told that it lies at the left, swscale repeats each sample for its own
    column and the one before, and the way back would mix two of them.
    """
    form = frame.format
    if not (
        form.is_planar and form.name.startswith("yuv") and form.chroma_width(8) < 8 and form.components[0].bits == 8
    ):
        return frame
    return copied_part(frame, (0, 0), (frame.width, frame.height))


def copied_part(frame: av.VideoFrame, origin: tuple[int, int], size: tuple[int, int]) -> av.VideoFrame:
    """A part of a planar YUV frame of 8 bits, by its first column and row, width and height.

    It must begin with a whole sample of chroma, and end so or with the frame.
    """
    part = av.VideoFrame(*size, frame.format.name)
    part.colorspace, part.color_range = matrix_code(frame), frame.color_range
    shared = (8 // frame.format.chroma_width(8), 8 // frame.format.chroma_height(8))
    for number, (target, source) in enumerate(zip(part.planes, frame.planes, strict=True)):
        across, down = shared if number in (1, 2) else (1, 1)
        x, y = origin[0] // across, origin[1] // down
        rows, samples = (np.frombuffer(plane, np.uint8).reshape(plane.height, -1) for plane in (target, source))  # type: ignore[call-overload]
        rows[:, : target.width] = samples[y : y + target.height, x : x + target.width]
    return part


def from_rgb(rgb: Image, pixel_format: str, reformatter: VideoReformatter, colour: ColourTags) -> av.VideoFrame:
    """A frame for an encoder of 8 bits, with the matrix and range of ``colour`` when ``pixel_format`` is a YUV one."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    yuv = pixel_format.startswith("yuv")
    return reformatter.reformat(
        frame,
        format=pixel_format,
        dst_colorspace=_MATRICES.get(colour.matrix, Colorspace.ITU709) if yuv else None,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG if yuv and not colour.full_range else ColorRange.JPEG,
        interpolation=_TO_YUV,
        threads=1,
    )


def square_size(width: int, height: int, pixel_aspect: Fraction) -> tuple[int, int]:
    """Width and height after stretching non-square pixels to square ones."""
    if pixel_aspect == 1:
        return width, height
    return max(1, round(width * pixel_aspect)), height


def clockwise_turn(frame: av.VideoFrame) -> int:
    """The container's display turn that makes the stored picture upright: 0, 90, 180 or 270 degrees clockwise."""
    return round(-frame.rotation / 90) * 90 % 360
