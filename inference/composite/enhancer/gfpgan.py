"""The enhancer: a face restorer (GFPGAN) adds detail to the composited face, inside the matte only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ...errors import InputError
from ..crops import FFHQ_512, crop_affine, cut, from_tensor, put_back, to_tensor
from ..pictures import blur
from ..types import Floats, Region

if TYPE_CHECKING:
    import onnxruntime as ort

STRENGTH: Final = 0.8
DETAIL_BLUR: Final = 0.04
"""Crop sizes; the network's changes that are broader than this are its taste in colour and shape, and are left out."""


class Enhancer:
    """A network with GFPGAN's contract: RGB crop on the FFHQ template, (1, 3, 512, 512), -1..1, in and out."""

    def __init__(self, session: ort.InferenceSession) -> None:
        """Raises `InputError` when the network has another contract."""
        found = [tensor.shape[1:] for tensor in (*session.get_inputs()[:1], *session.get_outputs()[:1])]
        wanted = (3, FFHQ_512.size, FFHQ_512.size)
        # Sizes that an export leaves open are words.
        if any(
            len(shape) != 3 or any(n not in (w, str(n)) for n, w in zip(shape, wanted, strict=False)) for shape in found
        ):
            raise InputError(
                f"The enhancer takes and gives pictures of 3x512x512, this network has {found}; use GFPGAN."
            )
        self._session = session
        self._input = session.get_inputs()[0].name

    def detail(self, picture: Floats, points_px: Floats, region: Region) -> Floats:
        """What to add to the encoded (0..1) pixels of a region, from the composited picture (H, W, 3) around it.

        Only the difference between the network's output and its input is brought back, so a network that changes
        nothing changes nothing.
        """
        affine = crop_affine(points_px, FFHQ_512)
        crop = cut(picture, affine, FFHQ_512.size)
        output = self._session.run(None, {self._input: to_tensor(crop * 2 - 1)})[0]
        change: Floats = np.clip(from_tensor(output) / 2 + 0.5, 0, 1) - np.clip(crop, 0, 1)
        detail = change - blur(change, DETAIL_BLUR * FFHQ_512.size)
        return put_back(np.float32(STRENGTH) * detail, affine, region)
