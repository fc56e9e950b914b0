"""The colour matcher on whole faces: two persons and one, lamps, shine, hair, contrast, a face that was wiped away."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from understudy.inference.composite.colour.light import FaceFrame
from understudy.inference.composite.colour.match import ColourMatch, apply_match, mean_match, measure_match
from understudy.inference.composite.colour.transfer import decode_float, encode
from understudy.inference.composite.mattes.face import face_matte
from understudy.inference.composite.regions import BROWS, EYES, LIPS, face_width_px, skin_matte
from understudy.inference.composite.types import Region
from understudy.inference.face_model import load

SIZE = (128, 140)
WHOLE = Region(0, 0, *SIZE)


@pytest.fixture(scope="module")
def face_px() -> np.ndarray:
    points = load("default").landmark_mean_cm[:, :2].astype(np.float32)
    centre = (points.min(0) + points.max(0)) / 2
    return ((points - centre) * (6.4, -6.4) + (64, 70)).astype(np.float32)


@pytest.fixture(scope="module")
def matte(face_px) -> np.ndarray:
    return face_matte(face_px, np.ones(SIZE[::-1], np.float32), face_width_px(face_px))


def person(face_px: np.ndarray, skin: tuple[float, float, float], seed: int) -> np.ndarray:
    """(140, 128, 3) encoded face with eyes, brows, lips and a texture of its own."""
    picture = np.tile(np.float32(skin), (*SIZE[::-1], 1))
    for group, colour in ((LIPS, (0.6, 0.3, 0.3)), *((part, (0.2, 0.15, 0.12)) for part in (*EYES, *BROWS))):
        hull = cv2.convexHull(face_px[list(group)])[:, 0]
        cv2.fillConvexPoly(picture, np.rint(hull).astype(np.int32), colour, cv2.LINE_AA)
    detail = np.random.default_rng(seed).standard_normal((*SIZE[::-1], 1)).astype(np.float32)
    return np.clip(picture + 0.4 * cv2.GaussianBlur(detail, (0, 0), 1.5)[..., None], 0.02, 0.98)


def frame_of(face_px: np.ndarray) -> FaceFrame:
    return FaceFrame(np.float32([64, 70]), face_width_px(face_px) / 2)


def matched(plate, face, matte, face_px, same: float) -> tuple[np.ndarray, ColourMatch]:
    match = measure_match(plate, face, matte, face_px, WHOLE, frame_of(face_px), same)
    assert match is not None
    return apply_match(decode_float(face), matte, match, frame_of(face_px), WHOLE), match


def lamp(side: float, colour: tuple[float, float, float], strength: float) -> np.ndarray:
    """Light of a lamp at one side over a face lit from everywhere."""
    u = (np.arange(SIZE[0], dtype=np.float32) - 64) / 45
    falls = strength / (1 + np.exp(-3 * side * u))
    return (0.4 + falls[None, :, None] * np.float32(colour)) * np.ones((SIZE[1], 1, 1), np.float32)


def difference(picture: np.ndarray, wanted: np.ndarray, where: np.ndarray) -> float:
    """Of low-passed pictures, in 8-bit levels."""
    soft = (cv2.GaussianBlur(image, (0, 0), 6) for image in (picture, wanted))
    return 255 * float(np.abs(np.subtract(*soft))[where].mean())


@pytest.mark.parametrize("side", [-1, 1])
def test_another_person_stands_in_the_light_of_the_shot(face_px, matte, side):
    actor, avatar = person(face_px, (0.62, 0.5, 0.43), 1), person(face_px, (0.8, 0.65, 0.58), 2)
    plate = encode(decode_float(actor) * lamp(side, (1.3, 1.0, 0.7), 1.0))
    done, _ = matched(plate, avatar, matte, face_px, 0.0)
    skin = skin_matte(face_px, matte, 0.2 * face_width_px(face_px)) > 0.5
    assert difference(done, plate, skin) < 5 < difference(avatar, plate, skin) / 3
    # Its own texture stays its own.
    own, other = (image - cv2.GaussianBlur(image, (0, 0), 3) for image in (done, plate))
    mine = avatar - cv2.GaussianBlur(avatar, (0, 0), 3)
    assert np.corrcoef(own[skin].ravel(), mine[skin].ravel())[0, 1] > 0.95
    assert abs(np.corrcoef(own[skin].ravel(), other[skin].ravel())[0, 1]) < 0.3


def test_shading_of_the_render_goes(face_px, matte):
    """A shadow that only the render has, a third of the face wide."""
    actor, avatar = person(face_px, (0.7, 0.55, 0.45), 1), person(face_px, (0.7, 0.55, 0.45), 2)
    shadow = np.ones(SIZE[::-1], np.float32)
    cv2.circle(shadow, (84, 82), 13, 0.6, -1)
    shaded = encode(decode_float(avatar) * cv2.GaussianBlur(shadow, (0, 0), 5)[..., None])
    done, _ = matched(actor, shaded, matte, face_px, 0.0)
    spot = np.zeros(SIZE[::-1], bool)
    spot[76:88, 78:90] = True
    assert difference(done, actor, spot) < 0.75 * difference(shaded, actor, spot)


def test_a_strand_of_hair_is_no_light(face_px, matte):
    actor, avatar = person(face_px, (0.7, 0.55, 0.45), 1), person(face_px, (0.7, 0.55, 0.45), 2)
    plate = actor.copy()
    plate[:, 78:81] = (0.1, 0.07, 0.05)
    done, _ = matched(plate, avatar, matte, face_px, 0.0)
    clean, _ = matched(actor, avatar, matte, face_px, 0.0)
    assert 255 * np.abs(done - clean)[matte > 0.9].max() < 20
    assert 255 * np.abs(done - clean)[matte > 0.9].mean() < 3


@pytest.mark.parametrize("wiped_px", [0, 6])
def test_one_person_returns(face_px, matte, wiped_px):
    """Exposure, white balance, a lamp and less contrast undone, also when the plate's own face was blurred away."""
    true = person(face_px, (0.68, 0.54, 0.46), 1)
    far = np.float32([0.1, 0.35, 0.15])
    true = true + (1 - matte[..., None]) ** 4 * 0.8 * (far - true)
    plate = true.copy()
    if wiped_px:
        plate += (matte[..., None] > 0.5) * (cv2.GaussianBlur(true, (0, 0), wiped_px) - true)
    lit = encode(decode_float(true) * lamp(1, (0.8, 1.0, 1.25), 0.7))
    changed = 0.5 + 0.85 * (lit - 0.5)
    done, match = matched(plate, changed, matte, face_px, 1.0)
    inside = matte > 0.9
    assert 255 * np.sqrt(((done - true)[inside] ** 2).mean()) < 4.5
    assert (match.softer > 0.03) == (wiped_px > 0)


