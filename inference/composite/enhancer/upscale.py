"""The frame enhancer: Real-ESRGAN enlarges a whole frame in tiles that are blended over their overlap.

A network sees less near the border of its picture, so each tile's rim is thrown away; over the next stretch neighbouring
tiles fade into each other (weights that sum to one), so that no seam is left where their tones differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ...errors import InputError
from ...networks.registry import find_file, network
from ...networks.sessions import infer, open_session
from ..crops import from_tensor, to_tensor
from ..pictures import broad, enlarge, shrink
from ..types import Floats

if TYPE_CHECKING:
    import onnxruntime as ort

TILE: Final = 256
"""Pixels a side, where the network leaves it open."""
RIM: Final = 16
"""Pixels at a tile's border that are not used."""
BLEND: Final = 16
"""Pixels over which two tiles fade into each other."""
_LEAST: Final = 4 * RIM
BROAD_PX: Final = 8.0
"""Source pixels; changes broader than this are the network's taste in tone, and are left out."""


class FrameEnhancer:
    """A network with Real-ESRGAN's contract: RGB (1, 3, h, w), 0..1, in; (1, 3, s h, s w) out."""

    def __init__(self, session: ort.InferenceSession) -> None:
        """Raises `InputError` when the network has another contract."""
        shape = session.get_inputs()[0].shape
        if len(session.get_inputs()) != 1 or len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):
            raise InputError(f"The frame enhancer takes one picture of 3 channels, not {shape}; use Real-ESRGAN.")
        self._session = session
        sides = {side for side in shape[2:] if isinstance(side, int)}
        self.tile = max(sides, default=TILE)
        if len(sides) > 1 or self.tile < _LEAST:
            raise InputError(
                f"The frame enhancer works on square tiles of {_LEAST} pixels or more, not {shape}; use Real-ESRGAN."
            )
        probe = self.tile if sides else _LEAST
        drawn = self._draw(np.zeros((probe, probe, 3), np.float32)).shape
        self.scale = drawn[0] // probe
        if self.scale < 1 or drawn != (self.scale * probe, self.scale * probe, 3):
            raise InputError(f"The frame enhancer made {drawn} of a tile of {probe}x{probe}; use Real-ESRGAN.")

    def enlarged(self, picture: Floats) -> Floats:
        """(s H, s W, 3) of an encoded picture (H, W, 3), 0..1."""
        height, width = picture.shape[:2]
        scale, tile = self.scale, self.tile
        rows, columns = _starts(height, tile), _starts(width, tile)
        padded = np.pad(
            picture,
            ((RIM, rows[-1] + tile - height - RIM), (RIM, columns[-1] + tile - width - RIM), (0, 0)),
            mode="symmetric",
        )
        total = np.zeros((scale * padded.shape[0], scale * padded.shape[1], 3), np.float32)
        weights = np.zeros((*total.shape[:2], 1), np.float32)
        fade = _fade(scale * tile, scale)
        for y in rows:
            for x in columns:
                place = np.s_[scale * y : scale * (y + tile), scale * x : scale * (x + tile)]
                total[place] += fade * self._draw(padded[y : y + tile, x : x + tile])
                weights[place] += fade
        inner = np.s_[scale * RIM : scale * (RIM + height), scale * RIM : scale * (RIM + width)]
        return np.clip(total[inner] / weights[inner], 0, 1)

    def detail(self, picture: Floats, scale: int) -> Floats:
        """(scale H, scale W, 3) what to add to the picture (H, W, 3) enlarged that often by interpolation."""
        size = (scale * picture.shape[1], scale * picture.shape[0])
        drawn = self.enlarged(picture)
        if drawn.shape[1] > size[0]:
            drawn = shrink(drawn, size)
        elif drawn.shape[1] < size[0]:
            drawn = enlarge(drawn, size, smooth=True)
        change: Floats = drawn - enlarged_plainly(picture, scale)
        return change - broad(change, BROAD_PX * scale)

    def _draw(self, tile: Floats) -> Floats:
        return from_tensor(infer(self._session, to_tensor(tile))[0])


def open_frame_enhancer(scale: int, device: str) -> FrameEnhancer:
    """Real-ESRGAN for a scale of 1, 2 or 4: the two-fold network for up to 2 when it is there, else the four-fold one.

    Raises `MissingComponentError`, which says where the file comes from.
    """
    has_twofold = find_file(network("real_esrgan_x2")) is not None
    has_fourfold = find_file(network("real_esrgan")) is not None
    twofold = scale <= 2 and (has_twofold or not has_fourfold)
    return FrameEnhancer(open_session("real_esrgan_x2" if twofold else "real_esrgan", device))


def enlarged_plainly(picture: Floats, scale: int) -> Floats:
    """(scale H, scale W, 3) by cubic interpolation."""
    if scale == 1:
        return picture
    return np.clip(enlarge(picture, (scale * picture.shape[1], scale * picture.shape[0]), smooth=True), 0, 1)


def _starts(length: int, tile: int) -> list[int]:
    """Where tiles begin along a padded axis: evenly, so that each pixel lies in the used part of one at least."""
    used = tile - 2 * RIM
    count = max(1, -(-(length - BLEND) // (used - BLEND)))
    return [position * (used - BLEND) for position in range(count)]


def _fade(size: int, scale: int) -> Floats:
    """(size, size, 1) weight of a drawn tile: 0 on its rim, rising over the stretch that it shares with the next one."""
    distance = np.minimum(np.arange(size) + 0.5, size - 0.5 - np.arange(size)) - RIM * scale
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.clip(distance / (BLEND * scale), 0, 1))
    return np.outer(ramp, ramp).astype(np.float32)[..., None]
