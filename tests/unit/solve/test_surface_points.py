"""Points of the face's surface that know how sure they are: what is unsure or hidden does not count, and actors come out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from understudy.inference import arkit, face_model
from understudy.inference.capture.types import FaceTrack, ShotTracks
from understudy.inference.media.types import VideoInfo
from understudy.inference.solve import solve_shot, surface_response
from understudy.inference.solve.gaze import PUPIL_DEPTH, full_look_rad, look_coefficients
from understudy.inference.solve.geometry import Array, Camera, Poses, project, rotation_from_vector
from understudy.inference.solve.landmark_groups import IRIS_CENTRES
from understudy.inference.solve.lids import closing_blinks
from understudy.inference.solve.performance import PerformanceSolver
from understudy.inference.solve.shot import solver_of
from understudy.inference.solve.surface import SurfaceSolver
from understudy.inference.take import Take

MODEL = face_model.load("default")
FRAMES = 36
SIZE = (512, 512)
CAMERA = Camera(700.0, (256.0, 256.0))
BLINKS = [arkit.INDEX["eyeBlinkLeft"], arkit.INDEX["eyeBlinkRight"]]
PLAYED = {"jawOpen": 0.6, "mouthSmileLeft": 0.7, "mouthSmileRight": 0.7, "browInnerUp": 0.8, "mouthLowerDownLeft": 0.6,
          "mouthLowerDownRight": 0.6, "noseSneerLeft": 0.6, "noseSneerRight": 0.6}  # fmt: skip
BROWS = np.flatnonzero(np.linalg.norm(MODEL.landmark_expressions_cm[arkit.INDEX["browInnerUp"]], axis=1) > 0.1)
NOISE_PX = 0.25


class Actor:
    """A performance of known truth, and what a network that sees the surface would read of it."""

    def __init__(self) -> None:
        generator = np.random.default_rng(7)
        time = np.arange(FRAMES)
        turns = np.stack([0.12 * np.cos(time / 7), 0.35 * np.sin(time / 8), 0.05 * np.sin(time / 9)], 1)
        places = np.stack([np.sin(time / 9), 0.5 * np.cos(time / 11), -47 - 2 * np.sin(time / 13)], 1)
        self.poses = Poses(rotation_from_vector(turns), places)
        gaze = np.stack([0.2 * np.sin(time / 8), 0.1 * np.cos(time / 10)], 1)
        self.coefficients = look_coefficients(np.stack([gaze, gaze], 1), full_look_rad(MODEL))
        for n, (name, peak) in enumerate(PLAYED.items()):
            centre = FRAMES * (n // 2 + 0.5) / 4
            self.coefficients[:, arkit.INDEX[name]] = peak * np.exp(-0.5 * ((time - centre) / 3) ** 2)
        self.coefficients[:, BLINKS] = np.exp(-0.5 * ((time - FRAMES // 2) / 1.3) ** 2)[:, None]
        identity = 0.7 * generator.normal(size=len(MODEL.identity_modes_cm))
        identity[-3:] = 0.0
        modes = MODEL.landmark_modes_cm
        self.neutral = MODEL.landmark_mean_cm + np.einsum("i,ivc->vc", identity, modes)
        raw = self.coefficients.copy()
        raw[:, BLINKS] *= closing_blinks(self.neutral, MODEL.landmark_expressions_cm)
        points = self.neutral + np.einsum("tk,kvc->tvc", raw, MODEL.landmark_expressions_cm)
        yaw, pitch = gaze.T
        look = np.stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], 1)
        for eye, centre in enumerate(IRIS_CENTRES):
            at = MODEL.eye_centres_cm[eye] + np.einsum("i,ic->c", identity, modes[:, centre])
            points[:, centre] = at + PUPIL_DEPTH * MODEL.eye_radius_cm * look
        self.gaze = gaze
        self.points_px = project(points, self.poses, CAMERA) + NOISE_PX * generator.normal(size=(FRAMES, 478, 2))

    def track(self, **changed: Array) -> FaceTrack:
        """The track, with some of its arrays changed."""
        arrays = {
            "landmarks_px": self.points_px,
            "sigma_px": np.full((FRAMES, 478), NOISE_PX),
            "visible": np.ones((FRAMES, 478)),
            "coefficients": np.full((FRAMES, 52), np.nan),
            "coefficient_sigma": np.full((FRAMES, 52), np.nan),
            **changed,
        }
        single = {name: values.astype(np.float32) for name, values in arrays.items()}
        depth, confidence = np.zeros((FRAMES, 478), np.float32), np.ones(FRAMES, np.float32)
        return FaceTrack(0, depth_px=depth, confidence=confidence, **single)


def solve(track: FaceTrack, told: list[tuple[int, int]] | None = None) -> Take:
    """Through the door of the room; `told` gets the progress."""
    info = VideoInfo(Path("made.mp4"), *SIZE, Fraction(25), FRAMES, FRAMES / 25, 0, 8, "h264", False)
    shot = ShotTracks(info, "0" * 64, np.arange(FRAMES), np.arange(FRAMES) / 25.0, (track,))
    steps: list[tuple[int, int]] = [] if told is None else told
    return solve_shot(shot, track, MODEL, lambda _stage, done, total: steps.append((done, total)))


@pytest.fixture(scope="module", autouse=True)
def exact_points() -> Iterator[None]:
    """These points are where the surface is; no network has drawn them toward the usual face."""
    with pytest.MonkeyPatch.context() as patch:
        plain = surface_response.SurfaceResponse(np.zeros((52, 468, 3)), np.repeat([[0.0], [1.0], [1.0]], 52, 1))
        patch.setattr(surface_response, "measured", lambda: plain)
        yield


@pytest.fixture(scope="module")
def actor() -> Actor:
    return Actor()


@pytest.fixture(scope="module")
def found(actor: Actor) -> Take:
    return solve(actor.track())


def head_error_deg(take: Take, poses: Poses) -> Array:
    """(T,) angle between found and true head rotations."""
    between = take.rotation @ np.swapaxes(poses.rotation, 1, 2)
    return np.degrees(np.arccos(np.clip((np.trace(between, axis1=1, axis2=2) - 1) / 2, -1, 1)))


def test_the_network_that_read_the_face_chooses_the_solver(actor: Actor) -> None:
    seen, time_s = np.arange(FRAMES), np.arange(FRAMES) / 25.0
    own = actor.track()
    assert isinstance(solver_of(own, seen, time_s, SIZE, MODEL, None), SurfaceSolver)
    other = FaceTrack(0, own.landmarks_px, own.depth_px, own.confidence)
    assert type(solver_of(other, seen, time_s, SIZE, MODEL, None)) is PerformanceSolver


def test_performance_head_camera_and_gaze_come_back(actor: Actor, found: Take) -> None:
    error = np.abs(found.coefficients - actor.coefficients)
    assert error.mean() < 0.015
    for name, peak in PLAYED.items():
        index = arkit.INDEX[name]
        assert np.corrcoef(found.coefficients[:, index], actor.coefficients[:, index])[0, 1] > 0.95, name
        assert found.coefficients[:, index].max() == pytest.approx(peak, rel=0.35), name
    assert head_error_deg(found, actor.poses).max() < 1.0
    assert found.camera_matrix[0, 0] == pytest.approx(CAMERA.focal_px, rel=0.08)
    assert np.degrees(np.abs(found.gaze.mean(1) - actor.gaze)).mean() < 2.0


def test_blinks_close_and_what_rests_stays_at_rest(actor: Actor, found: Take) -> None:
    assert found.coefficients[FRAMES // 2, BLINKS].min() > 0.9
    resting = actor.coefficients.max(0) < 0.02
    assert found.coefficients[:, resting].mean() < 0.01


def test_the_actor_is_not_taken_for_an_expression(actor: Actor, found: Take) -> None:
    off = np.linalg.norm(found.neutral_cm - actor.neutral, axis=1)[:468]
    mean = np.linalg.norm(MODEL.landmark_mean_cm - actor.neutral, axis=1)[:468]
    assert off.mean() < 0.35 * mean.mean()


def test_points_that_are_unsure_hardly_count(actor: Actor, found: Take) -> None:
    moved, sigma = actor.points_px.copy(), np.full((FRAMES, 478), NOISE_PX)
    moved[:, BROWS, 1] -= 12.0 * np.sin(np.arange(FRAMES) / 3)[:, None] ** 2
    sure = solve(actor.track(landmarks_px=moved))
    sigma[:, BROWS] = 40.0
    unsure = solve(actor.track(landmarks_px=moved, sigma_px=sigma))
    others = np.array([not name.startswith(("brow", "eye")) for name in arkit.NAMES])
    assert np.abs(unsure.coefficients - found.coefficients)[:, others].mean() < 0.01
    brows = [arkit.INDEX["browOuterUpLeft"], arkit.INDEX["browOuterUpRight"]]
    assert unsure.coefficients[:, brows].mean() < 0.3 * sure.coefficients[:, brows].mean()


def test_hidden_points_do_not_count(actor: Actor) -> None:
    moved, visible = actor.points_px.copy(), np.ones((FRAMES, 478))
    hidden = np.flatnonzero(MODEL.landmark_mean_cm[:468, 0] > 3.5)
    moved[:, hidden] += 15.0
    visible[:, hidden] = 0.0
    found = solve(actor.track(landmarks_px=moved, visible=visible))
    assert head_error_deg(found, actor.poses).max() < 1.5
    right = [arkit.INDEX[name] for name in ("mouthSmileRight", "noseSneerRight", "jawOpen")]
    assert np.abs(found.coefficients - actor.coefficients)[:, right].mean() < 0.05


def test_frames_that_fell_back_are_carried_by_those_around(actor: Actor, found: Take) -> None:
    generator = np.random.default_rng(2)
    points, sigma = actor.points_px.copy(), np.full((FRAMES, 478), NOISE_PX)
    fallen = np.arange(14, 17)
    points[fallen] += generator.normal(0, 6.0, (1, 478, 2))
    sigma[fallen] = 8.0
    take = solve(actor.track(landmarks_px=points, sigma_px=sigma))
    change = np.abs(take.coefficients - found.coefficients)
    assert change[fallen].mean() < 0.05
    assert np.delete(change, np.arange(11, 20), axis=0).mean() < 0.01
    assert head_error_deg(take, actor.poses)[fallen].max() < 2.0


def test_what_mediapipe_saw_beside_is_evidence_too(actor: Actor, found: Take) -> None:
    """Where our own points say nothing, the performance is what MediaPipe's tell."""
    unsure = np.full((FRAMES, 478), 12.0)
    blind = actor.points_px + np.random.default_rng(5).normal(0, 6.0, actor.points_px.shape)
    alone = solve(actor.track(landmarks_px=blind, sigma_px=unsure))
    track = actor.track(landmarks_px=blind, sigma_px=unsure)
    told: list[tuple[int, int]] = []
    both = solve(replace(track, mediapipe_px=actor.points_px.astype(np.float32)), told)
    assert told == [(done, 6) for done in range(7)]
    names = [arkit.INDEX[name] for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp")]
    error = [np.abs(take.coefficients - actor.coefficients)[:, names].mean() for take in (alone, both)]
    assert error[1] < 0.8 * error[0]


def test_less_sure_points_make_less_sure_coefficients(actor: Actor, found: Take) -> None:
    generator = np.random.default_rng(3)
    noisy = actor.points_px + generator.normal(0, 2.0, actor.points_px.shape)
    take = solve(actor.track(landmarks_px=noisy, sigma_px=np.full((FRAMES, 478), 2.0)))
    assert take.sigma is not None
    assert found.sigma is not None
    assert np.median(take.sigma / found.sigma) > 1.3
    resting = actor.coefficients.max(0) < 0.02
    assert take.coefficients[:, resting].mean() < 0.02
