"""What a file says about its colours: the codes of ITU-T H.273, and what they mean for the pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

Curve = Literal["sdr", "pq", "hlg", "linear"]

UNTAGGED: Final = 2
_RGB: Final = 0
_LINEAR, _SRGB, _PQ, _HLG = 8, 13, 16, 18
_MATRIX_OF_PRIMARIES: Final = {5: 5, 6: 6, 7: 7, 9: 9}
"""The YUV matrix that belongs to primaries; BT.709 for all others."""
_NAMES: Final = {"pq": "PQ (HDR10)", "hlg": "HLG", "linear": "linear light", "sdr": "SDR"}


@dataclass(frozen=True)
class ColourTags:
    """Primaries, transfer function and YUV matrix as H.273 codes (2: not tagged), and the range of the codes."""

    primaries: int = UNTAGGED
    transfer: int = UNTAGGED
    matrix: int = UNTAGGED
    full_range: bool = False

    @property
    def curve(self) -> Curve:
        """How stored values stand for light; everything that is not known to be otherwise counts as SDR video."""
        known: dict[int, Curve] = {_PQ: "pq", _HLG: "hlg", _LINEAR: "linear"}
        return known.get(self.transfer, "sdr")

    @property
    def is_hdr(self) -> bool:
        """PQ or HLG: 8 bits are too few, and SDR would squeeze it."""
        return self.curve in ("pq", "hlg")

    @property
    def curve_name(self) -> str:
        """The curve in words for people."""
        return _NAMES[self.curve]

    def as_yuv(self) -> ColourTags:
        """The tags of the same pictures in YUV; what is not tagged at all is BT.709, in limited range."""
        if self.matrix == _RGB:
            return replace(self._settled(), matrix=_MATRIX_OF_PRIMARIES.get(self.primaries, 1), full_range=False)
        if (self.primaries, self.transfer, self.matrix) == (UNTAGGED,) * 3:
            return replace(BT709, full_range=self.full_range)
        if self.matrix == UNTAGGED:
            return replace(self, matrix=_MATRIX_OF_PRIMARIES.get(self.primaries, 1))
        return self

    def as_rgb(self) -> ColourTags:
        """The tags of the same pictures in RGB."""
        return replace(self.as_yuv()._settled(), matrix=_RGB, full_range=True)

    def as_linear(self) -> ColourTags:
        """The tags of the same pictures in linear light."""
        return replace(self.as_rgb(), transfer=_LINEAR)

    def as_srgb(self) -> ColourTags:
        """The tags of the same pictures with the curve of sRGB."""
        return replace(self.as_rgb(), transfer=_SRGB)

    def _settled(self) -> ColourTags:
        """Nothing known of primaries and transfer means BT.709."""
        if (self.primaries, self.transfer) == (UNTAGGED, UNTAGGED):
            return replace(self, primaries=1, transfer=1)
        return self


BT709: Final = ColourTags(1, 1, 1, False)
UNKNOWN_COLOUR: Final = ColourTags()
