"""Faces of many frames at once: the same crops, regions, points and tracks as one after the other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.inference.capture import following
from understudy.inference.capture.batch import regions as rules
from understudy.inference.capture.batch.ahead import Ahead, read_ahead
from understudy.inference.capture.batch.pictures import Pictures, Staging
from understudy.inference.capture.batch.reader import BatchReader, Seen
from understudy.inference.capture.batch.sampling import feed_of_crops, parts_of
from understudy.inference.capture.batch.tracker import BatchTracker
from understudy.inference.capture.detector import FaceDetector
from understudy.inference.capture.face_points import FacePointNet, region_of_followed
from understudy.inference.capture.finder import FaceFinder
from understudy.inference.capture.following import Follower
from understudy.inference.capture.landmarks import ONE_VIEW, TWO_VIEWS, LandmarkNet, region_to_follow
from understudy.inference.capture.region import Region
from understudy.inference.capture.rules import MARGIN_FOLLOWING, MARGIN_OWN, SETTLED_SHIFT
from understudy.inference.capture.shot import own_reader
from understudy.inference.capture.tracking import SearchPlan, ShotTracker
from understudy.inference.capture.types import Landmarks
from understudy.inference.media.reader import read_frames
from understudy.inference.networks.bound import on_device
from understudy.inference.networks.providers import choose

ROOT = Path(__file__).resolve().parents[2]
GRAPHS = ROOT / "inference" / "capture" / "batch" / "graphs"
SAMPLE = ROOT / "samples" / "performance.mp4"
FACE = np.random.default_rng(7).uniform(-1, 1, (478, 2)).astype(np.float32)
FACE[[33, 263]] = (-0.5, -0.2), (0.5, -0.2)


def region_of(row: np.ndarray) -> Region:
    return Region((float(row[0]), float(row[1])), (float(row[2]), float(row[2])), float(row[3]))


def row_of(region: Region) -> list[float]:
    return [*region.centre_px, region.size_px[0], region.angle_rad]


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return [frame.rgb for frame in read_frames(SAMPLE, 0, 24)]


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    """Three pictures in which every pixel's value matters."""
    return np.random.default_rng(3).integers(0, 256, (3, 150, 230, 3), np.uint8)


