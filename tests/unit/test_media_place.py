"""Going to a late frame: the same frames, numbers and times as decoding from the beginning, or decoding from there."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from understudy.inference.media import place, read_frames, reader
from understudy.inference.media.place import counted_frames, place_of

COUNT = 150
TICKS = Fraction(1, 1000)


def write_movie(path: Path, times: list[int], codec: str = "libx264", step: int = 1, **options: str) -> None:
    """Frames that all differ, at times in milliseconds; each moves on by a step."""
    noise = np.random.default_rng(1).integers(0, 255, (48, 64 + COUNT * step, 3), np.uint8)
    with av.open(str(path), "w") as target:
        stream = target.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.time_base = 64, 48, TICKS
        stream.pix_fmt = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
        stream.codec_context.time_base = TICKS
        for number, time_ms in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(noise[:, number * step :][:, :64]), format="rgb24")
            frame.pts, frame.time_base = time_ms, TICKS
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))


def even() -> list[int]:
    return [40 * number for number in range(COUNT)]


def uneven() -> list[int]:
    steps = np.random.default_rng(2).choice([20, 40, 41, 170], COUNT)
    return [int(time) for time in np.cumsum(steps)]


def count(path: Path) -> None:
    """Decode a movie once, after which its places are known."""
    assert len(list(read_frames(path))) == COUNT


def decoded_from_the_beginning(path: Path, monkeypatch: pytest.MonkeyPatch, start: int, stop: int | None) -> list:
    with monkeypatch.context() as patch:
        patch.setattr(reader, "place_of", lambda path, index: None)
        return list(read_frames(path, start, stop))


@pytest.mark.filterwarnings("ignore::understudy.inference.media.DamagedVideoWarning")
@pytest.mark.parametrize("times", [even(), uneven()], ids=["even", "uneven"])
@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"g": "30", "bf": "3"}),
        ("b.mkv", "libx264", {"g": "25", "bf": "0"}),
        ("c.mp4", "libx264", {"x264-params": "keyint=20:min-keyint=20:open-gop=1:bframes=3:scenecut=0"}),
        ("d.mov", "prores_ks", {}),
        ("e.mp4", "libx265", {"x265-params": "keyint=20:open-gop=1:bframes=4:log-level=error"}),
        ("f.ts", "libx264", {"g": "30", "bf": "2"}),
        ("g.avi", "mpeg4", {"g": "12", "bf": "2"}),
        ("h.mp4", "libx264", {"x264-params": "keyint=30:intra-refresh=1"}),
    ],
)
def test_late_frames_are_those_of_the_whole_movie(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    codec: str,
    options: dict[str, str],
    times: list[int],
) -> None:
    path = tmp_path / name
    write_movie(path, times, codec, **options)
    whole = decoded_from_the_beginning(path, monkeypatch, 0, None)
    for start in (47, 48, 60, 61, 79, 80, 119, COUNT - 1):
        late = list(read_frames(path, start))
        assert [one.index for one in late] == [one.index for one in whole[start:]]
        assert [one.time_s for one in late] == [one.time_s for one in whole[start:]]
        assert all(np.array_equal(one.rgb, other.rgb) for one, other in zip(late, whole[start:], strict=True))


def test_a_late_frame_costs_no_more_than_its_neighbourhood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_movie(tmp_path / "a.mp4", uneven(), g="30", bf="3")
    count(tmp_path / "a.mp4")
    shown = []
    decode = reader._frames

    def counted(*arguments):
        frames = decode(*arguments)
        shown.extend(frames)
        return frames

    monkeypatch.setattr(reader, "_frames", counted)
    assert [one.index for one in read_frames(tmp_path / "a.mp4", 125, 130)] == [125, 126, 127, 128, 129]
    assert len(shown) < 40


def test_no_place_is_certain_where_times_are_missing_or_the_movie_is_too_short(tmp_path: Path) -> None:
    write_movie(tmp_path / "a.mp4", even(), g="30")
    count(tmp_path / "a.mp4")
    assert place_of(tmp_path / "a.mp4", 10) is None
    assert place_of(tmp_path / "a.mp4", COUNT) is None
    assert place_of(tmp_path / "a.mp4", 100) is not None
    raw = tmp_path / "a.h264"
    write_movie(raw, even(), g="30")
    count(raw)
    assert place_of(raw, 100) is None
    assert len(list(read_frames(raw, 100))) == COUNT - 100


def test_a_wrong_place_is_left_for_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mp4"
    write_movie(path, even(), g="30", bf="2")
    count(path)
    right = place_of(path, 100)
    assert right is not None
    whole = decoded_from_the_beginning(path, monkeypatch, 100, None)
    for shown in (right.shown[:-1] + (right.shown[-1] + 1,), (right.shown[0] + 1,), (*right.shown, 10**9)):
        monkeypatch.setattr(reader, "place_of", lambda path, index, wrong=shown: type(right)(right.key_pts, wrong, 90))
        late = list(read_frames(path, 100))
        assert [one.index for one in late] == list(range(100, COUNT))
        assert np.array_equal(late[0].rgb, whole[0].rgb)


@pytest.mark.filterwarnings("ignore::understudy.inference.media.DamagedVideoWarning")
@pytest.mark.parametrize("name", ["a.mp4", "b.mkv"])
def test_in_damaged_movies_numbers_do_not_depend_on_where_reading_begins(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_movie(path, even(), step=64, g="12", preset="ultrafast")
    content = bytearray(path.read_bytes())
    begin, length = len(content) // 8, len(content) // 60
    content[begin : begin + length] = bytes(length)
    path.write_bytes(content)
    late_at_first = list(read_frames(path, 60))
    whole = list(read_frames(path))
    assert 60 < len(whole) < COUNT
    late_again = list(read_frames(path, 60))
    for late in (late_at_first, late_again):
        assert [(one.index, one.time_s) for one in late] == [(one.index, one.time_s) for one in whole[60:]]
        assert all(np.array_equal(one.rgb, other.rgb) for one, other in zip(late, whole[60:], strict=True))


def test_a_place_is_certain_only_where_frames_were_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_movie(path, even(), g="30", bf="0", sc_threshold="0")
    assert place_of(path, 100) is None
    list(read_frames(path, 0, 70))
    known = place_of(path, 100)
    assert known is not None
    assert [len(known.shown), known.packets] == [41, 60]
    times = dict(counted_frames(path))
    place._counted.cache_clear()
    counted_frames(path).update({number: time_s for number, time_s in times.items() if 20 < number < 40})
    elsewhere = place_of(path, 100)
    assert elsewhere is not None
    assert elsewhere.packets == 30
    path.write_bytes(path.read_bytes() + b"more")
    assert place_of(path, 100) is None
