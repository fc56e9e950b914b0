"""The live solver: causal, bounded, sane from the first frame on, and in agreement with the whole-shot solver."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear
from scipy.spatial.transform import Rotation
from understudy.inference import arkit, face_model
from understudy.inference.capture.types import FaceTrack, ShotTracks
from understudy.inference.errors import UsageError
from understudy.inference.media.types import VideoInfo
from understudy.inference.solve import solve_shot
from understudy.inference.solve.coefficients import Bounds
from understudy.inference.solve.gaze import IRIS_DROP_CM, PUPIL_DEPTH, full_look_rad, look_coefficients
from understudy.inference.solve.geometry import Array, Camera, Poses, project, rotation_from_vector
from understudy.inference.solve.landmark_groups import LEFT_LIDS, RIGHT_LIDS
from understudy.inference.solve.lids import closing_blinks
from understudy.inference.solve.live import LiveFrame, LiveOptions, LiveSolver
from understudy.inference.solve.live.frame import bounded
from understudy.inference.solve.live.rest import resting_of, without_rest
from understudy.inference.solve.live.solver import HOLD_S

MODEL = face_model.load("default")
SIZE = (512, 512)
FPS = 30.0
BLINKS = [arkit.INDEX["eyeBlinkLeft"], arkit.INDEX["eyeBlinkRight"]]
PLAYED = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "mouthFunnel", "browDownLeft", "browDownRight")


class Stage:
    """A known performance in front of a known camera, by the face model itself."""

    def __init__(self, frames: int, focal_px: float = 700.0, turn: float = 1.0, play: float = 1.0) -> None:
        time = np.arange(frames)
        self.time_s = time / FPS
        self.camera = Camera(focal_px, (SIZE[0] / 2, SIZE[1] / 2))
        turns = turn * np.stack([0.12 * np.cos(time / 9), 0.35 * np.sin(time / 12), 0.05 * np.sin(time / 11)], 1)
        places = np.stack([turn * np.sin(time / 13), 0.5 * turn * np.cos(time / 15), 0 * time - focal_px / 15], 1)
        self.poses = Poses(rotation_from_vector(turns), places)
        self.gaze = play * np.stack([0.25 * np.sin(time / 10), 0.12 * np.cos(time / 14)], 1)
        self.coefficients = look_coefficients(np.stack([self.gaze, self.gaze], 1), full_look_rad(MODEL))
        for n, name in enumerate(PLAYED):
            since = (time + 10 * len(PLAYED) - 10 * n) % (10 * len(PLAYED)) - 5
            self.coefficients[:, arkit.INDEX[name]] = 0.7 * play * np.exp(-0.5 * (since / 3) ** 2)
        self.coefficients[:, BLINKS] = play * np.exp(-0.5 * ((time % 45 - 22) / 1.3) ** 2)[:, None]
        identity = 0.5 * np.random.default_rng(4).normal(size=len(MODEL.identity_modes_cm))
        self.neutral = MODEL.landmark_mean_cm + np.einsum("i,ivc->vc", identity, MODEL.landmark_modes_cm)
        self.landmarks_px = self.points()

    def points(self) -> Array:
        """(T, 478, 2)."""
        raw = self.coefficients.copy()
        raw[:, BLINKS] *= closing_blinks(self.neutral, MODEL.landmark_expressions_cm)
        points = self.neutral + np.einsum("tk,kvc->tvc", raw, MODEL.landmark_expressions_cm)
        yaw, pitch = self.gaze.T
        direction = np.stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], 1)
        moved = self.neutral - MODEL.landmark_mean_cm
        for eye, (irises, lids) in enumerate(((slice(473, 478), LEFT_LIDS), (slice(468, 473), RIGHT_LIDS))):
            centre = MODEL.eye_centres_cm[eye] + moved[list(lids)].mean(0) - np.array([0, IRIS_DROP_CM, 0])
            points[:, irises] = (centre + PUPIL_DEPTH * MODEL.eye_radius_cm * direction)[:, None]
        return project(points, self.poses, self.camera)


def perform(
    points: Sequence[Array | None] | Array, solver: LiveSolver | None = None, start_s: float = 0.0
) -> list[LiveFrame]:
    """Feed frames at an even rate."""
    solver = solver or LiveSolver(MODEL, SIZE)
    return [solver.step(frame, start_s + n / FPS) for n, frame in enumerate(points)]


def every(frames: Sequence[LiveFrame], name: str) -> Array:
    """(T, ...) one field of all frames."""
    return np.stack([np.asarray(getattr(frame, name), float) for frame in frames])


def assert_same(first: Sequence[LiveFrame], second: Sequence[LiveFrame]) -> None:
    """Bit for bit."""
    for field in fields(LiveFrame):
        np.testing.assert_array_equal(every(first, field.name), every(second, field.name), err_msg=field.name)


def turned_deg(first: Array, second: Array) -> Array:
    """(T,) angles between rotations."""
    return np.degrees((Rotation.from_matrix(first).inv() * Rotation.from_matrix(second)).magnitude())


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage(240)


@pytest.fixture(scope="module")
def solver(stage: Stage) -> LiveSolver:
    """One that has seen the whole performance; `found` is what it gave."""
    return LiveSolver(MODEL, SIZE)


@pytest.fixture(scope="module")
def found(stage: Stage, solver: LiveSolver) -> list[LiveFrame]:
    return perform(stage.landmarks_px, solver)


def test_after_a_while_exact_points_give_the_performance_back(stage: Stage, found: list[LiveFrame]) -> None:
    late = slice(170, None)
    values, truth = every(found, "coefficients")[late], stage.coefficients[late]
    assert np.abs(values - truth).mean() < 0.025
    for name in PLAYED:
        played, true = values[:, arkit.INDEX[name]], truth[:, arkit.INDEX[name]]
        assert np.corrcoef(played, true)[0, 1] > 0.9, name
    assert turned_deg(every(found, "rotation")[late], stage.poses.rotation[late]).mean() < 1.5
    assert np.abs(every(found, "gaze")[late] - stage.gaze[late, None]).mean() < 0.04


def test_after_a_while_it_agrees_with_the_whole_shot_solver(
    stage: Stage, found: list[LiveFrame], solver: LiveSolver
) -> None:
    info = VideoInfo(Path("made.mp4"), *SIZE, Fraction(30), 240, 8.0, 0, 8, "h264", False)
    points = stage.landmarks_px.astype(np.float32)
    track = FaceTrack(0, points, np.zeros((240, 478), np.float32), np.ones(240, np.float32))
    whole = solve_shot(ShotTracks(info, "0" * 64, np.arange(240), stage.time_s, (track,)), track, MODEL)
    late = slice(170, None)
    assert np.abs(every(found, "coefficients")[late] - whole.coefficients[late]).mean() < 0.02
    assert turned_deg(every(found, "rotation")[late], whole.rotation[late].astype(float)).mean() < 1.0
    assert np.abs(every(found, "gaze")[late] - whole.gaze[late]).mean() < 0.04
    assert solver.actor is not None
    assert solver.actor.camera.focal_px == pytest.approx(whole.camera_matrix[0, 0], rel=0.05)


def test_blinks_reach_their_peak_and_are_not_late(stage: Stage, found: list[LiveFrame]) -> None:
    blinks = every(found, "coefficients")[:, BLINKS].mean(1)
    for peak in range(22, len(blinks), 45):
        assert blinks[peak] > 0.9
        assert abs(int(np.argmax(blinks[peak - 5 : peak + 6])) - 5) <= 1


def test_the_future_changes_nothing(stage: Stage, found: list[LiveFrame]) -> None:
    changed = stage.landmarks_px[:60].copy()
    changed[40:] += 30.0
    assert_same(perform(changed)[:40], found[:40])


def test_the_same_frames_give_the_same_bytes(stage: Stage, found: list[LiveFrame]) -> None:
    assert_same(perform(stage.landmarks_px[:90]), found[:90])


def test_the_callers_array_may_change_afterwards(stage: Stage, found: list[LiveFrame]) -> None:
    solver, shared = LiveSolver(MODEL, SIZE), np.empty((478, 2))
    again = []
    for n, points in enumerate(stage.landmarks_px[:50]):
        shared[:] = points
        again.append(solver.step(shared, n / FPS))
    assert_same(again, found[:50])


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000), noise_px=st.floats(0.0, 40.0))
def test_values_stay_in_bounds_whatever_the_points(seed: int, noise_px: float) -> None:
    points = Stage(25).landmarks_px
    frames = perform(points + noise_px * np.random.default_rng(seed).normal(size=points.shape))
    values = every(frames, "coefficients")
    assert values.min() >= 0
    assert values.max() <= 1
    confidence = every(frames, "confidence")
    assert confidence.min() > 0
    assert confidence.max() <= 1
    for field in fields(LiveFrame):
        assert np.isfinite(every(frames, field.name)).all(), field.name
    rotation = every(frames, "rotation")
    np.testing.assert_allclose(
        rotation @ np.swapaxes(rotation, 1, 2), np.broadcast_to(np.eye(3), rotation.shape), atol=1e-4
    )


def test_the_first_frame_is_usable() -> None:
    for turn in (0.0, 1.0):
        stage = Stage(1, turn=turn, play=0.0)
        frame = perform(stage.landmarks_px)[0]
        looks = np.array([name.startswith("eyeLook") for name in arkit.NAMES])
        assert frame.coefficients[~looks].max() < 0.25
        assert frame.coefficients.mean() < 0.05
        assert turned_deg(frame.rotation[None], stage.poses.rotation)[0] < 6
        assert frame.confidence > 0.5


def test_a_still_face_stays_still() -> None:
    still = np.repeat(Stage(1, play=0.0).landmarks_px, 150, 0)
    frames = perform(still + 0.3 * np.random.default_rng(3).normal(size=still.shape))[60:]
    assert every(frames, "coefficients").std(0).max() < 0.02
    steps = np.abs(np.diff(every(frames, "coefficients"), axis=0))
    assert steps.max() < 0.12
    assert steps.mean(0).max() < 0.02
    rotation = every(frames, "rotation")
    assert turned_deg(rotation[1:], rotation[:-1]).max() < 0.15
    assert np.abs(np.diff(every(frames, "gaze"), axis=0)).max() < 0.02


def test_learning_the_actor_makes_no_jumps(found: list[LiveFrame]) -> None:
    rotation = every(found, "rotation")
    assert turned_deg(rotation[1:], rotation[:-1]).max() < 3.5
    slow = [arkit.INDEX[name] for name in PLAYED]
    assert np.abs(np.diff(every(found, "coefficients")[:, slow], axis=0)).max() < 0.3


def test_size_and_place_in_the_picture_do_not_matter(stage: Stage, found: list[LiveFrame]) -> None:
    double = LiveSolver(MODEL, (2 * SIZE[0], 2 * SIZE[1]))
    frames = perform(2 * stage.landmarks_px[:90], double)
    np.testing.assert_allclose(every(frames, "coefficients"), every(found[:90], "coefficients"), atol=0.02)
    np.testing.assert_allclose(every(frames, "rotation"), every(found[:90], "rotation"), atol=0.01)
    aside = perform(stage.landmarks_px[:90] + [6.0, -4.0])
    assert np.abs(every(aside, "coefficients") - every(found[:90], "coefficients")).mean() < 0.01


def test_lost_faces_are_held_and_fade() -> None:
    points: list[Array | None] = list(Stage(90).landmarks_px)
    lost = points.copy()
    lost[40:80] = [None if n % 2 else np.full((478, 2), np.nan) for n in range(40)]
    frames = perform(lost)
    gone = frames[40:80]
    for name in ("coefficients", "rotation", "translation_cm", "gaze"):
        np.testing.assert_array_equal(
            every(gone, name), np.broadcast_to(every(frames[39:40], name), every(gone, name).shape)
        )
    confidence = every(gone, "confidence")
    held = int(HOLD_S * FPS) - 1
    np.testing.assert_allclose(confidence[:held], frames[39].confidence)
    assert (np.diff(confidence) <= 0).all()
    assert confidence[-1] == 0
    assert [frame.time_s for frame in gone] == [n / FPS for n in range(40, 80)]


def test_a_found_face_takes_over_without_a_jump() -> None:
    points: list[Array | None] = list(Stage(140).landmarks_px)
    whole, lost = perform(points), points.copy()
    lost[40:80] = [None] * 40
    frames = perform(lost)
    rotation = every(frames, "rotation")
    away = turned_deg(rotation[79:80], every(whole[80:81], "rotation"))[0]
    assert away > 10, "the head must have moved meanwhile, or this shows nothing"
    assert turned_deg(rotation[80:88], rotation[79:87]).max() < 0.5 * away
    assert np.abs(every(frames[80:82], "coefficients") - every(frames[79:81], "coefficients")).max() < 0.35
    late = slice(110, None)
    assert turned_deg(rotation[late], every(whole[late], "rotation")).max() < 1.5
    assert np.abs(every(frames[late], "coefficients") - every(whole[late], "coefficients")).mean() < 0.03


def test_a_single_lost_frame_hardly_matters(stage: Stage, found: list[LiveFrame]) -> None:
    points: list[Array | None] = list(stage.landmarks_px[:70])
    points[50] = None
    frames = perform(points)
    assert np.abs(every(frames[53:], "coefficients") - every(found[53:70], "coefficients")).mean() < 0.01


def test_before_any_face_there_is_a_neutral_one() -> None:
    solver = LiveSolver(MODEL, SIZE)
    solver.calibrate_neutral()
    frames = perform([None, np.full((478, 2), np.nan)], solver)
    assert solver.actor is None
    assert every(frames, "confidence").max() == 0
    assert every(frames, "coefficients").max() == 0
    late = perform(Stage(20).landmarks_px, solver, start_s=1.0)
    assert late[-1].confidence > 0.3
    assert solver.actor is not None


def test_after_reset_nothing_is_remembered(stage: Stage, found: list[LiveFrame]) -> None:
    solver = LiveSolver(MODEL, SIZE)
    perform(Stage(40, focal_px=1200.0).landmarks_px[::-1], solver)
    solver.reset()
    assert_same(perform(stage.landmarks_px[:30], solver), found[:30])


def test_the_user_says_what_is_neutral() -> None:
    """An actor whose resting face smiles: after the button is pressed it shows as neutral, and smiles still show."""
    stage = Stage(1, play=0.0)
    smiles = [arkit.INDEX["mouthSmileLeft"], arkit.INDEX["mouthSmileRight"]]
    plain = np.repeat(stage.landmarks_px, 40, 0)
    stage.coefficients[:, smiles] = 0.35
    resting = np.repeat(stage.points(), 60, 0)
    stage.coefficients[:, smiles] = 0.85
    smiling = np.repeat(stage.points(), 30, 0)
    solver = LiveSolver(MODEL, SIZE)
    perform(plain, solver)
    before = perform(resting, solver, start_s=2.0)[-1]
    assert before.coefficients[smiles].min() > 0.15
    solver.calibrate_neutral()
    after = perform(resting, solver, start_s=4.0)[-1]
    assert after.coefficients[smiles].max() < 0.08
    assert perform(smiling, solver, start_s=6.0)[-1].coefficients[smiles].min() > 0.25


def test_a_known_focal_length_is_kept(stage: Stage) -> None:
    solver = LiveSolver(MODEL, SIZE, LiveOptions(focal_px=stage.camera.focal_px))
    frames = perform(stage.landmarks_px[:120], solver)
    assert solver.actor is not None
    assert solver.actor.camera.focal_px == pytest.approx(stage.camera.focal_px, rel=0.01)
    distance = every(frames[60:], "translation_cm")[:, 2] / stage.poses.translation_cm[60:120, 2]
    assert np.abs(distance - 1).mean() < 0.06


def test_uneven_and_repeated_times_do_no_harm(stage: Stage) -> None:
    solver, time_s = LiveSolver(MODEL, SIZE), 0.0
    frames = []
    for n, points in enumerate(stage.landmarks_px[:120]):
        time_s += (0.0, 1 / 60, 1 / 15)[n % 3]
        frames.append(solver.step(points, time_s))
    late = slice(60, None)
    assert np.abs(every(frames[late], "coefficients") - stage.coefficients[60:120]).mean() < 0.04
    assert turned_deg(every(frames[late], "rotation"), stage.poses.rotation[60:120]).mean() < 2


def test_landmarks_of_another_shape_are_refused() -> None:
    with pytest.raises(UsageError, match="478"):
        LiveSolver(MODEL, SIZE).step(np.zeros((468, 2)), 0.0)


OUTSIDE = (type, ModuleType, FunctionType, CodeType)
"""Ways out of the solver, to all that the program holds."""


def kept_bytes(root: object) -> int:
    """Size of the arrays that can be reached from an object, its generators' variables included."""
    seen, found, total = {id(root)}, [root], 0
    while found:
        one = found.pop()
        total += one.nbytes if isinstance(one, np.ndarray) else 0
        for other in gc.get_referents(one):
            if id(other) not in seen and not isinstance(other, OUTSIDE):
                seen.add(id(other))
                found.append(other)
    return total


