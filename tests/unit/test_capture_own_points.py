"""Capture: our own network reads the faces that MediaPipe follows, and its points are used where it is believed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_networks import face_points_network, install
from understudy.inference import arkit
from understudy.inference.capture import shot as capture
from understudy.inference.capture.cross_check import RIGID, agrees, face_size_px
from understudy.inference.capture.face_points import (
    KNOWN_68,
    MIRROR_COEFFICIENTS,
    MIRROR_POINTS,
    FacePointNet,
    region_of_face,
    region_of_followed,
)
from understudy.inference.capture.landmarks import TWO_VIEWS, region_to_follow
from understudy.inference.capture.points_of_track import track_of
from understudy.inference.capture.region import Region
from understudy.inference.capture.shot import CaptureOptions, detect_landmarks, track_shot, work_folder
from understudy.inference.capture.tracking import Observation
from understudy.inference.capture.types import FaceTrack, Landmarks, ShotTracks
from understudy.inference.errors import InputError, StoppedError
from understudy.inference.media import read_frames
from understudy.inference.networks import registry

FRAMES = 12
OPTIONS = CaptureOptions(device="cpu", frames=(0, FRAMES - 1))
OWN = ("sigma_px", "visible", "coefficients", "coefficient_sigma")


def symmetric_points() -> np.ndarray:
    """(546, 3) in shares of the crop, whose mirror image is themselves."""
    points = np.random.default_rng(1).uniform(0.2, 0.8, (546, 3)).astype(np.float32)
    mirrored = points[MIRROR_POINTS] * (-1, 1, 1) + (1, 0, 0)
    return (points + mirrored) / 2


@pytest.fixture
def picture() -> np.ndarray:
    """Dark at the left, bright at the right."""
    return np.tile(np.linspace(20, 220, 200)[None, :, None], (180, 1, 3)).astype(np.uint8)


@pytest.fixture
def clip(shared: Path) -> Path:
    return shared / "data" / "clips" / "d10.mp4"


@pytest.fixture
def network(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that always sees the face of the clip's first frame."""
    face = detect_landmarks(next(iter(read_frames(clip, 0, 1))).rgb, "cpu")[0]
    region = region_of_face(face.points_px)
    level = np.linalg.solve(region.matrix()[:, :2], (face.points_px - region.matrix()[:, 2]).T).T
    points = np.full((546, 3), 0.5, np.float32)
    points[:478, :2], points[:478, 2] = level, face.depth_px / region.size_px[0]
    install(monkeypatch, tmp_path, face_points=face_points_network(points))


def test_the_network_looks_at_the_straightened_face_a_fifth_larger() -> None:
    face = np.random.default_rng(0).uniform(-1, 1, (546, 2)).astype(np.float32) * (60, 80)
    face[:468] = np.clip(face[:468], (-50, -70), (55, 70))
    face[33], face[263] = (-40, -20), (40, -20)
    region = region_of_face(face)
    box = np.ptp(face[:468], axis=0)
    assert region.size_px[0] == pytest.approx(1.2 * box.max())
    np.testing.assert_allclose(region.centre_px, (face[:468].min(axis=0) + face[:468].max(axis=0)) / 2, atol=1e-4)
    followed = region_of_followed(region_to_follow(face[:468]))
    assert (*followed.centre_px, *followed.size_px) == pytest.approx((*region.centre_px, *region.size_px))


def test_points_come_back_to_the_picture(picture: np.ndarray, tmp_path: Path) -> None:
    points = symmetric_points()
    (tmp_path / "small.onnx").write_bytes(face_points_network(points))
    region = Region((90.0, 80.0), (120.0, 120.0), 0.3)
    read = FacePointNet("cpu", tmp_path / "small.onnx").read(picture, region)
    np.testing.assert_allclose(read.points_px, region.to_image(points[:, :2]), atol=1e-3)
    np.testing.assert_allclose(read.depth_px, points[:, 2] * 120, atol=1e-3)
    np.testing.assert_allclose(read.sigma_px, 0.004 * 120, rtol=1e-4)
    landmarks = read.landmarks(0.9)
    assert landmarks.points_px.shape == (478, 2)
    assert landmarks.coefficients is read.coefficients
    assert read.points_px[KNOWN_68].shape == (68, 2)


