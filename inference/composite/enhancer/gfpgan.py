"""The enhancer: a face restorer (GFPGAN, CodeFormer) gives detail to a face.

Only a high-pass of what the network changes is used: its taste in colour, light and shape stays out, and a network that
changes nothing changes nothing. `steady` calms it over time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from ...errors import InputError
from ...networks.sessions import infer, open_session
from ..crops import FFHQ_512, boxes, covered, crop_affine, cut, edge_fade, from_tensor, put_back, to_tensor
from ..device.chain import Chain, chain_on
from ..device.network import DeviceNetwork
from ..pictures import broad
from ..types import Floats, Region

if TYPE_CHECKING:
    import onnxruntime as ort

FaceRestorer = Literal["gfpgan", "codeformer"]
"""Names in the registry of networks."""
STRENGTH: Final = 0.8
DETAIL_BLUR: Final = 0.04
"""Crop sizes; the network's changes that are broader than this are its taste in colour and shape, and are left out."""
LIKENESS: Final = 0.7
"""CodeFormer's weight: 0 invents a beautiful face, 1 stays with what it sees; the face is the avatar's or the actor's own."""
_BOUNDS: Final = (-0.5, 1.5)
_FADE: Final = 0.12
"""Crop sizes over which the detail fades at the crop's border, which is no edge of anything."""


class Enhancer:
    """A network with GFPGAN's contract: RGB crop on the FFHQ template, (1, 3, 512, 512), -1..1, in and out.

    CodeFormer's has a second input, a weight of shape (1,).
    """

    def __init__(self, session: ort.InferenceSession, chain: Chain | None = None) -> None:
        """With a ``chain`` pictures stay on its device. Raises `InputError` when the network has another contract."""
        inputs = session.get_inputs()
        pictures = [tensor.shape for tensor in inputs if len(tensor.shape) == 4]
        found = [shape[1:] for shape in (*pictures[:1], session.get_outputs()[0].shape)]
        wanted = (3, FFHQ_512.size, FFHQ_512.size)
        # Sizes that an export leaves open are words.
        if len(pictures) != 1 or len(inputs) > 2 or any(not _fits(shape, wanted) for shape in found):
            raise InputError(
                f"The enhancer takes and gives pictures of 3x512x512, this network has {found} and {len(inputs)} inputs; "
                "use GFPGAN or CodeFormer."
            )
        self._session = session
        self._weight = [np.array([LIKENESS])] if len(inputs) == 2 else []
        self._fade = np.float32(STRENGTH) * edge_fade(FFHQ_512.size, _FADE)
        self._there: DeviceNetwork | None = None
        if chain is not None:
            fine = DETAIL_BLUR * FFHQ_512.size, self._fade[..., 0]
            self._there = DeviceNetwork(session, chain, FFHQ_512.size, (2.0, -1.0), (0.5, 0.5), _BOUNDS, fine)

    @property
    def is_elsewhere(self) -> bool:
        """Whether it works on a device with memory of its own, best on several pictures at once."""
        return self._there is not None

    def details(
        self, pictures: Sequence[Floats], points_px: Sequence[Floats], regions: Sequence[Region]
    ) -> list[Floats]:
        """`detail` of several pictures of one size."""
        if self._there is None:
            return [self.detail(*one) for one in zip(pictures, points_px, regions, strict=True)]
        affines = [crop_affine(points, FFHQ_512) for points in points_px]
        cutouts, within = boxes(pictures, affines, FFHQ_512.size)
        found = self._there.changes(cutouts, within, self._weight[0] if self._weight else None)
        return [
            put_back(from_tensor(detail), affine, region)
            for detail, affine, region in zip(found, affines, regions, strict=True)
        ]

    def detail(self, picture: Floats, points_px: Floats, region: Region) -> Floats:
        """What to add to the encoded (0..1) pixels of a region, from the picture (H, W, 3) around it: the composite,
        or footage to restore.
        """
        if self._there is not None:
            return self.details([picture], [points_px], [region])[0]
        affine = crop_affine(points_px, FFHQ_512)
        crop = cut(picture, affine, FFHQ_512.size)
        output = infer(self._session, to_tensor(crop * 2 - 1), *self._weight)[0]
        # Cut off at black and white, a mere shift of colour would leave edges there; only nonsense is.
        change: Floats = np.clip(from_tensor(output) / 2 + 0.5, *_BOUNDS) - np.clip(crop, *_BOUNDS)
        detail = change - broad(change, DETAIL_BLUR * FFHQ_512.size)
        return put_back(self._fade * detail, affine, region)


def open_enhancer(name: FaceRestorer, device: str) -> Enhancer:
    """The enhancer of that name; `MissingComponentError` says where its file comes from, `InputError` what is wrong."""
    return Enhancer(open_session(name, device), chain_on(device))


def enhanced_region(points_px: Floats, frame_size: tuple[int, int]) -> Region:
    """The part of the frame that the enhancer changes."""
    return covered(crop_affine(points_px, FFHQ_512), FFHQ_512.size, 1, frame_size)


def _fits(shape: list[int | str | None], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        not isinstance(size, int) or size == goal for size, goal in zip(shape, wanted, strict=True)
    )
