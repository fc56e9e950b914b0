"""Each quality meter on a picture made bad in exactly the way it measures, and on one that is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from understudy.inference.capture.shot import detect_landmarks
from understudy.inference.composite.meters import flicker, likeness, meters, seam, surface
from understudy.inference.composite.meters.delta_e import delta_e_2000
from understudy.inference.composite.meters.landmarks import FACE_WIDTH_PX, LandmarkMeter
from understudy.inference.composite.regions import face_width_px
from understudy.inference.media import read_frames

HEIGHT, WIDTH = 260, 240
CENTRE = (120, 130)


def skin(shift: float = 0.0) -> np.ndarray:
    """(H, W, 3) 0..255 smooth skin with edges of every strength, moved to the right by some pixels."""
    rng = np.random.default_rng(1)
    broad = cv2.GaussianBlur(rng.random((HEIGHT + 40, WIDTH + 40, 3)).astype(np.float32), (0, 0), 6)
    lines = np.zeros_like(broad)
    for _ in range(14):
        start, end = (tuple(int(v) for v in rng.integers(0, WIDTH + 40, 2)) for _ in range(2))
        cv2.line(lines, start, end, (1.0, 1.0, 1.0), 3)
    picture = 150 + 400 * (broad - broad.mean()) - 25 * cv2.GaussianBlur(lines, (0, 0), 1.2)
    move = np.float32([[1, 0, shift - 20], [0, 1, -20]])
    return cv2.warpAffine(picture, move, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)


def grainy(picture: np.ndarray, spread: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, spread, picture.shape)
    return np.rint(np.clip(picture + noise, 0, 255)).astype(np.uint8)


@pytest.fixture(scope="module")
def matte() -> np.ndarray:
    """A soft ellipse, 1 inside."""
    hard = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.ellipse(hard, CENTRE, (70, 90), 0, 0, 360, 1, -1)
    return cv2.GaussianBlur(hard, (0, 0), 2) * (cv2.dilate(hard, np.ones((5, 5))) > 0)


def put_in(plate: np.ndarray, face: np.ndarray, matte: np.ndarray) -> np.ndarray:
    mixed = plate + matte[..., None] * (face.astype(np.float32) - plate)
    return np.rint(mixed).clip(0, 255).astype(np.uint8)


def measure(matte: np.ndarray, pairs: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Figures of (plate, picture) frames in a row."""
    collected = meters.Meters()
    for index, (plate, picture) in enumerate(pairs):
        collected.add(index, plate, picture, matte)
    return collected.figures()


def test_delta_e_matches_published_pairs():
    # Sharma, Wu, Dalal 2005, table 1, pairs 1, 7, 17 and 25.
    first = np.array([[50, 2.6772, -79.7751], [50, 0, 0], [50, 2.5, 0], [60.2574, -34.0099, 36.2677]])
    second = np.array([[50, 0, -82.7485], [50, -1, 2], [73, 25, -18], [60.4626, -34.1751, 39.4387]])
    np.testing.assert_allclose(delta_e_2000(first, second), [2.0425, 2.3669, 27.1492, 1.2644], atol=1e-4)


def test_the_untouched_plate_is_perfect(matte):
    plates = [grainy(skin(shift), 2, n) for n, shift in enumerate((0, 0.4, 0.9))]
    found = measure(matte, [(plate, plate.copy()) for plate in plates])
    assert found["outside_change_max"] == 0
    assert found["flicker_excess"] == 0
    assert found["grain_ratio"] == found["sharpness_ratio"] == 1
    for name in ("seam_ratio", "edge_step_delta_e", "flicker_low"):
        assert found[name] == found[f"{name}_plate"]


def test_every_depth_measures_the_same(matte):
    plates = [grainy(skin(shift), 2, n) for n, shift in enumerate((0, 0.4))]
    pictures = [put_in(plate, plate + 6.0, matte) for plate in plates]
    eight = measure(matte, list(zip(plates, pictures, strict=True)))
    deep = measure(
        matte, [(a.astype(np.uint16) * 257, b.astype(np.uint16) * 257) for a, b in zip(plates, pictures, strict=True)]
    )
    floats = measure(matte, [(np.float32(a) / 255, np.float32(b) / 255) for a, b in zip(plates, pictures, strict=True)])
    for name, value in eight.items():
        assert deep[name] == pytest.approx(value, rel=0.01, abs=1e-3)
        assert floats[name] == pytest.approx(value, rel=0.01, abs=1e-3)


