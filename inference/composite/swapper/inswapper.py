"""The network swapper: inswapper_128 draws the avatar's identity on the actor's face.

The identity is the ArcFace embedding of one rendered frame, taken through the 512 x 512 matrix that lies in the
network's file, and normalised again.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ...errors import InputError
from ..crops import ARCFACE_112, ARCFACE_128, crop_affine, cut, from_tensor, put_back, to_tensor
from ..types import Floats, Region

if TYPE_CHECKING:
    import onnxruntime as ort

IDENTITY_SIZE: Final = 512
_FLOAT_TYPES: Final = {1: "<f4", 10: "<f2"}
"""ONNX TensorProto.DataType."""


class IdentitySwapper:
    """Swapper and recogniser with InsightFace's contracts; inputs are told apart by shape, since exports rename them."""

    def __init__(self, swapper: ort.InferenceSession, recogniser: ort.InferenceSession, identity_map: Floats) -> None:
        """``identity_map`` (512, 512) as `read_identity_map` finds it; `InputError` for other networks."""
        inputs = {len(tensor.shape): tensor.name for tensor in swapper.get_inputs()}
        if set(inputs) != {2, 4}:
            raise InputError("The swapper network needs a picture and an identity as inputs; use inswapper_128.")
        self._picture, self._identity = inputs[4], inputs[2]
        self._swapper, self._recogniser, self._map = swapper, recogniser, identity_map
        self._source: Floats | None = None

    def take_identity(self, picture: Floats, points_px: Floats) -> None:
        """Remember whose face to draw: encoded (H, W, 3), 0..1, and landmarks (478, 2) of a reference."""
        crop = cut(picture, crop_affine(points_px, ARCFACE_112), ARCFACE_112.size)
        feed = {self._recogniser.get_inputs()[0].name: to_tensor(crop * 2 - 1)}
        projected = self._recogniser.run(None, feed)[0].reshape(1, IDENTITY_SIZE) @ self._map
        self._source = (projected / np.linalg.norm(projected)).astype(np.float32)

    def draw(self, plate: Floats, points_px: Floats, region: Region) -> tuple[Floats, Floats]:
        """Encoded face (H, W, 3) and its alpha (H, W) in a region of the encoded plate, on the actor's landmarks."""
        if self._source is None:
            raise ValueError("take_identity comes before draw")
        affine = crop_affine(points_px, ARCFACE_128)
        crop = cut(plate, affine, ARCFACE_128.size)
        output = self._swapper.run(None, {self._picture: to_tensor(crop), self._identity: self._source})[0]
        # What the network changes is enlarged and added: what it keeps stays as sharp as the plate.
        change = np.clip(from_tensor(output), 0, 1) - np.clip(crop, 0, 1)
        reach = put_back(np.ones((ARCFACE_128.size, ARCFACE_128.size, 1), np.float32), affine, region)
        return np.clip(plate[region.slices] + put_back(change, affine, region), 0, 1), np.clip(reach, 0, 1)


def read_identity_map(path: Path) -> Floats:
    """The one 512 x 512 initializer of an ONNX file, found by shape, read without the onnx package.

    Raises:
        InputError: there is none.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for number, graph in _fields(content, 0, len(content)):
            if number == 7:
                for part, (start, stop) in _fields(content, *graph):
                    if part == 5 and (matrix := _square_matrix(content, start, stop)) is not None:
                        return matrix
    raise InputError(f"{path} has no 512 x 512 identity matrix, so it is not inswapper_128; get the right file.")


def _square_matrix(content: mmap.mmap, start: int, stop: int) -> Floats | None:
    """A TensorProto as an array, when it is a 512 x 512 one of floats."""
    dims: list[int] = []
    kind, data = 0, b""
    for number, (first, last) in _fields(content, start, stop):
        if number == 1:
            # Packed or single: a run of varints either way.
            dims += _varints(content, first, last)
        elif number == 2:
            kind = _varints(content, first, last)[0]
        elif number in (4, 9) and last - first >= 2 * IDENTITY_SIZE**2:
            data = content[first:last]
    if dims != [IDENTITY_SIZE, IDENTITY_SIZE] or kind not in _FLOAT_TYPES or not data:
        return None
    matrix: Floats = np.frombuffer(data, _FLOAT_TYPES[kind]).reshape(dims).astype(np.float32)
    return matrix


def _fields(content: mmap.mmap, start: int, stop: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """Number and byte range of each field of a protocol buffer message (wire types 0, 1, 2 and 5)."""
    at = start
    while at < stop:
        key, at = _varint(content, at)
        kind = key & 7
        if kind == 0:
            first, at = at, _varint(content, at)[1]
        elif kind == 2:
            length, first = _varint(content, at)
            at = first + length
        elif kind in (1, 5):
            first, at = at, at + (8 if kind == 1 else 4)
        else:
            raise InputError("The network file is damaged; replace it.")
        yield key >> 3, (first, at)


def _varint(content: mmap.mmap, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _varints(content: mmap.mmap, start: int, stop: int) -> list[int]:
    values = []
    while start < stop:
        value, start = _varint(content, start)
        values.append(value)
    return values
