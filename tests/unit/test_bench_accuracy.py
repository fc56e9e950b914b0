"""The parts of the accuracy benchmark: the plain fit is a fair peer, costs are told by stage, the picture is drawn."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from understudy.inference import arkit, face_model
from understudy.inference.media.images import read_png
from understudy.inference.take import Take

FRAMES, FOCAL_PX, SIZE_PX = 20, 700.0, 480


@pytest.fixture(scope="module")
def bench(benchmarks: Callable[[str], ModuleType]) -> ModuleType:
    return benchmarks("accuracy")


@pytest.fixture(scope="module")
def known() -> Take:
    """A turning head whose jaw opens and left mouth corner smiles, with the landmarks of the default model's surface."""
    model = face_model.load("default")
    coefficients = np.zeros((FRAMES, len(arkit.NAMES)))
    coefficients[:, arkit.INDEX["jawOpen"]] = 0.7 * np.sin(np.linspace(0, np.pi, FRAMES)) ** 2
    coefficients[:, arkit.INDEX["mouthSmileLeft"]] = np.linspace(0, 0.8, FRAMES)
    rotation = Rotation.from_euler("y", np.linspace(-20, 20, FRAMES)[:, None], degrees=True).as_matrix()
    points = model.landmark_mean_cm + np.einsum("te,evk->tvk", coefficients, model.landmark_expressions_cm)
    camera = np.einsum("tij,tvj->tvi", rotation, points) - [0, 0, 60]
    pixels = SIZE_PX / 2 + FOCAL_PX * camera[..., :2] * [1, -1] / -camera[..., 2:]
    return Take(
        names=arkit.NAMES,
        coefficients=coefficients.astype(np.float32),
        confidence=np.ones(FRAMES, np.float32),
        time_s=np.arange(FRAMES) / 24,
        rotation=rotation.astype(np.float32),
        translation_cm=np.tile(np.float32([0, 0, -60]), (FRAMES, 1)),
        gaze=np.zeros((FRAMES, 2, 2), np.float32),
        camera_matrix=np.eye(3),
        landmarks_px=pixels.astype(np.float32),
        identity=np.zeros(1, np.float32),
        neutral_cm=np.zeros((1, 3), np.float32),
        fps=Fraction(24),
        frame_size=(SIZE_PX, SIZE_PX),
        frame_index=np.arange(FRAMES),
        face_model="default",
        source_sha256="",
        tool_version="",
    )


def test_the_plain_fit_follows_clean_points(bench: ModuleType, known: Take) -> None:
    found, cost_ms = bench.plain_fit(face_model.load("default"), known)
    for name in ("jawOpen", "mouthSmileLeft"):
        pair = (curves.coefficients[:, arkit.INDEX[name]] for curves in (found, known))
        assert np.corrcoef(*pair)[0, 1] > 0.9, name
    turned = Rotation.from_matrix(found.rotation) * Rotation.from_matrix(known.rotation).inv()
    assert np.degrees(turned.magnitude()).max() < 3
    assert cost_ms > 0


def test_the_plain_fit_bridges_lost_frames(bench: ModuleType, known: Take) -> None:
    landmarks = known.landmarks_px.copy()
    landmarks[[0, 7]] = np.nan
    found, _ = bench.plain_fit(face_model.load("default"), Take(**{**vars(known), "landmarks_px": landmarks}))
    assert np.isfinite(found.coefficients).all()


def test_time_belongs_to_the_stage_that_reports(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 1.0, 3.0, 3.5, 4.0])
    monkeypatch.setattr(bench.time, "process_time", lambda: next(times))
    clock = bench.StageClock()
    clock("track", 1, 2)
    clock("track", 2, 2)
    clock("solve", 1, 1)
    assert clock.per_frame(10) == {"capture": pytest.approx(300), "solve": pytest.approx(100)}


def test_the_picture_shows_curves_and_bars(bench: ModuleType, known: Take, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    names = np.array([name.replace("Left", "_L").replace("Right", "_R") for name in known.names])
    np.savez(clip.with_suffix(".truth.npz"), names=names, coefficients=known.coefficients, rotation=known.rotation)
    means = {"ours": {"mean_correlation": 0.9}, "other": {"mean_correlation": float("nan")}}
    bench.draw(tmp_path / "a.png", clip, {"ours": known, "other": known}, means)
    picture = read_png(tmp_path / "a.png")
    assert picture.shape[0] > 500
    assert (picture < 128).any()
