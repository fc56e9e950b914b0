"""Hand-made corrections: back to coefficients, and eased offsets for what coefficients cannot say."""

from __future__ import annotations

import numpy as np
import pytest
from understudy.inference import arkit
from understudy.inference.retarget import Link, Mapping
from understudy.inference.retarget.corrected import Correction, Target, at_frames, coefficients_for, eased, unlimited

JAW, SMILE_L, SMILE_R = (arkit.INDEX[name] for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight"))


def test_a_key_of_one_coefficient_leads_straight_back() -> None:
    mapping = Mapping((Link("jawOpen", "Jaw", gain=0.5, offset=0.1),))
    found = coefficients_for(mapping, np.zeros((5, 52)), [Target(3, "Jaw", 0.4)])
    assert [(position, column) for position, column, _ in found] == [(3, JAW)]
    assert found[0][2] == pytest.approx(0.6)


def test_several_keys_of_a_frame_are_met_together() -> None:
    mapping = Mapping(
        (Link("mouthSmileLeft", "Smile"), Link("mouthSmileRight", "Smile"), Link("mouthSmileLeft", "Smirk", gain=2.0))
    )
    start = np.zeros((2, 52))
    start[:, SMILE_R] = 0.2
    found = {column: value for _, column, value in coefficients_for(
        mapping, start, [Target(1, "Smile", 0.9), Target(1, "Smirk", 0.6)]
    )}  # fmt: skip
    assert found[SMILE_L] == pytest.approx(0.3, abs=1e-3)
    assert found[SMILE_R] == pytest.approx(0.6, abs=1e-3)


def test_the_least_change_is_made_and_coefficients_stay_in_their_range() -> None:
    mapping = Mapping((Link("mouthSmileLeft", "Smile"), Link("mouthSmileRight", "Smile")))
    start = np.full((1, 52), 0.8)
    found = {column: value for _, column, value in coefficients_for(mapping, start, [Target(0, "Smile", 1.9)])}
    assert found == {SMILE_L: pytest.approx(0.95), SMILE_R: pytest.approx(0.95)}
    [(_, _, value)] = coefficients_for(Mapping((Link("jawOpen", "Jaw"),)), start, [Target(0, "Jaw", 1.4)])
    assert value == 1.0


def test_keys_that_nothing_drives_or_only_switched_off_links_lead_nowhere() -> None:
    mapping = Mapping((Link("jawOpen", "Jaw", enabled=False),))
    targets = [Target(0, "Jaw", 0.5), Target(0, "Ears", 0.5)]
    assert coefficients_for(mapping, np.zeros((1, 52)), targets) == []


def test_offsets_ease_in_and_out_and_are_exact_where_they_were_set() -> None:
    frames = np.arange(1, 101, dtype=float)
    values = 0.3 + 0.1 * np.sin(frames / 5)
    result = eased(frames, values, [(50.0, 0.9), (53.0, 0.8)], rate=24.0)
    assert result[49] == 0.9
    assert result[52] == 0.8
    assert np.array_equal(result[:43], values[:43])
    assert np.array_equal(result[60:], values[60:])
    assert np.abs(np.diff(result - values)).max() < 0.25  # no jump
    assert np.all(np.diff((result - values)[43:50]) >= 0)


def test_nothing_wanted_changes_nothing() -> None:
    values = np.arange(4.0)
    assert eased(np.arange(4.0), values, [], 24.0) is values


def test_corrections_keep_their_time_when_the_rate_changes() -> None:
    one = Correction("Face", "path", 0, 2.0, 0.5)
    frames = 1 + np.arange(200) * 24 / 30
    assert at_frames([one], frames, 24.0, 1.0, whole=False) == [(one, pytest.approx(49.0))]
    assert at_frames([one], 1 + np.arange(100.0), 25.0, 1.0, whole=False)[0][1] == 51.0
    assert at_frames([one], frames, 24.5, 1.0, whole=True)[0][1] == 50.0


def test_what_links_make_of_a_frame_without_limits() -> None:
    mapping = Mapping((Link("jawOpen", "Jaw", gain=3.0, upper=1.0), Link("mouthClose", "Jaw", gain=-1.0, offset=0.5)))
    start = np.zeros(52)
    start[JAW] = 0.8
    assert unlimited(mapping, start) == {"Jaw": pytest.approx(2.9)}