def random_regions(seed: int, sides: tuple[float, float], count: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform((-20, -20, sides[0], -np.pi), (250, 170, sides[1], np.pi), (count, 4))


@pytest.mark.parametrize(("soft", "side"), [(False, 24), (True, 32)])
@pytest.mark.parametrize("sides", [(10, 24), (25, 47), (49, 100), (110, 300), (10, 300)])
def test_crops_are_those_of_single_regions(
    noise: np.ndarray, soft: bool, side: int, sides: tuple[float, float]
) -> None:
    session = ort.InferenceSession(str(GRAPHS / ("soft_crops.onnx" if soft else "crops.onnx")))
    regions = random_regions(1, sides)
    which = np.arange(len(regions)) % len(noise)
    stored = which, np.zeros((len(which), 2), np.int64), (230, 150)
    feed = feed_of_crops(regions, side, (230, 150), stored, soft=soft)
    (crops,) = session.run(None, {"pictures": noise, **feed})
    single = [region_of(row).sample(noise[n], side, soft=soft) for row, n in zip(regions, which, strict=True)]
    assert np.abs(crops * 255 - np.array(single)).max() <= 1.001
    assert np.abs(crops * 255 - np.array(single)).mean() < 0.05


def test_crops_out_of_pieces_are_those_out_of_whole_pictures(noise: np.ndarray) -> None:
    session = ort.InferenceSession(str(GRAPHS / "crops.onnx"))
    regions = np.array([(60.0, 70.0, 40.0, 0.3), (170.0, 80.0, 44.0, -1.0)])
    low = parts_of(regions, 24, (230, 150)).low - 3
    pieces = np.stack([noise[0, y : y + 90, x : x + 80] for x, y in low])
    feeds = (
        (noise[:1], feed_of_crops(regions, 24, (230, 150), (np.zeros(2, int), np.zeros((2, 2), int), (230, 150)))),
        (pieces, feed_of_crops(regions, 24, (230, 150), (np.arange(2), low, (80, 90)))),
    )
    whole, pieced = (session.run(None, {"pictures": pictures, **feed})[0] for pictures, feed in feeds)
    np.testing.assert_array_equal(whole, pieced)


def test_graphs_are_what_their_builder_builds(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from understudy.models import build_batch_graphs

    build_batch_graphs.build(tmp_path)
    built = sorted(tmp_path.glob("*.onnx"))
    assert {path.name for path in built} == {path.name for path in GRAPHS.glob("*.onnx")}
    assert [path.read_bytes() for path in built] == [(GRAPHS / path.name).read_bytes() for path in built]


pixels = st.floats(-300, 2000, allow_nan=False)
regions_st = st.tuples(pixels, pixels, st.floats(5, 900), st.floats(-9, 9)).map(np.array)


@given(regions_st, regions_st)
def test_regions_follow_the_rules_of_single_ones(first: np.ndarray, second: np.ndarray) -> None:
    one, other = region_of(first), region_of(second)
    np.testing.assert_allclose(rules.calmed(tuple(first), tuple(second)), row_of(one.calmed(other)), atol=1e-9)
    np.testing.assert_allclose(rules.matrices(first[None], 192)[0], one.matrix(192), atol=1e-9)
    np.testing.assert_allclose(rules.to_image(first[None], FACE[None])[0], one.to_image(FACE), atol=1e-3)
    growth, shift, _ = rules.apart(first, second)
    np.testing.assert_allclose((growth, shift), following._step(one, other), rtol=1e-6)
    np.testing.assert_allclose(rules.scaled(first[None], 1.3)[0], row_of(one.scaled(1.3)))


@given(st.floats(20, 300), st.floats(-3, 3), st.tuples(st.floats(-50, 400), st.floats(-50, 300)), st.floats(0, 0.4))
def test_faces_ask_for_the_same_regions(size: float, turn: float, middle: tuple[float, float], step: float) -> None:
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    points = (FACE @ turned * size + middle).astype(np.float32)
    asked = rules.straight(points[None], MARGIN_FOLLOWING)[0]
    np.testing.assert_allclose(asked, row_of(region_to_follow(points)), atol=0.01)
    picture = np.zeros((200, 320, 3), np.uint8)
    fit = rules.fit(points[None], np.array([step]), np.array([step / 2]), (320, 200))[0]
    assert fit == pytest.approx(following._fit(points, step, step / 2, picture))


class MovingFace:
    """Networks that see a face where it is in each frame (told by its first pixel), a little off with the region."""

    def __init__(self, rows: np.ndarray, hidden: tuple[int, ...] = ()) -> None:
        self.rows, self.hidden, self.calls = rows, hidden, 0
        self.staging, self.reads_own = Staging(choose("cpu")), False
        self.frames = [np.full((300, 500, 3), t, np.uint8) for t in range(len(rows))]

    def points(self, frame: int, region: np.ndarray) -> tuple[np.ndarray, float]:
        x, y, size, turn = self.rows[frame]
        turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        off = 0.1 * (region[:2] - (x, y))
        near = np.hypot(*(region[:2] - (x, y))) < 0.7 * region[2] and 0.4 < region[2] / (2.8 * size) < 2.5
        points = (FACE @ turned * size + (x, y) + off).astype(np.float32)
        return points, float(near and frame not in self.hidden)

    def read_views(self, rgb: np.ndarray, region: Region, views: object) -> Landmarks:
        points, presence = self.points(int(rgb[0, 0, 0]), np.array(row_of(region)))
        return Landmarks(points, np.zeros(478, np.float32), presence)

    def read(self, pictures: Pictures, cells: np.ndarray, regions: np.ndarray) -> Seen:
        self.calls += 1
        seen = [self.points(int(cell) % len(self.rows), row) for cell, row in zip(cells, regions, strict=True)]
        points = np.stack([points for points, _ in seen])
        return Seen(points, np.zeros(points.shape[:2], np.float32), np.array([sure for _, sure in seen], np.float32))


def walk(seed: int, step: float, count: int = 40) -> np.ndarray:
    """A face that wanders: (T, 4) middle, half size and turn."""
    rng = np.random.default_rng(seed)
    motion = cv2.GaussianBlur(rng.normal(0, step, (count, 4)) * (1, 1, 0.2, 0.02), (1, 9), 2)
    return np.array([250.0, 150.0, 40.0, 0.0]) + np.cumsum(motion, axis=0)


def one_by_one(face: MovingFace, count: int) -> Iterator[following.Reading | None]:
    follower = Follower(face, ONE_VIEW)  # type: ignore[arg-type]
    reading = follower.begin(face.frames[0], face.read_views(face.frames[0], region_of(start_of(face)), ()))
    for rgb in face.frames[:count]:
        assert reading is not None
        reading = follower.follow(rgb, reading, np.zeros(2, np.float32))
        yield reading


def start_of(face: MovingFace) -> np.ndarray:
    return np.array([*face.rows[0, :2], 2.8 * face.rows[0, 2], face.rows[0, 3]])


@pytest.mark.parametrize("step", [0.3, 3.0, 8.0])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000))
def test_runs_ahead_read_what_following_reads(step: float, seed: int) -> None:
    face = MovingFace(walk(seed, step))
    single = [reading for reading in one_by_one(face, len(face.rows)) if reading is not None]
    ahead = read_ahead(face, face.frames, start_of(face)[None], np.zeros((1, 2), np.float32))  # type: ignore[arg-type]
    count = int(ahead.counts[0])
    assert count == len(face.rows) or step > 5
    points = np.array([reading.landmarks.points_px for reading in single[:count]])
    middles = np.array([reading.next_region.centre_px for reading in single[:count]])
    sides = np.array([reading.next_region.size_px[0] for reading in single[:count]])
    apart_px = np.abs(ahead.points_px[0, :count] - points).max(axis=(1, 2))
    moved = np.abs(ahead.next_regions[0, :count, :2] - middles).max(axis=1) / sides
    # In a frame at the very limit of what is read twice, the one may do so and the other not.
    assert np.median(apart_px) < 0.05 * max(step, 1)
    assert apart_px.max() < 0.5 + 0.1 * step
    assert np.median(moved) < 0.002 * max(step, 1)
    assert moved.max() < SETTLED_SHIFT
    confidence = [reading.confidence for reading in single[:count]]
    np.testing.assert_allclose(ahead.confidence[0, :count], confidence, atol=0.1)