def test_memory_does_not_grow() -> None:
    """What is kept between frames, at its least within one round of learning the actor."""
    points, solver = Stage(100).landmarks_px, LiveSolver(MODEL, SIZE)
    kept = []
    for n in range(1500):
        solver.step(None if n % 500 > 490 else points[n % 100], n / FPS)
        kept.append(kept_bytes(solver) if 390 <= n < 490 or 1390 <= n < 1490 else np.inf)
    assert min(kept[1390:1490]) < 1.001 * min(kept[390:490])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(8, 40))
def test_the_bounded_minimum_is_the_reference_one(seed: int, rows: int) -> None:
    generator = np.random.default_rng(seed)
    size = 8
    matrix = np.vstack([generator.normal(size=(rows, size)), 0.1 * np.eye(size)])
    target = matrix @ generator.uniform(-1, 2, size) + generator.normal(size=len(matrix))
    bounds = Bounds(np.zeros(size), np.where(np.arange(size) == 3, 0.0, 1.0))
    found = bounded(matrix.T @ matrix, matrix.T @ target, bounds, generator.uniform(0, 1, size))
    upper = np.where(bounds.upper > 0, bounds.upper, 1e-12)
    expected = lsq_linear(matrix, target, (bounds.lower, upper), method="bvls", tol=1e-14).x
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_two_seconds_of_a_neutral_face_may_tremble_and_blink() -> None:
    stage = Stage(1, play=0.0)
    smiles = [arkit.INDEX["mouthSmileLeft"], arkit.INDEX["mouthSmileRight"]]
    stage.coefficients[:, smiles] = 0.35
    resting = np.repeat(stage.points(), 60, 0)
    stage.coefficients[:, BLINKS] = 1.0
    seen = resting.copy()
    seen[40:44] = stage.points()
    seen += np.random.default_rng(2).normal(size=seen.shape)
    solver = LiveSolver(MODEL, SIZE)
    for n, points in enumerate(seen):
        before = solver.step(points, n / FPS)
        solver.rest()
    solver.calibrate_neutral()
    after = every(perform(resting, solver, start_s=2.0)[-10:], "coefficients").mean(0)
    assert before.coefficients[smiles].min() > 0.15
    assert after[smiles].max() < 0.12
    assert after[BLINKS].max() < 0.1
    assert every(perform(seen[40:44], solver, start_s=4.0), "coefficients")[-1, BLINKS].min() > 0.8


