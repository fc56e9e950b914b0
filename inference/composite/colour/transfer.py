"""Between picture values and linear light: sRGB (all standard footage), PQ, HLG and pictures that hold light itself.

Three kinds of values: *pixels* as they are stored; *encoded* floats, even to the eye, in which pictures are mixed; *linear*
light, in which lamps work. Standard footage has its white at 1. HDR curves have their reference white at 1 (203 cd/m2 for
PQ, 75 % signal for HLG, ITU-R BT.2408), so that a render, whose white is 1 too, is as bright as a standard picture.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ..pictures import cv2
from ..types import Floats

Curve = Literal["sdr", "pq", "hlg", "linear"]

_STEPS: Final = 65536
_ROOTS: Final = {"sdr": 1, "pq": 4, "hlg": 1}
"""Square roots of light that make a table's steps nearly even in encoded values."""
_PQ_PEAK: Final = 10000 / 203
_PQ: Final = (2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128)
"""m1, m2, c1, c2, c3 of SMPTE ST 2084."""
_HLG_A: Final = 0.17883277
_HLG_B: Final = 1 - 4 * _HLG_A
_HLG_C: Final = 0.5 - _HLG_A * float(np.log(4 * _HLG_A))


def peak(curve: Curve) -> float:
    """The most light that the curve can hold."""
    return {"sdr": 1.0, "pq": _PQ_PEAK, "hlg": 1 / _hlg_white(), "linear": float("inf")}[curve]


def decode(pixels: NDArray[Any], curve: Curve = "sdr") -> Floats:
    """Pixels, integers of full scale or floats, to linear light."""
    if pixels.dtype.kind == "f":
        floats: Floats = pixels.astype(np.float32, copy=False)
        return floats if curve == "linear" else decode_float(floats, curve)
    if curve == "linear":
        return (pixels / np.float32(np.iinfo(pixels.dtype).max)).astype(np.float32)
    return np.take(_decode_table(int(np.iinfo(pixels.dtype).max), curve), pixels)


def decode_float(encoded: Floats, curve: Curve = "sdr") -> Floats:
    """Encoded floats to linear light. For light itself the encoding is sRGB's curve, continued past 0 and 1."""
    if curve == "linear":
        return np.copysign(_srgb_light(np.abs(encoded)), encoded).astype(np.float32)
    light: Floats = _LIGHT[curve](np.clip(encoded, 0, 1)).astype(np.float32, copy=False)
    return light


def encode(linear: Floats, curve: Curve = "sdr") -> Floats:
    """Linear light to encoded floats, clipped to what the curve holds; within 0.0001 of the formula."""
    if curve == "linear":
        return np.copysign(_srgb_signal(np.abs(linear)), linear).astype(np.float32)
    steps = np.maximum(linear, 0) if peak(curve) == 1 else np.maximum(linear * np.float32(1 / peak(curve)), 0)
    for _ in range(_ROOTS[curve]):
        np.sqrt(steps, out=steps)
    places = (
        cv2.addWeighted(steps, _STEPS - 1, steps, 0, 0, dtype=cv2.CV_16U) if steps.size else steps.astype(np.uint16)
    )
    return np.take(_encode_table(curve), places.reshape(linear.shape))


def to_encoded(pixels: NDArray[Any], curve: Curve = "sdr") -> Floats:
    """Pixels to encoded floats."""
    if curve == "linear":
        return encode(decode(pixels, curve), curve)
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float32, copy=False)
    return (pixels * np.float32(1 / np.iinfo(pixels.dtype).max)).astype(np.float32, copy=False)


def to_pixels(encoded: Floats, dtype: np.dtype[Any], curve: Curve = "sdr") -> NDArray[Any]:
    """Encoded floats to pixels of a type, rounded once."""
    stored = decode_float(encoded, curve) if curve == "linear" else encoded
    if dtype.kind == "f" or not stored.size:
        return stored.astype(dtype)
    depth = cv2.CV_8U if dtype == np.uint8 else cv2.CV_16U
    pixels: NDArray[Any] = cv2.addWeighted(stored, float(np.iinfo(dtype).max), stored, 0, 0, dtype=depth)
    return pixels.reshape(stored.shape)


def _srgb_light(signal: NDArray[Any]) -> NDArray[Any]:
    """IEC 61966-2-1."""
    light: NDArray[Any] = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    return light


def _srgb_signal(light: NDArray[Any]) -> NDArray[Any]:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def _pq_light(signal: NDArray[Any]) -> NDArray[Any]:
    """SMPTE ST 2084, in reference whites."""
    m1, m2, c1, c2, c3 = _PQ
    root = signal.astype(float) ** (1 / m2)
    light: NDArray[Any] = _PQ_PEAK * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    return light


def _pq_signal(light: NDArray[Any]) -> NDArray[Any]:
    m1, m2, c1, c2, c3 = _PQ
    power = (light / _PQ_PEAK) ** m1
    return ((c1 + c2 * power) / (1 + c3 * power)) ** m2


def _hlg_scene(signal: NDArray[Any]) -> NDArray[Any]:
    """ITU-R BT.2100: light of the scene, 1 at the peak."""
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - _HLG_C) / _HLG_A) + _HLG_B) / 12)


def _hlg_light(signal: NDArray[Any]) -> NDArray[Any]:
    return _hlg_scene(signal) / _hlg_white()


def _hlg_signal(light: NDArray[Any]) -> NDArray[Any]:
    scene = light * _hlg_white()
    bright = np.log(np.maximum(12 * scene - _HLG_B, 1e-6)) * _HLG_A + _HLG_C
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


@cache
def _hlg_white() -> float:
    return float(_hlg_scene(np.array(0.75)))


_LIGHT: Final = {"sdr": _srgb_light, "pq": _pq_light, "hlg": _hlg_light}
_SIGNAL: Final = {"sdr": _srgb_signal, "pq": _pq_signal, "hlg": _hlg_signal}


@cache
def _decode_table(most: int, curve: Curve) -> Floats:
    return decode_float(np.linspace(0, 1, most + 1, dtype=np.float32), curve)


@cache
def _encode_table(curve: Curve) -> Floats:
    light = (np.arange(_STEPS) / (_STEPS - 1)) ** (2.0 ** _ROOTS[curve])
    return np.minimum(_SIGNAL[curve](light * peak(curve)), 1).astype(np.float32)
