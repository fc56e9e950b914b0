"""Faces painted with a random skin: the pixels of the skin give back what was played, or say that they cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import Delaunay
from understudy.inference import arkit, face_model
from understudy.inference.capture.types import FaceTrack, ShotTracks
from understudy.inference.face_model.skin import default_skin
from understudy.inference.media import probe
from understudy.inference.media.types import VideoFrame
from understudy.inference.media.writer import VideoWriter
from understudy.inference.photometric import PixelRefiner
from understudy.inference.photometric.camera import farther
from understudy.inference.photometric.crops import FaceCrops, read_crops
from understudy.inference.photometric.evidence import State, pictures
from understudy.inference.photometric.shot import Refinement
from understudy.inference.progress import silent
from understudy.inference.solve import solve_shot
from understudy.inference.solve.geometry import Array, Camera, Poses, project, rotation_from_vector
from understudy.inference.solve.performance import Performance, PerformanceSolver, Refined
from understudy.inference.solve.shot import solver_of

MODEL = face_model.load("default")
SKIN = default_skin()
FRAMES, SIDE = 24, 256
CAMERA = Camera(350.0, (SIDE / 2, SIDE / 2))
PLAYED = ("mouthSmileLeft", "mouthSmileRight", "browInnerUp", "browDownLeft", "browDownRight", "noseSneerLeft")
PAINT_PX_PER_CM = 25.0
NOISE_PX = 2.0


@dataclass(frozen=True)
class Stage:
    """What was played, and the pictures and landmarks of it."""

    coefficients: Array
    poses: Poses
    landmarks_px: Array
    frames: list[NDArray[np.uint8]]
    time_s: Array

    def solver(self) -> PerformanceSolver:
        return PerformanceSolver(self.landmarks_px, self.time_s, (SIDE, SIDE), MODEL)

    def solver_of_sure_points(self) -> PerformanceSolver:
        """The solver for a network that says how sure its points are, and nothing of coefficients."""
        unread = np.full((FRAMES, len(arkit.NAMES)), np.nan, np.float32)
        every = np.ones((FRAMES, 478), np.float32)
        landmarks = self.landmarks_px.astype(np.float32)
        track = FaceTrack(0, landmarks, 0 * every, every[:, 0], NOISE_PX * every, every, unread, unread)
        return solver_of(track, np.arange(FRAMES), self.time_s, (SIDE, SIDE), MODEL, None)

    def crops(self) -> FaceCrops:
        frames = (VideoFrame(n, n / 25, picture) for n, picture in enumerate(self.frames))
        return read_crops(frames, np.arange(len(self.frames)), self.landmarks_px, lambda _: None)


def stage(paint: Array, noise: float = 0.0) -> Stage:
    """A turning head that plays, whose skin (H, W) is `paint`, 0..1; its landmarks err together, as a network's do."""
    time = np.arange(FRAMES)
    played = np.zeros((FRAMES, 52))
    for n, name in enumerate(PLAYED):
        played[:, arkit.INDEX[name]] = 0.7 * np.exp(-0.5 * ((time - FRAMES * (n + 0.5) / len(PLAYED)) / 2.5) ** 2)
    turns = np.stack([0.05 * np.cos(time / 5), 0.15 * np.sin(time / 6), 0.03 * np.sin(time / 7)], 1)
    places = np.stack([0.5 * np.sin(time / 7), 0.3 * np.cos(time / 8), np.full(FRAMES, -45.0)], 1)
    poses = Poses(rotation_from_vector(turns), places)
    landmarks = project(MODEL.landmark_mean_cm + np.tensordot(played, MODEL.landmark_expressions_cm, 1), poses, CAMERA)
    generator = np.random.default_rng(3)
    distance = np.linalg.norm(MODEL.landmark_mean_cm[:, None] - MODEL.landmark_mean_cm, axis=-1)
    together = np.exp(-0.5 * (distance / 1.5) ** 2)
    together /= np.linalg.norm(together, axis=1, keepdims=True)
    landmarks += NOISE_PX * np.einsum("pq,tqc->tpc", together, generator.normal(size=landmarks.shape))
    places_px = project(SKIN.mean_cm + np.tensordot(played, SKIN.expressions_cm, 1), poses, CAMERA)
    frames = [picture + generator.normal(scale=noise, size=picture.shape) for picture in painted(paint, places_px)]
    bytes_ = [np.repeat(np.clip(picture, 0, 255)[..., None], 3, 2).astype(np.uint8) for picture in frames]
    return Stage(played, poses, landmarks, bytes_, time / 25)