def test_one_pixel_outside_the_matte_is_found(matte):
    plate = grainy(skin(), 1, 0)
    touched = plate.copy()
    touched[3, 5, 1] ^= 1
    assert measure(matte, [(plate, touched)])["outside_change_max"] == 1


def test_a_darker_face_shows_a_seam_and_a_step(matte):
    plate = grainy(skin(), 1, 0)
    good, bad = (measure(matte, [(plate, put_in(plate, plate - drop, matte > 0.5))]) for drop in (0.0, 25.0))
    assert bad["seam_ratio"] > 1.5 > good["seam_ratio"]
    assert bad["edge_step_delta_e"] > good["edge_step_delta_e"] + 3
    assert bad["edge_step_delta_e_plate"] == good["edge_step_delta_e"]


def test_a_blurred_edge_shows_too_little_slope(matte):
    plate = grainy(skin(), 1, 0)
    inside = matte > 0.5
    line = np.abs(meters.signed_distance(inside)) < 5
    smeared = np.where(line[..., None], cv2.GaussianBlur(plate, (0, 0), 5), plate)
    assert seam.seam_ratio(smeared, inside) < 0.85 * seam.seam_ratio(plate, inside)


def test_the_seam_does_not_depend_on_the_size_of_the_frame(matte):
    plate = grainy(skin(), 1, 0)
    inside = matte > 0.5
    wide = np.pad(plate, ((400, 400), (300, 300), (0, 0)), mode="reflect")
    wide_inside = np.pad(inside, ((400, 400), (300, 300)))
    assert seam.edge_step(wide, wide_inside) == pytest.approx(seam.edge_step(plate, inside), abs=0.01)


@pytest.mark.parametrize("grain", [0.0, 1.0, 4.0])
def test_pulsing_light_flickers_on_clean_and_on_grainy_footage(matte, grain):
    shifts = np.linspace(0, 3, 8)
    plates = [grainy(skin(shift), grain, n) for n, shift in enumerate(shifts)]
    calm = [put_in(plate, plate * 0.95, matte) for plate in plates]
    pulsing = [put_in(plate, plate * (0.95 + 0.02 * (n % 2)), matte) for n, plate in enumerate(plates)]
    still, flickering = (measure(matte, list(zip(plates, pictures, strict=True))) for pictures in (calm, pulsing))
    assert abs(still["flicker_excess"]) < 0.2
    assert still["flicker_low"] == pytest.approx(still["flicker_low_plate"], abs=0.1)
    assert flickering["flicker_low"] > still["flicker_low"] + 1
    assert flickering["flicker_excess"] > still["flicker_excess"] + 0.2


def test_a_little_noise_on_clean_footage_is_no_catastrophe(matte):
    """Half a level of noise cannot be seen; without a floor its figure was hundreds of times the footage's own."""
    plates = [np.rint(skin()).astype(np.uint8)] * 5
    noisy = [
        put_in(plate, plate + np.random.default_rng(n).normal(0, 0.5, plate.shape), matte)
        for n, plate in enumerate(plates)
    ]
    found = measure(matte, list(zip(plates, noisy, strict=True)))
    assert found["flicker_excess"] < 1
    assert found["flicker_low"] < 0.1


def test_boiling_texture_flickers_but_does_not_pulse(matte):
    plates = [grainy(skin(shift), 1, n) for n, shift in enumerate(np.linspace(0, 3, 8))]
    boiling = [put_in(plate, grainy(plate, 5, 50 + n), matte) for n, plate in enumerate(plates)]
    found = measure(matte, list(zip(plates, boiling, strict=True)))
    assert found["flicker_excess"] > 2
    assert found["flicker_low"] < found["flicker_low_plate"] + 0.5


def test_frames_that_are_not_neighbours_are_not_compared(matte):
    collected = meters.Meters()
    for index, shift in ((0, 0.0), (5, 40.0)):
        plate = grainy(skin(shift), 1, index)
        collected.add(index, plate, plate, matte)
    assert "flicker_excess" not in collected.figures()


def test_a_face_without_grain_and_one_with_too_much(matte):
    clean = skin()
    plate = grainy(clean, 4, 0)
    ratios = [
        measure(matte, [(plate, put_in(plate, grainy(clean, grain, 9), matte))])["grain_ratio"] for grain in (0, 4, 8)
    ]
    assert ratios[0] < 0.4
    assert ratios[1] == pytest.approx(1, abs=0.1)
    assert ratios[2] > 1.6


