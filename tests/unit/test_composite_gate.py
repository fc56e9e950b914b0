"""The quality gate: what it calls bad, what it tries, and that it never makes anything worse."""

from __future__ import annotations

import numpy as np
import pytest
from understudy.inference.composite.meters.gate import LADDER, RAMP_FRAMES, decide, judge, sentences, settings_of
from understudy.inference.composite.meters.rows import Rows
from understudy.inference.composite.types import Decision, Settings

GOOD = {
    "outside_change": 0.0, "seam_ratio": 1.0, "seam_ratio_plate": 1.0, "edge_step_delta_e": 1.0,
    "edge_step_delta_e_plate": 1.0, "grain_ratio": 1.0, "sharpness_ratio": 1.0, "change": 4.0, "change_plate": 4.0,
    "pulse": 0.2, "pulse_plate": 0.2,
}  # fmt: skip


def rows(frames: int, bad: range = range(0), first: int = 0, **figures: float) -> Rows:
    made = Rows()
    for frame in range(first, first + frames):
        made.add(frame, GOOD | figures if frame in bad else GOOD)
    return made


def test_good_frames_are_left_alone():
    assert judge(rows(40)) == ()
    assert judge(Rows()) == ()
    assert sentences((), (), gate=True) == ()


@pytest.mark.parametrize(
    ("figure", "value", "name"),
    [
        ("seam_ratio", 1.4, "seam_ratio"),
        ("seam_ratio", 0.5, "seam_ratio"),
        ("edge_step_delta_e", 4.0, "edge_step_delta_e"),
        ("grain_ratio", 0.5, "grain_ratio"),
        ("grain_ratio", 1.6, "grain_ratio"),
        ("sharpness_ratio", 0.5, "sharpness_ratio"),
        ("change", 6.0, "flicker"),
        ("pulse", 1.5, "pulse"),
    ],
)
def test_every_fault_is_found_in_its_range(figure, value, name):
    (found,) = judge(rows(60, range(20, 40), **{figure: value}))
    assert list(found.failed) == [name]
    # Figures are medians over neighbours, so the ends of a range are known to a frame or two.
    assert abs(found.first - 20) <= 1
    assert abs(found.last - 39) <= 1
    assert found.badness > 0
    assert found.settings == Settings()


def test_what_the_plate_has_itself_is_no_fault():
    assert judge(rows(40, range(40), seam_ratio=1.6, seam_ratio_plate=1.5)) == ()
    assert judge(rows(40, range(40), seam_ratio=0.5, seam_ratio_plate=0.55)) == ()
    assert judge(rows(40, range(40), edge_step_delta_e=6.0, edge_step_delta_e_plate=5.5)) == ()
    assert judge(rows(40, range(40), change=0.9, change_plate=0.01)) != ()
    assert judge(rows(40, range(40), change=0.2, change_plate=0.01)) == ()


def test_calmer_than_the_plate_is_no_fault():
    assert judge(rows(40, range(40), change=1.0, change_plate=8.0, pulse=0.0, edge_step_delta_e=0.0)) == ()


def test_a_single_noisy_frame_is_no_range_but_a_changed_pixel_outside_is():
    assert judge(rows(40, range(20, 21), seam_ratio=3.0)) == ()
    (found,) = judge(rows(40, range(20, 21), outside_change=1.0))
    assert (found.first, found.last, list(found.failed)) == (20, 20, ["outside_change"])


def test_near_ranges_are_one_and_far_ones_are_two():
    near = rows(20, range(5, 15), seam_ratio=2.0)
    for frame in range(20, 80):
        near.add(frame, GOOD | {"seam_ratio": 2.0} if frame in range(22, 30) or frame in range(60, 70) else GOOD)
    ranges = [(one.first, one.last) for one in judge(near)]
    assert len(ranges) == 2
    assert ranges[0][0] <= 6
    assert ranges[0][1] >= 28


def test_the_settings_that_measure_best_are_taken():
    (bad,) = judge(rows(60, range(20, 50), seam_ratio=2.0))
    calls = []

    def attempt(first: int, last: int, settings: Settings) -> Rows:
        calls.append((first, last))
        return rows(last - first + 1, range(1000), first, seam_ratio=1.2 if settings == LADDER[1] else 2.0)

    (decided,) = decide([bad], attempt)
    assert decided.settings == LADDER[1]
    assert len(decided.tried) == len(LADDER) + 1
    assert decided.tried[0][0] == Settings()
    assert all(bad.first <= first <= last <= bad.last and last - first < 16 for first, last in calls)
    (said,) = sentences([decided], (), gate=True)
    assert said == f"Frames {bad.first}-{bad.last} were composited again with safer settings."


def test_what_does_not_help_is_not_done():
    (bad,) = judge(rows(60, range(20, 50), seam_ratio=2.0))

    def attempt(first: int, last: int, settings: Settings) -> Rows:
        slightly_better = 1.98 if settings == LADDER[0] else 2.0
        return rows(last - first + 1, range(1000), first, seam_ratio=slightly_better)

    (decided,) = decide([bad], attempt)
    assert decided.settings == Settings()
    assert settings_of([decided])(30) == Settings()


def test_settings_change_over_some_frames_and_no_further():
    wanted = Settings(feather=2, light=0)
    of = settings_of([Decision(20, 30, {}, 1.0, wanted)])
    assert of(20) == of(25) == of(30) == wanted
    assert of(20 - RAMP_FRAMES - 1) == of(30 + RAMP_FRAMES + 1) == Settings()
    feathers = [of(frame).feather for frame in range(10, 41)]
    assert np.abs(np.diff(feathers)).max() <= 1 / (RAMP_FRAMES + 1) + 1e-6
    assert of(18).light == pytest.approx(1 - (of(18).feather - 1))


def test_two_ranges_side_by_side_do_not_add_up():
    wanted = Settings(feather=2)
    of = settings_of([Decision(0, 10, {}, 1.0, wanted), Decision(13, 20, {}, 1.0, wanted)])
    assert max(of(frame).feather for frame in range(30)) == pytest.approx(2)


def test_sentences_name_the_range_with_most_bad_frames_and_the_way_out():
    ranges = judge(rows(90, range(20, 50), seam_ratio=2.0)) + judge(rows(90, range(60, 65), seam_ratio=2.0))
    (said,) = sentences(ranges, ranges, gate=False)
    assert f"{ranges[0].first}-{ranges[0].last}" in said
    assert "--quality-gate" in said
    assert "--quality-gate" not in sentences(ranges, ranges, gate=True)[0]
    long_and_seldom, short_and_always = Decision(27, 65, {"flicker": 0.2}, 0.1), Decision(0, 10, {"flicker": 1.0}, 0.8)
    (said,) = sentences((), (long_and_seldom, short_and_always), gate=True)
    assert said.startswith("In frames 0-10 and 1 more")