def test_a_mirrored_view_says_the_same_of_the_other_side(picture: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "small.onnx").write_bytes(face_points_network(symmetric_points(), shift=0.2))
    net, region = FacePointNet("cpu", tmp_path / "small.onnx"), Region((100.0, 90.0), (90.0, 90.0), 0.0)
    plain, mirrored = (net.read(picture, region, ((1.0, turned),)) for turned in (False, True))
    np.testing.assert_allclose(mirrored.points_px, plain.points_px, atol=0.05)
    np.testing.assert_allclose(mirrored.coefficients, plain.coefficients, atol=0.01)
    left, right = (plain.coefficients[arkit.INDEX[f"eyeBlink{side}"]] for side in ("Left", "Right"))
    assert left > right + 0.1, "the actor's left eye is at the right"
    both = net.read(picture, region, TWO_VIEWS)
    assert np.abs(both.points_px - plain.points_px).max() < 5


def test_mirror_tables_change_sides_and_nothing_else() -> None:
    assert (MIRROR_POINTS[MIRROR_POINTS] == np.arange(546)).all()
    assert (MIRROR_COEFFICIENTS[MIRROR_COEFFICIENTS] == np.arange(52)).all()
    assert [arkit.NAMES[MIRROR_COEFFICIENTS[arkit.INDEX[name]]] for name in ("jawLeft", "jawOpen", "mouthRollLower")] == [
        "jawRight", "jawOpen", "mouthRollLower"
    ]  # fmt: skip
    known = MIRROR_POINTS[KNOWN_68] - KNOWN_68.start
    assert known[[0, 8, 17, 30, 36, 39, 48, 51, 57, 60]].tolist() == [16, 8, 26, 30, 45, 42, 54, 51, 57, 64]


def test_another_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.onnx").write_bytes((registry.bundled_folder() / "face_landmarks.onnx").read_bytes())
    with pytest.raises(InputError, match="is not the network 'face_points'"):
        FacePointNet("cpu", tmp_path / "other.onnx")


@pytest.mark.usefixtures("network")
def test_our_points_replace_those_of_mediapipe_which_still_finds_and_follows(clip: Path) -> None:
    plain = track_shot(clip, replace(OPTIONS, points="mediapipe")).tracks[0]
    ours = track_shot(clip, OPTIONS).tracks[0]
    assert all(getattr(plain, name) is None for name in OWN)
    assert all(np.isfinite(getattr(ours, name)).all() for name in OWN)
    assert ours.mediapipe_px is not None
    np.testing.assert_array_equal(ours.mediapipe_px, plain.landmarks_px)
    np.testing.assert_array_equal(ours.confidence, plain.confidence)
    assert (ours.landmarks_px != plain.landmarks_px).any(axis=(1, 2)).all()
    apart = np.linalg.norm(ours.landmarks_px - plain.landmarks_px, axis=-1) / face_size_px(plain.landmarks_px[0])
    assert np.median(apart) < 0.03
    assert ours.sigma_px is not None
    assert 0 < ours.sigma_px.min() <= ours.sigma_px.max() < 0.01 * clip_width(clip)


def clip_width(clip: Path) -> int:
    return next(iter(read_frames(clip, 0, 1))).rgb.shape[1]


