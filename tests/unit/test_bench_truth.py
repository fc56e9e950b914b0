"""What the rendered actors of the accuracy benchmark do: drawn from the seed, possible, and as varied as promised."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

PAIRED = (
    "browDown browInnerUp browOuterUp cheekPuff cheekSquint eyeBlink eyeLookDown eyeLookIn eyeLookOut eyeLookUp eyeSquint "
    "eyeWide mouthDimple mouthFrown mouthLowerDown mouthPress mouthSmile mouthStretch mouthUpperUp noseSneer"
)
SINGLE = (
    "jawForward jawLeft jawOpen jawRight mouthClose mouthFunnel mouthLeft mouthPucker mouthRight mouthRollLower "
    "mouthRollUpper mouthShrugLower mouthShrugUpper"
)
NAMES = [*(name + side for name in PAIRED.split() for side in ("_L", "_R")), *SINGLE.split()]
FRAMES = 72


@pytest.fixture(scope="module")
def truth_actor(benchmarks: Callable[[str], ModuleType]) -> ModuleType:
    return benchmarks("truth_actor")


@pytest.mark.parametrize("style", ["events", "speech"])
def test_the_seed_says_everything(truth_actor: ModuleType, style: str) -> None:
    once, again, other = (truth_actor.truth_performance(NAMES, FRAMES, seed, style) for seed in (5, 5, 6))
    assert (once[0].coefficients == again[0].coefficients).all()
    assert once[1:] == again[1:]
    assert np.abs(once[0].coefficients - other[0].coefficients).max() > 0.3


@pytest.mark.parametrize("seed", range(1, 20))
def test_a_possible_performance(truth_actor: ModuleType, seed: int) -> None:
    performance, actor, size = truth_actor.truth_performance(NAMES, FRAMES, seed, "events")
    curves = dict(zip(NAMES, performance.coefficients.T, strict=True))
    assert performance.coefficients.min() >= 0
    assert performance.coefficients.max() <= 1
    assert sum(curve.max() > 0.3 for curve in curves.values()) >= 8
    for one, other in (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight"), ("mouthSmile_L", "mouthFrown_L")):
        assert (np.minimum(curves[one], curves[other]) == 0).all(), (one, other)
    assert (curves["mouthClose"] <= curves["jawOpen"]).all()
    turn = performance.rotation[:, :, 2]  # where the face looks, in camera axes
    assert np.degrees(np.arctan2(np.abs(turn[:, 0]), turn[:, 2])).max() < 31
    assert np.degrees(np.arcsin(np.abs(turn[:, 1]))).max() < 13
    focal = performance.camera_matrix[0, 0]
    assert 25 <= np.degrees(2 * np.arctan(size / 2 / focal)) <= 60
    assert 140 <= focal * 15.5 / performance.camera_distance_cm <= 260
    assert 0 <= actor.skin.blotches < 0.1


@pytest.mark.parametrize("seed", range(1, 20))
def test_blinks_are_short_and_of_both_eyes(truth_actor: ModuleType, seed: int) -> None:
    performance, _, _ = truth_actor.truth_performance(NAMES, FRAMES, seed, "events")
    left, right = (performance.coefficients[:, NAMES.index(name)] for name in ("eyeBlink_L", "eyeBlink_R"))
    assert (left == right).all()
    edges = np.flatnonzero(np.diff(np.concatenate([[0], left > 0, [0]]).astype(int)))
    lengths = edges[1::2] - edges[::2]
    assert 1 <= len(lengths) <= 3
    assert lengths.min() >= 2
    assert lengths.max() <= 12  # two may touch
    assert left.max() >= 0.9


def test_a_few_seeds_show_all_kinds_of_skin(truth_actor: ModuleType) -> None:
    skins = [truth_actor.truth_performance(NAMES, FRAMES, seed, "speech")[1].skin for seed in range(101, 113)]
    assert any(skin.freckles > 60 for skin in skins)
    assert any(skin.freckles == 0 for skin in skins)
    lightness = [sum(skin.base) for skin in skins]
    assert max(lightness) > 2.5 * min(lightness)
