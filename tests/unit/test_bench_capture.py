"""The capture benchmark: its pictures, and that every system sees all of them in order."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

CLIPS = [[np.full((40, 40 + 8 * clip, 3), 50 * clip + frame, np.uint8) for frame in range(3)] for clip in range(4)]


@pytest.fixture
def capture(benchmarks: Callable[[str], ModuleType]) -> ModuleType:
    return benchmarks("capture")


def test_the_first_size_is_the_clip_itself_and_larger_ones_are_enlarged(capture: ModuleType) -> None:
    first, *others = capture.cases("512,720,2160", "1")
    (picture,) = first.pictures(CLIPS, 0, 1)
    assert picture is CLIPS[0][0]
    assert [one.pictures(CLIPS, 0, 1)[0].shape for one in others] == [(720, 1280, 3), (2160, 3840, 3)]


def test_four_faces_are_four_clips_that_begin_again_when_they_end(capture: ModuleType) -> None:
    (case,) = capture.cases("512", "4")
    pictures = case.pictures(CLIPS, 1, 5)
    assert [picture.shape for picture in pictures] == [(40, 40, 3)] * 4
    quarters = [picture[y, x, 0] for picture in pictures for y in (10, 30) for x in (10, 30)]
    assert quarters == [50 * clip + frame for frame in (1, 2, 0, 1) for clip in range(4)]


def test_systems_take_turns_and_each_sees_every_frame_in_order(
    capture: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []

    class Watching(capture.System):
        def __init__(self, name: str) -> None:
            self.name = name

        def step(self, rgb: np.ndarray, time_s: float) -> int:
            seen.append((self.name, round(time_s * capture.FPS)))
            return 2

    monkeypatch.setattr(capture, "TURN", 2)
    systems = {name: Watching(name) for name in "ab"}
    measured = list(capture.measure(capture.Case(None, 4), systems, CLIPS, 3, 2))
    assert seen == [("a", 0), ("a", 1), ("b", 0), ("b", 1), ("a", 2), ("b", 2)] * 2
    assert [(name, share) for name, _, _, share in measured] == [("a", 0.5), ("b", 0.5)]


def test_stages_count_what_runs_inside_them_and_leave_everything_as_it_was(capture: ModuleType) -> None:
    from understudy.inference.capture import landmarks
    from understudy.inference.capture.region import Region

    before = landmarks.open_session, Region.crop, Region.sample
    with capture.stages() as clock:
        landmarks.LandmarkNet("cpu").read_views(CLIPS[0][0], Region((20.0, 20.0), (30.0, 30.0), 0.0), ((1.0, False),))
    assert clock.keys() == {"crops", "MediaPipe's network"}
    assert min(clock.values()) > 0
    assert (landmarks.open_session, Region.crop, Region.sample) == before