@pytest.mark.usefixtures("network")
def test_fast_tracking_asks_our_network_in_some_frames_and_moves_mediapipes_points_between(clip: Path) -> None:
    standard, fast = (track_shot(clip, replace(OPTIONS, quality=quality)).tracks[0] for quality in ("standard", "fast"))
    assert fast.derived is not None
    assert standard.derived is None
    assert all(np.isfinite(getattr(fast, name)).all() for name in OWN)
    same = (fast.landmarks_px == standard.landmarks_px).all(axis=(1, 2))
    assert np.flatnonzero(same).tolist() == np.flatnonzero(~fast.derived).tolist() == list(range(0, FRAMES, 4))
    apart = np.linalg.norm(fast.landmarks_px - standard.landmarks_px, axis=-1) / face_size_px(fast.landmarks_px[0])
    assert np.median(apart) < 0.03


@pytest.mark.usefixtures("network")
def test_a_stopped_tracking_goes_on_to_the_same_bits(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_stage: str, done: int, _total: int) -> None:
        if done == 7:
            raise StoppedError("Stopped.")

    monkeypatch.setattr(capture, "FRAMES", 4)
    undisturbed = track_shot(clip, OPTIONS)
    with pytest.raises(StoppedError):
        track_shot(clip, OPTIONS, stop, work=tmp_path / "work")
    assert bits(track_shot(clip, OPTIONS, work=tmp_path / "work")) == bits(undisturbed)


def bits(shot: ShotTracks) -> list[bytes]:
    arrays = ("landmarks_px", "depth_px", "confidence", *OWN)
    return [getattr(track, name).tobytes() for track in shot.tracks for name in arrays]


