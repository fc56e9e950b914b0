"""Pictures that become RGB where somebody looks: the same bits, and no more than is looked at."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.inference.media import VideoWriter, glimpse, read_frames
from understudy.inference.media.glimpse import Glimpses
from understudy.inference.media.reader import read_glimpses

SIZE = (352, 240)


def write(path: Path, size: tuple[int, int] = SIZE, codec: str = "h264", frames: int = 3, **options: object) -> Path:
    noise = np.random.default_rng(5).integers(0, 255, (size[1], size[0], 3), np.uint8)
    with VideoWriter(path, *size, Fraction(25), codec, **options) as writer:
        for step in range(frames):
            writer.write(np.roll(noise, step * 3, 1), step / 25)
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("glimpse") / "clip.mp4")


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(
        st.tuples(st.integers(0, SIZE[1] - 1), st.integers(1, 90), st.integers(0, SIZE[0] - 1), st.integers(1, 90)),
        min_size=1,
        max_size=4,
    )
)
def test_every_part_has_the_bits_of_the_whole(clip: Path, parts: list[tuple[int, int, int, int]]) -> None:
    whole = next(read_frames(clip, exact_colours=False)).rgb
    seen = next(read_glimpses(clip)).rgb
    assert isinstance(seen, Glimpses)
    assert seen.shape == whole.shape
    for top, height, left, width in parts:
        part = np.s_[top : top + height, left : left + width]
        assert np.array_equal(seen[part], whole[part])


def test_little_is_converted_for_who_looks_at_little(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    converted: list[tuple[int, int]] = []
    convert = glimpse.to_rgb

    def counted(frame: av.VideoFrame, *arguments: object, **options: object) -> np.ndarray:
        converted.append((frame.width, frame.height))
        return convert(frame, *arguments, **options)

    monkeypatch.setattr(glimpse, "to_rgb", counted)
    picture = next(read_glimpses(clip)).rgb
    assert converted == []
    picture[100:164, 80:144], picture[96:160, 84:140]
    assert converted == [(80, 80)], "what lies near is known"
    picture[:, :]
    picture[0:5, 0:5]
    assert converted == [(80, 80), SIZE]


@pytest.mark.parametrize(
    ("name", "size", "options"),
    [
        ("odd.mp4", (65, 49), {}),
        ("deep.mov", SIZE, {"codec": "prores"}),
        ("rgb.mkv", SIZE, {"codec": "ffv1"}),
    ],
)
def test_other_pictures_are_converted_at_once(
    tmp_path: Path, name: str, size: tuple[int, int], options: dict[str, str]
) -> None:
    path = write(tmp_path / name, size, **options)
    frames = list(read_glimpses(path, 1))
    whole = list(read_frames(path, 1, exact_colours=False))
    assert [(one.index, one.time_s) for one in frames] == [(one.index, one.time_s) for one in whole]
    for one, other in zip(frames, whole, strict=True):
        assert isinstance(one.rgb, np.ndarray)
        assert np.array_equal(one.rgb, other.rgb)


def test_untagged_footage_keeps_the_matrix_of_its_size(tmp_path: Path) -> None:
    """Small pictures count as BT.601, large ones as BT.709: a part counts as the whole does."""
    path = tmp_path / "large.mp4"
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((720, 1280, 3), (200, 40, 90), np.uint8), format="rgb24")
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    whole = next(read_frames(path, exact_colours=False)).rgb
    assert np.array_equal(next(read_glimpses(path)).rgb[300:340, 400:460], whole[300:340, 400:460])


def test_threads_may_share_a_picture(clip: Path) -> None:
    whole = next(read_frames(clip, exact_colours=False)).rgb
    picture = next(read_glimpses(clip)).rgb
    wrong: list[int] = []

    def look(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(200):
            top, left = int(rng.integers(0, 200)), int(rng.integers(0, 300))
            part = np.s_[top : top + 30, left : left + 40]
            if not np.array_equal(picture[part], whole[part]):
                wrong.append(seed)

    threads = [threading.Thread(target=look, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
