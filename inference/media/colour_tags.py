"""What a file says about its colours: the codes of ITU-T H.273, and what they mean for the pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

Curve = Literal["sdr", "pq", "hlg", "linear"]

UNTAGGED: Final = 2
_RGB: Final = 0
_CHROMA_UNIT, _LIGHT_UNIT = 50000, 10000
"""Steps of HDR10's metadata: 0.00002 in CIE xy, 0.0001 cd/m2 (SMPTE ST 2086)."""
_LINEAR, _SRGB, _PQ, _HLG = 8, 13, 16, 18
_MATRIX_OF_PRIMARIES: Final = {5: 5, 6: 6, 7: 7, 9: 9}
"""The YUV matrix that belongs to primaries; BT.709 for all others."""
_NAMES: Final = {"pq": "PQ (HDR10)", "hlg": "HLG", "linear": "linear light", "sdr": "SDR"}


CHROMATICITIES: Final[dict[int, tuple[float, ...]]] = {
    1: (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, 0.3127, 0.3290),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),
    12: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.3290),
}
"""CIE 1931 x and y of red, green, blue and white by H.273 code of the primaries."""


@dataclass(frozen=True)
class ColourTags:
    """Primaries, transfer function and YUV matrix as H.273 codes (2: not tagged), and the range of the codes."""

    primaries: int = UNTAGGED
    transfer: int = UNTAGGED
    matrix: int = UNTAGGED
    full_range: bool = False
    chromaticities: tuple[float, ...] | None = None
    """Of primaries that have no code, as ACES': see `CHROMATICITIES`."""

    @property
    def xy(self) -> tuple[float, ...]:
        """CIE 1931 x and y of red, green, blue and white; what is not known counts as BT.709."""
        return self.chromaticities or CHROMATICITIES.get(self.primaries, CHROMATICITIES[1])

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
        """The tags of the same pictures with the curve of sRGB, and its primaries where their own have no code."""
        plain = self if self.chromaticities is None else replace(self, primaries=1, chromaticities=None)
        return replace(plain.as_rgb(), transfer=_SRGB)

    def _settled(self) -> ColourTags:
        """Nothing known of primaries and transfer means BT.709."""
        if (self.primaries, self.transfer) == (UNTAGGED, UNTAGGED):
            return replace(self, primaries=1, transfer=1)
        return self


BT709: Final = ColourTags(1, 1, 1, False)
UNKNOWN_COLOUR: Final = ColourTags()


@dataclass(frozen=True)
class Hdr10:
    """HDR10's static metadata: the display on which footage was graded, and its brightest light."""

    chromaticities: tuple[float, ...] = ()
    """x and y of the display's red, green, blue and white; empty when not told."""
    darkest_cd: float = 0.0
    """Of the display, in cd/m2, as the next."""
    brightest_cd: float = 0.0
    max_cll_cd: int = 0
    """The brightest pixel and, next, the brightest frame on average; 0 when not told."""
    max_fall_cd: int = 0

    @property
    def x265_words(self) -> str:
        """As x265 takes them; empty when nothing is known."""
        words = []
        if self.chromaticities:
            steps = [round(value * _CHROMA_UNIT) for value in self.chromaticities]
            red, green, blue, white = (f"({steps[place]},{steps[place + 1]})" for place in (0, 2, 4, 6))
            light = f"({round(self.brightest_cd * _LIGHT_UNIT)},{round(self.darkest_cd * _LIGHT_UNIT)})"
            words.append(f"master-display=G{green}B{blue}R{red}WP{white}L{light}")
        if self.max_cll_cd:
            words.append(f"max-cll={self.max_cll_cd},{self.max_fall_cd}")
        return ":".join(words)
