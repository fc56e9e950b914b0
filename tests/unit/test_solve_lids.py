"""Lids that follow the eye, squint and blink at once leave the opening that is seen; the gaze does not follow blinks."""

from __future__ import annotations

import numpy as np
import pytest
from understudy.inference import arkit, face_model
from understudy.inference.solve.gaze import OPEN_ENOUGH, conjugate, watched
from understudy.inference.solve.geometry import Array
from understudy.inference.solve.identity import mesh_points
from understudy.inference.solve.lids import (
    BLINKS,
    closing_blinks,
    lid_habits,
    openness,
    relative_lid_change,
    shut,
    together,
)
from understudy.inference.solve.timeline import Timeline

MEAN, _, EXPRESSIONS = mesh_points(face_model.load("default"))
CHANGE = relative_lid_change(MEAN, EXPRESSIONS)
NARROW = MEAN * np.array([1.0, 0.85, 1.0])
DOWN = [arkit.INDEX["eyeLookDownLeft"], arkit.INDEX["eyeLookDownRight"]]


def shown(opened: Array, looking_down: float, squinting: float = 0.0) -> Array:
    """(T, 52) of an actor with narrow eyes whose own lids leave both eyes `opened` (T,); blinks as a take has them."""
    closing = closing_blinks(NARROW, EXPRESSIONS)
    raw = np.zeros((len(opened), 52))
    raw[:, DOWN] = looking_down
    raw[:, [arkit.INDEX["eyeSquintLeft"], arkit.INDEX["eyeSquintRight"]]] = squinting
    left_over = 1.0 - opened[:, None] + raw @ relative_lid_change(NARROW, EXPRESSIONS).T
    raw[:, BLINKS] = closing * np.clip(left_over, 0.0, 1.0)
    found = shut(raw, np.stack([opened, opened], 1), NARROW, MEAN, EXPRESSIONS)
    found[:, BLINKS] /= closing
    return found


@pytest.mark.parametrize("looking_down", [0.0, 0.3, 0.6])
def test_any_face_opens_its_eyes_as_far_as_is_seen(looking_down: float) -> None:
    opened = np.linspace(0.0, 0.5, 21)
    off = 1.0 + shown(opened, looking_down) @ CHANGE.T - opened[:, None]
    np.testing.assert_allclose(off[(opened < 0.02) | (opened > OPEN_ENOUGH)], 0.0, atol=0.05)
    np.testing.assert_allclose(off, 0.0, atol=0.1)


def test_an_eye_that_looks_down_is_not_shut() -> None:
    found = shown(np.array([0.3, 0.45]), 0.55, 0.05)
    assert np.all(1.0 + found @ CHANGE.T > 0.25)
    assert np.all(found[:, DOWN] == 0.55)


def test_a_closed_eye_is_a_whole_blink_wherever_it_looks() -> None:
    for looking_down in (0.0, 0.7):
        found = shown(np.zeros(2), looking_down, 0.2)
        np.testing.assert_allclose(found[:, BLINKS], 1.0)
    assert np.all(found[:, DOWN] == 0)


def test_lids_close_without_a_jump() -> None:
    found = shown(np.linspace(0.0, 1.2, 241), 0.6)
    assert np.abs(np.diff(found[:, [*BLINKS, *DOWN]], axis=0)).max() < 0.03
    assert np.diff(found[:, BLINKS], axis=0).max() < 1e-9


def test_eyes_that_are_open_are_left_alone() -> None:
    raw = np.random.default_rng(0).uniform(0, 0.4, size=(5, 52))
    opened = np.full((5, 2), 0.7)
    np.testing.assert_array_equal(shut(raw, opened, NARROW, MEAN, EXPRESSIONS), raw)


def test_irises_that_a_blink_draws_along_say_nothing_of_the_gaze() -> None:
    blink = 1.0 - np.exp(-0.5 * ((np.arange(60) - 30) / 2.0) ** 2)
    openings = np.stack([blink, blink], 1)
    angles = np.zeros((60, 2, 2))
    angles[..., 0], angles[..., 1] = 0.2, -0.2 * (1.0 - openings)
    seen = watched(openings, Timeline(np.arange(60) / 25))
    found = conjugate(angles, seen)
    np.testing.assert_allclose(found[..., 0], 0.2, atol=1e-6)
    assert np.abs(found[..., 1]).max() < 0.04
    assert np.abs(conjugate(angles, openings)[..., 1]).max() > 0.1


def test_eyes_that_look_down_for_long_or_wink_are_watched() -> None:
    openings = np.ones((60, 2))
    openings[20:45] = 0.4
    np.testing.assert_array_equal(watched(openings, Timeline(np.arange(60) / 25)), openings)
    openings[50:53, 0] = 0.1
    np.testing.assert_array_equal(watched(openings, Timeline(np.arange(60) / 25)), openings)
    openings[10:13] = 0.1
    np.testing.assert_array_equal(watched(openings, Timeline(np.arange(60) / 25, connected=False)), openings)
    np.testing.assert_array_equal(watched(openings[:1], Timeline(np.zeros(1))), openings[:1])


def test_lids_meet_in_blinks_though_the_network_leaves_a_gap() -> None:
    nobody = np.zeros(80, bool)
    openings = np.ones((80, 2))
    openings[20:22], openings[50:52] = (0.45, 0.4), (0.42, 0.4)
    timeline = Timeline(np.arange(80) / 25)
    assert openness(openings, lid_habits(openings, nobody, timeline))[[20, 50]].max() < 0.1
    lowered = np.ones((80, 2))
    lowered[20:60] = 0.45
    assert openness(lowered, lid_habits(lowered, nobody, timeline))[20:60].min() > 0.25
    fluttering = openings.copy()
    fluttering[10:12], fluttering[60:62], fluttering[70:72] = 0.15, 0.15, 0.15
    assert openness(fluttering, lid_habits(fluttering, nobody, timeline))[20].min() > 0.2


def test_eyes_that_are_both_nearly_closed_blink_together_and_winks_stay_winks() -> None:
    opened = np.array([[0.0, 0.25], [0.05, 0.9], [0.55, 0.5], [1.0, 0.8]])
    found = together(opened)
    assert np.allclose(found[0], 0.0)
    assert np.allclose(found[[1, 3]], opened[[1, 3]])
    assert np.all(found[2] <= opened[2])
    assert np.all(found[2] >= 0.5)
