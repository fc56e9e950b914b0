"""The landmark network's own idea of faces: its data, and that the solver tells its points from places on the face."""

from __future__ import annotations

import numpy as np
import pytest
from understudy.inference import arkit, face_model
from understudy.inference.solve.geometry import Array, Camera, Poses, project, rotation_from_vector
from understudy.inference.solve.landmark_network import measured, view_terms
from understudy.inference.solve.performance import Performance, PerformanceSolver

MODEL = face_model.load("default")
FRAMES = 30
CAMERA = Camera(700.0, (256.0, 256.0))
PLAYED = {"jawOpen": 0.5, "mouthSmileLeft": 0.7, "mouthSmileRight": 0.7, "browInnerUp": 0.8}


def played() -> Array:
    """(FRAMES, 52) one bump after the other."""
    values = np.zeros((FRAMES, len(arkit.NAMES)))
    for n, (name, peak) in enumerate(PLAYED.items()):
        centre = FRAMES * (n // 2 + 1) / 4
        values[:, arkit.INDEX[name]] = peak * np.exp(-0.5 * ((np.arange(FRAMES) - centre) / 3) ** 2)
    return values


def solved(part: float) -> tuple[PerformanceSolver, Performance, Poses]:
    """Solve points that hold so much of the network's idea of faces."""
    time = np.arange(FRAMES)
    turns = np.stack([0.1 * np.cos(time / 7), 0.35 * np.sin(time / 8), 0.05 * np.sin(time / 9)], 1)
    poses = Poses(rotation_from_vector(turns), np.tile([0.0, 0.0, -60.0], (FRAMES, 1)))
    network = measured()
    values = played()
    points = MODEL.landmark_mean_cm + np.tensordot(values, MODEL.landmark_expressions_cm, 1)
    points[:, :468] += part * np.tensordot(values, network.expressions, 1)
    points[:, :468] += part * np.tensordot(view_terms(poses.rotation), network.bias, 1)
    solver = PerformanceSolver(project(points, poses, CAMERA), time / 25, (512, 512), MODEL)
    return solver, solver.solve(lambda done: None), poses


def test_the_data_fit_the_mesh_and_no_shape_runs_away() -> None:
    network = measured()
    assert network.bias.shape == (4, 468, 3)
    assert network.expressions.shape == (52, 468, 3)
    assert network.people.shape[1:] == (468, 3)
    assert network.errors.shape[1:] == (468, 2)
    moved = np.linalg.norm(MODEL.landmark_expressions_cm[:, :468] + network.expressions, axis=-1)
    own = np.linalg.norm(MODEL.landmark_expressions_cm[:, :468], axis=-1)
    assert np.all(moved.max(1) < 2.0 * own.max(1) + 0.5)
    assert not network.expressions[arkit.INDEX["tongueOut"]].any()


def test_brows_come_damped() -> None:
    shape = MODEL.landmark_expressions_cm[arkit.INDEX["browInnerUp"], :468, 1]
    seen = shape + measured().expressions[arkit.INDEX["browInnerUp"], :, 1]
    assert 0.2 < (seen @ shape) / (shape @ shape) < 0.8


@pytest.mark.parametrize(("part", "filtered"), [(0.0, False), (1.0, True)])
def test_the_reading_that_explains_the_points_is_chosen(part: float, filtered: bool) -> None:
    solver, found, poses = solved(part)
    assert (solver.network is not None) == filtered
    between = found.poses.rotation @ np.swapaxes(poses.rotation, 1, 2)
    turned = np.degrees(np.arccos(np.clip((np.trace(between, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert turned.mean() < 1.0
    for name in PLAYED:
        index = arkit.INDEX[name]
        assert np.corrcoef(found.coefficients[:, index], played()[:, index])[0, 1] > 0.85, name
