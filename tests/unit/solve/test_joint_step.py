"""The joint step of actor, camera, poses and expressions: the same as one large system, and right where it can be checked."""

from __future__ import annotations

import numpy as np
import pytest
from understudy.inference import arkit, face_model
from understudy.inference.solve.geometry import Array, Camera, Poses, linearise, project, rotation_from_vector
from understudy.inference.solve.identity import mesh_points
from understudy.inference.solve.joint import (
    FOCAL_TRUST,
    MODE_TRUST,
    POSE_TRUST,
    JointStep,
    KeyColumns,
    Priors,
    joint_step,
)
from understudy.inference.solve.products import by_axis

MODEL = face_model.load("default")
MEAN, MODES, SHAPES = mesh_points(MODEL)
FRAMES = 6
CAMERA = Camera(700.0, (256.0, 256.0))
TURNS = np.stack([0.1 * np.cos(np.arange(FRAMES)), 0.5 * np.sin(np.arange(FRAMES)), np.zeros(FRAMES)], 1)
POSES = Poses(rotation_from_vector(TURNS), np.tile([0.5, -0.4, -50.0], (FRAMES, 1)))


def step(
    points_px: Array, face_cm: Array, values: Array, error_cm: float, prior: float = 1.0
) -> tuple[JointStep, dict]:
    """One step from (P, 3) `face_cm` in neutral frames, and what it was made from."""
    linear = linearise(np.broadcast_to(face_cm, (FRAMES, *face_cm.shape)), POSES, CAMERA)
    residual = (points_px - linear.points_px) / linear.px_per_cm[:, None, None]
    weight = np.full(residual.shape[:2], error_cm**-2)
    precision = np.full((FRAMES, 52), 25.0)
    shared = np.concatenate([[16.0], np.full(len(MODES), prior)])
    seen = KeyColumns(linear, residual, weight, POSES.translation_cm[:, 2], by_axis(SHAPES), by_axis(MODES))
    priors = Priors(-precision * values, precision, np.zeros(1 + len(MODES)), shared)
    return joint_step(seen, priors), {"linear": linear, "residual": residual, "precision": precision, "shared": shared}


def test_it_is_the_step_of_one_large_system() -> None:
    generator = np.random.default_rng(1)
    points = project(MEAN, POSES, CAMERA) + generator.normal(0, 1.0, (FRAMES, len(MEAN), 2))
    error_cm = 0.2
    found, made = step(points, MEAN, np.zeros((FRAMES, 52)), error_cm)
    linear = made["linear"]
    count = 58 * FRAMES + 1 + len(MODES)
    columns = np.zeros((FRAMES, len(MEAN), 2, count))
    for t in range(FRAMES):
        own = 58 * t
        columns[t, ..., own : own + 6] = linear.by_pose[t]
        columns[t, ..., own + 6 : own + 58] = np.einsum("pcx,kpx->pck", linear.by_point[t], SHAPES)
    columns[..., 58 * FRAMES] = linear.by_log_focal + POSES.translation_cm[:, 2, None, None] * linear.by_pose[..., 5]
    columns[..., 58 * FRAMES + 1 :] = np.einsum("tpcx,kpx->tpck", linear.by_point, MODES)
    rows = columns.reshape(-1, count) / error_cm
    trust = np.concatenate([[FOCAL_TRUST**-2], np.full(len(MODES), MODE_TRUST**-2)])
    own = np.concatenate([POSE_TRUST**-2, made["precision"][0]])
    diagonal = np.concatenate([np.tile(own, FRAMES), made["shared"] + trust])
    whole = np.linalg.solve(rows.T @ rows + np.diag(diagonal), rows.T @ made["residual"].ravel() / error_cm)
    assert found.log_focal == pytest.approx(whole[58 * FRAMES], abs=2e-3)
    np.testing.assert_allclose(found.modes, whole[58 * FRAMES + 1 :], atol=5e-3)
    np.testing.assert_allclose(found.pose, whole[: 58 * FRAMES].reshape(FRAMES, 58)[:, :6], atol=5e-3)


def test_another_face_is_found_in_one_step() -> None:
    identity = 0.5 * np.random.default_rng(5).normal(size=len(MODES))
    other = MEAN + np.einsum("i,ipc->pc", identity, MODES)
    found, _ = step(project(other, POSES, CAMERA), MEAN, np.zeros((FRAMES, 52)), 0.02, prior=0.01)
    seen = np.einsum("i,ipc->pc", found.modes, MODES)
    assert np.linalg.norm(seen - (other - MEAN), axis=1).mean() < 0.25 * np.linalg.norm(other - MEAN, axis=1).mean()


def test_an_expression_of_all_frames_is_not_taken_for_a_face_at_once() -> None:
    """Where coefficients may follow, less of a smile becomes identity than where they are held."""
    smile = MEAN + 0.5 * (SHAPES[arkit.INDEX["mouthSmileLeft"]] + SHAPES[arkit.INDEX["mouthSmileRight"]])
    points = project(smile, POSES, CAMERA)
    found, made = step(points, MEAN, np.zeros((FRAMES, 52)), 0.1)
    linear = made["linear"]
    held = Priors(np.zeros((FRAMES, 52)), np.full((FRAMES, 52), 1e9), np.zeros(1 + len(MODES)), made["shared"])
    weight = np.full(made["residual"].shape[:2], 0.1**-2)
    seen = KeyColumns(linear, made["residual"], weight, POSES.translation_cm[:, 2], by_axis(SHAPES), by_axis(MODES))
    alone = joint_step(seen, held)
    assert np.linalg.norm(found.modes) < 0.6 * np.linalg.norm(alone.modes)


def test_more_certain_points_make_a_surer_focal_length() -> None:
    points = project(MEAN, POSES, CAMERA)
    sure, _ = step(points, MEAN, np.zeros((FRAMES, 52)), 0.05)
    unsure, _ = step(points, MEAN, np.zeros((FRAMES, 52)), 0.5)
    assert sure.focal_spread < unsure.focal_spread <= 0.25
    assert abs(sure.log_focal) < 1e-3