def test_a_run_ends_where_the_face_is_gone() -> None:
    face = MovingFace(walk(2, 1.0), hidden=(17, 18))
    other = MovingFace(walk(2, 1.0))
    starts = np.stack([start_of(face)])
    ahead, all_seen = (
        read_ahead(one, one.frames, starts, np.zeros((1, 2), np.float32))  # type: ignore[arg-type]
        for one in (face, other)
    )
    assert ahead.counts.tolist() == [17]
    assert all_seen.counts.tolist() == [40]
    assert other.calls <= 5


def tracked(kind: type[ShotTracker], pictures: list[np.ndarray], calls: int, max_faces: int) -> dict:
    """What a tracker sees: by face and frame."""
    net = LandmarkNet("cpu")
    tracker = kind(
        FaceFinder(FaceDetector("cpu"), net),
        Follower(net, ONE_VIEW),
        max_faces,
        SearchPlan(new_every=5, thorough_every=5),
        own_reader("cpu", ONE_VIEW),
        *([BatchReader("cpu")] if kind is BatchTracker else []),
    )
    seen: dict = {}
    for begin in range(0, len(pictures), calls):
        for sightings in tracker.step_many(pictures[begin : begin + calls]):
            seen |= {(one.track_id, one.frame): one for one in tracker.read(sightings)}
    return seen


