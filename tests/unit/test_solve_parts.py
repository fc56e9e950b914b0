"""The pieces of the solver: projection and its derivatives, smoothness along time, bounded coefficients, gaze, lids."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from understudy.inference import arkit, face_model
from understudy.inference.solve import coefficients as co
from understudy.inference.solve.gaze import USUAL_FULL_LOOK_RAD, conjugate, gaze_angles, look_coefficients
from understudy.inference.solve.geometry import (
    Camera,
    Poses,
    linearise,
    nearest_rotation,
    project,
    rotation_from_vector,
)
from understudy.inference.solve.identity import focal_trust, mesh_points, usual_focal_px
from understudy.inference.solve.landmark_groups import IRIS_CENTRES, LEFT_LOWER_LID, LEFT_UPPER_LID
from understudy.inference.solve.lids import lid_habits, openness, relative_openings
from understudy.inference.solve.pose import first_poses
from understudy.inference.solve.shot import nearest_seen
from understudy.inference.solve.timeline import Timeline, solve_along_time

MODEL = face_model.load("default")
CAMERA = Camera(800.0, (256.0, 240.0))
SIZE = len(arkit.NAMES)


def poses(count: int, seed: int = 0) -> Poses:
    generator = np.random.default_rng(seed)
    turns = generator.normal(size=(count, 3)) * [0.1, 0.3, 0.1]
    return Poses(rotation_from_vector(turns), generator.normal(size=(count, 3)) + [0, 0, -50])


def test_rotations_agree_with_scipy() -> None:
    vectors = np.random.default_rng(1).normal(size=(20, 3))
    vectors[0] = 0
    np.testing.assert_allclose(rotation_from_vector(vectors), Rotation.from_rotvec(vectors).as_matrix(), atol=1e-12)
    noisy = rotation_from_vector(vectors) + 0.01
    np.testing.assert_allclose(np.linalg.det(nearest_rotation(noisy)), 1, atol=1e-12)


def test_a_point_to_the_actors_left_is_at_the_right_of_the_picture() -> None:
    facing = Poses(np.eye(3)[None], np.array([[0.0, 0.0, -50.0]]))
    ahead, left, up = project(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), facing, CAMERA)[0]
    np.testing.assert_allclose(ahead, CAMERA.centre_px)
    assert left[0] > ahead[0]
    assert left[1] == pytest.approx(ahead[1])
    assert up[1] < ahead[1]


def test_derivatives_are_those_of_the_projection() -> None:
    where, generator = poses(3), np.random.default_rng(2)
    points = np.broadcast_to(MODEL.mean_cm[:40].astype(np.float64), (3, 40, 3))
    linear = linearise(points, where, CAMERA)
    np.testing.assert_allclose(linear.points_px, project(points, where, CAMERA))

    def change(moved: np.ndarray) -> np.ndarray:
        return (moved - linear.points_px) / linear.px_per_cm[:, None, None]

    step = 1e-6 * generator.normal(size=(3, 6))
    by_pose = np.einsum("tpak,tk->tpa", linear.by_pose, step)
    np.testing.assert_allclose(by_pose, change(project(points, where.moved(step), CAMERA)), atol=1e-10)
    shift = 1e-6 * generator.normal(size=points.shape)
    by_point = np.einsum("tpac,tpc->tpa", linear.by_point, shift)
    np.testing.assert_allclose(by_point, change(project(points + shift, where, CAMERA)), atol=1e-10)
    longer = Camera(800.0 * np.exp(1e-6), CAMERA.centre_px)
    np.testing.assert_allclose(1e-6 * linear.by_log_focal, change(project(points, where, longer)), atol=1e-10)


def test_first_poses_are_close() -> None:
    where = poses(12, seed=3)
    face = MODEL.mean_cm[:468].astype(np.float64)
    found = first_poses(project(face, where, CAMERA), face, CAMERA)
    between = Rotation.from_matrix(found.rotation @ np.swapaxes(where.rotation, 1, 2)).magnitude()
    assert np.degrees(between).max() < 15
    np.testing.assert_allclose(found.translation_cm[:, 2], where.translation_cm[:, 2], rtol=0.25)


def test_second_differences_of_straight_lines_are_zero_at_any_rate() -> None:
    time = np.array([0.0, 0.04, 0.08, 0.13, 0.16, 0.2, 2.0, 2.04, 2.08])
    bend = Timeline(time).second_differences
    np.testing.assert_allclose(bend @ (3 * time - 1), 0, atol=1e-12)
    assert bend.shape[0] == 5, "rows over the gap must be left out"
    assert Timeline(time[:2]).second_differences.shape == (0, 2)
    assert Timeline(time, connected=False).second_differences.nnz == 0


def test_the_banded_solution_is_the_dense_one() -> None:
    generator = np.random.default_rng(5)
    frames, size = 7, 3
    root = generator.normal(size=(frames, size, size))
    hessian, gradient = root @ np.swapaxes(root, 1, 2) + np.eye(size), generator.normal(size=(frames, size))
    bend = Timeline(np.arange(frames) / 25).second_differences
    strength = np.array([0.5, 2.0, 9.0])
    dense = np.kron((bend.T @ bend).toarray(), np.diag(strength))
    for t in range(frames):
        dense[t * size : (t + 1) * size, t * size : (t + 1) * size] += hessian[t]
    expected = np.linalg.solve(dense, gradient.ravel()).reshape(frames, size)
    np.testing.assert_allclose(solve_along_time(hessian, gradient, bend, strength), expected, atol=1e-10)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), frames=st.integers(1, 12))
def test_coefficients_stay_in_bounds_whatever_the_evidence(seed: int, frames: int) -> None:
    generator = np.random.default_rng(seed)
    root = generator.normal(size=(frames, SIZE, SIZE)) * 10.0 ** generator.uniform(-2, 2)
    hessian = root @ np.swapaxes(root, 1, 2)
    gradient = (hessian @ generator.uniform(-1, 2, size=(frames, SIZE, 1)))[..., 0]
    bounds = co.Bounds(np.zeros((frames, SIZE)), np.ones((frames, SIZE)))
    bounds.lower[:, 3] = bounds.upper[:, 3] = 0.4
    found = co.solve_coefficients(hessian, gradient, bounds, Timeline(np.arange(frames) / 25), np.zeros((frames, SIZE)))
    assert found.min() >= 0
    assert found.max() <= 1
    np.testing.assert_allclose(found[:, 3], 0.4)


def strong(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Independent strong evidence for (T, 52) values."""
    hessian = np.broadcast_to(1e5 * np.eye(SIZE), (len(values), SIZE, SIZE)).copy()
    return hessian, 1e5 * values


