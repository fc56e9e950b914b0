"""Where the face goes: by pixels to a tenth of a pixel, through soft plates, other light and wrong landmarks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from understudy.inference.composite.regions import INNER, OVAL
from understudy.inference.composite.renders import Render
from understudy.inference.composite.swapper.placement import Placement, place
from understudy.inference.composite.swapper.refinement import refine
from understudy.inference.composite.swapper.warp import (
    IDENTITY,
    Warp,
    apply_affine,
    chain,
    fit_warp,
    inverse,
    outline_of_matte,
)
from understudy.inference.composite.types import Region
from understudy.inference.face_model import load

SIZE = (340, 380)
CHANGES = {
    "turned, shifted, grown": np.float32([[1.029, -0.027, 2.3], [0.027, 1.029, -1.6]]),
    "not equally in both directions": np.float32([[1.015, 0.004, -1.2], [0.0, 0.985, 3.1]]),
}


@pytest.fixture(scope="module")
def face_px() -> np.ndarray:
    """(478, 2) landmarks of a frontal face, 240 pixels wide."""
    points = load("default").landmark_mean_cm[:, :2].astype(np.float32)
    centre = (points.min(0) + points.max(0)) / 2
    return ((points - centre) * (16, -16) + (170, 190)).astype(np.float32)


def picture_of(face_px: np.ndarray, seed: int) -> np.ndarray:
    """(H, W, 3) encoded, 0..1: a person with eyes, brows and lips of her own in front of something."""
    rng = np.random.default_rng(seed)
    blotches = cv2.GaussianBlur(rng.standard_normal((SIZE[1], SIZE[0], 3)).astype(np.float32), (0, 0), 12)
    picture = np.float32([0.3, 0.4, 0.35]) + blotches
    cv2.fillPoly(picture, [np.rint(face_px[list(OVAL)]).astype(int)], (0.7, 0.55, 0.45), cv2.LINE_AA)
    for point in (468, 473, 4, 61, 291, 105, 334, 50, 280, 199):
        place_px = face_px[point] + rng.uniform(-14, 14, 2)
        axes = tuple(int(v) for v in rng.uniform(8, 26, 2))
        colour = rng.uniform(0.1, 0.6, 3).tolist()
        cv2.ellipse(
            picture, np.rint(place_px).astype(int).tolist(), axes, rng.uniform(0, 90), 0, 360, colour, -1, cv2.LINE_AA
        )
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 1.5) + 0.2 * blotches, 0, 1)


def rendered(picture: np.ndarray, affine: np.ndarray, face_px: np.ndarray) -> Render:
    """The picture moved, darker, warmer and lit from the side, opaque in the face."""
    centred = chain(chain(np.float32([[1, 0, -0.5], [0, 1, -0.5]]), affine), np.float32([[1, 0, 0.5], [0, 1, 0.5]]))
    moved = cv2.warpAffine(picture, centred, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    light = 0.75 + 0.15 * np.linspace(-1, 1, SIZE[0], dtype=np.float32)[None, :, None]
    encoded = (np.clip(moved, 0, 1) ** 2.2 * light * np.float32([1.1, 1, 0.85])) ** (1 / 2.2)
    alpha = np.zeros(SIZE[::-1], np.uint8)
    cv2.fillPoly(alpha, [np.rint(apply_affine(affine, face_px)[list(OVAL)]).astype(int)], 255)
    return Render(np.dstack([np.rint(encoded * 255).astype(np.uint8), alpha]), Region(0, 0, *SIZE))


def without_detail(picture: np.ndarray, face_px: np.ndarray, sigma_px: float) -> np.ndarray:
    """8-bit plate whose face was blurred."""
    inside = np.zeros(SIZE[::-1], np.float32)
    cv2.fillPoly(inside, [np.rint(face_px[list(OVAL)]).astype(int)], 1)
    soft = cv2.GaussianBlur(picture, (0, 0), sigma_px) if sigma_px else picture
    share = cv2.GaussianBlur(inside, (0, 0), 4)[..., None] * inside[..., None]
    return np.rint((picture + share * (soft - picture)) * 255).astype(np.uint8)


def source_of(placement: Placement, points_px: np.ndarray) -> np.ndarray:
    warp = fit_warp(placement.actor_px, placement.actor_px + placement.offset_px, placement.refinement, 0.0)
    return warp.source_of(points_px)


@pytest.mark.parametrize("sigma_px", [0.0, 14.0])
@pytest.mark.parametrize("name", CHANGES)
def test_pixels_find_any_affine_through_other_light_and_a_soft_plate(face_px, name, sigma_px):
    affine = CHANGES[name]
    picture = picture_of(face_px, 1)
    plate = without_detail(picture, face_px, sigma_px)
    noise = np.random.default_rng(3).normal(0, 1.5, (2, 2)).astype(np.float32)
    found = place(
        plate, rendered(picture, affine, face_px), face_px + noise[0], apply_affine(affine, face_px) + noise[1]
    )
    assert found.likeness > 0.97
    off = source_of(found, face_px) - apply_affine(affine, face_px)
    assert np.linalg.norm(off, axis=1).mean() < 0.3


@pytest.mark.parametrize("contrast", [0.75, 1.2])
def test_another_contrast_is_no_reason_to_move(face_px, contrast):
    affine = CHANGES["turned, shifted, grown"]
    picture = picture_of(face_px, 1)
    render = rendered(0.45 + contrast * (picture - 0.45), affine, face_px)
    found = place(without_detail(picture, face_px, 14.0), render, face_px, apply_affine(affine, face_px) + 1)
    assert np.linalg.norm(source_of(found, face_px) - apply_affine(affine, face_px), axis=1).mean() < 0.5


def test_softness_is_found_too(face_px):
    picture = picture_of(face_px, 1)
    plate = without_detail(picture, face_px, 14.0)
    fit = refine(plate, rendered(picture, IDENTITY, face_px), IDENTITY, face_px)
    assert fit.blur_px == pytest.approx(14, rel=0.1)


def test_landmarks_far_off_are_corrected_by_the_rendered_place(face_px):
    affine = CHANGES["turned, shifted, grown"]
    picture = picture_of(face_px, 1)
    plate = without_detail(picture, face_px, 14.0)
    wrong = 0.8 * face_px + np.float32([95, -30])
    found = place(plate, rendered(picture, affine, face_px), wrong, apply_affine(affine, face_px))
    assert np.abs(found.actor_px - face_px).mean() < 0.5
    assert np.linalg.norm(source_of(found, face_px) - apply_affine(affine, face_px), axis=1).mean() < 0.4


def test_another_person_stays_where_the_landmarks_say(face_px):
    plate = np.rint(picture_of(face_px, 1) * 255).astype(np.uint8)
    found = place(plate, rendered(picture_of(face_px, 2), IDENTITY, face_px), face_px, face_px + 1)
    assert found.likeness < 0.85
    np.testing.assert_array_equal(found.actor_px, face_px)
    np.testing.assert_allclose(source_of(found, face_px), face_px + 1, atol=1e-2)


def test_what_is_too_small_to_compare_is_left_alone(face_px):
    small = (face_px - 170) * 0.02 + 170
    plate = np.zeros((*SIZE[::-1], 3), np.uint8)
    fit = refine(plate, rendered(picture_of(face_px, 1), IDENTITY, face_px), IDENTITY, small)
    assert fit.likeness == 0
    np.testing.assert_array_equal(fit.move, IDENTITY)


def test_chained_affines_undo_each_other(face_px):
    affine = CHANGES["turned, shifted, grown"]
    np.testing.assert_allclose(chain(affine, inverse(affine)), IDENTITY, atol=1e-4)
    warp = Warp(affine, face_px[:1], np.zeros((1, 2), np.float32), inverse(affine))
    np.testing.assert_allclose(warp.source_of(face_px), face_px, atol=1e-3)


def test_the_outline_goes_where_the_users_matte_ends(face_px):
    outline = list(OVAL)
    centre = face_px[outline].mean(0)
    drawn = centre + (face_px[outline] - centre) * np.float32([1.1, 1.04])
    matte = np.zeros(SIZE[::-1], np.uint8)
    cv2.fillPoly(matte, [np.rint((drawn - 0.5) * 16).astype(int)], 255, cv2.LINE_AA, 4)
    cv2.circle(matte, np.rint(face_px[4]).astype(int).tolist(), 40, 0, -1)
    goal = outline_of_matte(matte.astype(np.float32) / 255, face_px)
    contour = drawn.astype(np.float32)[:, None]
    assert max(abs(cv2.pointPolygonTest(contour, point.tolist(), True)) for point in goal) < 1.2
    warp = fit_warp(face_px, face_px, outline_px=goal)
    assert np.linalg.norm(warp.source_of(goal) - face_px[outline], axis=1).mean() < 1
    inner = face_px[list(INNER)]
    assert np.linalg.norm(warp.source_of(inner) - inner, axis=1).mean() < 1


def test_a_matte_without_an_edge_near_the_face_leaves_the_outline(face_px):
    for level in (0, 1):
        found = outline_of_matte(np.full(SIZE[::-1], level, np.float32), face_px)
        np.testing.assert_allclose(found, face_px[list(OVAL)], atol=1e-3)
