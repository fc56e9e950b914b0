"""Decoded frame <-> RGB of more than 8 bits and alpha: swscale's own 16-bit RGB has its white at 65280.

Codes and matrices are those of ITU-T H.273. Chroma is repeated on the way in and averaged on the way out, so that
YUV -> RGB -> YUV gives the same picture back.
"""

from __future__ import annotations

import re
from typing import Any, Final

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, VideoReformatter
from numpy.typing import NDArray

from .types import Pixels

Array = NDArray[Any]

WHITE: Final = 65535
LUMA_WEIGHTS: Final = {
    1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087),
    9: (0.2627, 0.0593), 10: (0.2627, 0.0593),
}  # fmt: skip
"""Matrix code -> weights of red and blue in luma."""
_FLOATS: Final = re.compile(r"f(16|32)le$")
_PLANAR: Final = re.compile(r"(gbrap?|yuva?\d{3}p|gray)(8|9|10|12|14|16)?(le)?$")
_SAMPLING: Final = {(1, 1): "444", (2, 1): "422", (2, 2): "420", (4, 1): "411", (4, 4): "410", (1, 2): "440"}


def is_float(frame: av.VideoFrame) -> bool:
    """Does the file hold floats?"""
    return _FLOATS.search(frame.format.name) is not None


def has_alpha(frame: av.VideoFrame) -> bool:
    """Does the file hold an alpha channel? Four-part formats without one do not occur among decoded pictures."""
    return len(frame.format.components) in (2, 4) and not frame.format.has_palette


def is_full_range(frame: av.VideoFrame) -> bool:
    """Do the codes use their whole range?"""
    return frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj") or frame.format.is_rgb


def to_deep(frame: av.VideoFrame, matrix: int, reformatter: VideoReformatter) -> tuple[Pixels, Pixels | None]:
    """(H, W, 3) RGB and (H, W) alpha of a frame with more than 8 bits: uint16, or float32 for floats.

    ``matrix`` is the H.273 code of its YUV matrix.
    """
    if is_float(frame):
        return _of_floats(frame)
    frame = _as_planar(frame, reformatter)
    bits = frame.format.components[0].bits
    planes = [_plane(frame, number) for number in range(len(frame.planes))]
    alpha = _stretched(planes[3], bits) if len(planes) == 4 else None
    if frame.format.is_rgb:
        green, blue, red = (_stretched(plane, bits) for plane in planes[:3])
        return cv2.merge([red, green, blue]).astype(np.uint16, copy=False), alpha
    size = (frame.width, frame.height)
    if len(planes) == 1:
        neutral = np.full_like(planes[0], 1 << (bits - 1))
        planes = [planes[0], neutral, neutral]
    chroma = [_repeated(plane, size) for plane in planes[1:3]]
    codes = cv2.merge([planes[0], *chroma])
    rgb = cv2.transform(codes, _to_rgb_matrix(matrix, bits, is_full_range(frame)))
    return rgb.astype(np.uint16, copy=False), alpha


def to_alpha(frame: av.VideoFrame, reformatter: VideoReformatter) -> NDArray[np.uint8]:
    """(H, W) alpha of a frame of 8 bits."""
    planar = _as_planar(frame, reformatter)
    return _plane(planar, len(planar.planes) - 1).astype(np.uint8)


def from_deep(
    rgb: NDArray[np.uint16], alpha: NDArray[np.uint16] | None, pixel_format: str, matrix: int, full_range: bool
) -> av.VideoFrame:
    """A frame for an encoder of a planar or 8-bit packed format from full-scale RGB (H, W, 3) and alpha (H, W)."""
    height, width = rgb.shape[:2]
    frame = av.VideoFrame(width, height, pixel_format)
    bits = frame.format.components[0].bits
    with_alpha = len(frame.format.components) == 4
    shade = np.full((height, width), WHITE, np.uint16) if with_alpha and alpha is None else alpha
    if frame.format.is_rgb and not frame.format.is_planar:
        parts = [rgb[..., 2], rgb[..., 1], rgb[..., 0], shade if with_alpha and shade is not None else rgb[..., 0]]
        _fill(frame, 0, np.stack([_rounded(part, bits) for part in parts], -1).reshape(height, -1))
        return frame
    if frame.format.is_rgb:
        for number, channel in enumerate((1, 2, 0)):
            _fill(frame, number, _rounded(rgb[..., channel], bits))
    else:
        codes = cv2.transform(rgb, _to_codes_matrix(matrix, bits, full_range))
        for number in range(3):
            plane = frame.planes[number]
            part = np.ascontiguousarray(codes[..., number])
            if (plane.width, plane.height) != (width, height):
                part = cv2.resize(_even(part), (plane.width, plane.height), interpolation=cv2.INTER_AREA)
            _fill(frame, number, _shifted(part, 16 - bits))
    if with_alpha and shade is not None:
        _fill(frame, 3, _rounded(shade, bits))
    return frame


def _to_rgb_matrix(matrix: int, bits: int, full_range: bool) -> NDArray[np.float64]:
    """(3, 4): codes (Y, Cb, Cr, 1) to RGB, white at 65535."""
    red, blue = LUMA_WEIGHTS.get(matrix, LUMA_WEIGHTS[1])
    green = 1 - red - blue
    u_blue, v_red = 2 * (1 - blue), 2 * (1 - red)
    to_rgb = np.array(
        [[1, 0, v_red], [1, -u_blue * blue / green, -v_red * red / green], [1, u_blue, 0]], dtype=np.float64
    )
    black, luma, grey, chroma = _levels(bits, full_range)
    scaled = to_rgb * np.array([1 / luma, 1 / chroma, 1 / chroma])
    offset = scaled @ np.array([black, grey, grey])
    to_white: NDArray[np.float64] = np.column_stack([scaled, -offset]) * float(WHITE)
    return to_white


