"""The compositor's networks: small ONNX graphs with the contracts of GFPGAN, inswapper and ArcFace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from small_networks import model_bytes, recogniser_network, session
from understudy.inference.composite.crops import ARCFACE_128, FFHQ_512, FIVE_POINTS, crop_affine, cut, put_back
from understudy.inference.composite.enhancer.gfpgan import Enhancer
from understudy.inference.composite.frame import Blender
from understudy.inference.composite.swapper.inswapper import IdentitySwapper, read_identity_map
from understudy.inference.composite.swapper.warp import apply_affine
from understudy.inference.composite.types import CompositeOptions, Region
from understudy.inference.errors import InputError, MissingComponentError

SIZE = (200, 220)
REGION = Region(30, 30, 140, 150)


@pytest.fixture
def points() -> np.ndarray:
    """(478, 2) landmarks of which only the five that align crops matter."""
    face = np.full((478, 2), 100, np.float32)
    face[list(FIVE_POINTS)] = [(80, 90), (120, 90), (100, 112), (84, 134), (116, 134)]
    return face


@pytest.fixture
def plate() -> np.ndarray:
    y, x = np.mgrid[: SIZE[1], : SIZE[0]].astype(np.float32)
    return np.stack([0.5 + 0.3 * np.sin(x / 9), 0.5 + 0.3 * np.cos(y / 11), 0.4 + 0 * x], -1).astype(np.float32)


def enhancer(change: float, size: int = 512) -> Enhancer:
    """Adds ``change`` times the picture's own fine vertical detail: a high-pass along the rows."""
    shape = ["N", 3, size, size]
    kernel = np.zeros((3, 1, 1, 3), np.float32)
    kernel[:, 0, 0] = np.float32([0, 1, 0]) + change * np.float32([-0.5, 1, -0.5])
    node = helper.make_node("Conv", ["picture", "kernel"], ["restored"], group=3, pads=[0, 1, 0, 1])
    return Enhancer(session(model_bytes([node], {"picture": shape}, {"restored": shape}, {"kernel": kernel})))


def test_crop_puts_the_points_where_the_template_wants_them(points):
    affine = crop_affine(points, FFHQ_512)
    found = apply_affine(affine, points[list(FIVE_POINTS)]) / 512
    assert np.abs(found - np.array(FFHQ_512.points)).max() < 0.03


def test_crop_and_back_returns_the_picture(points, plate):
    affine = crop_affine(points, FFHQ_512)
    back = put_back(cut(plate, affine, 512), affine, REGION)
    middle = np.s_[30:-30, 30:-30]
    assert np.abs(back - plate[REGION.slices])[middle].max() < 0.01


def test_enhancer_that_passes_through_changes_nothing(points, plate):
    assert np.abs(enhancer(0).detail(plate, points, REGION)).max() < 1e-5


def test_enhancer_brings_detail_but_no_shift_of_colour(points, plate):
    rng = np.random.default_rng(0)
    noisy = plate + rng.normal(0, 0.03, plate.shape).astype(np.float32)
    detail = enhancer(1).detail(noisy.clip(0, 1), points, REGION)
    assert detail.std() > 0.001
    assert abs(detail.mean()) < 1e-3


def test_enhancer_of_another_size_is_refused():
    with pytest.raises(InputError, match="3x512x512"):
        enhancer(0, 256)


def swapper_bytes(matrix: np.ndarray) -> bytes:
    """Inputs in the other order and under other names; out = picture + 0.1 * first component of the identity."""
    nodes = [
        helper.make_node("MatMul", ["face", "pick"], ["first"]),
        helper.make_node("Reshape", ["first", "flat"], ["scalar"]),
        helper.make_node("Add", ["image", "scalar"], ["swapped"]),
    ]
    pick = np.zeros((512, 1), np.float32)
    pick[0] = 0.1
    constants = {"pick": pick, "flat": np.array([1, 1, 1, 1]), "decoy": np.ones((512, 3), np.float32), "emap": matrix}
    return model_bytes(nodes, {"face": [1, 512], "image": [1, 3, 128, 128]}, {"swapped": [1, 3, 128, 128]}, constants)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_identity_map_is_found_by_shape(tmp_path: Path, dtype: type):
    matrix = np.random.default_rng(5).standard_normal((512, 512)).astype(dtype)
    path = tmp_path / "net.onnx"
    path.write_bytes(swapper_bytes(matrix))
    np.testing.assert_array_equal(read_identity_map(path), matrix.astype(np.float32))


def test_file_without_identity_map_is_refused(tmp_path: Path):
    path = tmp_path / "net.onnx"
    path.write_bytes(swapper_bytes(np.zeros((512, 511), np.float32)))
    with pytest.raises(InputError, match="512 x 512"):
        read_identity_map(path)


def test_inswapper_projects_and_normalises_the_identity(points, plate):
    matrix = np.diag(np.full(512, 7, np.float32))
    net = session(swapper_bytes(matrix))
    swapper = IdentitySwapper(net, session(recogniser_network()), matrix)
    swapper.take_identity(plate, points)
    face, alpha = swapper.draw(plate, points, REGION)
    # First component of (3, 0, 4) / 5, times 0.1.
    assert np.abs(face - plate[REGION.slices])[60:90, 60:80].mean() == pytest.approx(0.06, abs=1e-3)
    assert alpha[75, 70] == pytest.approx(1)
    assert alpha[0, 0] == 0


def test_inswapper_needs_picture_and_identity():
    one = session(model_bytes([helper.make_node("Identity", ["a"], ["b"])], {"a": [1, 512]}, {"b": [1, 512]}))
    with pytest.raises(InputError, match="inswapper_128"):
        IdentitySwapper(one, one, np.eye(512, dtype=np.float32))


def test_inswapper_without_weights_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(MissingComponentError) as raised:
        Blender(CompositeOptions(stages=("swap",), swapper="inswapper"))
    for word in (
        "inswapper_128.onnx",
        "non-commercial",
        "e4a3f08c753cb72d04e10aa0f7dbe3deebbf39567d4ead6dce08e98aa49e16af",
    ):
        assert word in str(raised.value)


def test_templates_are_as_published():
    assert ARCFACE_128.points[2] == (0.50019687, 0.56044219)
    onnx.checker.check_model(onnx.load_model_from_string(swapper_bytes(np.eye(512, dtype=np.float32))))
