"""The parts of the composite benchmark: changes can be taken back, peers are the real ones, occluders are judged rightly."""

from __future__ import annotations

import importlib.util
import json
import mmap
from collections.abc import Callable
from types import ModuleType

import cv2
import numpy as np
import pytest
from understudy.inference.face_model import load

SIZE = 300


@pytest.fixture(scope="module")
def bench(benchmarks: Callable[[str], ModuleType]) -> ModuleType:
    return benchmarks("composite")


@pytest.fixture(scope="module")
def points_px() -> np.ndarray:
    """(478, 2) landmarks of a frontal face in the middle."""
    points = load("default").landmark_mean_cm[:, :2].astype(np.float32)
    return ((points - (points.min(0) + points.max(0)) / 2) * (12, -12) + SIZE / 2).astype(np.float32)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """(H, W, 3) smooth skin."""
    rng = np.random.default_rng(2)
    detail = cv2.GaussianBlur(rng.random((SIZE, SIZE, 3)).astype(np.float32), (0, 0), 4)
    return np.uint8(np.clip((150, 120, 100) + 500 * (detail - detail.mean()), 20, 200))


def decibels(a: np.ndarray, b: np.ndarray, mask: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / ((a.astype(float) - b)[mask > 0] ** 2).mean()))


def test_an_oracle_takes_every_change_back(bench, picture, points_px):
    mask = bench.composite_occluder.face_mask(picture.shape, points_px)
    for change in bench.CHANGES.values():
        if change.noise or change.blur_px > 1:
            continue
        changed = change.apply(picture, points_px, 0)
        assert decibels(changed, picture, mask) < 32, change.name
        assert decibels(bench.oracle(picture, changed, mask, points_px, change), picture, mask) > 38, change.name


def test_the_plate_has_no_face_left_and_nothing_else_is_touched(benchmarks, picture, points_px):
    changes = benchmarks("composite_changes")
    mask = changes.face_mask(picture.shape, points_px)
    plate = changes.without_face(picture, mask, points_px)
    np.testing.assert_array_equal(plate[mask == 0], picture[mask == 0])
    middle = tuple(slice(int(v) - 20, int(v) + 20) for v in points_px.mean(0)[::-1])
    assert plate[middle].std(axis=(0, 1)).max() < 0.3 * picture[middle].std(axis=(0, 1)).max()


def test_change_and_peers_are_those_of_the_shared_tool(bench, picture, points_px, shared):
    spec = importlib.util.spec_from_file_location("reinsertion_tool", shared / "tools" / "reinsertion.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    mask = tool.matte(picture.shape, points_px)
    np.testing.assert_array_equal(bench.composite_occluder.face_mask(picture.shape, points_px), mask)
    theirs = tool.degrade(picture[..., ::-1].copy(), points_px, 0)[..., ::-1]
    ours = bench.CHANGES["tool"].apply(picture, points_px, 0)
    assert np.abs(ours.astype(int) - theirs)[mask > 0].max() <= 1


def test_peers_put_a_face_in(bench, picture, points_px):
    mask = bench.composite_occluder.face_mask(picture.shape, points_px)
    darker = (picture * 0.7).astype(np.uint8)
    pasted = {name: peer(picture, darker, mask) for name, peer in bench.PEERS.items()}
    far = cv2.dilate(mask, np.ones((41, 41), np.uint8)) == 0
    for name, result in pasted.items():
        assert np.abs(result.astype(int) - picture)[far].max() <= 3, name
    assert decibels(pasted["feathered paste"], picture, mask) < 25
    for name in ("seamlessClone", "Reinhard + feather"):
        assert decibels(pasted[name], picture, mask) > decibels(pasted["feathered paste"], picture, mask) + 6, name


def test_occluders_are_judged_by_what_they_cover(bench):
    judge = bench.composite_occluder.judge
    face = np.zeros((100, 100), np.float32)
    face[20:80, 20:80] = 1
    alpha = np.zeros_like(face)
    alpha[40:60, :50] = 1
    kept = face * (1 - alpha)
    right = judge([face] * 5, [kept] * 5, [alpha] * 5)
    assert (right.iou, right.painted_frames, right.false_share) == (1, 0, 0)
    late = judge([face] * 5, [face, face, face, kept, face], [alpha] * 5)
    assert (late.iou, late.painted_frames) == (pytest.approx(0.2), 3)
    timid = judge([face] * 2, [face * 0] * 2, [alpha] * 2)
    assert timid.iou < 0.3
    assert timid.painted_frames == 0
    assert timid.false_share == 1


def test_every_object_crosses_the_face_and_is_known(bench, picture, points_px):
    frames = 5
    clip = bench.Clip("made", (picture,) * frames, None, None)
    object.__setattr__(clip, "take", type("Points", (), {"landmarks_px": np.stack([points_px] * frames)}))
    face = bench.composite_occluder.face_mask(picture.shape, points_px) > 0
    for kind in bench.composite_occluder.OBJECTS:
        pictures, alphas = bench.composite_occluder.cover(clip, kind)
        middle = alphas[frames // 2]
        assert 0.03 < (middle[face] > 0.5).mean() < 0.7, kind
        for changed, alpha in zip(pictures, alphas, strict=True):
            np.testing.assert_array_equal(changed[alpha == 0], picture[alpha == 0])


def test_memory_that_is_held_is_counted(bench):
    before = bench.composite_cost.resident_mb()
    if np.isnan(before):
        pytest.skip("this system does not tell how much memory a process holds")
    held = np.frombuffer(mmap.mmap(-1, 64_000_000))  # from the system: what the process once had may lie ready
    held[:] = 1
    assert 40 < bench.composite_cost.resident_mb() - before < 100
    assert held[-1] == 1


def test_lines_are_json_with_the_aim(bench):
    told = bench._told(bench.Line("reinsertion", "d3", "tool", "understudy", "ssim", 0.98765432))
    assert json.loads(json.dumps(told)) == {
        "benchmark": "composite", "part": "reinsertion", "clip": "d3", "case": "tool", "system": "understudy",
        "figure": "ssim", "value": 0.9877, "aim": ">= 0.97",
    }  # fmt: skip
    assert "aim" not in bench._told(bench.Line("reinsertion", "d3", "tool", "seamlessClone", "ssim", 0.9))