def painted(paint: Array, places_px: Array) -> Iterator[Array]:
    """Pictures (SIDE, SIDE), 0..255, of skin points that are at (T, S, 2), by splatting the paint between them."""
    low = SKIN.mean_cm[:, :2].min(0)
    surface = Delaunay(SKIN.mean_cm[:, :2])
    rows, columns = np.indices(paint.shape)
    spots = np.stack([columns, rows], -1).reshape(-1, 2) / PAINT_PX_PER_CM + low
    triangle = surface.find_simplex(spots)
    inside = triangle >= 0
    spots, triangle, colours = spots[inside], triangle[inside], paint.reshape(-1)[inside]
    affine = surface.transform[triangle]
    share = np.einsum("nij,nj->ni", affine[:, :2], spots - affine[:, 2])
    share = np.concatenate([share, 1 - share.sum(1, keepdims=True)], 1)
    corners = surface.simplices[triangle]
    for points in places_px:
        at = np.einsum("nk,nkc->nc", share, points[corners]) - 0.5
        start = np.floor(at).astype(int)
        total, weight = np.zeros((SIDE, SIDE)), np.full((SIDE, SIDE), 1e-9)
        for right in (0, 1):
            for down in (0, 1):
                part = np.abs(1 - right - (at - start)[:, 0]) * np.abs(1 - down - (at - start)[:, 1])
                where = (start[:, 1] + down, start[:, 0] + right)
                np.add.at(total, where, part * colours)
                np.add.at(weight, where, part)
        yield 60 + 130 * total / weight


def freckled() -> Array:
    """Random structure of several sizes, 0..1."""
    shape = tuple(np.ceil(PAINT_PX_PER_CM * np.ptp(SKIN.mean_cm[:, :2], axis=0)[::-1]).astype(int))
    generator = np.random.default_rng(5)
    layers = [gaussian_filter(generator.normal(size=shape), size) * size for size in (3.0, 6.0, 12.0)]
    total = np.sum(layers, 0)
    return np.asarray(np.clip(0.5 + 0.2 * total / total.std(), 0, 1))


@pytest.fixture(scope="module")
def played() -> Stage:
    return stage(freckled())


@pytest.fixture(scope="module")
def work(played: Stage) -> tuple[Refinement, Performance]:
    solver = played.solver()
    refinement = Refinement(solver, solver.solve(lambda _: None), played.crops())
    return refinement, refinement.run(lambda _: None)


def errors(found: Performance, truth: Stage) -> tuple[float, float]:
    """Mean error of the played coefficients, and of the head's turns in degrees about their mean."""
    channels = [arkit.INDEX[name] for name in PLAYED]
    between = np.swapaxes(found.poses.rotation, 1, 2) @ truth.poses.rotation
    turn = np.stack([between[:, 2, 1] - between[:, 1, 2], between[:, 0, 2] - between[:, 2, 0]], 1) / 2
    off = np.degrees(np.linalg.norm(turn - turn.mean(0), axis=1).mean())
    return float(np.abs(found.coefficients - truth.coefficients)[:, channels].mean()), float(off)


def test_pixels_find_what_was_played_better_than_landmarks(played: Stage, work: tuple[Refinement, Performance]) -> None:
    refinement, refined = work
    assert refinement.report.used
    (before, head_before), (after, head_after) = errors(refinement.found, played), errors(refined, played)
    assert after < 0.6 * before, (before, after)
    assert head_after < 0.75 * head_before, (head_before, head_after)
    assert ((refined.coefficients >= 0) & (refined.coefficients <= 1)).all()


def test_what_was_not_played_comes_nearer_to_rest(work: tuple[Refinement, Performance]) -> None:
    resting = [n for n, name in enumerate(arkit.NAMES) if name not in PLAYED and not name.startswith("eye")]
    before, after = (found.coefficients[:, resting].mean() for found in (work[0].found, work[1]))
    assert after < 0.75 * before, (before, after)


def test_points_that_say_how_sure_they_are_are_refined_too(played: Stage) -> None:
    solver = played.solver_of_sure_points()
    found = solver.solve(lambda _: None)
    refined = Refinement(solver, found, played.crops()).run(lambda _: None)
    (before, head_before), (after, head_after) = errors(found, played), errors(refined, played)
    assert after < 0.4 * before, (before, after)
    assert head_after < 0.9 * head_before, (head_before, head_after)


