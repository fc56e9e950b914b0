"""The whole-shot solver's promises: neutral frames, touching lips, certainty, symmetry, gaps, any length, same bytes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tracemalloc
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from understudy.inference import arkit, face_model
from understudy.inference.capture.types import FaceTrack, ShotTracks
from understudy.inference.errors import InputError
from understudy.inference.media.types import VideoInfo
from understudy.inference.progress import silent
from understudy.inference.solve import solve_shot
from understudy.inference.solve.certainty import spreads
from understudy.inference.solve.gaze import IRIS_DROP_CM, PUPIL_DEPTH
from understudy.inference.solve.geometry import Array, Camera, Poses, project, rotation_from_vector
from understudy.inference.solve.lids import lid_habits, openness
from understudy.inference.solve.lips import lip_contact, noise_cm, part_gaps, snapped
from understudy.inference.solve.timeline import Timeline, quieted
from understudy.inference.take import UNKNOWN_SIGMA, Take

MODEL = face_model.load("default")
EXPRESSIONS = MODEL.landmark_expressions_cm[:, :468].astype(np.float64)
FOCAL_PX, SIZE = 700.0, 512
SMILES = [arkit.INDEX["mouthSmileLeft"], arkit.INDEX["mouthSmileRight"]]
JAW, CLOSE = arkit.INDEX["jawOpen"], arkit.INDEX["mouthClose"]
LIP_SHAPES = [n for n, name in enumerate(arkit.NAMES) if name.startswith(("mouth", "jaw"))]


@dataclass(frozen=True)
class Shot:
    """Points of a made performance."""

    points_px: Array
    """(T, 478, 2)."""
    coefficients: Array
    """(T, 52)."""
    poses: Poses

    def solve(
        self,
        points_px: Array | None = None,
        size: tuple[int, int] = (SIZE, SIZE),
        neutral: tuple[int, int] | None = None,
    ) -> Take:
        """Through the door of the room."""
        points = self.points_px if points_px is None else points_px
        frames = len(points)
        info = VideoInfo(Path("made.mp4"), *size, Fraction(25), frames, frames / 25, 0, 8, "h264", False)
        seen = np.isfinite(points).all((1, 2)).astype(np.float32)
        track = FaceTrack(0, points.astype(np.float32), np.zeros((frames, 478), np.float32), seen)
        shot = ShotTracks(info, "0" * 64, np.arange(frames) + 100, np.arange(frames) / 25, (track,))
        return solve_shot(shot, track, MODEL, silent, neutral=neutral)


def played(coefficients: Array, turns: Array, noise_px: float = 0.0) -> Shot:
    """The mean face performing (T, 52) with head turns (T, 3), looking where its eyeLook coefficients say: ahead."""
    frames = len(coefficients)
    time = np.arange(frames)
    places = np.stack([np.sin(time / 9), 0.5 * np.cos(time / 11), -46 - np.sin(time / 13)], 1)
    poses = Poses(rotation_from_vector(turns), places)
    points = MODEL.landmark_mean_cm + np.einsum("tk,kpc->tpc", coefficients, MODEL.landmark_expressions_cm)
    ahead = MODEL.eye_centres_cm + np.array([0, -IRIS_DROP_CM, PUPIL_DEPTH * MODEL.eye_radius_cm])
    points[:, 473:478], points[:, 468:473] = ahead[0], ahead[1]
    noise = noise_px * np.random.default_rng(1).normal(size=(frames, 478, 2))
    camera = Camera(FOCAL_PX, (SIZE / 2, SIZE / 2))
    return Shot(project(points, poses, camera) + noise, coefficients, poses)


def turning(frames: int, most_rad: float = 0.35) -> Array:
    time = np.arange(frames)
    return np.stack([0.1 * np.cos(time / 7), most_rad * np.sin(time / 8), 0.05 * np.sin(time / 9)], 1)


def bumps(frames: int, names: tuple[str, ...], height: float = 0.7) -> Array:
    values = np.zeros((frames, 52))
    for n, name in enumerate(names):
        middle = frames * (n + 0.5) / len(names)
        values[:, arkit.INDEX[name]] = height * np.exp(-0.5 * ((np.arange(frames) - middle) / 4) ** 2)
    return values


@pytest.fixture(scope="module")
def speech() -> Shot:
    return played(bumps(40, ("jawOpen", "mouthFunnel", "browInnerUp", "mouthSmileLeft")), turning(40))


@pytest.fixture(scope="module")
def take(speech: Shot) -> Take:
    return speech.solve()


# Neutral frames


@pytest.fixture(scope="module")
def smiling() -> Shot:
    """Somebody who smiles all the time, except in the last frames."""
    values = bumps(40, ("jawOpen", "browInnerUp"))
    values[:, SMILES] = np.where(np.arange(40) < 34, 0.5, 0.0)[:, None]
    return played(values, turning(40), noise_px=0.5)


def test_neutral_frames_are_neutral(smiling: Shot) -> None:
    take = smiling.solve(neutral=(136, 139))
    face = np.array([not name.startswith(("eyeLook", "eyeBlink")) for name in arkit.NAMES])
    assert take.coefficients[36:, face].max() < 0.05
    error = np.abs(take.coefficients[:30, SMILES] - 0.5).mean()
    assert error < 0.2


def test_a_wrong_neutral_frame_is_believed(smiling: Shot) -> None:
    take = smiling.solve(neutral=(105, 110))
    assert take.coefficients[5:11, SMILES].max() < 0.05


@pytest.mark.parametrize("neutral", [(0, 99), (7, 7), (140, 200)])
def test_neutral_frames_without_a_face_are_bad_input(speech: Shot, neutral: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="neutral frame"):
        speech.solve(neutral=neutral)


# Lips


def test_lips_that_touch_have_no_gap_whatever_the_jaw_does() -> None:
    values = np.zeros((40, 52))
    values[:, JAW] = values[:, CLOSE] = 0.5 * np.sin(np.arange(40) / 40 * np.pi)
    values[:, arkit.INDEX["mouthPucker"]] = 0.4
    take = played(values, turning(40), noise_px=0.3).solve()
    gaps = take.coefficients @ part_gaps(EXPRESSIONS).T
    assert np.abs(gaps[:, 1]).max() < 0.12
    assert np.all(take.coefficients[:, CLOSE] <= take.coefficients[:, JAW] + 1e-6)


def test_open_lips_stay_open(speech: Shot, take: Take) -> None:
    middle = part_gaps(EXPRESSIONS)[1]
    np.testing.assert_allclose(take.coefficients @ middle, speech.coefficients @ middle, atol=0.25)


def test_contact_is_found_despite_the_noise_of_the_points() -> None:
    generator = np.random.default_rng(0)
    closed = np.repeat(np.where(np.arange(90) % 30 < 15, 0.0, 1.0)[:, None], 3, axis=1)
    for noise in (0.0, 0.05):
        seen = closed + noise * generator.normal(size=closed.shape)
        measured = noise_cm(seen)
        assert measured == pytest.approx(noise, rel=0.3, abs=1e-6)
        contact = lip_contact(seen, measured)
        assert contact[closed == 0].mean() > 0.9
        assert contact[closed == 1].max() < 0.1


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_snapping_closes_and_never_leaves_the_bounds(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.uniform(0, 1, size=(20, 52)) * (generator.uniform(size=(20, 52)) < 0.3)
    contact = np.repeat(generator.integers(0, 2, size=(20, 1)), 3, axis=1).astype(float)
    found = snapped(values, contact, EXPRESSIONS)
    assert found.min() >= 0
    assert found.max() <= 1
    gaps = found @ part_gaps(EXPRESSIONS)[1]
    assert gaps[contact[:, 1] == 1].max(initial=0.0) < 1e-6
    apart = contact[:, 1] == 0
    np.testing.assert_array_equal(np.delete(found[apart], CLOSE, 1), np.delete(values[apart], CLOSE, 1))


# Lids


def test_wide_eyes_do_not_make_ordinary_ones_half_closed() -> None:
    openings = np.ones((60, 2))
    openings[:45] = np.linspace(1.1, 1.4, 45)[:, None]
    found = openness(openings, lid_habits(openings, np.zeros(60, bool)))
    assert found[45:].min() > 0.75
    assert found[:45].max() > 1.1


def test_an_actor_whose_eyes_are_always_wide_has_usual_eyes() -> None:
    openings = 1.3 + 0.01 * np.random.default_rng(0).normal(size=(60, 2))
    np.testing.assert_allclose(openness(openings, lid_habits(openings, np.zeros(60, bool))), 1, atol=0.1)


def test_what_is_seen_of_a_closed_eye_is_learned_from_its_twin() -> None:
    openings = np.ones((60, 2))
    openings[20:23], openings[40:43] = (0.15, 0.4), (0.15, 0.4)
    found = openness(openings, lid_habits(openings, np.zeros(60, bool)))
    assert found[[20, 21, 40]].max() < 0.05
    winks = openings.copy()
    winks[:, 1] = 1.0
    assert openness(winks, lid_habits(winks, np.zeros(60, bool)))[:, 1].min() > 0.9


@pytest.mark.parametrize("frames", [3, 4, 6])
def test_blinks_of_a_few_frames_keep_their_height(frames: int) -> None:
    values = np.zeros((40, 52))
    shape = np.sin(np.linspace(0, np.pi, frames + 2))[1:-1]
    blinks = [arkit.INDEX["eyeBlinkLeft"], arkit.INDEX["eyeBlinkRight"]]
    values[18 : 18 + frames, blinks] = (shape / shape.max())[:, None]
    found = played(values, turning(40), noise_px=0.3).solve().coefficients[:, blinks]
    assert found[16:27].max(0).min() >= 0.9
    assert np.delete(found, slice(14, 30), 0).max() < 0.2


def test_what_keeps_quiet_loses_its_noise_and_what_moves_fast_its_edges_not() -> None:
    generator = np.random.default_rng(3)
    jump = np.where(np.arange(120) < 60, 0.0, 0.5)
    blink = 0.5 * (np.abs(np.arange(120) - 90) < 2)
    true = np.stack([jump, blink], 1)
    seen = true + 0.02 * generator.normal(size=true.shape)
    found = quieted(seen, Timeline(np.arange(120) / 25))
    still = np.r_[5:55, 100:115]
    before, after = (np.abs(np.diff(values[still], n=2, axis=0)).mean() for values in (seen, found))
    assert after < 0.4 * before
    assert np.abs(found - true).max() < 0.08
    np.testing.assert_array_equal(quieted(seen[:4], Timeline(np.arange(4) / 25)), seen[:4])
    np.testing.assert_array_equal(quieted(seen, Timeline(np.arange(120) / 25, connected=False)), seen)


# Certainty


def test_sigma_follows_the_evidence() -> None:
    weak, strong = np.tile(np.eye(52), (3, 1, 1)), np.tile(1e4 * np.eye(52), (3, 1, 1))
    assert np.all(spreads(strong) < spreads(weak))
    assert np.all(spreads(weak) > 0.1)
    assert np.all(spreads(strong) < 0.05)


def test_errors_lie_within_sigma() -> None:
    shot = played(bumps(40, ("jawOpen", "mouthFunnel", "browInnerUp", "mouthSmileLeft")), turning(40), noise_px=1.0)
    take = shot.solve()
    assert take.sigma is not None
    active = shot.coefficients.max(0) > 0.3
    error = np.abs(take.coefficients - shot.coefficients)[:, active] / take.sigma[:, active]
    assert np.mean(error < 1) > 0.68
    assert np.mean(error < 2) > 0.95
    calm = shot.solve(played(shot.coefficients, turning(40)).points_px)
    assert calm.sigma is not None
    assert np.median(calm.sigma) < np.median(take.sigma)


def test_nobody_knows_what_a_lost_face_does(speech: Shot) -> None:
    points = speech.points_px.copy()
    points[10:14] = np.nan
    take = speech.solve(points)
    assert take.sigma is not None
    assert np.all(take.sigma[10:14] == UNKNOWN_SIGMA)
    assert take.sigma[20, JAW] < 0.5 * UNKNOWN_SIGMA
    assert np.all(np.isfinite(take.sigma))


# Shots of any kind


@pytest.mark.parametrize("yaw_deg", [-60, 60])
def test_extreme_yaw(yaw_deg: float) -> None:
    values = bumps(40, ("jawOpen", "mouthSmileLeft", "mouthSmileRight"))
    turns = np.zeros((40, 3))
    turns[:, 1] = np.radians(yaw_deg) * np.sin(np.arange(40) / 39 * np.pi)
    shot = played(values, turns, noise_px=0.3)
    take = shot.solve()
    between = take.rotation @ np.swapaxes(shot.poses.rotation, 1, 2)
    assert np.degrees(np.arccos(np.clip((np.trace(between, axis1=1, axis2=2) - 1) / 2, -1, 1))).max() < 4
    assert np.abs(take.coefficients - values).mean() < 0.03
    assert np.degrees(np.abs(take.gaze)).max() < 6


def test_one_frame_shows_its_expression() -> None:
    values = np.zeros((1, 52))
    values[0, JAW], values[0, SMILES], values[0, arkit.INDEX["browInnerUp"]] = 0.5, 0.6, 0.6
    found = played(values, np.array([[0.05, 0.1, 0.0]])).solve().coefficients
    assert found[0, JAW] == pytest.approx(0.5, abs=0.2)
    assert found[0, SMILES].min() > 0.25
    assert found[0, arkit.INDEX["browInnerUp"]] > 0.15
    still = played(np.zeros((1, 52)), np.array([[0.05, 0.1, 0.0]])).solve().coefficients
    assert still.max() < 0.1


@settings(max_examples=2, deadline=None)
@given(scale=st.floats(0.4, 4.0), shift=st.floats(0.0, 200.0))
def test_the_size_of_the_picture_changes_the_camera_only(scale: float, shift: float) -> None:
    shot = played(bumps(8, ("jawOpen",)), turning(8))
    plain = shot.solve()
    margin = int(shift * scale)  # of the picture as it was: a wider margin makes the usual lens another
    larger = shot.solve(shot.points_px * scale + margin, (round(SIZE * scale) + 2 * margin,) * 2)
    np.testing.assert_allclose(larger.coefficients, plain.coefficients, atol=0.05)
    assert np.all(larger.confidence > 0)


def test_the_same_bytes_in_another_process(speech: Shot, take: Take, tmp_path: Path) -> None:
    again = speech.solve()
    assert again.coefficients.tobytes() == take.coefficients.tobytes()
    assert again.sigma is not None
    assert take.sigma is not None
    assert again.sigma.tobytes() == take.sigma.tobytes()
    np.save(tmp_path / "points.npy", speech.points_px)
    program = PROCESS.format(points=str(tmp_path / "points.npy"))
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert told[-1] == hashlib.sha256(take.coefficients.tobytes() + take.gaze.tobytes()).hexdigest()


PROCESS = """
import hashlib, numpy as np
from fractions import Fraction
from pathlib import Path
from understudy.inference import face_model
from understudy.inference.capture.types import FaceTrack, ShotTracks
from understudy.inference.media.types import VideoInfo
from understudy.inference.solve import solve_shot
points = np.load({points!r}).astype(np.float32)
n = len(points)
info = VideoInfo(Path("made.mp4"), 512, 512, Fraction(25), n, n / 25, 0, 8, "h264", False)
track = FaceTrack(0, points, np.zeros((n, 478), np.float32), np.ones(n, np.float32))
take = solve_shot(ShotTracks(info, "0" * 64, np.arange(n) + 100, np.arange(n) / 25, (track,)), track,
                  face_model.load("default"))
print(hashlib.sha256(take.coefficients.tobytes() + take.gaze.tobytes()).hexdigest())
"""


def test_long_shots_take_memory_in_proportion() -> None:
    """5,000 frames may not take more than ten 52 x 52 matrices per frame, and are solved like any others."""
    shot = played(bumps(5000, ("jawOpen", "mouthFunnel", "browInnerUp")), turning(5000))
    tracemalloc.start()
    try:
        take = shot.solve()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak / 5000 < 10 * 52 * 52 * 8
    assert np.abs(take.coefficients - shot.coefficients).mean() < 0.03
    assert take.coefficients[np.argmax(shot.coefficients[:, JAW]), JAW] == pytest.approx(0.7, abs=0.15)


def test_bounds_always_hold(take: Take) -> None:
    noise = np.random.default_rng(0).uniform(0, SIZE, size=(6, 478, 2))
    for found in (take, played(np.zeros((6, 52)), turning(6)).solve(noise)):
        values: NDArray[np.float32] = found.coefficients
        assert np.isfinite(values).all()
        assert values.min() >= 0
        assert values.max() <= 1