def assert_same_tracks(seen: dict, single: dict) -> None:
    """The same faces in the same frames, and points as near as a shift of the picture by a part of a pixel brings them."""
    assert seen.keys() == single.keys()
    for kind in ("landmarks", "own"):
        apart = [
            np.median(np.linalg.norm(getattr(one, kind).points_px - getattr(single[key], kind).points_px, axis=1))
            / np.ptp(single[key].landmarks.points_px, axis=0).max()
            for key, one in seen.items()
        ]
        # After a cut the single reader stops at what it reads at once, the run goes on until it is in the middle.
        assert max(apart) < 0.01
        assert np.median(apart) < 0.002
    assert all(one.confidence == pytest.approx(single[key].confidence, abs=0.05) for key, one in seen.items())


def test_the_batch_tracker_tracks_like_the_tracker_of_single_frames(frames: list[np.ndarray]) -> None:
    gap = [np.zeros_like(frames[0])] * 3
    shot = [*frames[:12], *gap, *frames[12:], *frames[3:9]]
    single = tracked(ShotTracker, shot, 1, 1)
    assert len(single) == len(shot) - len(gap)
    assert_same_tracks(tracked(BatchTracker, shot, 50, 1), single)
    assert_same_tracks(tracked(BatchTracker, shot, 7, 1), single)


