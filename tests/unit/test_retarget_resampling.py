"""Whole frames of another rate: nothing overshoots, and no closure or blink is lost."""

from __future__ import annotations

import numpy as np
from understudy.inference.retarget.cubics import at_times
from understudy.inference.retarget.resampling import with_peaks


def test_samples_are_met_and_nothing_overshoots() -> None:
    time_s = np.arange(40) / 25
    values = np.random.default_rng(1).random((40, 3))
    assert np.allclose(at_times(values, time_s, time_s), values)
    between = at_times(values, time_s, time_s[:-1] + 0.013)
    low, high = np.minimum(values[:-1], values[1:]), np.maximum(values[:-1], values[1:])
    assert np.all((between >= low - 1e-9) & (between <= high + 1e-9))


def test_a_smooth_performance_is_met_better_than_by_straight_lines() -> None:
    time_s, new_s = np.arange(60) / 24, np.arange(70) / 30
    wave = np.sin(6 * time_s)[:, None]
    drawn = at_times(wave, time_s, new_s)[:, 0]
    straight = np.interp(new_s, time_s, wave[:, 0])
    assert np.abs(drawn - np.sin(6 * new_s)).mean() < 0.6 * np.abs(straight - np.sin(6 * new_s)).mean()


def test_blinks_close_and_lips_meet_at_a_lower_rate() -> None:
    time_s = np.arange(240) / 60
    blink = np.zeros((240, 1))
    blink[[50, 51, 52, 131, 133], 0] = 0.5, 1.0, 0.5, 0.6, 0.6
    blink[132] = 1.0
    new_s = np.arange(96) / 24
    drawn = with_peaks(at_times(blink, time_s, new_s), blink, time_s, new_s)
    assert drawn.max() == 1.0
    peaks = np.flatnonzero(drawn[:, 0] == 1.0)
    assert np.abs(new_s[peaks][:, None] - np.array([51 / 60, 132 / 60])).min(0).max() <= 0.5 / 24 + 1e-9


def test_a_single_frame_stays() -> None:
    assert np.array_equal(at_times(np.array([[0.4]]), np.array([0.0]), np.array([0.0, 1.0])), [[0.4], [0.4]])
