"""The solver finds again what synthetic points were made from: a known actor, camera, head, gaze and performance."""

from __future__ import annotations

import copy
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from understudy.inference import arkit, face_model
from understudy.inference.capture.types import FaceTrack, ShotTracks
from understudy.inference.errors import InputError
from understudy.inference.media.types import VideoInfo
from understudy.inference.progress import silent
from understudy.inference.solve import solve_shot
from understudy.inference.solve.gaze import IRIS_DROP_CM, PUPIL_DEPTH, full_look_rad, look_coefficients
from understudy.inference.solve.geometry import Array, Camera, Poses, project, rotation_from_vector
from understudy.inference.solve.landmark_groups import LEFT_LIDS, RIGHT_LIDS
from understudy.inference.solve.lids import closing_blinks
from understudy.inference.take import Take

MODEL = face_model.load("default")
FRAMES = 32
PLAYED = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "mouthFunnel", "browDownLeft", "browDownRight")
BLINKS = [arkit.INDEX["eyeBlinkLeft"], arkit.INDEX["eyeBlinkRight"]]
SIZE = (512, 512)


class Known:
    """A performance of known truth and its points."""

    def __init__(
        self, frames: int, focal_px: float = 700.0, noise_px: float = 0.0, size: tuple[int, int] = SIZE
    ) -> None:
        generator = np.random.default_rng(4)
        time = np.arange(frames)
        self.time_s = time / 25.0
        self.size = size
        self.camera = Camera(focal_px, (size[0] / 2, size[1] / 2))
        turns = np.stack([0.12 * np.cos(time / 7), 0.35 * np.sin(time / 8), 0.05 * np.sin(time / 9)], 1)
        places = np.stack([np.sin(time / 9), 0.5 * np.cos(time / 11), -focal_px / 15 - 2 * np.sin(time / 13)], 1)
        self.poses = Poses(rotation_from_vector(turns), places)
        self.gaze = np.stack([0.25 * np.sin(time / 8), 0.12 * np.cos((time - frames // 2) / 10)], 1)
        both = np.stack([self.gaze, self.gaze], 1)
        self.coefficients = look_coefficients(both, full_look_rad(MODEL))
        for n, name in enumerate(PLAYED):
            bump = 0.7 * np.exp(-0.5 * ((time - frames * (n + 0.5) / len(PLAYED)) / 3) ** 2)
            self.coefficients[:, arkit.INDEX[name]] = bump
        self.blink_frame = frames // 2
        self.coefficients[:, BLINKS] = np.exp(-0.5 * ((time - self.blink_frame) / 1.3) ** 2)[:, None]
        identity = 0.7 * generator.normal(size=len(MODEL.identity_modes_cm))
        self.neutral = MODEL.mean_cm + np.einsum("i,ivc->vc", identity, MODEL.identity_modes_cm)
        self.landmarks_px = self._points() + noise_px * generator.normal(size=(frames, 478, 2))

    def _points(self) -> Array:
        raw = self.coefficients.copy()
        raw[:, BLINKS] *= closing(self.neutral)
        points = self.neutral + np.einsum("tk,kvc->tvc", raw, MODEL.expressions_cm)
        yaw, pitch = self.gaze.T
        look = np.stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], 1)
        moved = self.neutral - MODEL.mean_cm
        for eye, (irises, lids) in enumerate(((slice(473, 478), LEFT_LIDS), (slice(468, 473), RIGHT_LIDS))):
            centre = MODEL.eye_centres_cm[eye] + moved[list(lids)].mean(0) - np.array([0, IRIS_DROP_CM, 0])
            points[:, irises] = (centre + PUPIL_DEPTH * MODEL.eye_radius_cm * look)[:, None]
        return project(points, self.poses, self.camera)

    def solve(self, landmarks_px: Array | None = None, confidence: NDArray[np.float32] | None = None) -> Take:
        points = self.landmarks_px if landmarks_px is None else landmarks_px
        return solve(points, self.time_s, self.size, confidence)


def closing(neutral: Array) -> Array:
    """How far this actor's blink goes."""
    return closing_blinks(neutral, MODEL.expressions_cm.astype(np.float64))


def solve(points: Array, time_s: Array, size: tuple[int, int], confidence: NDArray[np.float32] | None = None) -> Take:
    """Through the door of the room."""
    frames = len(points)
    info = VideoInfo(Path("made.mp4"), *size, Fraction(25), frames, frames / 25, 0, 8, "h264", False)
    seen = np.ones(frames, np.float32) if confidence is None else confidence
    track = FaceTrack(0, points.astype(np.float32), np.zeros((frames, 478), np.float32), seen)
    shot = ShotTracks(info, "0" * 64, np.arange(frames), time_s, (track,))
    return solve_shot(shot, track, MODEL, silent)


def head_error_deg(take: Take, poses: Poses) -> Array:
    """(T,) angle between found and true head rotations."""
    between = take.rotation @ np.swapaxes(poses.rotation, 1, 2)
    return np.degrees(np.arccos(np.clip((np.trace(between, axis1=1, axis2=2) - 1) / 2, -1, 1)))


@pytest.fixture(scope="module")
def known() -> Known:
    return Known(FRAMES)


@pytest.fixture(scope="module")
def found(known: Known) -> Take:
    return known.solve()


def test_exact_points_give_the_performance_back(known: Known, found: Take) -> None:
    error = np.abs(found.coefficients - known.coefficients)
    assert error.mean() < 0.02
    assert error.max() < 0.35
    assert head_error_deg(found, known.poses).max() < 1.0
    assert np.abs(found.translation_cm - known.poses.translation_cm)[:, :2].max() < 0.3
    assert found.camera_matrix[0, 0] == pytest.approx(700, rel=0.05)
    assert np.degrees(np.abs(found.gaze.mean(1) - known.gaze)).mean() < 2.0


def test_the_face_is_where_the_points_are(known: Known, found: Take) -> None:
    raw = found.coefficients.astype(np.float64)
    raw[:, BLINKS] *= closing(found.neutral_cm.astype(np.float64))
    points = found.neutral_cm + np.einsum("tk,kvc->tvc", raw, MODEL.expressions_cm)
    camera = Camera(float(found.camera_matrix[0, 0]), (256.0, 256.0))
    poses = Poses(found.rotation.astype(np.float64), found.translation_cm.astype(np.float64))
    off = np.linalg.norm(project(points, poses, camera) - known.landmarks_px, axis=-1)[:, :468]
    assert np.median(off) < 0.5
    assert np.percentile(off, 99) < 2.5


def test_blinks_keep_their_peak(known: Known, found: Take) -> None:
    blink = found.coefficients[:, BLINKS]
    assert np.all(blink.argmax(0) == known.blink_frame)
    assert np.all(blink.max(0) > 0.9)
    assert np.all(blink[known.blink_frame - 6] < 0.1)


def test_a_wrong_first_focal_length_is_corrected() -> None:
    known = Known(FRAMES, focal_px=1200.0)
    take = known.solve()
    assert take.camera_matrix[0, 0] == pytest.approx(1200, rel=0.12)
    assert np.abs(take.coefficients - known.coefficients).mean() < 0.02


def test_noisy_points_stay_close() -> None:
    known = Known(FRAMES, noise_px=1.0)
    take = known.solve()
    error = np.abs(take.coefficients - known.coefficients)
    assert error.mean() < 0.03
    assert head_error_deg(take, known.poses).mean() < 1.5
    played = [arkit.INDEX[name] for name in PLAYED]
    for index in played:
        assert np.corrcoef(take.coefficients[:, index], known.coefficients[:, index])[0, 1] > 0.9


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_very_short_shots(frames: int) -> None:
    known = Known(frames)
    take = known.solve()
    assert len(take) == frames
    assert np.isfinite(take.coefficients).all()
    assert head_error_deg(take, known.poses).max() < 6.0
    assert np.all(take.confidence > 0)


def test_lost_frames_are_gaps(known: Known, found: Take) -> None:
    points = known.landmarks_px.copy()
    confidence = np.ones(FRAMES, np.float32)
    confidence[10:16] = 0.0
    points[10:16] = np.nan
    points[0] = np.nan
    take = known.solve(points, confidence)
    lost = np.array([0, *range(10, 16)])
    seen = np.setdiff1d(np.arange(FRAMES), lost)
    assert np.all(take.confidence[lost] == 0)
    assert np.all(take.confidence[seen] > 0)
    assert np.isnan(take.landmarks_px[lost]).all()
    for values in (take.coefficients, take.rotation, take.translation_cm, take.gaze):
        assert np.isfinite(values).all()
    assert np.abs(take.coefficients[seen] - found.coefficients[seen]).mean() < 0.03
    np.testing.assert_array_equal(take.coefficients[10:13], np.repeat(take.coefficients[9:10], 3, 0))


def test_no_face_at_all_is_bad_input(known: Known) -> None:
    with pytest.raises(InputError, match="no face"):
        known.solve(np.full((FRAMES, 478, 2), np.nan), np.zeros(FRAMES, np.float32))


def test_values_are_bounded(found: Take) -> None:
    assert found.coefficients.min() >= 0
    assert found.coefficients.max() <= 1
    np.testing.assert_allclose(np.linalg.det(found.rotation), 1, atol=1e-4)
    assert np.all(found.translation_cm[:, 2] < 0)


def test_the_same_points_give_the_same_bytes(known: Known, found: Take) -> None:
    again = known.solve()
    assert again.coefficients.tobytes() == found.coefficients.tobytes()
    assert again.rotation.tobytes() == found.rotation.tobytes()


def test_a_larger_picture_changes_nothing(known: Known, found: Take) -> None:
    larger = solve(known.landmarks_px * 2.5, known.time_s, (1280, 1280))
    np.testing.assert_allclose(larger.coefficients, found.coefficients, atol=0.01)
    np.testing.assert_allclose(larger.translation_cm, found.translation_cm, atol=0.1)
    assert larger.camera_matrix[0, 0] == pytest.approx(2.5 * found.camera_matrix[0, 0], rel=1e-3)


def mirror_order() -> NDArray[np.int64]:
    """(478,) the landmark on the other side of the face."""
    turned = MODEL.landmark_mean_cm * np.array([-1, 1, 1])
    distance = np.linalg.norm(turned[:, None] - MODEL.landmark_mean_cm[None], axis=-1)
    order = linear_sum_assignment(distance)[1]
    order[468:] = [*range(473, 478), *range(468, 473)]
    return order


def test_a_mirrored_actor_gives_a_mirrored_performance(known: Known, found: Take) -> None:
    order = mirror_order()
    assert len(set(order.tolist())) == 478
    points = known.landmarks_px[:, order] * np.array([-1, 1]) + np.array([512, 0])
    take = known.solve(points)
    swap = [arkit.INDEX[other_side(name)] for name in arkit.NAMES]
    assert np.abs(take.coefficients[:, swap] - found.coefficients).mean() < 0.02
    np.testing.assert_allclose(take.rotation[:, 0, 2], -found.rotation[:, 0, 2], atol=0.02)
    np.testing.assert_allclose(take.gaze[:, :, 0], -found.gaze[:, ::-1, 0], atol=0.06)


def other_side(name: str) -> str:
    """The same shape of the other half of the face."""
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    return name.removesuffix("Right") + "Left" if name.endswith("Right") else name


def test_uneven_frame_times(known: Known) -> None:
    uneven = replace_times(known)
    take = uneven.solve()
    assert np.abs(take.coefficients - known.coefficients).mean() < 0.02


def replace_times(known: Known) -> Known:
    """The same points at times of a variable frame rate."""
    result = copy.copy(known)
    result.time_s = known.time_s + 0.012 * np.sin(np.arange(FRAMES) * 2.0)
    return result


def test_a_model_without_expressions_shows_none() -> None:
    silent_model = replace(MODEL, expressions_cm=np.zeros_like(MODEL.expressions_cm))
    known = Known(4)
    info = VideoInfo(Path("made.mp4"), *SIZE, Fraction(25), 4, 0.16, 0, 8, "h264", False)
    track = FaceTrack(0, known.landmarks_px.astype(np.float32), np.zeros((4, 478), np.float32), np.ones(4, np.float32))
    take = solve_shot(ShotTracks(info, "0", np.arange(4), known.time_s, (track,)), track, silent_model, silent)
    looks = np.array([name.startswith("eyeLook") for name in arkit.NAMES])
    assert take.coefficients[:, ~looks].max() < 0.02
