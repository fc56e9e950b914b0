"""Coefficients that the network reads: they tell what points cannot, and an actor's resting look is no expression."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.inference import arkit
from understudy.inference.solve.seen_coefficients import BIAS_SPREAD, SeenCoefficients

FRAMES = 60
PUFF = arkit.INDEX["cheekPuff"]


def readings(value: float = 0.0) -> np.ndarray:
    """(FRAMES, 52), the same everywhere."""
    return np.full((FRAMES, 52), value)


def lines_of(noise: float) -> np.ndarray:
    """Readings that mean what they say, with so much noise."""
    return np.repeat([[0.0], [1.0], [noise]], 52, 1)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.01, 0.5), st.floats(0.01, 5.0))
def test_evidence_draws_a_coefficient_toward_its_reading(
    reading: float, points: float, sigma: float, strength: float
) -> None:
    seen = SeenCoefficients.of(readings(reading), lines_of(sigma))
    precision, pull = seen.evidence(np.zeros(52))
    between = (pull + strength * points) / (precision + strength)
    assert np.all(between >= min(reading, points) - 1e-9)
    assert np.all(between <= max(reading, points) + 1e-9)


@settings(max_examples=30, deadline=None)
@given(st.floats(-0.2, 0.2), st.integers(0, 51))
def test_a_bias_is_found_where_a_shape_rests_and_only_there(bias: float, shape: int) -> None:
    truth = np.zeros((FRAMES, 52))
    truth[20:30, shape] = 0.8
    values = readings() + truth
    values[:, shape] += bias
    found = SeenCoefficients.of(values, lines_of(0.1)).bias(truth)
    assert found[shape] == pytest.approx(bias, abs=0.35 * abs(bias) + 1e-6)
    assert np.abs(np.delete(found, shape)).max() < 1e-6


def test_readings_that_are_missing_say_nothing() -> None:
    values = readings(0.7)
    values[10:20] = np.nan
    values[30, PUFF] = np.nan
    seen = SeenCoefficients.of(values, lines_of(0.1))
    precision, pull = seen.evidence(np.full(52, 0.1))
    assert not precision[10:20].any()
    assert not pull[10:20].any()
    assert precision[30, PUFF] == 0.0
    assert np.isfinite(pull).all()
    assert precision[0].min() > 0


def test_readings_with_less_noise_count_more_and_all_values_alike() -> None:
    lines = lines_of(0.1)
    lines[2, :3] = 0.3, 0.2, 0.05
    values = readings(0.5)
    values[5:] = 0.9
    precision = SeenCoefficients.of(values, lines).precision
    assert precision[0, 0] < precision[0, 1] < precision[0, 3] < precision[0, 2]
    assert np.all(precision == precision[0])


def test_a_bias_larger_than_actors_have_needs_frames_that_say_so() -> None:
    values, lines = readings(3 * BIAS_SPREAD), lines_of(0.1)
    few = SeenCoefficients.of(values[:2], lines).bias(np.zeros((2, 52)))
    many = SeenCoefficients.of(values, lines).bias(np.zeros((FRAMES, 52)))
    assert np.all(few < many)
    assert np.all(many < 3 * BIAS_SPREAD)


def test_a_reading_is_taken_for_what_it_means() -> None:
    lines = lines_of(0.1)
    lines[:, PUFF] = 0.05, 0.5, 0.2
    lines[1, 0] = 0.01
    seen = SeenCoefficients.of(readings(0.35), lines)
    assert seen.values[0, PUFF] == pytest.approx(0.6)
    assert seen.precision[0, PUFF] == pytest.approx(seen.precision[0, 1] / 16)
    assert seen.precision[0, 0] == 0.0


def test_what_is_hardly_followed_may_be_misjudged_by_more() -> None:
    lines = lines_of(0.1)
    lines[1:, PUFF] = 0.1, 0.02
    seen = SeenCoefficients.of(readings(0.05), lines)
    assert seen.bias_spread[PUFF] == pytest.approx(10 * BIAS_SPREAD)
    assert seen.bias_spread[0] == pytest.approx(BIAS_SPREAD)
