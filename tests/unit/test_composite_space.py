"""Footage of any curve and primaries: in the compositor it is light in BT.709's primaries, and it comes out as it went in."""

from __future__ import annotations

import numpy as np
import pytest
from understudy.inference.composite.colour.space import SHOWN, Space
from understudy.inference.composite.frame import lay_over
from understudy.inference.composite.sources import as_shown
from understudy.inference.composite.types import Region
from understudy.inference.media.colour_tags import CHROMATICITIES, ColourTags

ACESCG = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)
PQ, HLG, BT2020, P3 = ColourTags(9, 16, 9), ColourTags(9, 18, 9), ColourTags(9, 14, 9), ColourTags(12, 13, 0, True)
ACES = ColourTags(2, 8, 0, True, ACESCG)
WIDE = [PQ, HLG, BT2020, P3, ACES]


@pytest.mark.parametrize("tags", [ColourTags(), ColourTags(1, 1, 1), ColourTags(6, 6, 6), ColourTags(5, 1, 5, True)])
def test_standard_footage_is_taken_as_it_is(tags: ColourTags) -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert Space.of(tags) == SHOWN
    assert as_shown(pixels, Space.of(tags)) is pixels


@pytest.mark.parametrize("tags", WIDE)
def test_white_is_white_and_a_round_trip_is_exact(tags: ColourTags) -> None:
    space = Space.of(tags)
    dtype = np.dtype(np.float32 if tags.curve == "linear" else np.uint16)
    grey = space.pixels(np.full((1, 1, 3), 0.5, np.float32), dtype)
    assert np.ptp(grey.astype(float)) <= grey.mean() * 1e-3
    light = np.random.default_rng(0).uniform(0.02, 0.9, (8, 9, 3)).astype(np.float32)
    np.testing.assert_allclose(space.light(space.pixels(light, dtype)), light, atol=2e-3)


def test_primaries_are_those_of_the_standard() -> None:
    """ITU-R BT.2087: BT.709 red in BT.2020."""
    light = np.zeros((1, 1, 3), np.float32)
    light[..., 0] = 1
    red = Space("linear", CHROMATICITIES[9]).pixels(light, np.dtype(np.float32))
    np.testing.assert_allclose(red[0, 0], [0.6274, 0.0691, 0.0164], atol=2e-4)


@pytest.mark.parametrize("tags", WIDE)
def test_a_face_laid_over_wide_footage(tags: ColourTags) -> None:
    """Untouched outside its matte, its own colour inside; light and colours that are not shown fade in between."""
    space = Space.of(tags)
    rng = np.random.default_rng(1)
    if tags.curve == "linear":
        footage = rng.uniform(-0.1, 6, (20, 30, 3)).astype(np.float32)
    else:
        footage = rng.integers(0, 65536, (20, 30, 3)).astype(np.uint16)
    region = Region(5, 4, 20, 12)
    shown = as_shown(footage, space)
    behind = (shown[region.slices] / np.float32(65535)).astype(np.float32)
    matte = np.tile(np.repeat(np.array([0, 1e-4, 1], np.float32), [6, 6, 8]), (12, 1))
    face = np.full((12, 20, 3), (0.8, 0.5, 0.4), np.float32)
    mixed = behind + matte[..., None] * (face - behind)
    picture = lay_over(footage, region, mixed, matte, behind, space)
    inside = np.zeros((20, 30), bool)
    inside[region.slices] = matte > 0
    np.testing.assert_array_equal(picture[~inside], footage[~inside])
    assert picture.dtype == footage.dtype
    result = as_shown(picture, space)[region.slices] / 65535
    np.testing.assert_allclose(result[matte == 1], face[matte == 1], atol=2e-3)
    barely = picture[region.slices][:, 6:12].astype(float) - footage[region.slices][:, 6:12]
    assert np.abs(barely).max() < (0.02 if tags.curve == "linear" else 400)
