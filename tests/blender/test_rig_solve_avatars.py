"""Rig-aware solve on the benchmark's eight avatars: other names, topologies, proportions and controls, right answer known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from understudy.inference import face_model
from understudy.inference.retarget.by_shape.fit import fit
from understudy.inference.retarget.by_shape.solve import solve
from understudy.models.ict_archive import unpack_ict

ROOT = Path(__file__).resolve().parents[2]
# Error of the skin in mm, and what part of the error by names it may be at most (1000: by names it is exact).
EXPECTED = {
    "ict, nonsense names": (0.2, 1000),
    "decimated to 1,700 vertices": (0.2, 1000),
    "remeshed": (0.2, 1000),
    "cartoon": (0.7, 1.1),
    "puppet": (0.8, 1000),
    "jaw bone and 16 shapes": (1.8, 0.6),
    "vowels, blinks, moods": (2.6, 1.05),
    "unseen: old, lean, crooked": (0.8, 0.9),
}


@pytest.fixture(scope="module")
def bench(benchmarks: Callable[[str], ModuleType]) -> ModuleType:
    return benchmarks("rig_solve")


def test_every_avatar_follows_and_closes_its_lips(bench: ModuleType, shared: Path, tmp_path: Path):
    """Every second frame of the sample's truth, and a mouth that chews with closed lips."""
    folder = unpack_ict(shared / "data" / "ict_facekit" / "ICT-FaceKit.tar.xz", tmp_path)
    truth = bench.of_truth(ROOT / "samples" / "performance.truth.npz")
    asked = np.concatenate([truth[::2], bench.chewing()[::2]])
    actor_cm = bench.lips_cm(asked)
    busy = asked.max(1) > 0.05
    assert ((actor_cm < bench.TOUCHING_CM) & busy).sum() > 20
    seen = []
    for avatar in bench.avatars(bench.ict(folder)):
        weights = solve(fit(avatar.shapes, face_model.load()), asked).astype(np.float64)
        ideal = avatar.ideal(asked)
        ours = bench.figures(avatar, weights, ideal, actor_cm, busy)
        named = bench.figures(avatar, bench.by_names(avatar, asked), ideal, actor_cm, busy)
        error_mm, share = EXPECTED[avatar.name]
        assert ours["error_mm"] < error_mm, avatar.name
        assert ours["error_mm"] < share * max(named["error_mm"], 1e-3), avatar.name
        assert ours["closure_recall"] > 0.97, avatar.name
        assert ours["open_recall"] > 0.97, avatar.name
        assert ((weights >= avatar.shapes.lower - 1e-6) & (weights <= avatar.shapes.upper + 1e-6)).all(), avatar.name
        seen.append(avatar.name)
    assert seen == list(EXPECTED)
