"""What is drawn is possible, and what is drawn from different seeds lies in different shards."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("moderngl")
from understudy.inference.arkit import INDEX, NAMES
from understudy.training.faces.camera import NEAREST_CM, random_view
from understudy.training.faces.expression import FULL_LOOK_RAD, random_expression
from understudy.training.faces.light import irradiance, random_light
from understudy.training.render_faces import seed_range, shards_of


def expressions(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    drawn = [random_expression(rng) for _ in range(count)]
    return np.array([values for values, _ in drawn]), np.array([gaze for _, gaze in drawn])


def test_expressions_are_possible_and_every_shape_comes_up() -> None:
    values, _ = expressions(3000)
    assert values.shape == (3000, len(NAMES))
    assert values.min() >= 0.0
    assert values.max() <= 1.0
    assert (values[:, INDEX["mouthClose"]] <= values[:, INDEX["jawOpen"]]).all()
    assert (values[values[:, INDEX["tongueOut"]] > 0, INDEX["jawOpen"]] >= 0.2).all()
    often = (values > 0.3).mean(0)
    assert (often > 0.005).all(), [name for name, share in zip(NAMES, often, strict=True) if share <= 0.005]
    lids = values[:, [INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]].min(1)
    assert 0.05 < (lids > 0.85).mean() < 0.3


def test_lids_follow_the_gaze_in_most_pictures() -> None:
    values, gaze = expressions(2000)
    open_eyes = values[:, INDEX["eyeBlinkLeft"]] == 0
    down = values[open_eyes, INDEX["eyeLookDownLeft"]]
    expected = np.clip(-gaze[open_eyes, 0, 1], 0, None) / FULL_LOOK_RAD["Down"]
    assert 0.6 < (np.abs(down - np.clip(expected, 0, 1)) < 0.02).mean() < 1.0


def test_heads_stand_before_the_camera() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        view = random_view(rng)
        np.testing.assert_allclose(view.rotation @ view.rotation.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(view.rotation) > 0
        assert view.position_cm[2] <= -NEAREST_CM + 1e-9


def test_soft_light_is_light() -> None:
    rng = np.random.default_rng(2)
    normals = rng.normal(size=(50, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    for _ in range(50):
        assert (irradiance(random_light(rng), normals) > 0).all()


def test_every_seed_lies_in_one_shard() -> None:
    first, second = shards_of(seed_range("0-1249"), 500), shards_of(seed_range("1250-1999"), 500)
    assert [number for number, _ in first] == [0, 1, 2]
    seeds = [seed for _, seeds in first + second for seed in seeds]
    assert seeds == list(range(2000))
    assert seed_range("7") == range(7, 8)
