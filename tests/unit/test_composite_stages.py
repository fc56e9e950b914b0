"""The compositor's stages alone: warp, matte, colour, membrane, windows, meters."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from understudy.inference.composite import measure, regions
from understudy.inference.composite.colour.match import ColourMatch, FaceFrame, apply_match, match_colours
from understudy.inference.composite.colour.transfer import decode, decode_float, encode
from understudy.inference.composite.mattes import face as mattes
from understudy.inference.composite.meters import delta_e, seam
from understudy.inference.composite.poisson import membrane as poisson
from understudy.inference.composite.renders import Render, RenderFolder
from understudy.inference.composite.stabiliser import placing, window
from understudy.inference.composite.stabiliser.flow import Trail
from understudy.inference.composite.swapper import warp as swapper
from understudy.inference.composite.types import Region
from understudy.inference.errors import InputError
from understudy.inference.face_model import load

SIZE = (240, 260)
WHOLE = Region(0, 0, *SIZE)


@pytest.fixture(scope="module")
def face_px() -> np.ndarray:
    """(478, 2) landmarks of a frontal face, 170 pixels wide."""
    model = load("default")
    points = model.landmark_mean_cm[:, :2].astype(np.float32)
    centre = (points.min(0) + points.max(0)) / 2
    return ((points - centre) * (11.5, -11.5) + (120, 130)).astype(np.float32)


@pytest.fixture(scope="module")
def texture() -> np.ndarray:
    """(260, 240, 3) smooth encoded skin with detail, 0..1."""
    rng = np.random.default_rng(1)
    detail = cv2.GaussianBlur(rng.random((SIZE[1], SIZE[0], 3)).astype(np.float32), (0, 0), 4)
    return (np.float32([0.7, 0.55, 0.45]) + 1.2 * (detail - detail.mean())).clip(0.1, 0.9)


def to_render(encoded: np.ndarray) -> Render:
    rgba = np.dstack([np.rint(encoded * 65535), np.full(encoded.shape[:2], 65535)]).astype(np.uint16)
    return Render(rgba, WHOLE)


def test_transfer_round_trip():
    codes = np.arange(256, dtype=np.uint8)
    np.testing.assert_allclose(encode(decode(codes)) * 255, codes, atol=0.05)


def test_warp_is_identity_where_landmarks_agree(face_px, texture):
    warp = swapper.fit_warp(face_px, face_px)
    rgb, alpha = swapper.warp_render(to_render(texture), warp, WHOLE)
    assert alpha.min() == pytest.approx(1, abs=1e-3)
    assert np.abs(encode(rgb) - texture).max() < 1.5 / 255


def test_warp_undoes_a_similarity(face_px, texture):
    affine = np.float32([[1.04, 0.05, -9.3], [-0.05, 1.04, 4.6]])
    warp = swapper.fit_warp(face_px, swapper.apply_affine(affine, face_px))
    found = warp.source_of(face_px)
    np.testing.assert_allclose(found, swapper.apply_affine(affine, face_px), atol=1e-2)
    x, y = warp.map(WHOLE)
    np.testing.assert_allclose([x[100, 50], y[100, 50]], affine @ [50.5, 100.5, 1], atol=1e-2)


def test_warp_brings_outline_to_outline_and_keeps_the_interior(face_px):
    wide = face_px.copy()
    outline = list(swapper.OVAL)
    centre = face_px[outline].mean(0)
    wide[outline] = centre + (wide[outline] - centre) * (1.12, 1.0)
    warp = swapper.fit_warp(face_px, wide)
    off = np.linalg.norm(warp.source_of(face_px) - wide, axis=1)
    assert off[outline].mean() < 0.012 * 170 + 0.5
    inner = list(swapper.INNER)
    moved = warp.source_of(face_px[inner]) - swapper.apply_affine(warp.similarity, face_px[inner])
    assert np.linalg.norm(moved, axis=1).mean() < 1.0


def test_matte_stays_inside_face_and_alpha(face_px):
    alpha = np.ones((SIZE[1], SIZE[0]), np.float32)
    alpha[:, :90] = 0
    matte = mattes.face_matte(face_px, alpha, 170)
    outline = cv2.pointPolygonTest
    polygon = face_px[list(mattes.OVAL)]
    rows, columns = np.nonzero(matte)
    assert min(outline(polygon, (float(c) + 0.5, float(r) + 0.5), True) for r, c in zip(rows, columns, strict=True)) > 1
    assert columns.min() > 90
    assert matte.max() == 1
    assert ((matte > 0.05) & (matte < 0.95)).sum() > 300


def test_matte_is_not_softened_at_the_border_of_the_frame(face_px):
    shifted = face_px - (0, 130)
    matte = mattes.face_matte(shifted, np.ones((SIZE[1], SIZE[0]), np.float32), 170)
    assert matte[0, 120] == 1


def test_colour_match_recovers_gain_and_side_light(face_px, texture):
    face = FaceFrame(np.float32([120, 130]), 85)
    basis = face.basis(WHOLE, SIZE)
    gain = np.exp(np.float32([0.35, 0.1, -0.3]) + 0.25 * basis[1][..., None])
    plate = encode(decode_float(texture * 0.8) * gain)
    weight = regions.skin_matte(face_px, np.ones(SIZE[::-1], np.float32), 0.2 * 170)
    match = match_colours(plate, texture * 0.8, basis, weight)
    np.testing.assert_allclose(match.log_gain[0], [0.35, 0.1, -0.3], atol=0.02)
    np.testing.assert_allclose(match.log_gain[1], 0.25, atol=0.02)
    result = apply_match(decode_float(texture * 0.8), np.ones(SIZE[::-1], np.float32), match, face, WHOLE)
    assert np.abs(result - plate)[weight > 0.5].mean() < 1 / 255


def test_colour_match_ignores_hair_over_the_skin(face_px, texture):
    face = FaceFrame(np.float32([120, 130]), 85)
    plate = encode(decode_float(texture) * 1.2)
    plate[110:160, 60:80] = 0.05
    weight = regions.skin_matte(face_px, np.ones(SIZE[::-1], np.float32), 0.2 * 170)
    match = match_colours(plate, texture, face.basis(WHOLE, SIZE), weight)
    np.testing.assert_allclose(np.exp(match.log_gain[0]), 1.2, rtol=0.03)


def test_local_gain_is_bounded():
    log_gain = np.zeros((6, 3), np.float32)
    log_gain[1] = 9
    match = ColourMatch(log_gain, np.zeros(3, np.float32), np.eye(3, dtype=np.float32))
    gain = match.gain(FaceFrame(np.float32([120, 130]), 85).basis(WHOLE, SIZE))
    assert gain.max() == pytest.approx(2)
    assert gain.min() == pytest.approx(0.5)


def ellipse(size: int) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    cv2.ellipse(mask, (size // 2, size // 2), (int(size * 0.33), int(size * 0.43)), 0, 0, 360, 255, -1)
    return mask


def test_box_solver_equals_opencv_where_it_solves_the_same_problem():
    """The classic clone: gradients of the face in the mask, of the plate elsewhere, the plate at the border of the box."""
    rng = np.random.default_rng(0)
    source, target = (
        cv2.normalize(cv2.GaussianBlur(rng.random((160, 160, 3)), (0, 0), sigma), None, 70, 180, cv2.NORM_MINMAX)
        for sigma in (3, 8)
    )
    source, target = source.astype(np.uint8), target.astype(np.uint8)
    mask = ellipse(160)
    x, y, w, h = cv2.boundingRect(mask)
    # seamlessClone writes into the mask it is given.
    wanted = cv2.seamlessClone(source, target, mask.copy(), (x + w // 2, y + h // 2), cv2.NORMAL_CLONE)
    box = np.s_[y : y + h, x : x + w]
    inside = cv2.erode(mask, np.ones((3, 3)), iterations=3)[box] > 0
    face, plate = source[box].astype(np.float32), target[box].astype(np.float32)
    found = plate.copy()
    found[1:-1, 1:-1] += poisson.solve_box(poisson.masked_divergence(face - plate, inside)[1:-1, 1:-1])
    assert np.abs(np.clip(found, 0, 255).astype(np.uint8).astype(int) - wanted[box]).max() <= 1


def exact_membrane(difference: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The same problem as a sparse linear system."""
    number = -np.ones(inside.shape, int)
    rows, columns = np.nonzero(inside)
    number[inside] = np.arange(len(rows))
    entries = [(np.arange(len(rows)), np.arange(len(rows)), np.full(len(rows), 4.0))]
    wanted = np.zeros((len(rows), difference.shape[2]))
    for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        other = number[rows + dy, columns + dx]
        free = other >= 0
        entries.append((np.arange(len(rows))[free], other[free], np.full(free.sum(), -1.0)))
        wanted[~free] += difference[rows + dy, columns + dx][~free]
    i, j, v = (np.concatenate(part) for part in zip(*entries, strict=True))
    return spsolve(coo_matrix((v, (i, j))).tocsc(), wanted)


