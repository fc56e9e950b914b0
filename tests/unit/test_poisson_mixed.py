"""Mixed gradients: the plate's own detail comes through where it is stronger than the face's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from understudy.inference.composite.poisson import membrane as poisson

SIZE = 160


def area() -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.ellipse(mask, (80, 80), (55, 66), 0, 0, 360, 1, -1)
    return mask > 0


def spots(places: list[tuple[int, int]], depth: float) -> np.ndarray:
    picture = np.full((SIZE, SIZE, 3), 0.6, np.float32)
    for place in places:
        cv2.circle(picture, place, 4, (0.6 - depth,) * 3, -1)
    return cv2.GaussianBlur(picture, (0, 0), 1.0)


def test_spots_of_both_are_kept_and_the_light_is_the_face_s():
    plate = spots([(60, 60)], 0.2) + np.float32(0.15)
    face = spots([(100, 100)], 0.2)
    mixed = face + poisson.mixed_detail(plate, face, area())
    assert mixed[60, 60, 0] < 0.45
    assert mixed[100, 100, 0] < 0.45
    assert abs(mixed[120, 70, 0] - 0.6) < 0.01


def test_weaker_detail_of_the_plate_changes_nothing():
    steep = np.tile(np.linspace(0.2, 0.9, SIZE, dtype=np.float32)[None, :, None], (SIZE, 1, 3))
    rippled = 0.5 + 0.001 * np.sin(np.arange(SIZE, dtype=np.float32))[None, :, None] * np.ones((SIZE, 1, 3), np.float32)
    assert np.abs(poisson.mixed_detail(rippled.astype(np.float32), steep, area())[area()]).max() < 2e-3


def test_detail_outside_the_area_is_not_taken():
    face = np.full((SIZE, SIZE, 3), 0.6, np.float32)
    inside = area()
    assert not np.abs(poisson.mixed_detail(spots([(8, 8), (150, 150)], 0.5), face, inside)[inside]).max() > 1e-4


def test_where_only_the_plate_has_detail_the_solution_is_the_membrane_of_the_plate():
    """A flat face takes every slope of the plate: then the result is the plate, but for the membrane of their edge."""
    rng = np.random.default_rng(4)
    plate = cv2.GaussianBlur(rng.random((SIZE, SIZE, 3)).astype(np.float32), (0, 0), 4)
    face = np.full_like(plate, 0.5)
    inside = area()
    mixed = face + poisson.mixed_detail(plate, face, inside)
    expected = plate + poisson.membrane(face - plate, inside)
    core = cv2.erode(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert np.abs(mixed - expected)[core].max() < 2 / 255


@pytest.mark.parametrize("seed", range(4))
def test_divergence_is_that_of_the_masked_slopes(seed):
    rng = np.random.default_rng(seed)
    field = rng.standard_normal((23, 31, 3)).astype(np.float32)
    mask = cv2.GaussianBlur(rng.random((23, 31)), (0, 0), 1.5) > 0.5
    expected = np.zeros_like(field)
    across = (field[:, 1:] - field[:, :-1]) * mask[:, :-1, None]
    down = (field[1:] - field[:-1]) * mask[:-1, :, None]
    expected[:, :-1] += across
    expected[:, 1:] -= across
    expected[:-1] += down
    expected[1:] -= down
    np.testing.assert_allclose(poisson.masked_divergence(field, mask), expected, atol=1e-5)
