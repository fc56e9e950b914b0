"""Restoring: faces by GFPGAN and CodeFormer, frames by Real-ESRGAN, calmed along the plate's flow; small networks."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import small_networks as nets
from onnx import TensorProto
from understudy.inference import cli
from understudy.inference.composite import restore
from understudy.inference.composite.crops import FFHQ_512, FIVE_POINTS, crop_affine, cut, put_back
from understudy.inference.composite.enhancer.gfpgan import DETAIL_BLUR, LIKENESS, STRENGTH, Enhancer
from understudy.inference.composite.enhancer.steady import steady_detail
from understudy.inference.composite.enhancer.upscale import FrameEnhancer, enlarged_plainly
from understudy.inference.composite.pictures import blur, enlarge, shrink
from understudy.inference.composite.stabiliser.flow import Trail, places
from understudy.inference.composite.types import Region
from understudy.inference.errors import InputError
from understudy.inference.media import VideoWriter, probe, read_frames, read_png, write_png

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "performance.mp4"
FRAMES = 5
SIZE = (192, 192)
REGION = Region(20, 10, 90, 70)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    error = float(((one.astype(float) - other.astype(float)) ** 2).mean())
    return 10 * np.log10(255**2 / max(error, 1e-9))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first frames of the sample, small, without loss."""
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    with VideoWriter(path, *SIZE, probe(SAMPLE).fps, "ffv1") as movie:
        for frame in read_frames(SAMPLE, 0, FRAMES):
            movie.write(np.ascontiguousarray(shrink(frame.rgb, SIZE)), frame.time_s)
    return path


def restored(clip: Path, target: Path, *words: str) -> list[np.ndarray]:
    assert cli.main(["restore", str(clip), "-o", str(target), "--device", "cpu", *words]) == 0
    return [frame.rgb for frame in read_frames(target)]


def unrest(pictures: list[np.ndarray], plates: list[np.ndarray]) -> float:
    """Mean square of what a sequence changes from frame to frame and its plate does not; the head is nearly still."""
    change = [picture.astype(float) - plate for picture, plate in zip(pictures, plates, strict=True)]
    return float(np.mean([(after - before) ** 2 for before, after in itertools.pairwise(change)]))


@pytest.fixture(scope="module")
def plates(clip: Path) -> list[np.ndarray]:
    return [frame.rgb for frame in read_frames(clip)]


@pytest.mark.parametrize("content", [nets.face_network(), nets.half_precision_network()], ids=["float32", "float16"])
def test_a_network_that_passes_through_returns_the_footage(clip, plates, tmp_path, monkeypatch, content):
    nets.install(monkeypatch, tmp_path, gfpgan=content)
    for plate, picture in zip(plates, restored(clip, tmp_path / "out.mkv"), strict=True):
        assert psnr(plate, picture) > 45


def test_colour_and_light_of_the_network_stay_out(clip, plates, tmp_path, monkeypatch):
    nets.install(monkeypatch, tmp_path, gfpgan=nets.face_network(colour=(0.2, -0.1, -0.15)))
    for plate, picture in zip(plates, restored(clip, tmp_path / "out.mkv"), strict=True):
        assert psnr(plate, picture) > 45


def test_a_shift_of_colour_leaves_no_edges_at_black_and_white():
    picture = np.zeros((300, 300, 3), np.float32)
    picture[:, 150:] = 1
    points = np.full((478, 2), 150, np.float32)
    points[list(FIVE_POINTS)] = np.array(FFHQ_512.points, np.float32) * 256 + 20
    net = Enhancer(nets.session(nets.face_network(colour=(0.3, -0.2, 0.2))))
    assert np.abs(net.detail(picture, points, Region(40, 40, 216, 216))).max() < 1e-3


def test_what_a_network_invents_anew_in_each_frame_does_not_flicker(clip, plates, tmp_path, monkeypatch):
    nets.install(monkeypatch, tmp_path, gfpgan=nets.face_network(noise=0.2))
    pictures = restored(clip, tmp_path / "out.mkv")
    # Noise of 0.2 in -1..1 is 25 of 255; four fifths of it would be laid on the face in every frame.
    assert unrest(pictures, plates) < 1


def test_detail_that_repeats_is_kept(clip, plates, tmp_path, monkeypatch):
    nets.install(monkeypatch, tmp_path, gfpgan=nets.face_network(sharpen=4.0))
    calm = np.array(restored(clip, tmp_path / "calm.mkv"), float) - plates
    monkeypatch.setattr(restore, "RADIUS", 0)
    alone = np.array(restored(clip, tmp_path / "alone.mkv"), float) - plates
    assert np.abs(alone).max() > 20
    assert 0.75 < (calm * alone).sum() / (alone**2).sum() < 1.05
    assert (np.diff(calm, axis=0) ** 2).mean() < (np.diff(alone, axis=0) ** 2).mean()