def test_a_face_that_moves_is_not_taken_for_neutral(stage: Stage) -> None:
    """Two seconds of acting change nothing, and the caller is told."""
    points = stage.landmarks_px
    taught, plain = LiveSolver(MODEL, SIZE), LiveSolver(MODEL, SIZE)
    for n, seen in enumerate(points[:60]):
        taught.step(seen, n / FPS)
        plain.step(seen, n / FPS)
        taught.rest()
    assert not taught.calibrate_neutral()
    assert_same(perform(points[60:80], taught, start_s=2.0), perform(points[60:80], plain, start_s=2.0))


def test_what_a_neutral_face_still_shows_is_taken_off() -> None:
    """A resting face that points cannot tell from acting is 0 from then on, and a full one is still full."""
    shown, resting = np.zeros(52), np.zeros(52)
    smile, blink = arkit.INDEX["mouthSmileLeft"], arkit.INDEX["eyeBlinkLeft"]
    shown[[smile, blink]] = 0.2
    resting = resting_of(shown)
    assert without_rest(shown, resting)[[smile, blink]].tolist() == [0.0, 0.2], "eyes blink as they did"
    assert without_rest(np.ones(52), resting).tolist() == [1.0] * 52
    assert resting_of(np.ones(52))[smile] < 0.6, "a full smile is no rest"


def test_calibration_does_not_overreach() -> None:
    """Points of a neutral face are off, always alike; what is learned from them costs other poses nothing."""
    stage = Stage(1, play=0.0)
    resting = stage.landmarks_px[0] + 3.0 * np.random.default_rng(5).normal(size=stage.landmarks_px[0].shape)
    turned = Stage(60, play=0.0).landmarks_px
    sums = []
    for held in (False, True):
        solver = LiveSolver(MODEL, SIZE)
        perform([resting] * 60, solver)
        if held:
            solver.rest()
            assert solver.calibrate_neutral()
        after = perform(turned, solver, start_s=5.0)
        sums.append(every(after, "coefficients")[5:30].sum(1).mean())
    assert sums[1] < sums[0]
