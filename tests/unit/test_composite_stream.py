"""The compositor as a stream: renders as they are named, steps at the same time, cuts, motion, ranges done again."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from understudy.inference.composite import cascade
from understudy.inference.composite.renders import Render, RenderFolder
from understudy.inference.composite.stabiliser import calming, flow, placing
from understudy.inference.composite.types import Region
from understudy.inference.errors import InputError
from understudy.inference.media import write_png

SIZE = (40, 30)


def save_picture(path: Path, level: int) -> None:
    write_png(path, np.full((SIZE[1], SIZE[0], 4), level, np.uint8))


@pytest.mark.parametrize("name", ["{:04d}.png", "shot_3_{:04d}.png", "take2.{:d}.beauty.PNG", "frame_{:06d}.png"])
def test_renders_are_numbered_by_the_last_number_of_their_name(tmp_path, name):
    for index in (7, 12):
        save_picture(tmp_path / name.format(index), 10 * index)
    (tmp_path / "notes.txt").write_text("no picture")
    folder = RenderFolder(tmp_path, SIZE)
    assert folder.frame_indices == {7, 12}
    render = folder.load(12)
    assert render is not None
    assert render.rgba[0, 0, 0] == 120
    assert folder.load(8) is None


def test_our_own_renders_win_and_two_other_sequences_are_refused(tmp_path):
    save_picture(tmp_path / "depth_0001.png", 1)
    save_picture(tmp_path / "colour_0001.png", 2)
    with pytest.raises(InputError, match="several sequences"):
        RenderFolder(tmp_path, SIZE)
    save_picture(tmp_path / "frame_000005.png", 3)
    assert RenderFolder(tmp_path, SIZE).frame_indices == {5}


def test_light_of_a_render_is_the_same_in_8_bits_16_bits_and_floats():
    rng = np.random.default_rng(0)
    light = rng.random((6, 5, 3)).astype(np.float32)
    alpha = np.array([0.2, 0.4, 0.6, 0.8, 1.0], np.float32)[None, :, None].repeat(6, 0)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    straight = np.concatenate([encoded, alpha], 2)
    whole = np.s_[0:6], np.s_[0:5]
    for rgba, error in (
        (np.rint(straight * 255).astype(np.uint8), 0.006),
        (np.rint(straight * 65535).astype(np.uint16), 1e-4),
        (np.concatenate([light * alpha, alpha], 2), 1e-7),
    ):
        render = Render(rgba, Region(0, 0, 5, 6))
        np.testing.assert_allclose(render.light(*whole), np.concatenate([light * alpha, alpha], 2), atol=error)
        np.testing.assert_allclose(render.small((5, 6)), straight, atol=max(error, 2e-4))


def texture(seed: int, size: tuple[int, int] = (320, 300)) -> np.ndarray:
    noise = np.random.default_rng(seed).random((size[1], size[0], 3)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 20, 230, cv2.NORM_MINMAX).astype(np.uint8)


def shifted(picture: np.ndarray, x: float, y: float) -> np.ndarray:
    return cv2.warpAffine(
        picture, np.float32([[1, 0, x], [0, 1, y]]), picture.shape[1::-1], borderMode=cv2.BORDER_REFLECT
    )


@pytest.mark.parametrize("seed", [2, 6, 9])
def test_another_scene_is_a_cut_and_a_moving_camera_is_none(seed):
    box = Region(40, 40, 240, 220)
    before = texture(1)
    assert flow.flow_in(before, texture(seed), box, 1.0, 2.0).is_cut
    assert not flow.flow_in(before, shifted(before, 7, -4), box, 1.0, 2.0).is_cut
    brighter = cv2.convertScaleAbs(before, None, 0.6, 60)
    assert not flow.flow_in(before, brighter, box, 1.0, 2.0).is_cut


def trail_of(offsets: range, step: tuple[float, float], places: np.ndarray) -> dict[int, flow.Trail]:
    """Trails through frames of one texture that moves by ``step`` from frame to frame."""
    box = Region(40, 40, 240, 220)
    pictures = {k: shifted(texture(3), k * step[0], k * step[1]) for k in (*offsets, min(offsets) - 1)}
    flows = {k: flow.flow_in(pictures[k - 1], pictures[k], box, 1.0, 2.0) for k in offsets}
    return flow.trails(places, flows, offsets)


def test_trails_follow_the_plate_in_both_directions():
    places = flow.places(Region(100, 100, 120, 100), (12, 10))
    for offset, trail in trail_of(range(-3, 4), (1.7, -0.8), places).items():
        moved = np.median(trail.points_px - places, (0, 1))
        np.testing.assert_allclose(moved, (1.7 * offset, -0.8 * offset), atol=0.3)
        assert np.median(trail.trust) > 0.8


def test_mean_along_a_trail_steadies_noise_and_keeps_what_moves_with_the_plate():
    region = Region(100, 100, 120, 100)
    step = (2.0, 1.0)
    along = trail_of(range(-2, 3), step, flow.places(region, (15, 12)))
    rng = np.random.default_rng(5)
    x, y = flow.places(region, (60, 50)).transpose(2, 0, 1)
    fields = {}
    for k in range(-2, 3):
        pattern = np.sin((x - k * step[0]) / 12) + np.cos((y - k * step[1]) / 9)
        fields[k] = (pattern + rng.normal(0, 0.3, pattern.shape)).astype(np.float32), region
    steady = flow.mean_along(fields, along, 1.5)
    pattern = np.sin(x / 12) + np.cos(y / 9)
    inner = np.s_[5:-5, 5:-5]
    assert np.std((steady - pattern)[inner]) < 0.65 * np.std((fields[0][0] - pattern)[inner])


def test_places_without_a_trail_keep_their_own_value():
    region = Region(0, 0, 40, 40)
    places = flow.places(region, (8, 8))
    lost = flow.Trail(places, np.zeros((8, 8), np.float32))
    own = flow.Trail(places, np.ones((8, 8), np.float32))
    fields = {k: (np.full((8, 8, 3), k, np.float32), region) for k in (-1, 0, 1)}
    np.testing.assert_allclose(flow.mean_along(fields, {-1: lost, 0: own, 1: lost}, 1.5), 0)


def still_trails(offsets: range, places: np.ndarray, step: tuple[float, float] = (0, 0)) -> dict[int, flow.Trail]:
    """Perfect trails of places that all move by ``step`` from frame to frame."""
    trust = np.ones(places.shape[:2], np.float32)
    return {k: flow.Trail(places + np.float32(step) * k, trust) for k in offsets}


def test_points_are_steadied_without_lag_however_fast_they_move():
    rng = np.random.default_rng(2)
    true = rng.uniform(50, 250, (80, 2)).astype(np.float32)
    step = np.float32([11, -6])
    offsets = range(-6, 7)
    seen = {k: (true + k * step + rng.normal(0, 0.5, true.shape)).astype(np.float32) for k in offsets}
    steady = placing.steady_points(seen, still_trails(offsets, seen[0][None], tuple(step)), 2.0, 200)
    assert np.abs((steady - true).mean(0)).max() < 0.1
    assert np.std(steady - true) < 0.6 * np.std(seen[0] - true)


def test_a_wild_frame_and_lost_trails_hardly_move_a_point():
    true = np.random.default_rng(2).uniform(50, 250, (80, 2)).astype(np.float32)
    offsets = range(-4, 5)
    seen = {k: true.copy() for k in offsets}
    seen[2] += 40
    along = still_trails(offsets, true[None])
    astray = along[-1].points_px.copy()
    astray[:, :10] += 25
    along[-1] = flow.Trail(astray, np.where(np.arange(80) < 10, 0, 1).astype(np.float32)[None])
    assert np.abs(placing.steady_points(seen, along, 2.0, 200) - true).max() < 0.3


@pytest.mark.parametrize("offsets", [range(-6, 7), range(7), range(-5, 1), range(-1, 7)])
def test_what_changes_evenly_keeps_its_value_at_the_ends_of_a_run(offsets):
    values = {k: np.float32([[3 + 0.1 * k, -k]]) for k in offsets}
    error = np.abs(placing.steady_values(values, 2.0) - [[3, 0]])
    lag = np.abs(np.average(list(offsets), weights=np.exp(-0.125 * np.array(offsets) ** 2)))
    assert error[0, 1] <= 0.6 * lag + 1e-6


def test_an_affine_is_averaged_about_the_face_and_not_about_the_corner_of_the_frame():
    centres = {k: np.float32([900 + 20 * k, 500]) for k in range(-3, 4)}
    grown = {k: np.float32([[1.02, 0, -0.02 * c[0] + 1.5], [0, 1.02, -0.02 * c[1]]]) for k, c in centres.items()}
    np.testing.assert_allclose(placing.steady_affine(grown, centres, 2.0), grown[0], atol=2e-3)


def test_a_noisy_face_is_calmed_to_the_grain_that_is_wanted_and_keeps_its_features():
    rng = np.random.default_rng(4)
    region = Region(0, 0, 160, 150)
    grid = flow.places(region, (20, 19))
    clean = np.full((150, 160, 3), 0.6, np.float32)
    cv2.circle(clean, (60, 70), 12, (0.2, 0.15, 0.15), -1, cv2.LINE_AA)
    faces = {}
    for k in range(-2, 3):
        seen = clean.copy()
        cv2.circle(seen, (110 + 6 * k, 80), 8, (0.3, 0.2, 0.2), -1, cv2.LINE_AA)
        noise = rng.normal(0, 0.02, clean.shape[:2])[..., None]
        faces[k] = (seen + noise).astype(np.float32), region
    truth = clean.copy()
    cv2.circle(truth, (110, 80), 8, (0.3, 0.2, 0.2), -1, cv2.LINE_AA)
    calm, left = calming.calm_face(faces, still_trails(range(-2, 3), grid), 0.02, 0.012)
    flat = np.s_[90:140, 10:60]
    assert left == pytest.approx(0.02 / 5**0.5, rel=0.25)
    assert np.std((calm - truth)[flat]) == pytest.approx(left, rel=0.2)
    moving = np.s_[60:100, 85:135]
    assert np.abs(calm - truth)[moving].mean() < np.abs(faces[0][0] - truth)[moving].mean()
    calmer, left = calming.calm_face({0: faces[0]}, still_trails(range(1), grid), 0.02, 0.008)
    assert left == 0.008
    assert np.std((calmer - truth)[flat]) < 0.55 * 0.02
    assert abs(calmer[70, 60].mean() - clean[70, 60].mean()) < 0.04


@pytest.mark.parametrize(
    ("size", "kept", "networks", "workers"),
    [
        ((1920, 1080), 3, 2, 32),
        ((3840, 2160), 3, 0, 8),
        ((3840, 2160), 3, 2, 4),
        ((3840, 2160), 6, 0, 5),
    ],
)
def test_as_many_frames_are_worked_on_as_memory_holds(size, kept, networks, workers):
    pixels = size[0] * size[1]
    assert cascade.workers_for(32, pixels, kept, networks) == workers
    assert cascade.bytes_for(workers, pixels, kept, networks) <= 4.3e9
    if workers < 32:
        assert cascade.bytes_for(workers + 1, pixels, kept, networks) > 4.29e9
    assert cascade.workers_for(3, pixels, kept, networks) == 3, "no more than there are cores"


def test_frames_that_fill_memory_alone_are_still_composited():
    assert [cascade.workers_for(cores, 1 << 30, 12) for cores in (1, 2, 32)] == [1, 2, 2]
