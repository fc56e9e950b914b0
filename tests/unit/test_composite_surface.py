"""Grain and sharpness: measured on a plate of known grain and blur, given to a clean and sharp face."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from understudy.inference.composite.colour.grain import Grain, grain_of, grain_size, mean_own
from understudy.inference.composite.colour.sharpness import blur_between, match_sharpness
from understudy.inference.composite.colour.surface import (
    LUMA,
    Surface,
    edge_blur,
    mean_surface,
    measure_surface,
    quiet_deviation,
)
from understudy.inference.composite.renders import Render
from understudy.inference.composite.types import Region
from understudy.inference.face_model import load

SIZE = 320
WHOLE = Region(0, 0, SIZE, SIZE)
ALL = np.ones((SIZE, SIZE), np.float32)


@pytest.fixture(scope="module")
def face_px() -> np.ndarray:
    points = load("default").landmark_mean_cm[:, :2].astype(np.float32)
    centre = (points.min(0) + points.max(0)) / 2
    return ((points - centre) * (17, -17) + (160, 160)).astype(np.float32)


def skin(level: float = 0.55) -> np.ndarray:
    return np.full((SIZE, SIZE, 3), 1, np.float32) * np.float32([level + 0.1, level, level - 0.05])


def drawn(face_px: np.ndarray, softness_px: float) -> np.ndarray:
    """Skin with hard-edged features, seen through a lens; the edges lie between pixels as edges do."""
    large = np.repeat(np.repeat(skin(), 4, 0), 4, 1)
    for point, radius in ((33, 13), (263, 13), (13, 22), (4, 9)):
        cv2.circle(large, tuple(int(4 * v) for v in face_px[point]), 4 * radius, (0.2, 0.12, 0.1), -1)
    soft = cv2.GaussianBlur(large, (0, 0), 4 * softness_px)
    return cv2.resize(soft, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def as_plate(encoded: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(encoded, 0, 1) * 65535).astype(np.uint16)


def as_render(encoded: np.ndarray) -> Render:
    return Render(np.dstack([as_plate(encoded), np.full((SIZE, SIZE), 65535, np.uint16)]), WHOLE)


def noise(seed: int, size_px: float = 0.0) -> np.ndarray:
    grains = np.random.default_rng(seed).standard_normal((SIZE, SIZE, 3)).astype(np.float32)
    if size_px:
        grains = cv2.GaussianBlur(grains, (0, 0), size_px)
    return grains / grains.std()


def grainy(face_px: np.ndarray, frozen: float, size_px: float, strength: float = 0.02) -> Surface:
    """What is measured on two frames whose grain has a frozen part (share of the variance)."""
    stay = np.sqrt(frozen) * noise(1, size_px)
    before, now = (as_plate(skin() + strength * (stay + np.sqrt(1 - frozen) * noise(seed, size_px))) for seed in (2, 3))
    return measure_surface(now, before, as_render(skin()), face_px, WHOLE)


@pytest.mark.parametrize("size_px", [0.0, 0.6, 1.2])
def test_face_gets_the_grain_of_the_plate(face_px, size_px):
    surface = grainy(face_px, 0.0, size_px)
    face = skin()
    grain = Grain(quiet_deviation(face, ALL > 0), surface, face_px)
    done = face + grain_of(face, ALL, grain.own, grain, 7, WHOLE)
    plate = skin() + 0.02 * noise(9, size_px)
    assert quiet_deviation(done, ALL > 0) / quiet_deviation(plate, ALL > 0) == pytest.approx(1, abs=0.12)
    assert grain_size(surface.fineness) == pytest.approx(size_px, abs=0.2)
    # No two frames alike, and each always the same.
    again, other = (grain_of(face, ALL, grain.own, grain, index, WHOLE) for index in (7, 8))
    np.testing.assert_array_equal(done, face + again)
    assert abs(np.corrcoef(again.ravel(), other.ravel())[0, 1]) < 0.1


def test_grain_that_a_codec_froze_stays_with_the_skin(face_px):
    for frozen in (0.0, 0.9):
        surface = grainy(face_px, frozen, 0.6)
        assert surface.fresh == pytest.approx(1 - frozen, abs=0.2)
        grain = Grain(0.0, surface, face_px)
        frames = [grain_of(skin(), ALL, 0.0, grain, index, WHOLE).ravel() for index in (1, 2)]
        assert np.corrcoef(*frames)[0, 1] == pytest.approx(frozen, abs=0.2)
    here, there = (grain_of(skin(), ALL, 0.0, Grain(0.0, surface, face_px + by), 1, WHOLE) for by in (0, 5))
    assert np.corrcoef(here[:-5, :-5].ravel(), there[5:, 5:].ravel())[0, 1] > 0.75


def test_grain_that_the_face_has_counts(face_px):
    surface = grainy(face_px, 0.0, 0.0)
    wanted = surface.luma_grain()
    for share in (0.6, 1.0, 2.0):
        added = grain_of(skin(), ALL, share * wanted, Grain(share * wanted, surface, face_px), 0, WHOLE)
        rest = np.sqrt(max(1 - share**2, 0))
        assert quiet_deviation(skin() + added, ALL > 0) == pytest.approx(rest * wanted, abs=0.12 * wanted)


def test_grain_follows_the_level(face_px):
    plate = skin(0.3)
    plate[:, 160:] = skin(0.7)[:, 160:]
    strength = np.where(plate[..., 1:2] > 0.5, 0.03, 0.01)
    surface = measure_surface(as_plate(plate + strength * noise(4)), None, as_render(skin()), face_px, WHOLE)
    # Only the quieter blocks are believed: the noisier side may count as features.
    assert surface.strength[-1].mean() >= surface.strength[0].mean() > 0
    assert np.isnan(surface.fresh)


def test_where_face_and_plate_mix_grain_is_whole(face_px):
    surface = grainy(face_px, 0.0, 0.0)
    half = np.float32(0.5) * ALL
    added = grain_of(skin(), half, 0.0, Grain(0.0, surface, face_px), 0, WHOLE)
    mixed = skin() + 0.5 * 0.02 * noise(5) + added
    assert quiet_deviation(mixed, ALL > 0) / quiet_deviation(skin() + 0.02 * noise(6), ALL > 0) == pytest.approx(
        1, abs=0.12
    )


def test_face_is_made_as_soft_as_the_plate(face_px):
    for plate_px in (0.9, 1.6, 2.2):
        plate, render = drawn(face_px, plate_px), drawn(face_px, 0.5)
        surface = measure_surface(as_plate(plate), None, as_render(render), face_px, WHOLE)
        done = match_sharpness(render, surface)
        left = [edge_blur(image @ LUMA, ALL > 0) for image in (done, plate)]
        assert left[0] / left[1] == pytest.approx(1, abs=0.15)
        assert np.abs(done - plate).mean() < 0.5 * np.abs(render - plate).mean()


def test_soft_render_is_sharpened_gently(face_px):
    plate, render = drawn(face_px, 0.6), drawn(face_px, 1.1)
    surface = measure_surface(as_plate(plate), None, as_render(render), face_px, WHOLE)
    done = match_sharpness(render, surface)
    assert np.abs(done - plate).mean() < 0.7 * np.abs(render - plate).mean()
    assert done.min() > plate.min() - 0.06


def test_a_face_that_was_wiped_away_is_no_measure(face_px):
    surface = measure_surface(as_plate(drawn(face_px, 9)), None, as_render(drawn(face_px, 0.7)), face_px, WHOLE)
    face = drawn(face_px, 0.7)
    np.testing.assert_array_equal(match_sharpness(face, surface, softer=0.06), face)
    assert blur_between(1.0, 1.05) == blur_between(1.0, 0.95) == blur_between(np.nan, 2.0) == 0


def test_figures_that_are_not_known_do_not_count(face_px):
    known = grainy(face_px, 0.5, 0.6)
    unknown = replace(known, fresh=float("nan"), strength=np.full_like(known.strength, np.nan))
    mean = mean_surface([1, 3], [known, unknown])
    assert mean is not None
    assert mean.fresh == pytest.approx(known.fresh)
    np.testing.assert_allclose(mean.strength, known.strength, rtol=1e-5)
    assert mean_surface([], []) is None
    assert np.isnan(mean_own([Grain(float("nan"), known, face_px)]))