def _to_codes_matrix(matrix: int, bits: int, full_range: bool) -> NDArray[np.float64]:
    """(3, 4): RGB (65535 is white) to codes in the upper ``bits`` of 16."""
    forward = _to_rgb_matrix(matrix, bits, full_range)
    back = np.linalg.inv(forward[:, :3])
    return float(2 ** (16 - bits)) * np.column_stack([back, -back @ forward[:, 3]])


def _levels(bits: int, full_range: bool) -> tuple[float, float, float, float]:
    """Code of black, span of luma, code of grey, span of chroma."""
    unit = 2.0 ** (bits - 8)
    if full_range:
        return 0.0, 2.0**bits - 1, 128 * unit, 2.0**bits - 1
    return 16 * unit, 219 * unit, 128 * unit, 224 * unit


def _as_planar(frame: av.VideoFrame, reformatter: VideoReformatter) -> av.VideoFrame:
    """The same samples, each component in a plane of its own, lowest byte first."""
    found = _PLANAR.match(frame.format.name)
    if found and not frame.format.has_palette:
        return frame
    bits = max(frame.format.components[0].bits, 8)
    depth = "" if bits == 8 else f"{bits}le"
    alpha = "a" if has_alpha(frame) else ""
    if frame.format.is_rgb or frame.format.has_palette:
        wanted = f"gbr{alpha}p{depth}"
    elif len(frame.format.components) == 1:
        wanted = f"gray{depth}"
    else:
        across = 8 // frame.format.chroma_width(8) if len(frame.format.components) > 2 else 1
        down = 8 // frame.format.chroma_height(8) if len(frame.format.components) > 2 else 1
        wanted = f"yuv{alpha}{_SAMPLING[across, down]}p{depth}"
    return reformatter.reformat(frame, format=wanted, threads=1)


def _of_floats(frame: av.VideoFrame) -> tuple[Pixels, Pixels | None]:
    planes = [_plane(frame, number) for number in range(len(frame.planes))]
    if not frame.format.is_planar and len(planes) == 1:
        return np.repeat(planes[0].astype(np.float32)[..., None], 3, axis=2), None
    green, blue, red = (plane.astype(np.float32) for plane in planes[:3])
    alpha = planes[3].astype(np.float32) if len(planes) == 4 else None
    return np.dstack([red, green, blue]), alpha


def _plane(frame: av.VideoFrame, number: int) -> Array:
    """(H, W) samples of a plane, a view of the frame's memory."""
    plane, bits = frame.planes[number], frame.format.components[0].bits
    found = _FLOATS.search(frame.format.name)
    kind: Any = {"16": np.float16, "32": np.float32}[found[1]] if found else (np.uint8 if bits <= 8 else np.uint16)
    rows = np.frombuffer(plane, kind).reshape(plane.height, -1)  # type: ignore[call-overload]
    return rows[:, : plane.width]  # type: ignore[no-any-return]


def _fill(frame: av.VideoFrame, number: int, samples: Array) -> None:
    """Write samples, (H, W) or (H, W * parts), into a plane; its rows are longer than the picture is wide."""
    plane = frame.planes[number]
    kind: Any = np.uint8 if frame.format.components[0].bits <= 8 else np.uint16
    rows = np.frombuffer(plane, kind).reshape(plane.height, -1)  # type: ignore[call-overload]
    rows[:, : samples.shape[1]] = samples


def _stretched(codes: Array, bits: int) -> NDArray[np.uint16]:
    """Full-range codes to 0..65535, exact at both ends."""
    if bits == 16:
        return codes.astype(np.uint16)
    top = (1 << bits) - 1
    wide = (codes.astype(np.uint32) * np.uint32(WHITE) + np.uint32(top // 2)) // np.uint32(top)
    return wide.astype(np.uint16)


def _rounded(values: NDArray[np.uint16], bits: int) -> Array:
    """0..65535 to full-range codes; the inverse of `_stretched`."""
    if bits == 16:
        return values
    top = (1 << bits) - 1
    return (values.astype(np.uint32) * np.uint32(top) + np.uint32(WHITE // 2)) // np.uint32(WHITE)


def _shifted(codes: Array, shift: int) -> Array:
    """Codes in the upper bits of 16, rounded to their own bits."""
    if shift == 0:
        return codes
    rounded = (codes.astype(np.uint32) + np.uint32(1 << (shift - 1))) >> np.uint32(shift)
    return np.minimum(rounded, np.uint32((1 << (16 - shift)) - 1))


def _repeated(plane: Array, size: tuple[int, int]) -> Array:
    """A plane of chroma at the size (W, H) of luma, each sample repeated."""
    width, height = size
    across, down = -(-width // plane.shape[1]), -(-height // plane.shape[0])
    if (across, down) == (1, 1):
        return plane
    whole = cv2.resize(plane, (plane.shape[1] * across, plane.shape[0] * down), interpolation=cv2.INTER_NEAREST)
    return whole[:height, :width]


def _even(plane: Array) -> Array:
    """A plane whose sides are even: the last row and column repeated where needed."""
    height, width = plane.shape
    return cv2.copyMakeBorder(plane, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
