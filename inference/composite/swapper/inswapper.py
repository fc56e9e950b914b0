"""The network swapper: inswapper_128 draws the avatar's identity on the actor's face.

The identity is the ArcFace embedding of rendered frames, taken through the 512 x 512 matrix that lies in the network's
file, and normalised again. Only what the network changes is used, at the size at which it draws; what is finer stays the
plate's own, except where the face becomes another one.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ...errors import InputError
from ...networks.sessions import infer
from ..crops import ARCFACE_112, ARCFACE_128, boxes, crop_affine, cut, from_tensor, put_back, to_tensor
from ..device.chain import Chain
from ..device.network import DeviceNetwork
from ..enhancer.steady import signal_share, weighted_mean
from ..pictures import blur, broad, enlarge, floats_of, sample
from ..stabiliser.flow import Flow, places, trails
from ..types import Floats, Pixels, Region
from .pixel_boost import agreed, boosted_change
from .warp import apply_affine, inverse

if TYPE_CHECKING:
    import onnxruntime as ort

IDENTITY_SIZE: Final = 512
_FLOAT_TYPES: Final = {1: "<f4", 10: "<f2"}
"""ONNX TensorProto.DataType."""
CALM_SIGMA: Final = 1.5
"""Frames over which the network's drawing is averaged."""
OTHER_FACE: Final = 0.05
"""Encoded; where the network changes features by this much, the plate's fine detail belongs to somebody else."""
FEATURE: Final = 0.04
"""Crop sizes; broader changes are colour and light, which leave lashes and pores their owner's."""


@dataclass(frozen=True)
class Drawing:
    """What the network changes of one frame's face."""

    affine: Floats
    """(2, 3) frame pixels to crop pixels."""
    change: Floats
    """(S, S, 3) encoded, to be added to the crop."""


class IdentitySwapper:
    """Swapper and recogniser with InsightFace's contracts; inputs are told apart by shape, since exports rename them."""

    def __init__(
        self,
        swapper: ort.InferenceSession,
        recogniser: ort.InferenceSession,
        identity_map: Floats,
        boost: int = 128,
        chain: Chain | None = None,
    ) -> None:
        """``identity_map`` (512, 512) as `read_identity_map` finds it, ``boost`` the size in pixels at which faces are
        drawn, a multiple of 128; with a ``chain`` pictures stay on its device. `InputError` for other networks.
        """
        ranks = sorted(len(tensor.shape) for tensor in swapper.get_inputs())
        if ranks != [2, 4]:
            raise InputError("The swapper network needs a picture and an identity as inputs; use inswapper_128.")
        _check_sizes("swapper", swapper, 4, (3, ARCFACE_128.size, ARCFACE_128.size), "inswapper_128")
        _check_sizes("swapper", swapper, 2, (IDENTITY_SIZE,), "inswapper_128")
        _check_sizes("recogniser", recogniser, 4, (3, ARCFACE_112.size, ARCFACE_112.size), "ArcFace w600k_r50")
        self._swapper, self._recogniser, self._map = swapper, recogniser, identity_map
        self._factor = boost // ARCFACE_128.size
        self._embeddings: list[Floats] = []
        self._there = None if chain is None else DeviceNetwork(swapper, chain, boost)

    @property
    def is_elsewhere(self) -> bool:
        """Whether it works on a device with memory of its own, best on several pictures at once."""
        return self._there is not None

    def drawings(
        self, plates: Sequence[Pixels], points_px: Sequence[Floats], shares: Sequence[Floats]
    ) -> list[Drawing]:
        """`drawing` of several plates (H, W, 3) of one size."""
        if self._there is None:
            every = zip(plates, points_px, shares, strict=True)
            return [self.drawing(floats_of(plate), points, share) for plate, points, share in every]
        affines = [self._affine(points) for points in points_px]
        cutouts, within = boxes(plates, affines, self._factor * ARCFACE_128.size)
        pictures = cutouts if cutouts.dtype == np.uint8 else floats_of(cutouts)
        source = np.concatenate([self.source(share) for share in shares])
        found = self._there.changes(pictures, within, source, self._factor).transpose(0, 1, 3, 4, 2)
        parts = (agreed(np.ascontiguousarray(changes), self._factor) for changes in found)
        return [Drawing(affine, change) for affine, change in zip(affines, parts, strict=True)]

    def take_identity(self, picture: Floats, points_px: Floats) -> None:
        """Remember one more picture of whose face to draw: encoded (H, W, 3), 0..1, and landmarks (478, 2) in it."""
        crop = cut(picture, crop_affine(points_px, ARCFACE_112), ARCFACE_112.size)
        embedding = infer(self._recogniser, to_tensor(crop * 2 - 1))[0].reshape(IDENTITY_SIZE)
        self._embeddings.append(embedding / max(float(np.linalg.norm(embedding)), 1e-9))

    def source(self, shares: Sequence[float] | Floats | None = None) -> Floats:
        """(1, 512) the network's second input: a mean of the pictures' embeddings, projected, of length one."""
        if not self._embeddings:
            raise ValueError("take_identity comes before drawing")
        weights = np.ones(len(self._embeddings)) if shares is None else np.asarray(shares)
        projected = (weights @ np.stack(self._embeddings)) @ self._map
        return (projected / np.linalg.norm(projected)).astype(np.float32)[None]

    def drawing(self, plate: Floats, points_px: Floats, shares: Floats | None = None) -> Drawing:
        """What the network changes of the encoded plate (H, W, 3) with the actor's landmarks (478, 2)."""
        source = self.source(shares)

        def change(crop: Floats) -> Floats:
            output = infer(self._swapper, to_tensor(crop), source)[0]
            return np.clip(from_tensor(output), 0, 1) - np.clip(crop, 0, 1)

        affine = self._affine(points_px)
        crop = cut(plate, affine, self._factor * ARCFACE_128.size)
        return Drawing(affine, boosted_change(crop, self._factor, change))

    def draw(self, plate: Floats, points_px: Floats, region: Region) -> tuple[Floats, Floats]:
        """Encoded face (H, W, 3) and its alpha (H, W) in a region of the encoded plate, on the actor's landmarks."""
        return laid(plate, self.drawing(plate, points_px), region)

    def _affine(self, points_px: Floats) -> Floats:
        return np.float32(self._factor) * crop_affine(points_px, ARCFACE_128)


