"""What is believed of MediaPipe's points on films: edges that are seen, nothing of guesses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from understudy.inference import face_model
from understudy.inference.face_model.rims import EYES, INNER_LIPS, IRISES
from understudy.inference.face_model.types import FaceModel
from understudy.inference.solve.evidence import facing
from understudy.inference.solve.geometry import rotation_from_vector
from understudy.training.real_faces import IDEAS, LIDS, believed, opening, rows_of
from understudy.training.shards import SIDE

BROW, CHEEK, CHIN = 105, 205, 152


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return face_model.load("default")


@pytest.fixture
def marks(model: FaceModel) -> np.ndarray:
    """(478, 2) the resting face from the front, pixels."""
    return model.landmark_mean_cm[:, :2] * [10, -10] + 200.0


def weights(model: FaceModel, marks: np.ndarray, yaw: float = 0.0) -> np.ndarray:
    return believed(marks, facing(model), rotation_from_vector(np.array([0.0, yaw, 0.0])))


def test_edges_and_irises_count_and_what_only_looks_likely_does_not(model: FaceModel, marks: np.ndarray) -> None:
    weight = weights(model, marks)
    assert (weight[list(LIDS)] == 1).all()
    assert (weight[[*INNER_LIPS.upper, *INNER_LIPS.lower, *IRISES[0], *IRISES[1]]] == 1).all()
    assert (weight[list(IDEAS)] == 0.5).all()
    assert not weight[[BROW, CHEEK, CHIN]].any()
    assert not weight[478:].any()


def test_irises_behind_a_closed_lid_are_guesses(model: FaceModel, marks: np.ndarray) -> None:
    left, right = EYES
    marks[list(left.upper[1:-1])] = marks[list(left.lower[1:-1])] - [0, 1]
    assert opening(marks, left.upper, left.lower) < 0.1 < opening(marks, right.upper, right.lower)
    weight = weights(model, marks)
    assert not weight[list(IRISES[0])].any()
    assert weight[list(IRISES[1])].all()


def test_the_far_eye_of_a_profile_is_left_out(model: FaceModel, marks: np.ndarray) -> None:
    weight = weights(model, marks, yaw=1.4)  # the actor's left shows away
    far, near = (weight[[*eye.upper, *eye.lower]] for eye in EYES)
    assert {far.any(), near.any()} == {True, False}


def test_a_film_becomes_crops_with_points_on_its_eyes(shared: Path) -> None:
    rows = list(rows_of(shared / "data/clips/d0.mp4", at_most=3, actor=5))
    assert len(rows) == 3
    for row in rows:
        assert row.images.shape == (SIDE, SIDE, 3)
        assert np.isfinite(row.points).all()
        assert np.isnan(row.coefficients).all()
        assert row.weight is not None
        assert (row.visible == (row.weight > 0)).all()
        assert row.weight.sum() > 60
        iris = row.points[468, :2].astype(int)
        lid_line = row.points[[33, 133], :2].mean(0)
        assert np.hypot(*(iris - lid_line)) < 0.06 * SIDE
        pupil = row.images[iris[1] - 1 : iris[1] + 2, iris[0] - 1 : iris[0] + 2].mean()
        assert pupil < 0.6 * row.images[row.points[151, 1].astype(int), row.points[151, 0].astype(int)].mean()