def test_grain_is_measured_though_there_are_features():
    noise = [surface.grain(grainy(skin(), spread, 3), np.ones((HEIGHT, WIDTH), bool)) for spread in (3.0, 6.0)]
    assert noise[1] / noise[0] == pytest.approx(2, abs=0.25)


def test_a_soft_face_and_one_that_is_too_sharp(matte):
    clean = skin()
    plate = grainy(clean, 1, 0)
    soft = cv2.GaussianBlur(clean, (0, 0), 1.5)
    sharp = clean + 5 * (clean - cv2.GaussianBlur(clean, (0, 0), 1.0))
    ratios = [
        measure(matte, [(plate, put_in(plate, grainy(face, 1, 9), matte))])["sharpness_ratio"]
        for face in (soft, clean, sharp)
    ]
    assert ratios[0] < 0.8
    assert ratios[1] == pytest.approx(1, abs=0.1)
    assert ratios[2] > 1.25


def test_sharpness_is_not_contrast():
    where = np.ones((HEIGHT, WIDTH), bool)
    flat = 150 + 0.5 * (skin() - 150)
    assert surface.sharpness(np.uint8(flat.clip(0, 255)), where) == pytest.approx(
        surface.sharpness(np.uint8(skin().clip(0, 255)), where), rel=0.1
    )


def test_a_figure_between_two_that_are_right_is_right():
    assert surface.grain_ratio(3.0, 2.0, 4.0) == 1
    assert surface.grain_ratio(8.0, 2.0, 4.0) == 2
    assert surface.grain_ratio(1.0, 2.0, 4.0) == 0.5
    assert surface.grain_ratio(0.0, 0.0) == 1
    assert np.isnan(surface.sharpness_ratio(1.0, float("nan")))


def test_likeness_to_a_reference(matte):
    plate = grainy(skin(), 1, 0)
    where = matte > 0
    off = np.where(where[..., None], plate - 5, plate).astype(np.uint8)
    assert likeness.psnr(off, plate, where) == pytest.approx(20 * np.log10(255 / 5), abs=0.01)
    assert likeness.psnr(off, plate, ~where) > 70
    assert likeness.ssim(plate, plate, where) == pytest.approx(1)
    assert likeness.ssim(cv2.GaussianBlur(plate, (0, 0), 3), plate, where) < 0.95
    reference = meters.Meters()
    reference.add(0, np.zeros_like(plate), off, matte, None, plate)
    assert reference.figures()["psnr_db"] == pytest.approx(20 * np.log10(255 / 5), abs=0.01)


def test_the_flicker_floor():
    assert flicker.flicker_excess(0.5, 0.001) == pytest.approx(0.499)
    assert flicker.flicker_excess(12.0, 10.0) == pytest.approx(0.2)


def test_rows_keep_what_was_measured_later():
    rows = meters.Rows()
    rows.add(4, {"a": 1.0})
    rows.add(5, {"b": 2.0})
    np.testing.assert_array_equal(rows.frame_index, [4, 5])
    np.testing.assert_array_equal(rows.column("a"), [1, np.nan])
    np.testing.assert_array_equal(rows.column("b"), [np.nan, 2])
    assert np.isnan(rows.column("c")).all()


def test_landmarks_are_found_again_where_the_face_went(shared):
    picture = next(read_frames(shared / "data" / "clips" / "d18.mp4", 0, 1)).rgb
    points = detect_landmarks(picture, "cpu")[0].points_px
    meter = LandmarkMeter("cpu")
    same = meter.errors(picture, picture, points)
    assert same is not None
    assert same.max() == 0
    moved = cv2.warpAffine(
        picture, np.float32([[1, 0, 4], [0, 1, 0]]), picture.shape[1::-1], borderMode=cv2.BORDER_REFLECT
    )
    errors = meter.errors(moved, picture, points)
    assert errors is not None
    assert np.median(errors) == pytest.approx(4 * FACE_WIDTH_PX / face_width_px(points), rel=0.15)
    assert meter.errors(np.full_like(picture, 128), picture, points) is None
    collected = meters.Meters("cpu")
    collected.add(0, picture, moved, np.ones(picture.shape[:2], np.float32), points)
    assert collected.figures()["landmark_error_px"] == pytest.approx(float(np.median(errors)), rel=0.01)