def test_pixels_of_a_turning_head_correct_the_focal_length(played: Stage, work: tuple[Refinement, Performance]) -> None:
    found = work[0].found
    longer = 1.3 * CAMERA.focal_px
    away = farther(State(found.coefficients, found.poses), longer / found.actor.camera.focal_px)
    actor = replace(found.actor, camera=replace(CAMERA, focal_px=longer))
    start = replace(found, actor=actor, poses=away.poses)
    refined = Refinement(work[0].solver, start, played.crops()).run(lambda _: None)
    focal = refined.actor.camera.focal_px
    assert 0.95 * CAMERA.focal_px < focal < 0.95 * longer, focal  # a head that turns little tells only a part
    size = -refined.poses.translation_cm[:, 2] / focal
    assert np.allclose(size, 45 / CAMERA.focal_px, rtol=0.05)
    assert np.array_equal(refined.actor.points_cm, found.actor.points_cm)


def test_other_brightness_and_gain_change_nothing(played: Stage, work: tuple[Refinement, Performance]) -> None:
    refinement, refined = work
    gains = np.linspace(0.7, 1.1, FRAMES)
    dimmed = [(gain * picture + 10).astype(np.uint8) for gain, picture in zip(gains, played.frames, strict=True)]
    again = Refinement(refinement.solver, refinement.found, replace(played, frames=dimmed).crops()).run(lambda _: None)
    assert np.abs(again.coefficients - refined.coefficients).mean() < 0.004


@pytest.mark.parametrize("noise", [0.0, 1.5])
def test_smooth_skin_is_told_and_changes_nothing(noise: float) -> None:
    smooth = stage(np.full_like(freckled(), 0.5), noise)
    solver = smooth.solver()
    found = solver.solve(lambda _: None)
    refinement = Refinement(solver, found, smooth.crops())
    result = refinement.run(lambda _: None)
    assert np.array_equal(result.coefficients, found.coefficients)
    assert np.array_equal(result.poses.rotation, found.poses.rotation)
    assert not refinement.report.used


def test_frames_that_fit_worse_keep_their_old_values(work: tuple[Refinement, Performance]) -> None:
    refinement, refined = work
    start = State(refinement.found.coefficients, refinement.found.poses)
    layer = pictures(refinement.crops, 0.07, np.full(FRAMES, CAMERA.focal_px / 45))
    good = State(refined.coefficients, refined.poses)
    shift = np.zeros((FRAMES, 6))
    shift[5, 3] = 1.0
    better, _ = refinement.judge(layer, start, State(good.coefficients, good.poses.moved(shift)))
    assert not better[5]
    assert better.sum() >= FRAMES - 2
    kept = refinement.performance(
        start,
        good,
        Refined(good.coefficients, refined.gaze, np.tile(np.eye(52), (FRAMES, 1, 1))),
        np.arange(FRAMES) != 5,
    )
    assert np.array_equal(kept.poses.rotation[5], refinement.found.poses.rotation[5])
    assert np.array_equal(kept.gaze[5], refinement.found.gaze[5])
    assert not np.array_equal(kept.poses.rotation[6], refinement.found.poses.rotation[6])


def test_lost_frames_of_a_file_stay_lost(played: Stage, tmp_path: Path) -> None:
    movie = tmp_path / "played.mkv"
    with VideoWriter(movie, SIDE, SIDE, Fraction(25), codec="ffv1") as writer:
        for picture, time_s in zip(played.frames, played.time_s, strict=True):
            writer.write(picture, float(time_s))
    landmarks = played.landmarks_px.astype(np.float32)
    landmarks[8:10] = np.nan
    confidence = np.ones(FRAMES, np.float32)
    confidence[8:10] = 0
    track = FaceTrack(0, landmarks, np.zeros((FRAMES, 478), np.float32), confidence)
    shot = ShotTracks(probe(movie), "0" * 64, np.arange(FRAMES), played.time_s, (track,))
    seen: list[tuple[int, int]] = []
    refiner = PixelRefiner(shot, lambda _, done, total: seen.append((done, total)))
    take = solve_shot(shot, track, MODEL, silent, refiner.refine)
    assert refiner.report is not None
    assert refiner.report.used
    assert np.array_equal(take.confidence == 0, confidence == 0)
    assert np.isfinite(take.coefficients).all()
    assert np.isfinite(take.rotation).all()
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == seen[-1][1]
    channels = [arkit.INDEX[name] for name in PLAYED]
    by_landmarks = solve_shot(shot, track, MODEL).coefficients
    before, after = (
        np.abs(found - played.coefficients)[:, channels].mean() for found in (by_landmarks, take.coefficients)
    )
    assert after < 0.7 * before, (before, after)