def test_several_faces_are_rows_of_one_batch(frames: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    black = np.zeros_like(frames[0])
    shot = [np.hstack([frame, frames[-1 - n] if n > 3 else black]) for n, frame in enumerate(frames)]
    shot[15] = np.hstack([frames[15], black])
    read = list[int]()

    def counted(reader: BatchReader, run: list[np.ndarray], starts: np.ndarray, motions: np.ndarray) -> Ahead:
        read.append(len(starts))
        return read_ahead(reader, run, starts, motions)

    monkeypatch.setattr("understudy.inference.capture.batch.tracker.read_ahead", counted)
    seen = tracked(BatchTracker, shot, 50, 2)
    assert 2 in read
    assert len(read) <= 6
    assert_same_tracks(seen, tracked(ShotTracker, shot, 1, 2))


@pytest.mark.parametrize(("views", "replayed"), [(ONE_VIEW, False), (TWO_VIEWS, False), (ONE_VIEW, True)])
def test_batches_read_the_points_of_single_readings(
    frames: list[np.ndarray], views: tuple[tuple[float, bool], ...], replayed: bool
) -> None:
    net, own_net = LandmarkNet("cpu"), FacePointNet("cpu")
    reader = BatchReader("cpu", views, views, replayed=replayed)
    height, width = frames[0].shape[:2]
    middle = np.array([width / 2, height / 2, 0.7 * height, 0.0])
    regions = middle + np.array([(0, 0, 0, 0), (6, 3, -20, 0.1), (-5, 8, 30, -0.2)])
    pictures = Pictures(frames[:3], np.arange(3), Staging(choose("cpu")))
    seen, own = reader.read(pictures, np.arange(3), regions), reader.read_own(pictures, np.arange(3), regions)
    assert seen.presence.min() > 0.5, "the sample shows no face there"
    for n, row in enumerate(regions):
        single = net.read_views(frames[n], region_of(row), views)
        np.testing.assert_allclose(seen.points_px[n], single.points_px, atol=0.02)
        np.testing.assert_allclose(seen.depth_px[n], single.depth_px, atol=0.02)
        assert seen.presence[n] == pytest.approx(single.presence, abs=1e-4)
        single_own = own_net.read(frames[n], region_of(row), views).landmarks(1.0)
        for name in ("points_px", "depth_px", "sigma_px", "visible", "coefficients", "coefficient_sigma"):
            np.testing.assert_allclose(getattr(own, name)[n], getattr(single_own, name), atol=0.02, err_msg=name)


def test_many_regions_are_read_in_parts(frames: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    reader, cells = BatchReader("cpu", own_views=()), np.arange(5)
    regions = np.array([(240.0, 240.0, 300.0 + n, 0.0) for n in range(5)])
    at_once = reader.read(Pictures(frames[:5], cells, Staging(choose("cpu"))), cells, regions)
    monkeypatch.setattr("understudy.inference.capture.batch.reader._BYTES_AT_ONCE", 15_000_000)
    in_parts = reader.read(Pictures(frames[:5], cells, Staging(choose("cpu"))), cells, regions)
    np.testing.assert_allclose(in_parts.points_px, at_once.points_px, atol=1e-3)
    np.testing.assert_allclose(in_parts.presence, at_once.presence, atol=1e-5)


def test_memory_on_the_way_to_a_device_is_used_again(frames: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    room = "understudy.inference.capture.batch.pictures"
    monkeypatch.setattr(f"{room}.memory_of", lambda choice: ("cuda", 0))
    monkeypatch.setattr(f"{room}.on_device", lambda array, choice: on_device(array.copy(), choice))
    staging, large, cells = Staging(choose("cpu")), [np.tile(frame, (3, 3, 1)) for frame in frames[:3]], np.arange(3)
    regions = np.array([(700.0, 720.0, 330.0, 0.1)] * 3)
    copied, reader = Pictures(large, cells, staging), BatchReader("cpu", own_views=())
    seen = [reader.read(copied, cells[part], regions[part]) for part in (slice(0, 1), slice(1, 3), slice(0, 3))]
    assert np.shares_memory(staging.room(2, 5), staging.room(7))
    monkeypatch.undo()
    whole = reader.read(Pictures(large, cells, Staging(choose("cpu"))), cells, regions)
    np.testing.assert_allclose(seen[0].points_px[0], whole.points_px[0], atol=1e-3)
    np.testing.assert_allclose(seen[2].points_px, whole.points_px, atol=1e-3)


def test_pieces_of_large_pictures_go_to_the_device_and_whole_small_ones(frames: list[np.ndarray]) -> None:
    cells = np.arange(4)
    near = np.array([(60.0, 50.0, 60.0, 0.0)] * 4)
    small = Pictures([np.zeros((100, 130, 3), np.uint8)] * 4, cells, Staging(choose("cpu")))
    large = Pictures([np.zeros((1080, 1920, 3), np.uint8)] * 4, cells, Staging(choose("cpu")))
    for pictures in (small, large):
        for shift in (0, 2, 2):
            assert sum(len(rows) for rows, _, _ in pictures.showing(cells, near + (shift, 0, 0, 0), 192)) == 4
    assert small.bytes_sent == 4 * 100 * 130 * 3
    assert large.bytes_sent < 4 * 200 * 200 * 3
    list(large.showing(cells, near + (900, 400, 0, 0), 192))
    assert large.bytes_sent > 4 * 100 * 100 * 3 * 2 * 0.9


def test_readings_ahead_need_neither_opencv_nor_av() -> None:
    program = (
        "import sys; sys.modules.update(dict.fromkeys(('cv2', 'av', 'scipy', 'onnx', 'tqdm')));"
        "import understudy.inference.capture.batch.ahead"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr


def test_regions_of_our_own_network_are_those_of_followed_faces() -> None:
    row = np.array([[100.0, 80.0, 140.0, 0.2]])
    ours = rules.scaled(row, MARGIN_OWN / MARGIN_FOLLOWING)[0]
    np.testing.assert_allclose(ours, row_of(region_of_followed(region_of(row[0]))))