def test_strong_evidence_is_followed_to_its_peak() -> None:
    values = np.zeros((20, SIZE))
    values[9:12, co.FAST[0]] = [0.6, 1.0, 0.6]
    values[:, arkit.INDEX["jawOpen"]] = 0.5
    free = co.Bounds(np.zeros_like(values), np.ones_like(values))
    found = co.solve_coefficients(*strong(values), free, Timeline(np.arange(20) / 25), np.zeros_like(values))
    np.testing.assert_allclose(found, values, atol=0.02)


def test_exclusive_shapes_never_fire_together() -> None:
    values = np.zeros((10, SIZE))
    values[:, arkit.INDEX["mouthLeft"]] = np.linspace(0.1, 0.9, 10)
    values[:, arkit.INDEX["mouthRight"]] = 0.5
    free = co.Bounds(np.zeros_like(values), np.ones_like(values))
    found = co.solve_coefficients(*strong(values), free, Timeline(np.arange(10) / 25), np.zeros_like(values))
    both = np.minimum(found[:, arkit.INDEX["mouthLeft"]], found[:, arkit.INDEX["mouthRight"]])
    apart = np.abs(values[:, arkit.INDEX["mouthLeft"]] - 0.5) > 0.1
    assert both[apart].max() < 0.02


def test_without_smoothing_the_order_of_frames_does_not_matter() -> None:
    generator = np.random.default_rng(7)
    root = generator.normal(size=(6, SIZE, 80))
    hessian = root @ np.swapaxes(root, 1, 2)
    gradient = (hessian @ generator.uniform(0, 0.5, size=(6, SIZE, 1)))[..., 0]
    bounds, nothing = co.Bounds(np.zeros((6, SIZE)), np.ones((6, SIZE))), np.zeros((6, SIZE))
    still = Timeline(np.arange(6) / 25, connected=False)
    order = generator.permutation(6)
    plain = co.solve_coefficients(hessian, gradient, bounds, still, nothing, refits=0)
    shuffled = co.solve_coefficients(hessian[order], gradient[order], bounds, still, nothing, refits=0)
    np.testing.assert_allclose(shuffled, plain[order], atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(yaw=st.floats(-0.6, 0.6), pitch=st.floats(-0.4, 0.4), seed=st.integers(0, 50))
def test_gaze_is_found_from_any_side(yaw: float, pitch: float, seed: int) -> None:
    where = poses(1, seed)
    look = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    eyes = MODEL.eye_centres_cm.astype(np.float64)
    landmarks = np.zeros((1, 478, 2))
    landmarks[:, list(IRIS_CENTRES)] = project(eyes + 0.9 * MODEL.eye_radius_cm * look, where, CAMERA)
    found = gaze_angles(landmarks, where, CAMERA, eyes, MODEL.eye_radius_cm)
    toward_camera = -np.einsum("tji,tj->ti", where.rotation, where.translation_cm)[0]
    if np.dot(look, toward_camera / np.linalg.norm(toward_camera)) > 0.5:
        np.testing.assert_allclose(found[0], [[yaw, pitch]] * 2, atol=1e-6)


def test_gaze_is_the_same_to_the_last_bit_wherever_it_lies_in_memory() -> None:
    generator = np.random.default_rng(0)
    where = Poses(np.tile(np.eye(3), (72, 1, 1)), np.tile([0.0, 0.0, -50.0], (72, 1)))
    eyes = MODEL.eye_centres_cm.astype(np.float64)
    landmarks = project(MODEL.landmark_mean_cm + generator.normal(0, 0.1, (72, 478, 3)), where, CAMERA)
    found = []
    for size in generator.integers(1, 3000, 200):
        moved = np.empty(size), gaze_angles(landmarks, where, CAMERA, eyes, MODEL.eye_radius_cm)
        found.append(moved)
    assert len({angles.tobytes() for _, angles in found}) == 1


def test_eyes_move_together_and_closed_eyes_hold_their_gaze() -> None:
    angles = np.zeros((9, 2, 2))
    angles[:, :, 0] = 0.2
    angles[:, 0, 0] -= 0.05
    angles[4, :, 1] = -0.5
    opened = np.ones((9, 2))
    opened[4] = 0.1
    found = conjugate(angles, opened)
    assert np.abs(found[4, :, 1]).max() < 0.01, "the iris of a closed eye follows the lid, not the gaze"
    np.testing.assert_allclose(found[:, 1, 0] - found[:, 0, 0], found[0, 1, 0] - found[0, 0, 0], atol=1e-9)


def test_looking_to_the_actors_left_is_out_for_the_left_eye() -> None:
    angles = np.zeros((1, 2, 2))
    angles[..., 0] = USUAL_FULL_LOOK_RAD
    found = look_coefficients(angles, np.full(SIZE, USUAL_FULL_LOOK_RAD))[0]
    assert found[arkit.INDEX["eyeLookOutLeft"]] == pytest.approx(1)
    assert found[arkit.INDEX["eyeLookInRight"]] == pytest.approx(1)
    assert found.sum() == pytest.approx(2)


def test_openness_is_one_usually_and_zero_when_the_lids_meet() -> None:
    face = MODEL.mean_cm[:468].astype(np.float64)
    where = poses(8)
    points = project(face, where, CAMERA)
    points[5, list(LEFT_UPPER_LID)] = points[5, list(LEFT_LOWER_LID)]
    openings = relative_openings(points, face, where, CAMERA)
    found = openness(openings, lid_habits(openings, np.zeros(8, bool)))
    assert found[5, 0] == 0
    np.testing.assert_allclose(np.delete(found[:, 0], 5), 1, atol=0.01)
    np.testing.assert_allclose(found[:, 1], 1, atol=0.01)


def test_gaps_take_the_nearest_seen_frame() -> None:
    np.testing.assert_array_equal(nearest_seen(7, np.array([1, 2, 5])), [0, 0, 1, 1, 2, 2, 2])


@pytest.mark.parametrize(("share", "nearest_cm"), [(0.5, 69), (0.15, 100)])
def test_a_head_that_fills_the_picture_is_not_a_near_camera(share: float, nearest_cm: float) -> None:
    """Whatever part of the picture the face takes up, the expected camera is never at the tip of the nose."""
    mean, _, _ = mesh_points(face_model.load("default"))
    width_px = 1000
    px_per_cm = share * width_px / np.ptp(mean[:, 0])
    focal_px = usual_focal_px((width_px, 600), (mean[None, :, :2] * px_per_cm), mean)
    assert focal_px / px_per_cm > nearest_cm
    assert focal_px >= width_px


@pytest.mark.parametrize(("turn_rad", "trust"), [(0.0, 0.0025), (0.1, 0.25), (0.5, 1.0)])
def test_only_heads_that_turn_tell_the_focal_length(turn_rad: float, trust: float) -> None:
    turns = Rotation.from_euler("y", [[-turn_rad], [turn_rad]]).as_matrix().reshape(2, 3, 3)
    assert focal_trust(Poses(turns, np.zeros((2, 3)))) == pytest.approx(trust, rel=1e-3)