@pytest.mark.usefixtures("network")
def test_unfinished_work_is_kept_by_the_network(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = work_folder(clip, OPTIONS)
    assert before != work_folder(clip, replace(OPTIONS, points="mediapipe"))
    install(monkeypatch, tmp_path, face_points=face_points_network(symmetric_points()))
    assert before != work_folder(clip, OPTIONS)


def test_without_its_file_mediapipes_points_are_used_and_a_line_says_so(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install(monkeypatch, tmp_path, face_points=face_points_network(symmetric_points()))
    (tmp_path / "face_points.onnx").unlink()
    monkeypatch.setattr(registry, "trained_folder", lambda: tmp_path)
    ours = track_shot(clip, OPTIONS).tracks[0]
    assert "'face_points' is missing" in caplog.text
    assert "MediaPipe's points are used" in caplog.text
    plain = track_shot(clip, replace(OPTIONS, points="mediapipe")).tracks[0]
    np.testing.assert_array_equal(ours.landmarks_px, plain.landmarks_px)
    assert ours.sigma_px is None


def test_a_network_that_sees_another_face_is_not_believed(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install(monkeypatch, tmp_path, face_points=face_points_network(symmetric_points()))
    track = track_shot(clip, OPTIONS).tracks[0]
    assert track.sigma_px is None
    assert f"disagrees with MediaPipe in {FRAMES} of {FRAMES} frames" in caplog.text


class TestMomentsOfFailure:
    """A face that turns and comes nearer; our points are MediaPipe's, moved, except where our network fails."""

    COUNT = 40

    @pytest.fixture
    def observations(self) -> list[Observation]:
        rng = np.random.default_rng(4)
        face = rng.uniform(-50, 50, (478, 2)).astype(np.float32)
        face[33], face[263] = (-30, -20), (30, -20)
        offset = rng.normal(0, 0.6, (478, 2)).astype(np.float32)
        return [self.seen(frame, face, offset) for frame in range(self.COUNT)]

    @staticmethod
    def seen(frame: int, face: np.ndarray, offset: np.ndarray) -> Observation:
        angle, size = 0.02 * frame, 1 + 0.01 * frame
        turn = size * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        place = np.array([200 + 3 * frame, 150])
        theirs, ours = ((points @ turn + place).astype(np.float32) for points in (face, face + offset))
        own = Landmarks(
            ours, np.zeros(478, np.float32), 1.0, np.full(478, 0.3, np.float32), np.ones(478, np.float32),
            np.full(52, 0.2, np.float32), np.full(52, 0.1, np.float32),
        )  # fmt: skip
        return Observation(frame, 7, Landmarks(theirs, np.zeros(478, np.float32), 1.0), 0.9, own)

    @staticmethod
    def failing(observations: list[Observation], frames: Sequence[int]) -> FaceTrack:
        """The track when our network is wrong in some frames."""
        wrong = [
            replace(one, own=replace(one.own, points_px=one.own.points_px + 30)) if one.frame in frames else one
            for one in observations
            if one.own is not None
        ]
        return track_of(wrong, TestMomentsOfFailure.COUNT)

    def test_points_that_are_not_believed_are_carried_over_from_mediapipes(
        self, observations: list[Observation], caplog: pytest.LogCaptureFixture
    ) -> None:
        clean, failing = self.failing(observations, ()), self.failing(observations, (20, 21))
        assert caplog.text.count("not believed in 2 of 40 frames") == 1
        error_px = np.linalg.norm(failing.landmarks_px - clean.landmarks_px, axis=-1)
        assert error_px.max() < 0.1, "no jump: here the two kinds differ in the same way all the time"
        assert failing.sigma_px is not None
        assert failing.coefficients is not None
        assert (failing.sigma_px[20:22] > 2.5 * 0.3).all()
        assert (np.diff(failing.sigma_px[21:27], axis=0) < 0).any(axis=1).sum() >= 3, "trust comes back by and by"
        far = np.r_[0:15, 27:40]
        np.testing.assert_array_equal(failing.landmarks_px[far], clean.landmarks_px[far])
        assert np.isfinite(failing.coefficients[far]).all()
        assert np.isnan(failing.coefficients[20:22]).all()

    def test_a_network_that_mostly_fails_is_left_out_as_a_whole(
        self, observations: list[Observation], caplog: pytest.LogCaptureFixture
    ) -> None:
        track = self.failing(observations, range(5, 30))
        assert track.sigma_px is None
        np.testing.assert_array_equal(track.landmarks_px[0], observations[0].landmarks.points_px)
        assert "in 25 of 40 frames; MediaPipe's points are used" in caplog.text

    def test_failures_at_the_ends_and_gaps(self, observations: list[Observation]) -> None:
        clean = self.failing(observations, ())
        gaps = [one for one in observations if not 10 <= one.frame < 14]
        track = self.failing(gaps, (0, 9, 14, 39))
        assert track.coefficients is not None
        lost = np.arange(self.COUNT)[10:14]
        seen = np.setdiff1d(np.arange(self.COUNT), lost)
        for name in ("landmarks_px", "depth_px", "sigma_px", "visible"):
            values = getattr(track, name)
            assert np.isnan(values[lost]).all()
            assert np.isfinite(values[seen]).all()
        assert np.abs(track.landmarks_px[seen] - clean.landmarks_px[seen]).max() < 0.1
        assert np.isnan(track.coefficients[[0, 9, 14, 39]]).all()

    def test_all_is_quiet_where_nothing_fails(
        self, observations: list[Observation], caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            track = self.failing(observations, ())
        assert caplog.text == ""
        for one in observations:
            assert one.own is not None
            np.testing.assert_array_equal(track.landmarks_px[one.frame], one.own.points_px)

    def test_what_agrees(self, observations: list[Observation]) -> None:
        theirs, own = observations[0].landmarks, observations[0].own
        assert own is not None
        assert own.sigma_px is not None
        size = face_size_px(theirs.points_px)
        assert agrees(theirs, own)
        assert not agrees(theirs, replace(own, points_px=own.points_px + 0.07 * size)), "elsewhere"
        assert not agrees(theirs, replace(own, sigma_px=own.sigma_px + 0.1 * size)), "knows nothing"
        assert not agrees(theirs, replace(own, points_px=own.points_px * np.nan))
        smile = own.points_px.copy()
        smile[np.setdiff1d(np.arange(478), RIGID)] += 0.1 * size
        assert agrees(theirs, replace(own, points_px=smile)), "what moves is not compared"
