"""Key reduction: the tolerance is kept at every frame, extremes stay, and few keys are left."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.inference.retarget.reduction import Keys, reduce_keys, turning_points

FRAMES = np.arange(240) + 1.0


def drawn(keys: Keys, frames: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """What Blender draws: cubics of the slopes, or straight lines; values (N, D)."""
    x, y = frames[keys.kept], values[keys.kept]
    place = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    h = (x[place + 1] - x[place])[:, None]
    u = (at - x[place])[:, None] / h
    if not keys.bezier:
        return y[place] * (1 - u) + y[place + 1] * u
    smooth = u * u * (3 - 2 * u)
    return (
        y[place] * (1 - smooth)
        + y[place + 1] * smooth
        + h * u * (1 - u) * ((1 - u) * keys.leaving[place] - u * keys.arriving[place + 1])
    )


def performance(seed: int, noise: float = 0.002) -> np.ndarray:
    """(N,) speech, blinks and rests, as takes have them."""
    generator = np.random.default_rng(seed)
    talk = 0.3 * np.abs(np.sin(FRAMES / 7.3)) * (FRAMES % 90 < 60)
    blinks = sum(np.exp(-0.5 * ((FRAMES - at) / 1.5) ** 2) for at in generator.integers(10, 230, 4))
    return np.clip(talk + blinks + noise * generator.standard_normal(len(FRAMES)), 0.0, 1.0)


@pytest.mark.parametrize("tolerance", [0.003, 0.01, 0.05])
def test_every_frame_is_within_the_tolerance_and_most_keys_are_gone(tolerance: float) -> None:
    values = np.array([performance(seed) for seed in range(8)])[:, :, None]
    found = reduce_keys(FRAMES, values, np.full(8, tolerance))
    for keys, own in zip(found, values, strict=True):
        assert np.abs(drawn(keys, FRAMES, own, FRAMES) - own).max() <= tolerance
    assert sum(len(keys.kept) for keys in found) < (0.9 if tolerance < 0.01 else 0.3) * 8 * len(FRAMES)


def test_peaks_and_closures_keep_their_exact_values() -> None:
    values = performance(3, noise=0.0)
    values[100:106] = 0.0
    [keys] = reduce_keys(FRAMES, values[None, :, None], np.array([0.05]))
    peaks = [n for n in range(1, 239) if values[n] > 0.5 and values[n] >= max(values[n - 1], values[n + 1])]
    assert peaks
    assert set(peaks) <= set(keys.kept)
    assert {100, 105} <= set(keys.kept)
    assert np.abs(drawn(keys, FRAMES, values[:, None], FRAMES[100:106])).max() < 1e-9


def test_a_smooth_curve_needs_few_keys_and_fewer_than_straight_lines() -> None:
    values = 0.5 - 0.5 * np.cos(FRAMES / 30)
    [keys] = reduce_keys(FRAMES, values[None, :, None], np.array([0.01]))
    assert keys.bezier
    assert len(keys.kept) <= 8
    corners = np.abs(keys.arriving - keys.leaving)[1:-1]
    assert corners.max() < 0.15 * np.abs(np.diff(values)).max()  # none that one could see


def test_curves_do_not_swing_out_between_two_frames() -> None:
    values = np.zeros(240)
    values[::8], values[1::8] = 0.8, 0.75
    [keys] = reduce_keys(FRAMES, values[None, :, None], np.array([0.01]))
    between = drawn(keys, FRAMES, values[:, None], np.arange(1, 240, 0.25))
    assert between.max() < 0.8 + 0.03
    assert between.min() > -0.03


def test_straight_lines_are_kept_straight() -> None:
    values = np.interp(FRAMES, [1, 60, 240], [0.0, 1.0, 0.2])
    [keys] = reduce_keys(FRAMES, values[None, :, None], np.array([0.001]))
    assert not keys.bezier
    assert list(keys.kept) == [0, 59, 239]


def test_a_channel_at_rest_keeps_its_ends_only() -> None:
    [keys] = reduce_keys(FRAMES, np.full((1, 240, 1), 0.3), np.array([0.01]))
    assert list(keys.kept) == [0, 239]


def test_holds_and_pins_are_kept_and_nothing_is_drawn_over_a_gap() -> None:
    frames = np.concatenate([FRAMES[:100], FRAMES[100:] + 50])
    hold = np.zeros(240, bool)
    hold[99] = True
    pinned = np.zeros((1, 240), bool)
    pinned[0, 37] = True
    values = performance(5)
    [keys] = reduce_keys(frames, values[None, :, None], np.array([0.02]), hold, pinned)
    assert {37, 99, 100} <= set(keys.kept)
    before = keys.kept <= 99
    first = Keys(keys.kept[before], keys.arriving[before], keys.leaving[before], keys.bezier)
    assert np.abs(drawn(first, frames, values[:, None], frames[:100])[:, 0] - values[:100]).max() <= 0.02


def test_numbers_that_belong_together_share_their_frames_and_their_tolerance() -> None:
    angle = 0.2 * np.sin(FRAMES / 20) + 0.05 * np.sin(FRAMES / 5)
    values = np.stack([np.cos(angle), np.sin(angle), 0.1 * np.sin(FRAMES / 9), 0 * angle], 1)
    [keys] = reduce_keys(FRAMES, values[None], np.array([0.004]))
    assert keys.arriving.shape == (len(keys.kept), 4)
    distance = np.linalg.norm(drawn(keys, FRAMES, values, FRAMES) - values, axis=1)
    assert distance.max() <= 0.004


def test_frames_between_the_samples_are_looked_at_too() -> None:
    frames = 1 + np.arange(200) * 24 / 29.97
    values = np.clip(np.sin(frames) * 2, 0, 1)
    whole = np.arange(1, np.floor(frames[-1]) + 1)
    [keys] = reduce_keys(frames, values[None, :, None], np.array([0.02]), check_frames=whole)
    wanted = np.interp(whole, frames, values)
    assert np.abs(drawn(keys, frames, values[:, None], whole)[:, 0] - wanted).max() <= 0.02


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0, 1, width=32), min_size=2, max_size=60),
    st.floats(1e-4, 0.3),
    st.lists(st.floats(0.1, 3.0), min_size=59, max_size=59),
)
def test_any_curve_at_any_frames_stays_within_any_tolerance(values: list, tolerance: float, steps: list) -> None:
    frames = np.concatenate([[1.0], 1.0 + np.cumsum(steps)])[: len(values)]
    own = np.array(values)[:, None]
    [keys] = reduce_keys(frames, own[None], np.array([tolerance]))
    assert keys.kept[0] == 0
    assert keys.kept[-1] == len(values) - 1
    assert np.abs(drawn(keys, frames, own, frames) - own).max() <= tolerance


def test_turning_points_are_turns_larger_than_asked() -> None:
    values = np.array([0, 1, 2, 3, 2.5, 3.2, 1, 1, 1, 4, 0], float)
    found = turning_points(values[None, :, None], 1.5)
    assert list(np.flatnonzero(found[0])) == [0, 5, 6, 8, 9]


def test_a_single_frame_is_a_single_key() -> None:
    [keys] = reduce_keys(np.array([1.0]), np.array([[[0.4]]]), np.array([0.01]))
    assert list(keys.kept) == [0]
