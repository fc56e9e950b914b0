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
PLAIN_LINES = np.repeat([[0.0], [1.0], [1.0]], 52, 1)
"""Readings that mean what they say."""


def readings(value: float = 0.0, sigma: float = 0.08) -> tuple[np.ndarray, np.ndarray]:
    """Values and standard deviations (FRAMES, 52), the same everywhere."""
    return np.full((FRAMES, 52), value), np.full((FRAMES, 52), sigma)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.01, 0.5), st.floats(0.01, 5.0))
def test_evidence_draws_a_coefficient_toward_its_reading(
    reading: float, points: float, sigma: float, strength: float
) -> None:
    values, spread = readings(reading, sigma)
    seen = SeenCoefficients.of(values, spread, PLAIN_LINES)
    precision, pull = seen.evidence(np.zeros(52))
    between = (pull + strength * points) / (precision + strength)
    assert np.all(between >= min(reading, points) - 1e-9)
    assert np.all(between <= max(reading, points) + 1e-9)


@settings(max_examples=30, deadline=None)
@given(st.floats(-0.2, 0.2), st.integers(0, 51))
def test_a_bias_is_found_where_a_shape_rests_and_only_there(bias: float, shape: int) -> None:
    truth = np.zeros((FRAMES, 52))
    truth[20:30, shape] = 0.8
    values, sigma = readings()
    values = values + truth
    values[:, shape] += bias
    found = SeenCoefficients.of(values, sigma, PLAIN_LINES).bias(truth)
    assert found[shape] == pytest.approx(bias, abs=0.35 * abs(bias) + 1e-6)
    assert np.abs(np.delete(found, shape)).max() < 1e-6


def test_readings_that_are_missing_say_nothing() -> None:
    values, sigma = readings(0.7)
    values[10:20] = np.nan
    sigma[30, PUFF] = np.nan
    seen = SeenCoefficients.of(values, sigma, PLAIN_LINES)
    precision, pull = seen.evidence(np.full(52, 0.1))
    assert not precision[10:20].any()
    assert not pull[10:20].any()
    assert precision[30, PUFF] == 0.0
    assert np.isfinite(pull).all()
    assert precision[0].min() > 0


def test_surer_readings_count_more_and_none_counts_without_end() -> None:
    values, sigma = readings(0.5)
    sigma[:, 0], sigma[:, 1], sigma[:, 2] = 0.3, 0.1, 1e-6
    precision = SeenCoefficients.of(values, sigma, PLAIN_LINES).precision[0]
    assert precision[0] < precision[1] < precision[2] < 1e3


def test_a_bias_larger_than_actors_have_needs_frames_that_say_so() -> None:
    values, sigma = readings(3 * BIAS_SPREAD)
    few = SeenCoefficients.of(values[:2], sigma[:2], PLAIN_LINES).bias(np.zeros((2, 52)))
    many = SeenCoefficients.of(values, sigma, PLAIN_LINES).bias(np.zeros((FRAMES, 52)))
    assert np.all(few < many)
    assert np.all(many < 3 * BIAS_SPREAD)


def test_a_reading_is_taken_for_what_it_means() -> None:
    lines = PLAIN_LINES.copy()
    lines[:, PUFF] = 0.05, 0.5, 2.0
    lines[1, 0] = 0.02
    seen = SeenCoefficients.of(*readings(0.35), lines)
    assert seen.values[0, PUFF] == pytest.approx(0.6)
    assert seen.precision[0, PUFF] == pytest.approx(seen.precision[0, 1] / 16)
    assert seen.precision[0, 0] == 0.0