def test_codeformer_gets_its_weight_whatever_the_order_and_type_of_its_inputs():
    picture = np.full((300, 300, 3), 0.5, np.float32)
    points = np.full((478, 2), 150, np.float32)
    points[list(FIVE_POINTS)] = np.array(FFHQ_512.points, np.float32) * 256 + 20
    region = Region(20, 20, 256, 256)
    expected = None
    for kind in (TensorProto.DOUBLE, TensorProto.FLOAT, TensorProto.FLOAT16):
        detail = Enhancer(nets.session(nets.codeformer_network(kind))).detail(picture, points, region)
        expected = detail if expected is None else expected
        np.testing.assert_allclose(detail, expected, atol=1e-4)
    stripes = np.tile(np.where(np.arange(512) % 2 == 0, 0.1 * LIKENESS / 2, 0).astype(np.float32), (512, 1))[..., None]
    stripes = np.repeat(stripes - blur(stripes[..., 0], DETAIL_BLUR * 512)[..., None], 3, 2)
    wanted = put_back(STRENGTH * stripes, crop_affine(points, FFHQ_512), region)
    middle = np.s_[60:-60, 60:-60]
    np.testing.assert_allclose(expected[middle], wanted[middle], atol=2e-3)


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [({"a": [1, 3, 256, 256]}, {"b": [1, 3, 256, 256]}), ({"a": [1, 512]}, {"b": [1, 512]})],
    ids=["other size", "no picture"],
)
def test_another_network_in_the_enhancers_place_is_told(inputs, outputs):
    node = nets.helper.make_node("Identity", ["a"], ["b"])
    with pytest.raises(InputError, match="3x512x512"):
        Enhancer(nets.session(nets.model_bytes([node], inputs, outputs)))


def test_wrong_content_and_wrong_contract_are_told_apart(clip, tmp_path, monkeypatch, capsys):
    node = nets.helper.make_node("Identity", ["a"], ["b"])
    small = nets.model_bytes([node], {"a": [1, 3, 256, 256]}, {"b": [1, 3, 256, 256]})
    nets.install(monkeypatch, tmp_path, gfpgan=small)
    words = ["restore", str(clip), "-o", str(tmp_path / "out.mkv"), "--device", "cpu"]
    assert cli.main(words) == 3
    assert "not the network 'gfpgan'" in capsys.readouterr().err
    (tmp_path / "gfpgan.onnx").write_bytes(small[:-1])
    assert cli.main(words) == 4
    answer = capsys.readouterr().err
    assert "has the sha256" in answer
    assert "Apache-2.0" in answer
    assert not (tmp_path / "out.mkv").exists()


@pytest.mark.parametrize(
    ("words", "name", "licence"),
    [
        ((), "gfpgan_1.4.onnx", "Apache-2.0"),
        (("--enhancer", "codeformer"), "codeformer.onnx", "S-Lab License 1.0"),
        (("--enhancer", "none", "--upscale", "2"), "real_esrgan_x2.onnx", "BSD-3-Clause"),
        (("--enhancer", "none", "--upscale", "4"), "real_esrgan_x4.onnx", "BSD-3-Clause"),
    ],
    ids=["gfpgan", "codeformer", "twofold", "fourfold"],
)
def test_missing_weights_are_told_before_any_work(clip, tmp_path, monkeypatch, capsys, words, name, licence):
    nets.install(monkeypatch, tmp_path)
    monkeypatch.setenv("UNDERSTUDY_MODELS", str(tmp_path))  # without the landmark networks, tracking would fail first
    assert cli.main(["restore", str(clip), "-o", str(tmp_path / "out.mkv"), *words]) == 4
    answer = capsys.readouterr().err
    for part in (name, licence, "sha256", "understudy models"):
        assert part in answer
    assert answer.strip().count("\n") == 0


def test_nothing_to_restore_with_is_wrong_use(clip, tmp_path):
    assert cli.main(["restore", str(clip), "-o", str(tmp_path / "out.mkv"), "--enhancer", "none"]) == 2


# ---------------------------------------------------------------- steadying


def still_trails(offsets: range, trust: float = 1.0) -> dict[int, Trail]:
    here = places(REGION, (REGION.width, REGION.height))
    return {offset: Trail(here, np.full(here.shape[:2], trust if offset else 1, np.float32)) for offset in offsets}