def laid(plate: Floats, drawing: Drawing, region: Region) -> tuple[Floats, Floats]:
    """Encoded face (H, W, 3) and its alpha (H, W) in a region of the encoded plate."""
    affine, change = drawing.affine, drawing.change
    size = change.shape[0]
    behind = plate[region.slices]
    seen = put_back(cut(plate, affine, size), affine, region)
    # Where the face becomes another one, the actor's lashes and pores would be ghosts in it.
    features = np.abs(change - broad(change, FEATURE * size)).mean(-1)
    other = 1 - np.exp(-((blur(features, FEATURE * size / 4) / np.float32(OTHER_FACE)) ** 2))
    ghosts = put_back(other, affine, region)[..., None]
    reach = np.clip(put_back(np.ones((size, size), np.float32), affine, region), 0, 1)
    fine = (behind - seen) * reach[..., None]
    return np.clip(behind + put_back(change, affine, region) - np.clip(ghosts, 0, 1) * fine, 0, 1), reach


def calmed(run: Mapping[int, Drawing], flows: Mapping[int, Flow]) -> Drawing:
    """The drawing at offset 0 of a run, averaged with its neighbours along the plate's flow.

    ``flows`` holds, by offset, the flow between that frame and the one before it.
    """
    own = run[0]
    size = own.change.shape[0]
    coarse = 32
    crop_places = places(Region(0, 0, size, size), (coarse, coarse))
    in_frame = apply_affine(inverse(own.affine), crop_places.reshape(-1, 2)).reshape(coarse, coarse, 2)
    along = trails(in_frame, flows, list(run))
    grid = places(Region(0, 0, size, size), (size, size))
    samples, weights = [], []
    for offset, drawing in run.items():
        weight = np.full((size, size), np.exp(-0.5 * (offset / CALM_SIGMA) ** 2), np.float32)
        change = drawing.change
        if offset:
            there = apply_affine(drawing.affine, along[offset].points_px.reshape(-1, 2)).reshape(coarse, coarse, 2)
            at = np.clip(grid + enlarge(there - crop_places, (size, size)), 0.5, size - 0.5)
            change = sample(change, at[..., 0], at[..., 1], sharp=True)
            weight *= enlarge(along[offset].trust, (size, size))
        samples.append(change)
        weights.append(weight)
    if len(samples) == 1:
        return own
    shares, mean = weighted_mean(samples, weights)
    # Features that are not drawn again in the next frame are the network's unrest: there the plate's own stay.
    fine = [one - broad(one, FEATURE * size) for one in (*samples, mean)]
    return Drawing(own.affine, mean - (1 - signal_share(fine[:-1], shares, fine[-1])[..., None]) * fine[-1])


def _check_sizes(what: str, session: ort.InferenceSession, rank: int, wanted: tuple[int, ...], advice: str) -> None:
    """`InputError` when the input of so many dimensions has other sizes; sizes left open by an export are words."""
    for tensor in session.get_inputs():
        sizes = tensor.shape[1:]
        if len(tensor.shape) == rank and any(
            isinstance(size, int) and size != goal for size, goal in zip(sizes, wanted, strict=True)
        ):
            raise InputError(f"The {what} network takes {tensor.shape}, not {list(wanted)}; use {advice}.")


def read_identity_map(path: Path) -> Floats:
    """The 512 x 512 initializer of an ONNX file, found by shape, read without the onnx package.

    InsightFace appends it: when there are several, it is the last.

    Raises:
        InputError: there is none.
    """
    found = None
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for number, graph in _fields(content, 0, len(content)):
            if number == 7:
                for part, (start, stop) in _fields(content, *graph):
                    if part == 5 and (matrix := _square_matrix(content, start, stop)) is not None:
                        found = matrix
    if found is None:
        raise InputError(f"{path} has no 512 x 512 identity matrix, so it is not inswapper_128; get the right file.")
    return found


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
