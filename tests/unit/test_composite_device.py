"""The compositor's graphs for GPUs, on the CPU provider: the same pictures as the compositor's own code makes with OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from understudy.inference.composite import pictures
from understudy.inference.composite.colour.light import FaceFrame
from understudy.inference.composite.colour.match import _BROAD, ColourMatch, apply_match
from understudy.inference.composite.colour.transfer import decode_float
from understudy.inference.composite.crops import cut, edge_fade, put_back
from understudy.inference.composite.device import matrices
from understudy.inference.composite.device.chain import FOLDER, Chain
from understudy.inference.composite.poisson.membrane import masked_divergence, solve_box
from understudy.inference.composite.swapper.pixel_boost import dealt
from understudy.inference.composite.types import Region
from understudy.inference.networks.providers import choose
from understudy.models.build_composite_graphs import graphs

LEVEL = 1 / 255
# Operators of ONNX Runtime's CUDA provider with kernels for what goes in here (docs/OperatorKernels.md of 1.20 and later).
ON_CUDA = {
    *(
        "Add",
        "Cast",
        "Clip",
        "Concat",
        "Div",
        "GridSample",
        "Identity",
        "LessOrEqual",
        "MatMul",
        "Max",
        "Min",
        "Mul",
        "Pad",
    ),
    *("Pow", "Reshape", "Round", "Shape", "Slice", "Sub", "Transpose", "Unsqueeze", "Where"),
}


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain(choose("cpu"))


@pytest.fixture(scope="module")
def plate() -> np.ndarray:
    """A picture with soft and with fine detail, as a lens leaves it."""
    noise = np.random.default_rng(3).random((460, 480, 3)).astype(np.float32)
    soft = sum(
        cv2.normalize(cv2.GaussianBlur(noise, (0, 0), sigma), None, -1, 1, cv2.NORM_MINMAX) for sigma in (1.5, 6, 30)
    )
    return np.clip(128 + 60 * soft, 0, 255).astype(np.uint8)


def turned(scale: float, degrees: float, centre: tuple[float, float], size: int) -> np.ndarray:
    """(2, 3) frame pixels to those of a crop in whose middle the centre lies."""
    angle = np.radians(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([linear, size / 2 - linear @ centre]).astype(np.float32)


@pytest.mark.parametrize("scale", [0.18, 0.4, 0.8, 1.0, 1.7])
def test_a_crop_is_the_one_that_is_cut_with_opencv(chain, plate, scale):
    size = 64
    places = [turned(scale, 12, (240, 225), size), turned(scale, -8, (230.3, 235.6), size)]
    found = chain.crops(chain.put(np.stack([plate, plate[::-1].copy()])), places, size, gain=2, offset=-1)
    for picture, affine, crop in zip((plate, plate[::-1]), places, found["crop"].numpy(), strict=True):
        wanted = cut(picture.astype(np.float32) * np.float32(LEVEL), affine, size)
        away = np.abs(crop.transpose(1, 2, 0) - wanted) / LEVEL
        assert away.mean() < 0.3
        assert np.percentile(away, 99) < 1
    np.testing.assert_allclose(found["seen"].numpy(), 2 * found["crop"].numpy() - 1, atol=1e-6)
    np.testing.assert_allclose(found["seen_in_half"].numpy(), found["seen"].numpy(), atol=2e-3)


def test_a_crop_beyond_the_frame_continues_its_border(chain, plate):
    affine = turned(0.7, 20, (0, 450), 64)
    found = chain.crops(chain.put(plate[None]), [affine], 64)["crop"].numpy()[0].transpose(1, 2, 0)
    wanted = cut(plate.astype(np.float32) * np.float32(LEVEL), affine, 64)
    assert np.abs(found - wanted).mean() < 0.5 * LEVEL


def test_floats_are_cropped_as_bytes_are_and_a_crop_is_dealt_out_pixel_by_pixel(chain, plate):
    affine = turned(0.5, 5, (180, 150), 64)
    whole = chain.crops(chain.put(plate[None].astype(np.float32) * np.float32(LEVEL)), [affine], 64)["crop"].numpy()[0]
    parts = chain.crops(chain.put(plate[None]), [affine], 64, factor=2)["crop"].numpy()
    assert parts.shape == (4, 3, 32, 32)
    np.testing.assert_allclose(parts.transpose(0, 2, 3, 1), dealt(whole.transpose(1, 2, 0), 2), atol=1e-5)


@pytest.mark.parametrize("half", [False, True])
def test_what_a_network_changes_is_bounded_and_its_broad_part_left_out(chain, half):
    rng = np.random.default_rng(0)
    crop = rng.random((2, 3, 64, 64)).astype(np.float32)
    drawn = (2 * crop - 1 + rng.normal(0, 0.5, crop.shape)).astype(np.float16 if half else np.float32)
    fade = edge_fade(64, 0.12)
    fine = chain.put(matrices.broad(64, 10.0)[None]), chain.put(fade.transpose(2, 0, 1)[None])
    found = chain.change(chain.put(drawn), chain.put(crop), (0.5, 0.5), (-0.5, 1.5), fine).numpy()
    for one, before, detail in zip(drawn.astype(np.float32), crop, found, strict=True):
        changed = (np.clip(one / 2 + 0.5, -0.5, 1.5) - np.clip(before, -0.5, 1.5)).transpose(1, 2, 0)
        wanted = fade * (changed - pictures.broad(np.ascontiguousarray(changed), 10.0))
        np.testing.assert_allclose(detail.transpose(1, 2, 0), wanted, atol=0.2 * LEVEL)
    plain = chain.change(chain.put(drawn), chain.put(crop), bounds=(0, 1)).numpy()
    np.testing.assert_allclose(plain, np.clip(drawn.astype(np.float32), 0, 1) - crop, atol=1e-6)


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.3])
def test_a_change_is_put_back_as_with_opencv(chain, scale):
    rng = np.random.default_rng(1)
    change = cv2.GaussianBlur(rng.normal(0, 1, (48, 48, 3)).astype(np.float32), (0, 0), 1.5)
    affine = turned(scale, 15, (80, 70), 48)
    region = Region(30, 20, 100, 90)
    before = rng.random((1, 3, 90, 100)).astype(np.float32)
    found = chain.pasted(chain.put(before), chain.put(change.transpose(2, 0, 1)[None]), [affine], [region.origin_px])
    away = np.abs((found.numpy() - before)[0].transpose(1, 2, 0) - put_back(change, affine, region))
    assert away.mean() < 0.3 * LEVEL
    assert np.percentile(away, 99) < 3 * LEVEL


def test_colours_are_matched_as_by_the_compositor(chain, plate):
    region = Region(40, 30, 200, 240)
    linear = decode_float(plate[region.slices].astype(np.float32) / 255)
    matte = np.zeros((240, 200), np.float32)
    cv2.ellipse(matte, (100, 120), (80, 100), 0, 0, 360, 1.0, -1)
    frame = FaceFrame(np.array([140, 150], np.float32), 90.0)
    rng = np.random.default_rng(2)
    match = ColourMatch(
        rng.normal(0, 0.2, (6, 3)).astype(np.float32),
        np.array([0.5, 0.4, 0.35], np.float32),
        (np.eye(3) + rng.normal(0, 0.1, (3, 3))).astype(np.float32),
        rng.normal(0, 0.1, (17, 17, 3)).astype(np.float32),
        same=0.4,
    )
    small = (200 // 8, 240 // 8)
    gain = match.gain(frame.basis(region, small), frame.from_grid(match.local, region, small))
    values = chain.match_values(
        gain.transpose(2, 0, 1)[None],
        (match.spread - np.eye(3, dtype=np.float32))[None],
        match.mean[None],
        np.array([match.same], np.float32),
        2 * _BROAD[0] * frame.radius_px * small[0] / region.width,
        (region.height, region.width),
    )
    planes = chain.put(np.ascontiguousarray(linear.transpose(2, 0, 1)[None]))
    found = chain.coloured(planes, chain.put(matte[None, None]), values).numpy()[0].transpose(1, 2, 0)
    away = np.abs(found - apply_match(linear, matte, match, frame, region))
    assert away.max() < LEVEL
    assert away.mean() < 0.1 * LEVEL


def test_a_box_is_solved_as_by_sine_transform_and_elimination(chain):
    laplacian = np.random.default_rng(4).normal(0, 0.1, (2, 3, 61, 83)).astype(np.float32)
    found = chain.solved(chain.put(laplacian)).numpy()
    for one, wanted in zip(found, laplacian, strict=True):
        by_rows = solve_box(np.ascontiguousarray(wanted.transpose(1, 2, 0))).transpose(2, 0, 1)
        np.testing.assert_allclose(one, by_rows, atol=1e-4)


def test_the_seam_is_closed_as_by_the_full_solution_and_laid_over_the_plate(chain, plate):
    behind = plate[:120, :150].astype(np.float32) / 255
    face = np.clip(0.7 * plate[100:220, 150:300].astype(np.float32) / 255 + 0.1, 0, 1)
    inside = np.zeros((120, 150), np.uint8)
    cv2.ellipse(inside, (75, 60), (50, 40), 0, 0, 360, 1, -1)
    planes = chain.planes(chain.put(plate[None, :120, :150].copy()))
    drawn = chain.put(np.ascontiguousarray(face.transpose(2, 0, 1)[None]))
    closed = chain.closed(planes, drawn, chain.put(inside[None, None].astype(np.float32)))
    wanted = solve_box(masked_divergence(face - behind, inside > 0))
    np.testing.assert_allclose(closed.numpy()[0].transpose(1, 2, 0), wanted, atol=1e-3)
    matte = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 2)
    laid = chain.laid(planes, planes, closed, chain.put(matte[None, None])).numpy()[0]
    mixed = np.clip(behind + matte[..., None] * wanted, 0, 1)
    assert np.abs(laid.astype(int) - np.rint(255 * mixed)).max() <= 1
    assert (laid == np.rint(255 * mixed)).mean() > 0.98
    assert (laid[0, 0] == plate[0, 0]).all()


def test_steps_of_a_crop_are_odd_and_no_farther_apart_than_pixels():
    for shrink in (0.05, 0.18, 0.34, 0.5, 0.99, 1.0, 3.0):
        steps = matrices.steps_of(shrink)
        assert steps % 2 == 1
        assert steps * shrink >= 1 - 1e-6
        assert (steps - 2) * shrink < 1 or steps == 1


def test_graphs_are_those_that_are_built_and_run_on_cuda():
    built = graphs()
    assert {path.stem for path in FOLDER.glob("*.onnx")} == set(built)
    for name, model in built.items():
        assert (FOLDER / f"{name}.onnx").read_bytes() == model.SerializeToString(deterministic=True)
        assert {node.op_type for node in model.graph.node} <= ON_CUDA