def test_nothing_to_do_is_nothing_done(face_px, matte):
    true = person(face_px, (0.68, 0.54, 0.46), 1)
    for same, most in ((0.0, 0.5), (0.5, 4.0), (1.0, 1.0)):
        done, _ = matched(true, true, matte, face_px, same)
        assert 255 * np.abs(done - true)[matte > 0.9].max() < most


def test_without_skin_there_is_no_match(face_px, matte):
    true = person(face_px, (0.68, 0.54, 0.46), 1)
    assert measure_match(true, true, np.zeros_like(matte), face_px, WHOLE, frame_of(face_px), 0.0) is None


def test_strength_zero_leaves_one_gain_for_the_face(face_px, matte):
    actor, avatar = person(face_px, (0.62, 0.5, 0.43), 1), person(face_px, (0.8, 0.65, 0.58), 2)
    plate = encode(decode_float(actor) * lamp(1, (1.3, 1.0, 0.7), 1.0))
    match = measure_match(plate, avatar, matte, face_px, WHOLE, frame_of(face_px), 0.0)
    done = apply_match(decode_float(avatar), matte, match, frame_of(face_px), WHOLE, strength=0)
    ratio = decode_float(done) / decode_float(avatar)
    assert ratio[matte > 0.9].std(0).max() < 0.01 * ratio[matte > 0.9].mean()


def test_mean_of_matches_is_weighted():
    one, two = (ColourMatch(np.full((6, 3), v, np.float32), np.zeros(3), np.eye(3), same=v) for v in (0.0, 1.0))
    mean = mean_match([3, 1], [one, two])
    np.testing.assert_allclose(mean.log_gain, 0.25)
    assert mean.same == pytest.approx(0.25)
