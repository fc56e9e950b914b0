"""The arithmetic of the landmark benchmarks: 68 points out of 478, regions, doubts, habits and kinds of faces."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from understudy.inference.face_model import load
from understudy.inference.face_model.assembly import ict_landmarks

FACES = 120


@pytest.fixture(scope="module")
def points68(benchmarks: Callable[[str], ModuleType]) -> ModuleType:
    return benchmarks("points68")


@pytest.fixture(scope="module")
def figures(benchmarks: Callable[[str], ModuleType]) -> ModuleType:
    return benchmarks("face_points_figures")


@pytest.fixture(scope="module")
def known(figures: ModuleType):
    """Turned heads of 50 px per cm in the middle of a picture, seen from far away."""
    rng = np.random.default_rng(0)
    rotation = Rotation.from_euler("y", rng.uniform(-50, 50, (FACES, 1)), degrees=True).as_matrix()
    head = np.concatenate([load("default").landmark_mean_cm, ict_landmarks()["landmarks68_cm"]])
    points = np.einsum("nij,vj->nvi", rotation, head) * [50, -50, -50] + 500
    return figures.Known(
        points_px=points,
        visible=np.ones(points.shape[:2], bool),
        coefficients=rng.random((FACES, 52)),
        rotation=rotation,
        shot=np.arange(FACES) % 2,
        traits={"skin": rng.random(FACES), "glasses": (rng.random(FACES) < 0.4).astype(float)},
    )


def readings(figures: ModuleType, known, points: np.ndarray, sigma: float = 1.0):
    return figures.Readings(
        points, np.full(points.shape[:2], sigma), known.coefficients, np.full(known.coefficients.shape, 0.1)
    )


def test_the_68_points_lie_where_the_face_model_has_them(points68: ModuleType) -> None:
    found = points68.classic68(load("default").landmark_mean_cm[None])[0]
    true = ict_landmarks()["landmarks68_cm"]
    apart = np.linalg.norm(found[17:] - true[17:], axis=1)
    assert np.median(apart) < 0.3  # the default model's mean face is not ICT-FaceKit's, the places are the same
    moved = points68.classic68(load("default").landmark_mean_cm + [3.0, 0, 0])
    assert moved == pytest.approx(found + [3.0, 0, 0], abs=1e-3)


def test_errors_are_told_for_a_picture_of_512_pixels(points68: ModuleType) -> None:
    true = np.zeros((3, 68, 2))
    true[:, 45, 0] = 50.0
    found = true + [0.0, 2.0]
    found[1] = np.nan
    error = points68.error68(found, true, 256)
    assert error.mean_px == error.median_px == error.p95_px == pytest.approx(4.0)
    assert error.share_of_eyes == pytest.approx(2 / 50)
    assert np.isnan(points68.error68(np.full_like(true, np.nan), true, 256).mean_px)


def test_every_landmark_has_one_region(figures: ModuleType) -> None:
    masks = figures.regions()
    assert (sum(mask.astype(int) for mask in masks.values()) == 1).all()
    assert all(mask.sum() >= 9 for mask in masks.values())
    mirrored = load("default").landmark_mean_cm[masks["nose"][:478]]
    assert abs(mirrored[:, 0].mean()) < 0.05


def test_errors_count_what_can_be_seen(figures: ModuleType, known) -> None:
    moved = known.points_px[..., :2].copy()
    moved[:, 33] += 1000.0
    seen = figures.Known(**{**vars(known), "visible": np.arange(546)[None] != np.full((FACES, 1), 33)})
    assert np.nanmax(figures.distances(seen, readings(figures, known, moved))) == 0
    share = figures.by_region(figures.distances(known, readings(figures, known, moved)))["lids"]
    assert share["mean_percent"] == pytest.approx(100 * np.hypot(1000, 1000) / known.eyes_px.mean() / 32, rel=1e-6)


def test_an_offset_that_turns_with_the_head_is_a_habit(figures: ModuleType, known) -> None:
    offset_cm = np.array([0.2, -0.3, 0.4])
    moved = known.points_px[..., :2] + (known.rotation @ offset_cm)[:, None, :2] * [50, -50]
    found = readings(figures, known, moved)
    assert np.nanmean(figures.distances(known, found)) > 0.02
    assert np.nanmax(figures.distances(known, figures.without_habits(known, found))) < 1e-3


def test_honest_doubts_are_calibrated(figures: ModuleType, known) -> None:
    noise = np.random.default_rng(1).normal(0, 3.0, known.points_px[..., :2].shape)
    found = readings(figures, known, known.points_px[..., :2] + noise, sigma=3.0)
    for name, row in figures.calibration(known, found).items():
        assert row["within_1"] == pytest.approx(0.683, abs=0.03), name
        assert row["within_2"] == pytest.approx(0.954, abs=0.02), name
        assert row["error_to_sigma"] == pytest.approx(1, abs=0.05), name


def test_shapes_that_nobody_knows_are_left_out(figures: ModuleType, known) -> None:
    coefficients = known.coefficients.copy()
    coefficients[:, 3] = np.nan
    coefficients[:, 4] = 0.5
    truth = figures.Known(**{**vars(known), "coefficients": coefficients})
    found = figures.coefficient_figures(truth, readings(figures, known, known.points_px[..., :2]))
    assert len(found) == 50 + 1
    assert found["mean"]["correlation"] == pytest.approx(1)
    assert found["mean"]["mean_error"] == pytest.approx(0)


def test_the_spread_tells_the_worst_kind_of_face(figures: ModuleType, known) -> None:
    shift = np.where(known.traits["glasses"] > 0, 8.0, 2.0)
    found = readings(figures, known, known.points_px[..., :2] + shift[:, None, None] * [1.0, 0.0])
    spread = figures.spread(known, figures.distances(known, found))
    assert spread["glasses"]["worst_to_best"] == pytest.approx(4, rel=1e-6)
    assert spread["skin"].keys() == {"dark", "middle", "light", "worst_to_best"}
    assert "child" not in spread


def test_points_that_move_too_little_have_less_gain(figures: ModuleType, known) -> None:
    rng = np.random.default_rng(2)
    lips = np.flatnonzero(figures.regions()["lips"])
    open_by = rng.random((FACES, 1, 1)) * np.array([0.0, 30.0, 0.0])
    moving = known.points_px.copy()
    moving[:, lips] += np.einsum("nij,nkj->nki", known.rotation, open_by)
    truth = figures.Known(**{**vars(known), "points_px": moving})
    damped = known.points_px[..., :2] + 0.7 * (moving - known.points_px)[..., :2] + 3.0
    gain = figures.motion_gain(truth, readings(figures, known, damped))
    assert gain["lips"] == pytest.approx(0.7, abs=0.01)
