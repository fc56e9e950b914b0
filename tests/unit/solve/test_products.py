"""The solver's kernels against the same sums written out: weighted products, displaced points, bundle adjustment's step."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.inference.solve.evidence import residuals_cm
from understudy.inference.solve.geometry import Camera, Poses, linearise, project, rotation_from_vector
from understudy.inference.solve.identity import FEW_FRAMES, OFFSET_CM, Actor, Prior, bundle_step
from understudy.inference.solve.products import Shapes, by_axis, displaced, rows_of, weighted_products

CAMERA = Camera(800.0, (256.0, 240.0))


def poses(generator: np.random.Generator, frames: int) -> Poses:
    turns = generator.normal(size=(frames, 3)) * [0.1, 0.4, 0.1]
    return Poses(rotation_from_vector(turns), generator.normal(size=(frames, 3)) + [0, 0, -50])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), frames=st.integers(1, 5), points=st.integers(1, 20), shapes=st.integers(1, 6))
def test_products_are_sums_over_points_and_axes(seed: int, frames: int, points: int, shapes: int) -> None:
    generator = np.random.default_rng(seed)
    displacements = generator.normal(size=(shapes, points, 3))
    linear = linearise(generator.normal(size=(frames, points, 3)), poses(generator, frames), CAMERA)
    common, residual = generator.normal(size=(1, 3, 2, points)), generator.normal(size=(frames, points, 2))
    weight = generator.uniform(0, 5, size=(frames, points))
    columns = [linear.pose_rows, Shapes(by_axis(displacements), linear.point_rows), common, rows_of(residual)]
    found = weighted_products(weight, columns)
    for t in range(frames):
        of_shapes = np.einsum("pax,kpx->pak", linear.by_point[t], displacements)
        blocks = [linear.by_pose[t], of_shapes, common[0].transpose(2, 1, 0), residual[t, ..., None]]
        rows = np.concatenate(blocks, -1)
        expected = np.einsum("pai,p,paj->ij", rows, weight[t], rows)
        np.testing.assert_allclose(found[t], expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max() + 1e-9)


def test_displaced_points_are_the_points_and_their_shapes() -> None:
    generator = np.random.default_rng(3)
    points, shapes = generator.normal(size=(30, 3)), generator.normal(size=(5, 30, 3))
    values = generator.uniform(size=(4, 5))
    expected = points + np.einsum("nk,kpx->npx", values, shapes)
    np.testing.assert_allclose(displaced(points, values, by_axis(shapes)), expected, atol=1e-5)


def test_what_single_precision_leaves_out_is_far_below_a_pixel() -> None:
    generator = np.random.default_rng(4)
    points, where = 8 * generator.uniform(-1, 1, size=(3, 60, 3)), poses(generator, 3)
    far, close_up = Poses(where.rotation, where.translation_cm * 6), Camera(9000.0, (1920.0, 1080.0))
    seen = project(points, far, close_up) + 0.5
    exact, found = (residuals_cm(seen, linearise(p, far, close_up)) for p in (points, points.astype(np.float32)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found * 9000.0 / 300.0, exact * 9000.0 / 300.0, atol=0.005)


def test_a_step_with_eliminated_offsets_is_that_of_the_whole_system() -> None:
    """Poses, focal length, modes and offsets of all points in one dense system of normal equations."""
    generator = np.random.default_rng(5)
    frames, points, count = 4, 25, 3
    face, modes = 5 * generator.normal(size=(points, 3)), generator.normal(size=(count, points, 3))
    offsets = 0.02 * generator.normal(size=(points, 3))
    where = poses(generator, frames)
    linear = linearise(np.broadcast_to(face, (frames, points, 3)), where, CAMERA)
    residual = 0.1 * generator.normal(size=(frames, points, 2))
    weight = generator.uniform(50, 150, size=(frames, points))
    actor = Actor(CAMERA, 0.25, generator.normal(size=count), offsets, face)
    prior = Prior(900.0, 0.25, 2.0)
    pose, shared, offset, spread = bundle_step(linear, residual, weight, modes, actor, prior)

    of_poses, own = 6 * frames, slice(6 * frames + 1, 6 * frames + 1 + count)
    size = own.stop + 3 * points
    rows = np.zeros((frames, points, 2, size))
    for t in range(frames):
        rows[t, ..., 6 * t : 6 * t + 6] = linear.by_pose[t]
        rows[t, ..., of_poses] = linear.by_log_focal[t]
        rows[t, ..., own] = np.einsum("pax,kpx->pak", linear.by_point[t], modes)
        for p in range(points):
            rows[t, p, :, own.stop + 3 * p : own.stop + 3 * p + 3] = linear.by_point[t, p]
    offset_precision = (OFFSET_CM**2 * frames / (frames + FEW_FRAMES)) ** -1
    precision = np.concatenate(
        [np.full(of_poses, 1e-6), [prior.spread**-2], np.full(count, prior.identity), np.full(3 * points, offset_precision)]
    )  # fmt: skip
    wish = np.concatenate([np.zeros(of_poses), [np.log(900.0 / 800.0)], -actor.identity, -offsets.ravel()])
    system = np.einsum("tpai,tp,tpaj->ij", rows, weight, rows) + np.diag(precision)
    right = np.einsum("tpai,tp,tpa->i", rows, weight, residual) + precision * wish
    whole = np.linalg.solve(system, right)
    np.testing.assert_allclose(pose.ravel(), whole[:of_poses], atol=1e-4)
    np.testing.assert_allclose(shared, whole[of_poses : own.stop], atol=1e-4)
    np.testing.assert_allclose(offset.ravel(), whole[own.stop :], atol=1e-4)
    np.testing.assert_allclose(spread, np.sqrt(np.linalg.inv(system)[of_poses, of_poses]), rtol=1e-3)