def test_signal_survives_steadying_and_noise_does_not():
    rng = np.random.default_rng(3)
    shape = (REGION.height, REGION.width, 3)
    signal = np.zeros(shape, np.float32)
    signal[:, : REGION.width // 2] = blur(rng.normal(0, 0.2, shape).astype(np.float32), 1.0)[:, : REGION.width // 2]
    fields = {offset: (signal + rng.normal(0, 0.02, shape).astype(np.float32), REGION) for offset in range(-3, 4)}
    steady = steady_detail(fields, still_trails(range(-3, 4)))
    left, right = np.s_[:, 8:36], np.s_[:, 54:82]
    assert steady[right].std() < 0.15 * 0.02
    kept = (steady[left] * signal[left]).sum() / (signal[left] ** 2).sum()
    assert 0.9 < kept < 1.05


def test_detail_is_brought_along_with_the_plates_motion():
    rng = np.random.default_rng(4)
    wide = blur(rng.normal(0, 0.3, (REGION.height, REGION.width + 40, 3)).astype(np.float32), 1.5)
    offsets = range(-2, 3)
    here = places(REGION, (REGION.width, REGION.height))
    # The picture moves 3 pixels to the right from frame to frame.
    fields = {o: (np.ascontiguousarray(wide[:, 20 - 3 * o : 20 - 3 * o + REGION.width]), REGION) for o in offsets}
    along = {o: Trail(here + np.float32([3 * o, 0]), np.ones(here.shape[:2], np.float32)) for o in offsets}
    inner = np.s_[:, 12:-12]
    np.testing.assert_allclose(steady_detail(fields, along)[inner], fields[0][0][inner], atol=2e-3)
    still = steady_detail(fields, still_trails(offsets))
    assert np.abs(still[inner]).mean() < 0.3 * np.abs(fields[0][0][inner]).mean()


def test_where_the_flow_is_lost_nothing_is_added():
    ones = np.ones((REGION.height, REGION.width, 3), np.float32)
    fields = dict.fromkeys(range(-2, 3), (ones, REGION))
    assert np.abs(steady_detail(fields, still_trails(range(-2, 3), trust=1e-4))).max() < 0.01
    np.testing.assert_allclose(steady_detail(fields, still_trails(range(-2, 3))), ones, atol=1e-5)


def test_a_frame_without_neighbours_keeps_its_detail():
    ones = np.ones((REGION.height, REGION.width, 3), np.float32)
    np.testing.assert_array_equal(steady_detail({0: (ones, REGION)}, still_trails(range(1))), ones)


# ---------------------------------------------------------------- whole frames


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """(300, 420, 3) smooth shapes and fine texture."""
    y, x = np.mgrid[:300, :420].astype(np.float32)
    picture = np.stack([0.5 + 0.3 * np.sin(x / 31 + y / 47), 0.4 + 0.2 * np.cos(y / 23), 0.5 + 0 * x], -1)
    grain = np.random.default_rng(1).normal(0, 0.03, picture.shape)
    return np.clip(picture + grain, 0, 1).astype(np.float32)


@pytest.mark.parametrize("tile", ["side", 128], ids=["open", "fixed tiles"])
@pytest.mark.parametrize("scale", [2, 4])
def test_tiles_give_the_picture_that_one_run_over_everything_gives(photo, scale, tile):
    network = FrameEnhancer(nets.session(nets.enlarging_network(scale, tile)))
    assert network.scale == scale
    padded = np.pad(photo, ((32, 32), (32, 32), (0, 0)), mode="symmetric")
    whole = nets.session(nets.enlarging_network(scale)).run(None, {"picture": padded.transpose(2, 0, 1)[None]})[0]
    wanted = whole[0].transpose(1, 2, 0)[32 * scale : -32 * scale, 32 * scale : -32 * scale].clip(0, 1)
    assert np.abs(network.enlarged(photo) - wanted).max() < 1e-4


def test_seams_of_tiles_that_differ_in_tone_vanish(photo):
    smooth = blur(photo, 6.0)
    smooth[:, 210:] *= 0.5  # so that means of tiles differ
    smooth = blur(smooth, 20.0)
    calm, moody = (
        FrameEnhancer(nets.session(nets.enlarging_network(2, 128, moody))).enlarged(smooth) for moody in (0.0, 0.3)
    )
    step = np.abs(np.diff(moody - calm, axis=1)).max()
    tones = np.ptp(moody - calm)
    assert tones > 0.02
    # A hard edge would step by the whole difference of two tiles; the fade takes 32 of these pixels.
    assert step < 0.1 * tones


def test_broad_moods_of_the_frame_network_stay_out(photo):
    network = FrameEnhancer(nets.session(nets.enlarging_network(2, 128, moody=0.2)))
    detail = network.detail(blur(photo, 20.0), 2)
    assert np.abs(detail).max() < 0.02


@pytest.mark.parametrize("size", [(40, 30), (31, 33), (128, 257), (1, 1)])
def test_any_frame_size_is_enlarged(size):
    width, height = size
    network = FrameEnhancer(nets.session(nets.enlarging_network(2)))
    flat = np.full((height, width, 3), 0.25, np.float32)
    enlarged = network.enlarged(flat)
    assert enlarged.shape == (2 * height, 2 * width, 3)
    np.testing.assert_allclose(enlarged, 0.25, atol=1e-5)


@pytest.mark.parametrize("words", [("--upscale",), ("--upscale", "4"), ("--upscale", "1")])
def test_upscaling_a_movie_keeps_what_it_shows(clip, plates, tmp_path, monkeypatch, words):
    nets.install(monkeypatch, tmp_path, real_esrgan=nets.enlarging_network(4))
    scale = int(words[1]) if len(words) > 1 else 2
    pictures = restored(clip, tmp_path / "out.mkv", "--enhancer", "none", *words)
    assert len(pictures) == FRAMES
    for plate, picture in zip(plates, pictures, strict=True):
        assert picture.shape == (scale * plate.shape[0], scale * plate.shape[1], 3)
        plain = np.rint(255 * enlarged_plainly(plate.astype(np.float32) / 255, scale))
        assert psnr(picture, plain) > 36


def test_faces_are_restored_in_the_enlarged_frame(clip, plates, tmp_path, monkeypatch):
    nets.install(monkeypatch, tmp_path, real_esrgan_x2=nets.enlarging_network(2), gfpgan=nets.face_network(sharpen=1.0))
    alone = restored(clip, tmp_path / "alone.mkv", "--enhancer", "none", "--upscale")
    both = restored(clip, tmp_path / "both.mkv", "--upscale")
    change = np.abs(both[2].astype(int) - alone[2]).max(-1)
    assert change.max() > 5
    assert (change[:8, :8] == 0).all()


def test_another_network_in_the_frame_enhancers_place_is_told():
    node = nets.helper.make_node("Identity", ["a"], ["b"])
    for shape in ([1, 512], [1, 4, 128, 128], [1, 3, 128, 64], [1, 3, 16, 16]):
        with pytest.raises(InputError, match="Real-ESRGAN"):
            FrameEnhancer(nets.session(nets.model_bytes([node], {"a": shape}, {"b": shape})))


# ---------------------------------------------------------------- crops


def test_a_shrunk_crop_is_not_aliased():
    points = np.zeros((478, 2), np.float32)
    points[list(FIVE_POINTS)] = np.array(FFHQ_512.points, np.float32) * 64  # a face of 32 pixels
    affine = crop_affine(points, FFHQ_512)
    checkers = np.indices((512, 512)).sum(0) % 2
    crop = np.repeat(checkers[..., None], 3, 2).astype(np.float32)
    small = put_back(crop, affine, Region(0, 0, 64, 64))
    assert np.abs(small[8:-8, 8:-8] - 0.5).max() < 0.02


def test_a_crop_does_not_depend_on_the_size_of_the_frame(photo):
    points = np.zeros((478, 2), np.float32)
    points[list(FIVE_POINTS)] = np.array(FFHQ_512.points, np.float32) * 150 + [400, 260]
    large = np.zeros((900, 1300, 3), np.float32)
    large[250 : 250 + 300, 380 : 380 + 420] = photo
    part = large[200:700, 300:900]
    moved = points - [300, 200]
    np.testing.assert_allclose(
        cut(large, crop_affine(points, FFHQ_512), 512), cut(part, crop_affine(moved, FFHQ_512), 512), atol=2e-3
    )


# ---------------------------------------------------------------- deep footage


def test_deep_footage_keeps_its_depth_and_its_alpha(tmp_path, monkeypatch):
    nets.install(monkeypatch, tmp_path, real_esrgan=nets.enlarging_network(4))
    folder = tmp_path / "deep"
    rgba = np.random.default_rng(2).integers(0, 65536, (3, 40, 48, 4)).astype(np.uint16)
    for number, picture in enumerate(rgba):
        write_png(folder / f"{number:04d}.png", picture)
    out = tmp_path / "out" / "out_####.png"
    words = ["restore", str(folder), "-o", str(out), "--device", "cpu", "--enhancer", "none", "--upscale", "2"]
    assert cli.main(words) == 0
    pictures = sorted(out.parent.glob("*.png"))
    assert len(pictures) == 3
    found = read_png(pictures[1])
    assert found.dtype == np.uint16
    assert found.shape == (80, 96, 4)
    alpha = rgba[1, ..., 3].astype(np.float32)
    wanted = np.clip(np.rint(enlarge(alpha, (96, 80))), 0, 65535)
    np.testing.assert_allclose(found[..., 3], wanted, atol=1)
