"""Media: PNG files keep every bit, take any name and are never half-written."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from understudy.inference.errors import InputError
from understudy.inference.media import read_png, write_png


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
def test_round_trip(tmp_path: Path, depth: type, channels: int) -> None:
    image = np.random.default_rng(0).integers(0, np.iinfo(depth).max, (5, 7, channels)).astype(depth)
    path = tmp_path / "büste 顔.png"
    write_png(path, image)
    read = read_png(path)
    assert read.dtype == depth
    np.testing.assert_array_equal(read, image)
    assert list(tmp_path.iterdir()) == [path]


def test_channel_order_on_disk_is_rgb(tmp_path: Path) -> None:
    write_png(tmp_path / "red.png", np.full((2, 2, 3), (255, 0, 0), np.uint8))
    assert cv2.imread(str(tmp_path / "red.png"))[0, 0].tolist() == [0, 0, 255]


def test_grey_becomes_rgb(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((2, 3), 9, np.uint8))
    np.testing.assert_array_equal(read_png(tmp_path / "grey.png"), np.full((2, 3, 3), 9))


def test_bad_files_get_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "noise.png").write_bytes(b"no picture")
    for name, words in (("gone.png", "cannot be read"), ("empty.png", "damaged"), ("noise.png", "damaged")):
        with pytest.raises(InputError, match=words):
            read_png(tmp_path / name)
    with pytest.raises(InputError, match="Cannot write"):
        write_png(tmp_path / "empty.png" / "a.png", np.zeros((2, 2, 3), np.uint8))
