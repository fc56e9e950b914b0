"""Live pictures come to Blender whole and newest only, through memory that nothing is left of."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from understudy.inference.errors import InputError
from understudy.inference.live.picture_board import BYTES, LONGEST_SIDE, BoardWriter, PictureBoard
from understudy.inference.live.preview import preview_of


@pytest.fixture
def board() -> PictureBoard:
    made = PictureBoard()
    yield made
    made.close()


def picture(level: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    return np.full((size[1], size[0], 4), level, np.uint8)


def test_the_newest_is_seen_or_that_of_a_frame_while_it_is_there(board: PictureBoard) -> None:
    writer = BoardWriter(board.name)
    assert board.newest() is None
    for frame in (4, 5, 9):
        writer.show(picture(frame), frame, 1.1)
    newest = board.newest()
    assert (newest.count, newest.frame, newest.focal) == (3, 9, pytest.approx(1.1))
    assert (newest.rgba == 9).all()
    assert board.newest(5).frame == 5
    assert (board.newest(5).rgba == 5).all()
    assert board.newest(4).frame == 9, "gone"
    writer.show(picture(10, (LONGEST_SIDE, LONGEST_SIDE)), 10, 1.1)
    assert board.newest().rgba.shape == (LONGEST_SIDE, LONGEST_SIDE, 4)
    writer.close()


def test_no_picture_is_half_of_another(board: PictureBoard) -> None:
    writer, ends = BoardWriter(board.name), threading.Event()
    pictures = [picture(level, (512, 512)) for level in range(200)]

    def write() -> None:
        for frame in range(3000):
            writer.show(pictures[frame % 200], frame, 1.0)
            if ends.is_set():
                break

    thread = threading.Thread(target=write)
    thread.start()
    seen, until_s = [], time.monotonic() + 20.0
    while len({one.frame for one in seen}) < 20 and time.monotonic() < until_s:
        if (found := board.newest()) is not None:
            seen.append(found)
    ends.set()
    thread.join()
    assert len({one.frame for one in seen}) == 20
    for one in seen:
        assert (one.rgba == one.frame % 200).all()
    writer.close()


def test_nothing_is_left_of_it() -> None:
    kept = PictureBoard()
    path = Path(kept.name)
    assert path.stat().st_size == BYTES
    writer = BoardWriter(kept.name)
    assert not path.exists(), "from here on no crash leaves anything behind"
    writer.show(picture(7), 1, 1.0)
    assert kept.newest().frame == 1
    writer.close()
    kept.close()
    forgotten = PictureBoard()
    forgotten.close()
    assert not Path(forgotten.name).exists()


def test_no_other_file_is_written_into(tmp_path: Path) -> None:
    for name in ("understudy-live-short", "mine"):
        path = tmp_path / name
        path.write_bytes(b"\0" * (BYTES if name == "mine" else 10))
        with pytest.raises(InputError, match="start live from Blender"):
            BoardWriter(str(path))
        assert path.exists()
    with pytest.raises(InputError, match="start live from Blender"):
        BoardWriter(str(tmp_path / "nowhere"))


def test_a_preview_is_small_and_upside_down() -> None:
    rgb = np.zeros((720, 1280, 3), np.uint8)
    rgb[:360, :, 0] = 200
    small = preview_of(rgb)
    assert small.shape == (360, 640, 4)
    assert tuple(small[0, 0]) == (0, 0, 0, 255)
    assert tuple(small[-1, 0]) == (200, 0, 0, 255)
    assert preview_of(rgb[:48, :64]).shape == (48, 64, 4)