def test_membrane_is_the_harmonic_correction():
    rng = np.random.default_rng(2)
    difference = 40 * cv2.GaussianBlur(rng.standard_normal((140, 120, 3)).astype(np.float32), (0, 0), 6)
    difference += np.linspace(-10, 10, 120, dtype=np.float32)[None, :, None]
    inside = ellipse(120)[:, :] > 0
    inside = np.pad(inside, ((10, 10), (0, 0)))
    found = poisson.membrane(difference, inside)[inside]
    exact = exact_membrane(difference, inside)
    assert np.abs(found - exact).mean() < 0.15
    assert np.abs(found - exact).max() < 1.5


def test_membrane_of_a_constant_offset_removes_it():
    inside = ellipse(120) > 0
    offset = np.broadcast_to(np.float32([9, -4, 2]), (120, 120, 3)).astype(np.float32)
    np.testing.assert_allclose(poisson.membrane(offset, inside), offset, atol=1e-3)


def test_photometric_refinement_finds_a_small_motion(face_px, texture):
    """The same face, moved, darker, lit from the side and softer: pixels tell where it is, whatever the landmarks say."""
    picture = texture.copy()
    for eye in (33, 263, 13, 4):
        cv2.circle(picture, tuple(int(v) for v in face_px[eye]), 9, (0.15, 0.1, 0.1), -1, cv2.LINE_AA)
    true = np.float32([[1.01, 0, -2.1], [0, 1.01, 0.3]])
    moved = cv2.warpAffine(picture, true, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    light = 0.8 + 0.1 * np.linspace(-1, 1, SIZE[0], dtype=np.float32)[None, :, None]
    plate = np.rint(cv2.GaussianBlur(picture * light, (0, 0), 2) * 255).astype(np.uint8)
    noise = np.random.default_rng(3).normal(0, 1.5, 2).astype(np.float32)
    measured = measure.measure(plate, to_render(moved), face_px, swapper.apply_affine(true, face_px) + noise)
    assert measured.likeness > 0.95
    inner = face_px[list(swapper.INNER)]
    found = measure.warp_of(measured, swap=True).source_of(inner)
    assert np.abs(found - (swapper.apply_affine(true, inner) - true[:, :2].sum(1) * 0.5 + 0.5)).mean() < 0.3


def test_windows_hold_few_and_miss_none():
    seen = [(item, around[place], len(around)) for item, around, place in window.windows(iter(range(50)), 3)]
    assert [item for item, _, _ in seen] == list(range(50))
    assert all(item == here for item, here, _ in seen)
    assert max(count for *_, count in seen) == 7
    assert [item for item, *_ in window.windows(iter([5]), 3)] == [5]


def test_filters_do_not_reach_over_a_cut():
    run = window.run_around([0, 0, 9, 9, 9], 3, lambda a, b: a == b)
    assert run == [(-1, 9), (0, 9), (1, 9)]


def test_filters_have_no_lag():
    """A head that speeds up and is followed by the flow: its points are where they are, to a thousandth of a pixel."""
    offsets = list(range(-3, 4))
    path = {k: np.float32([[k * k + 2 * k + 5, 3 * k]]) + np.float32([[0, 0], [40, 10], [10, 60]]) for k in offsets}
    along = {k: Trail(path[k][None], np.ones((1, 3), np.float32)) for k in offsets}
    assert placing.steady_points(path, along, 2, 100) == pytest.approx(path[0], abs=1e-3)
    assert placing.steady_values({k: np.float32([[2 * k + 5]]) for k in offsets}, 2)[0, 0] == pytest.approx(5, abs=1e-4)
    assert window.gaussian_mean(offsets, [np.float32([k]) for k in offsets], 2)[0] == pytest.approx(0, abs=1e-6)


def test_delta_e_matches_published_pairs():
    # Sharma, Wu, Dalal 2005, table 1, pairs 1, 7, 17 and 25.
    first = np.array([[50, 2.6772, -79.7751], [50, 0, 0], [50, 2.5, 0], [60.2574, -34.0099, 36.2677]])
    second = np.array([[50, 0, -82.7485], [50, -1, 2], [73, 25, -18], [60.4626, -34.1751, 39.4387]])
    np.testing.assert_allclose(delta_e.delta_e_2000(first, second), [2.0425, 2.3669, 27.1492, 1.2644], atol=1e-4)


def test_meters_see_a_seam(texture):
    inside = np.zeros(SIZE[::-1], bool)
    inside[60:200, 50:190] = True
    clean = np.rint(texture * 255).astype(np.uint8)
    pasted = np.where(inside[..., None], clean - 25, clean)
    assert seam.seam_ratio(pasted, inside) > 1.5 > seam.seam_ratio(clean, inside)
    assert seam.edge_step(pasted, inside) > seam.edge_step(clean, inside) + 3


def test_render_folder_refuses_what_does_not_fit(tmp_path: Path):
    with pytest.raises(InputError, match="no rendered frames"):
        RenderFolder(tmp_path, SIZE)
    cv2.imwrite(str(tmp_path / "frame_000003.png"), np.zeros((20, 20, 4), np.uint8))
    with pytest.raises(InputError, match="20x20"):
        RenderFolder(tmp_path, SIZE).load(3)
    cv2.imwrite(str(tmp_path / "frame_000003.png"), np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(InputError, match="alpha"):
        RenderFolder(tmp_path, (20, 20)).load(3)
    (tmp_path / "landmarks.npz").write_bytes(b"no")
    with pytest.raises(InputError, match="damaged"):
        RenderFolder(tmp_path, SIZE)
