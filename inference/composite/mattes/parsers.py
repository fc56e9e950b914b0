"""Networks that see what covers a face, when the user has them: XSeg (the face without what is in front) and BiSeNet
(the parts of a face). They take the place of the actor's own appearance.

Contracts as FaceFusion's exports have them: XSeg takes (1, 256, 256, 3) BGR, 0..1, and gives (1, 256, 256, 1); BiSeNet
takes (1, 3, 512, 512) RGB with ImageNet's mean and deviation and gives the logits of 19 classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ...errors import InputError, MissingComponentError
from ...networks.sessions import infer, open_session
from ..crops import FFHQ_512, Template, crop_affine, cut, put_back, to_tensor
from ..pictures import shrink
from ..regions import face_region, face_width_px
from ..types import Floats, Pixels, Region
from .appearance import FACE_SIZE
from .cover import Cover

if TYPE_CHECKING:
    import onnxruntime as ort

XSEG: Final = Template(256, FFHQ_512.points)
CLASSES: Final = 19
_FACE: Final = (1, 2, 3, 4, 5, 6, 10, 11, 12, 13)
"""BiSeNet's skin, brows, eyes, glasses, nose, mouth and lips: what an avatar's face replaces."""
_MEAN: Final = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION: Final = np.array([0.229, 0.224, 0.225], np.float32)


class FaceParsers:
    """One or both of the networks; where both see, a pixel is face when both say so."""

    def __init__(self, xseg: ort.InferenceSession | None, bisenet: ort.InferenceSession | None) -> None:
        """Raises `InputError` when a network has another contract."""
        _check(xseg, "XSeg", (256, 256, 3), (256, 256, 1))
        _check(bisenet, "BiSeNet", (3, 512, 512), (CLASSES, 512, 512))
        self._xseg, self._bisenet = xseg, bisenet

    def find_cover(self, plate: Pixels, points_px: Floats) -> Cover:
        """What covers a face with landmarks (478, 2) in a plate (H, W, 3)."""
        region = face_region(points_px, (plate.shape[1], plate.shape[0]))
        picture = plate.astype(np.float32) * np.float32(1 / np.iinfo(plate.dtype).max)
        face = np.ones((region.height, region.width), np.float32)
        if self._xseg is not None:
            affine = crop_affine(points_px, XSEG)
            crop = np.clip(cut(picture, affine, XSEG.size), 0, 1)
            mask = infer(self._xseg, np.ascontiguousarray(crop[None, ..., ::-1]))[0].reshape(XSEG.size, XSEG.size, 1)
            face = np.minimum(face, _placed(np.clip(mask, 0, 1), affine, region))
        if self._bisenet is not None:
            affine = crop_affine(points_px, FFHQ_512)
            crop = np.clip(cut(picture, affine, FFHQ_512.size), 0, 1)
            logits = infer(self._bisenet, to_tensor((crop - _MEAN) / _DEVIATION))[0][0]
            mask = np.isin(logits.argmax(0), _FACE).astype(np.float32)[..., None]
            face = np.minimum(face, _placed(mask, affine, region))
        scale = min(1.0, FACE_SIZE / face_width_px(points_px))
        size = (max(8, round(region.width * scale)), max(8, round(region.height * scale)))
        return Cover(shrink(1 - face, size), region)


def open_parsers(device: str) -> FaceParsers | None:
    """The networks that are here; None when neither is: the actor's own appearance does without them."""
    found = []
    for name in ("xseg", "bisenet"):
        try:
            found.append(open_session(name, device))
        except MissingComponentError:
            found.append(None)
    return FaceParsers(*found) if any(found) else None


def _placed(mask: Floats, affine: Floats, region: Region) -> Floats:
    """A mask of a crop (S, S, 1) over a region; what the crop does not show counts as face."""
    hidden = put_back(1 - mask, affine, region)
    return np.clip(1 - hidden.reshape(region.height, region.width), 0, 1)


def _check(
    session: ort.InferenceSession | None, name: str, wanted_in: tuple[int, ...], wanted_out: tuple[int, ...]
) -> None:
    if session is None:
        return
    for tensors, wanted in ((session.get_inputs(), wanted_in), (session.get_outputs()[:1], wanted_out)):
        shape = tensors[0].shape[1:]
        fits = len(shape) == len(wanted) and all(
            not isinstance(size, int) or size == goal for size, goal in zip(shape, wanted, strict=True)
        )
        if len(tensors) != 1 or not fits:
            raise InputError(f"{name} takes {wanted_in} and gives {wanted_out}, this network has {shape}; use {name}.")
