"""The visible label: it can be read in every kind of picture, and the rest of the picture stays as it was."""

from __future__ import annotations

import numpy as np
import pytest
from understudy.inference.composite.label import labelled


@pytest.mark.parametrize("size", [(1080, 1920), (540, 960), (512, 512), (1920, 1080), (36, 64), (3, 4)])
@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1.0)])
def test_only_a_corner_changes(size: tuple[int, int], dtype: type, top: float) -> None:
    rng = np.random.default_rng(0)
    picture = (rng.random((*size, 3)) * top).astype(dtype)
    before = picture.copy()
    made = labelled(picture)
    assert np.array_equal(picture, before), "the picture itself is not touched"
    assert made.dtype == picture.dtype
    rows, columns = np.nonzero((made != picture).any(axis=2))
    if min(size) >= 36:
        assert len(rows)
        assert rows.min() > size[0] * 0.7
        assert columns.max() < size[1]
        assert np.abs(made.astype(float) - picture).max() > 0.5 * top


@pytest.mark.parametrize("level", [0, 128, 255])
def test_it_stands_out_on_dark_and_on_bright(level: int) -> None:
    made = labelled(np.full((1080, 1920, 3), level, np.uint8))
    part = made[1000:, :600]
    assert (part == 255).mean() > 0.01
    if level:
        assert (part < 40).mean() > 0.01, "an outline"


def test_it_does_not_dazzle_in_hdr() -> None:
    made = labelled(np.zeros((1080, 1920, 3), np.uint16), is_hdr=True)
    assert made.max() < 0.6 * 65535
