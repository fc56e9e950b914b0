"""The scaling benchmark: its points, the clips it makes, a point in a process of its own, lines through lengths, the chart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from understudy.inference.media import probe, read_frames, read_png


@pytest.fixture(scope="module")
def scaling(benchmarks: Callable[[str], ModuleType]) -> ModuleType:
    return benchmarks("scaling")


def test_each_axis_changes_one_thing(scaling: ModuleType) -> None:
    changed = {
        "resolution": {"lines", "x", "label"},
        "faces": {"faces", "x", "label"},
        "length": {"frames", "x", "label"},
        "networks": {"quality", "points", "x", "label"},
    }
    for axis in scaling.AXES:
        for small in (False, True):
            points = [dataclasses.asdict(point) for point in scaling.points_of(axis, small)]
            assert {name for name in points[0] if len({str(point[name]) for point in points}) > 1} <= changed[axis]
            assert len({point["label"] for point in points}) == len(points) > 2


def test_faces_stand_beside_each_other(scaling: ModuleType) -> None:
    pictures = [np.full((40, 40, 3), 100 + number, np.uint8) for number in range(30)]
    point = scaling.Point("faces", "3", 3, lines=90, wide=True, faces=3)
    canvas = scaling.arranged(pictures, 0, point)
    assert canvas.shape == (90, 160, 3)
    assert [int(canvas[y, x, 0]) for y, x in ((22, 40), (22, 120), (67, 40), (67, 120))] == [100, 107, 114, 90]


def test_a_point_is_measured_in_a_process_of_its_own(scaling: ModuleType, tmp_path: Path) -> None:
    point = scaling.Point("length", "10 frames", 10, lines=256, frames=10, quality="fast", points="mediapipe")
    clip = tmp_path / "clip.mp4"
    scaling.write_clip(clip, point)
    assert (probe(clip).width, probe(clip).frame_count) == (256, 10)
    line = scaling.in_a_process(point, clip)
    assert line["found"] == 1
    assert line["label"] == "10 frames"
    assert line["capture_ms"] > 0
    assert line["solve_ms"] > 0
    assert line["wall_ms"] > 0


def test_a_clip_longer_than_the_performance_turns_back_without_a_jump(scaling: ModuleType, tmp_path: Path) -> None:
    count = probe(scaling.CLIP).frame_count
    point = scaling.Point("length", "", 0, lines=128, frames=2 * count)
    scaling.write_clip(tmp_path / "clip.mp4", point)
    frames = np.stack([frame.rgb for frame in read_frames(tmp_path / "clip.mp4")]).astype(float)
    steps = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))
    assert len(frames) == 2 * count
    assert steps[count - 2 :].max() < 2 * steps[: count - 2].max()


def test_lengths_lie_on_a_line(scaling: ModuleType) -> None:
    lines = [
        {
            "frames": frames,
            **dict.fromkeys(("read_ms", "capture_ms", "solve_ms", "wall_ms"), 3 + 600 / frames),
            "memory_mib": 200 + frames / 10,
        }
        for frames in (50, 100, 400)
    ]
    found = {line["fit"]: line for line in scaling.fits(lines)}
    assert found["solve_ms"]["once_ms"] == 600
    assert found["solve_ms"]["each_ms"] == 3
    assert found["memory_mib"] == {"axis": "length", "fit": "memory_mib", "once": 200, "each_1000": 100}
    assert list(scaling.fits(lines[:1])) == []


def test_the_chart_has_a_row_for_each_point(
    scaling: ModuleType, benchmarks: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    def line(axis: str, label: str, solve_ms: float) -> dict[str, object]:
        return {"axis": axis, "label": label, "read_ms": 5, "capture_ms": 5, "solve_ms": solve_ms, "memory_mib": 9}

    picture = benchmarks("scaling_picture")
    heights, widest = [], []
    for count in (1, 3):
        rows = [line("faces", str(number), 10.0 * number) for number in range(count)]
        picture.draw(tmp_path / "chart.png", [*rows, {"axis": "length", "fit": "solve_ms"}])
        drawn = read_png(tmp_path / "chart.png")
        heights.append(drawn.shape[0])
        orange = (drawn == np.array(picture.PARTS[2][2])).all(-1)
        widest.append(int(orange[60:].sum(1).max(initial=0)))
    assert heights[1] > heights[0]
    assert widest[1] > widest[0]
