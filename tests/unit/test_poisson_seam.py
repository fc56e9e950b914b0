"""The correction of the seam: closes it where the plate shows skin, and lets nothing else into the face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from understudy.inference.composite.poisson import seam

SKIN = np.float32([0.7, 0.55, 0.45])
SIZE = 240
WIDTH = 180.0


def outline(softness: float = 3.0) -> np.ndarray:
    """(240, 240) matte of an oval face 180 pixels wide."""
    mask = np.zeros((SIZE, SIZE), np.float32)
    cv2.ellipse(mask, (SIZE // 2, SIZE // 2), (80, 105), 0, 0, 360, 1.0, -1)
    if softness == 0:
        return mask
    soft = np.clip(2 * cv2.GaussianBlur(mask, (0, 0), softness) - 1, 0, 1)
    return (soft * soft * (3 - 2 * soft)).astype(np.float32)


def flat(colour: np.ndarray) -> np.ndarray:
    return np.tile(np.float32(colour), (SIZE, SIZE, 1))


def corrected(plate: np.ndarray, face: np.ndarray, matte: np.ndarray, **known) -> np.ndarray:
    """What is added to the face, at full size."""
    return seam.apply_correction(
        np.zeros_like(face), seam.seam_correction(plate, face, matte, WIDTH, known.pop("skin", SKIN), **known)
    )


def edge_of(matte: np.ndarray) -> np.ndarray:
    """Pixels on which the mixture is half plate, half face."""
    return np.abs(cv2.GaussianBlur(matte, (0, 0), 1) - 0.5) < 0.25


@pytest.mark.parametrize("softness", [0, 1, 3, 6])
@pytest.mark.parametrize("known", [{}, {"skin": None}])
def test_the_face_meets_the_plate(softness, known):
    slope = np.linspace(-1, 1, SIZE, dtype=np.float32)[None, :, None] * np.float32([0.04, 0.05, 0.06])
    plate = flat(SKIN) + slope + np.float32([0.03, -0.02, 0.01])
    matte = outline(softness)
    found = corrected(plate, flat(SKIN), matte, **known)
    assert np.abs((plate - flat(SKIN) - found)[edge_of(matte)]).mean() < 1 / 255
    assert np.abs((plate - flat(SKIN) - found)[edge_of(matte)]).max() < 4 / 255


def test_the_inside_stays_as_it_was_matched():
    plate, matte = flat(SKIN + 0.1), outline()
    near = corrected(plate, flat(SKIN), matte)
    assert abs(near[SIZE // 2, SIZE // 2]).max() < 0.03
    same = corrected(plate, flat(SKIN), matte, same=1.0)
    assert abs(same[SIZE // 2, 80:160]).max() < 0.002
    whole = corrected(plate, flat(SKIN), matte, skin=None)
    np.testing.assert_allclose(whole[SIZE // 2, SIZE // 2], 0.1, atol=2e-3)


def test_green_screen_hair_and_collar_do_not_bleed_in():
    """Where the plate shows no skin the edge is free: neither pulled to the other colour nor held at nothing."""
    plate, matte = flat(SKIN), outline()
    plate[:, :70] = (0.25, 0.6, 0.4)
    plate[:60] = 0.08
    plate[200:] = (0.9, 0.9, 0.95)
    found = corrected(plate, flat(SKIN - np.float32(0.05)), matte)
    assert found[matte > 0].max() < 0.055
    assert found[matte > 0].min() > -0.002
    skin = edge_of(matte)
    skin[:, :95] = skin[:85] = skin[175:] = False
    np.testing.assert_allclose(found[skin], 0.05, atol=3e-3)


def test_strands_of_skin_like_colour_are_outliers():
    """Fair hair has the hue of skin: it is told by not fitting to its neighbours."""
    plate, matte = flat(SKIN), outline()
    for x in range(60, 180, 30):
        plate[:70, x : x + 12] = SKIN * 1.35
    face = flat(SKIN - np.float32(0.04))
    found = corrected(plate, face, matte)
    assert found[matte > 0].max() < 0.075
    pulled = corrected(plate, face, matte, skin=None)
    assert pulled[matte > 0].max() > 0.1


def test_what_is_in_front_is_not_looked_at():
    plate, matte = flat(SKIN), outline()
    seen = np.ones((SIZE, SIZE), np.float32)
    seen[150:] = 0
    plate[150:] = SKIN + 0.12
    found = corrected(plate, flat(SKIN), matte, seen=seen)
    assert np.abs(found[matte > 0]).max() < 0.01


def test_a_face_cut_by_the_frame_has_no_seam_there():
    plate, matte = flat(SKIN + 0.1), outline()[SIZE // 2 :]
    plate = plate[: SIZE // 2].copy()
    plate[:20, 70:170] = 0.05
    found = corrected(plate, flat(SKIN)[: SIZE // 2], matte, skin=None)
    np.testing.assert_allclose(found[1, SIZE // 2], 0.1, atol=3e-3)


def test_nothing_is_asked_where_no_face_is():
    none = np.zeros((SIZE, SIZE), np.float32)
    assert not seam.seam_correction(flat(SKIN), flat(SKIN * 0), none, WIDTH, SKIN).any()


def test_noise_of_the_plate_hardly_reaches_the_correction():
    rng = np.random.default_rng(5)
    matte = outline()
    founds = [
        corrected(flat(SKIN) + rng.normal(0, 3 / 255, (SIZE, SIZE, 3)).astype(np.float32), flat(SKIN), matte)
        for _ in range(6)
    ]
    assert np.std(founds, axis=0)[matte > 0].mean() < 0.2 / 255
