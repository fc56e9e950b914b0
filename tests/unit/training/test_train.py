"""A training: what it draws, how its rate falls, that it goes on where it was stopped, and that it learns."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from understudy.inference.capture.face_points import MIRROR_COEFFICIENTS, MIRROR_POINTS  # noqa: E402  # after torch
from understudy.training.augmentation import harmed, jittered  # noqa: E402
from understudy.training.dataset import Crops, Shard, in_region  # noqa: E402
from understudy.training.network import POINTS, SIDE  # noqa: E402
from understudy.training.train import Draws, Run, Source, rate, train  # noqa: E402

MESH = Path(__file__).parents[3] / "models/weights/face_landmarks.onnx"


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Eight pictures with a bright spot at every point."""
    rng = np.random.default_rng(3)
    folder = tmp_path / "data/shard_0000"
    folder.mkdir(parents=True)
    points = rng.uniform(90, 290, (8, POINTS, 3)).astype(np.float32)
    points[:, 33, :2], points[:, 263, :2] = (120, 150), (264, 150)
    images = np.zeros((8, 384, 384, 3), np.uint8)
    for image, places in zip(images, points, strict=True):
        image[places[:, 1].astype(int), places[:, 0].astype(int)] = 255
    np.save(folder / "images.npy", images)
    np.save(folder / "points.npy", points)
    np.save(folder / "visible.npy", np.ones((8, POINTS), np.uint8))
    np.save(folder / "coefficients.npy", rng.random((8, 52)).astype(np.float32))
    return folder.parent


def test_truth_stays_on_the_picture_through_crop_and_mirror(shards: Path) -> None:
    shard = Shard.read(shards / "shard_0000")
    plain = Crops([shard], seed=None)
    picture, points = plain[0][0].numpy(), plain[0][1].numpy()
    x, y = (SIDE * points[:, :2]).astype(int).T
    lit = picture[0, np.clip(y, 0, 255), np.clip(x, 0, 255)]
    assert (lit > 0.1).mean() > 0.95


def test_a_mirrored_mirror_is_the_same() -> None:
    assert (MIRROR_POINTS[MIRROR_POINTS] == np.arange(POINTS)).all()
    assert (MIRROR_COEFFICIENTS[MIRROR_COEFFICIENTS] == np.arange(52)).all()


def test_harm_is_random_but_the_same_for_the_same_number(shards: Path) -> None:
    crops = Crops([Shard.read(shards / "shard_0000")], seed=5)
    assert torch.equal(crops[3][0], crops[3][0])
    assert not torch.equal(crops[3][0], crops[3 + len(crops)][0])


def test_harm_keeps_the_shape_whatever_is_drawn() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    for seed in range(60):
        assert harmed(picture, np.random.default_rng(seed)).shape == picture.shape


def test_jitter_stays_near_the_face() -> None:
    from understudy.inference.capture.region import Region

    region = Region((100.0, 80.0), (50.0, 50.0), 0.3)
    middle = np.array([[100.0, 80.0]], np.float32)
    for seed in range(100):
        near = in_region(middle, jittered(region, np.random.default_rng(seed)))
        assert np.abs(near - 0.5).max() < 0.2


def test_sources_are_drawn_by_their_shares() -> None:
    drawn = list(itertools.islice(iter(Draws([10, 30], [3.0, 1.0], 0)), 8000))
    first = np.mean([number % 40 < 10 for number in drawn])
    assert abs(first - 0.75) < 0.03
    assert len(set(drawn)) > 40, "later turns have other numbers, and so other harms"


def test_the_rate_rises_and_falls_to_almost_nothing() -> None:
    rates = [rate(part) for part in np.linspace(0, 1, 50)]
    assert rates[0] < 0.1
    assert max(rates) > 0.95
    assert rates[-1] < 0.01


def test_a_stopped_training_goes_on(tmp_path: Path, shards: Path) -> None:
    if not MESH.is_file():
        pytest.skip("models/weights is not built")
    run = Run(tmp_path, "cpu", MESH)
    source = Source(shards, None)
    train(run, [source], source, minutes=0.002, batch=4, workers=0)
    again = Run(tmp_path, "cpu", MESH)
    again.go_on()
    assert again.steps == run.steps > 0
    for ours, theirs in zip(again.net.parameters(), run.net.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    train(again, [source], source, minutes=0.004, batch=4, workers=0)
    assert again.steps > run.steps
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) >= 2
