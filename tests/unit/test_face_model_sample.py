"""The sample performance that ships: its size, its sound and its truth belong together."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest
from understudy.inference import arkit
from understudy.inference.media import probe
from understudy.inference.report.accuracy import known_coefficients

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
MOVIE, TRUTH = SAMPLES / "performance.mp4", SAMPLES / "performance.truth.npz"


@pytest.fixture(scope="module")
def truth():
    with np.load(TRUTH, allow_pickle=False) as data:
        return dict(data)


def test_sample_is_small_and_has_sound():
    assert MOVIE.stat().st_size + TRUTH.stat().st_size < 1_000_000
    info = probe(MOVIE)
    assert (info.width, info.height) == (480, 480)
    assert info.fps == 24
    assert info.has_audio


def test_truth_has_a_row_per_frame(truth):
    frames = sum(1 for _ in av.open(str(MOVIE)).decode(video=0))
    assert 48 <= frames <= 96
    for key in ("coefficients", "rotation", "translation_cm", "landmarks68_px", "gaze"):
        assert len(truth[key]) == frames
    assert np.abs(truth["rotation"] @ truth["rotation"].transpose(0, 2, 1) - np.eye(3)).max() < 1e-9
    assert truth["landmarks68_px"].min() > 0
    assert truth["landmarks68_px"].max() < 480


def test_performance_blinks_speaks_smiles_and_lifts_its_brows(truth):
    curves = known_coefficients(TRUTH)
    assert set(curves) == set(arkit.NAMES) - {"tongueOut"}
    assert truth["coefficients"].min() >= 0
    assert truth["coefficients"].max() <= 1
    lid = curves["eyeBlinkLeft"]
    closings = (lid[1:] > 0.9) & (lid[:-1] <= 0.9)
    assert closings.sum() >= 2
    for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "browOuterUpLeft"):
        assert curves[name].max() > 0.4, name
    assert np.ptp(truth["gaze"][:, 0, 0]) > 0.3


def test_sound_is_loud_where_the_jaw_is_open(truth):
    with av.open(str(MOVIE)) as movie:
        stream = movie.streams.audio[0]
        sound = np.concatenate([block.to_ndarray().ravel() for block in movie.decode(stream)])
        rate = stream.rate
    jaw = known_coefficients(TRUTH)["jawOpen"]
    edges = (np.arange(len(jaw) + 1) * rate / 24).astype(int)
    loudness = [np.sqrt(np.mean(sound[a:b] ** 2)) for a, b in itertools.pairwise(edges) if b <= len(sound)]
    assert np.corrcoef(loudness, jaw[: len(loudness)])[0, 1] > 0.7
