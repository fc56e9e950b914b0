"""Skin points of face models: on the skin, evenly spread, and in agreement with the model's landmarks."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from understudy.inference import arkit, face_model
from understudy.inference.face_model.skin import (
    DEFAULT_SKIN_FILE,
    SKIN_POINTS,
    chosen_points,
    default_skin,
    evenly_spread,
    skin_points,
)

MODEL = face_model.load("default")
SKIN = default_skin()


def test_stored_skin_is_the_default_models() -> None:
    """Fails when default.npz was built anew: then run models/build_skin.py."""
    assert skin_points(MODEL) is SKIN
    assert len(SKIN.mean_cm) == SKIN_POINTS
    assert SKIN.identity_modes_cm.shape == (len(MODEL.identity_modes_cm), SKIN_POINTS, 3)
    away, nearest = cKDTree(MODEL.landmark_mean_cm[:468]).query(SKIN.mean_cm)
    close = away < 0.15
    assert close.sum() > 100
    modes = MODEL.landmark_modes_cm[:, nearest[close]]
    assert np.abs(SKIN.identity_modes_cm[:, close] - modes).max() < 0.25 * np.abs(modes).max()
    assert np.sqrt(((SKIN.identity_modes_cm[:, close] - modes) ** 2).mean()) < 0.1 * np.sqrt((modes**2).mean())
    shapes = MODEL.landmark_expressions_cm[:, nearest[close]]
    rms = np.sqrt(((SKIN.expressions_cm[:, close] - shapes) ** 2).mean((1, 2)))
    largest = np.sqrt((shapes**2).mean((1, 2)))
    moving = largest > 0.02
    assert moving.sum() > 25
    assert np.median(rms[moving] / largest[moving]) < 0.35


def test_stored_skin_lies_outside() -> None:
    assert np.allclose(np.linalg.norm(SKIN.normals, axis=1), 1, atol=2e-3)
    assert (SKIN.normals[:, 2] > -0.6).all()
    for centre in MODEL.eye_centres_cm:
        assert np.linalg.norm(SKIN.mean_cm - centre, axis=1).min() > 0.95 * MODEL.eye_radius_cm
    assert DEFAULT_SKIN_FILE.stat().st_size < 1_100_000


def test_shapes_move_the_skin_where_they_should() -> None:
    brow = np.linalg.norm(SKIN.expressions_cm[arkit.INDEX["browInnerUp"]], axis=1)
    smile = np.linalg.norm(SKIN.expressions_cm[arkit.INDEX["mouthSmileLeft"]], axis=1)
    assert SKIN.mean_cm[brow.argmax(), 1] > MODEL.eye_centres_cm[0, 1]
    assert SKIN.mean_cm[smile.argmax(), 1] < MODEL.eye_centres_cm[0, 1]
    assert SKIN.mean_cm[smile.argmax(), 0] > 0


def test_points_of_another_mesh_are_chosen_from_it() -> None:
    few = chosen_points(MODEL, 100)
    assert len(few.mean_cm) == 100
    assert (few.normals[:, 2] > -0.6).all()
    assert cKDTree(MODEL.mean_cm).query(few.mean_cm)[0].max() == 0
    gaps = cKDTree(few.mean_cm).query(few.mean_cm, k=2)[0][:, 1]
    assert gaps.min() > 0.3


def test_even_spread_never_takes_a_point_twice() -> None:
    points = np.random.default_rng(0).normal(size=(30, 3))
    assert len(set(evenly_spread(points, 12).tolist())) == 12
    assert len(evenly_spread(points, 50)) == 30
