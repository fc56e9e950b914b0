"""One face's arrays out of its observations: our own network's points where they are believed, or MediaPipe's.

A whole track has points of one kind, because the two differ in what they mean by a point, and a change from one to the
other would look like a change of the face. Where our network fails for a moment, MediaPipe's points take its place,
moved by as much as the two differ in the frames around, and marked as uncertain.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .. import arkit
from .cross_check import agrees
from .landmarks import straight_region
from .region import Region
from .seldom import between
from .tracking import Observation
from .types import LANDMARK_COUNT, FaceTrack, Landmarks

log = logging.getLogger(__name__)

Floats = NDArray[np.float32]

_ENOUGH = 0.6
"""Of a track's frames must agree, else its points are MediaPipe's."""
_FADE = 2
"""Frames before and after a failure over which one kind of points passes into the other, after as many of distrust."""
_NEAREST = 25
"""So many believed frames around a failure tell how the two kinds differ."""
_DOUBT = 2.0
"""Points that are carried over are taken to be so much worse than the two kinds usually differ."""
_LEAST_DOUBT = 0.01
"""In face sizes."""


def track_of(observations: Sequence[Observation], count: int) -> FaceTrack:
    """The track of one face in a shot of `count` frames."""
    number = observations[0].track_id
    confidence = np.zeros(count, np.float32)
    points = np.full((count, LANDMARK_COUNT, 2), np.nan, np.float32)
    depth = np.full((count, LANDMARK_COUNT), np.nan, np.float32)
    for one in observations:
        confidence[one.frame] = one.confidence
        points[one.frame], depth[one.frame] = one.landmarks.points_px, one.landmarks.depth_px
    track = FaceTrack(number, points, depth, confidence)
    read = [(one.frame, one.landmarks, one.own) for one in observations if one.own is not None]
    if not read:
        return track
    believed = {frame: own for frame, landmarks, own in read if agrees(landmarks, own)}
    if len(believed) < _ENOUGH * len(read):
        log.warning(
            "Face %d: our landmark network disagrees with MediaPipe in %d of %d frames; MediaPipe's points are used.",
            number, len(read) - len(believed), len(read),
        )  # fmt: skip
        return track
    if len(believed) < len(read):
        log.warning(
            "Face %d: our landmark network is not believed in %d of %d frames; points derived from MediaPipe's, marked "
            "as uncertain, take their place.",
            number, len(read) - len(believed), len(read),
        )  # fmt: skip
    if len(read) < len(observations):
        return between(track, [one for one in observations if one.frame in believed])
    return _bridged(_own_track(track, {frame: own for frame, _, own in read}), track, sorted(believed))


def _own_track(track: FaceTrack, own: dict[int, Landmarks]) -> FaceTrack:
    """The same track with what our own network read."""
    frames, read = list(own), list(own.values())

    def filled(width: int, values: list[Floats | None]) -> Floats:
        array = np.full((len(track.confidence), width), np.nan, np.float32)
        array[frames] = np.stack([value for value in values if value is not None])
        return array

    points = track.landmarks_px.copy()
    points[frames] = [one.points_px for one in read]
    return replace(
        track,
        mediapipe_px=track.landmarks_px,
        landmarks_px=points,
        depth_px=filled(LANDMARK_COUNT, [one.depth_px for one in read]),
        sigma_px=filled(LANDMARK_COUNT, [one.sigma_px for one in read]),
        visible=filled(LANDMARK_COUNT, [one.visible for one in read]),
        coefficients=filled(len(arkit.NAMES), [one.coefficients for one in read]),
        coefficient_sigma=filled(len(arkit.NAMES), [one.coefficient_sigma for one in read]),
    )


@dataclass(frozen=True)
class _Kept:
    """Points of one frame as the face stands: turned level, in face sizes from the middle of its box."""

    region: Region

    def taken(self, points_px: Floats, depth_px: Floats) -> Floats:
        """(478, 3) of (478, 2) and (478,)."""
        matrix = self.region.matrix()
        level = np.linalg.solve(matrix[:, :2], (points_px - matrix[:, 2]).T).T
        return np.column_stack([level, depth_px / self.region.size_px[0]]).astype(np.float32)

    def given(self, level: Floats) -> tuple[Floats, Floats]:
        """The way back."""
        return self.region.to_image(level[:, :2]), level[:, 2] * np.float32(self.region.size_px[0])


def _bridged(own: FaceTrack, mediapipe: FaceTrack, believed: Sequence[int]) -> FaceTrack:
    """Our own track with the frames that are not believed filled from MediaPipe's."""
    assert own.sigma_px is not None
    assert own.visible is not None
    assert own.coefficients is not None
    assert own.coefficient_sigma is not None
    good = np.array(believed)
    share = _share_of_own(mediapipe.confidence, good)
    weak = np.flatnonzero((share < 1) & (mediapipe.confidence > 0))
    if not len(weak):
        return own
    apart = _apart(own, mediapipe, good)
    usual = np.sqrt(apart[..., :2].var(axis=0).mean(axis=-1))
    doubt = np.maximum(_DOUBT * usual, _LEAST_DOUBT)
    points, depth, sigma, visible, coefficients, coefficient_sigma = (
        array.copy()
        for array in (
            own.landmarks_px, own.depth_px, own.sigma_px, own.visible, own.coefficients, own.coefficient_sigma
        )
    )  # fmt: skip
    for frame in weak:
        near = np.argsort(np.abs(good - frame), kind="stable")[:_NEAREST]
        kept = _kept(mediapipe, frame)
        carried = kept.given(
            kept.taken(mediapipe.landmarks_px[frame], mediapipe.depth_px[frame]) + apart[near].mean(axis=0)
        )
        trust = share[frame]
        points[frame] = _mixed(points[frame], carried[0], trust)
        depth[frame] = _mixed(depth[frame], carried[1], trust)
        doubt_px = doubt * np.float32(kept.region.size_px[0])
        sigma[frame] = np.sqrt(_mixed(sigma[frame] ** 2, doubt_px**2, trust))
        visible[frame] = _mixed(visible[frame], own.visible[good[near]].mean(axis=0), trust)
        coefficients[frame] = coefficient_sigma[frame] = np.nan
    return replace(
        own,
        landmarks_px=points,
        depth_px=depth,
        sigma_px=sigma,
        visible=visible,
        coefficients=coefficients,
        coefficient_sigma=coefficient_sigma,
    )


def _share_of_own(confidence: Floats, believed: NDArray[np.int64]) -> Floats:
    """(T,) 1 where our own points stand, 0 where they are replaced, in between on the way."""
    failed = confidence > 0
    failed[believed] = False
    window = np.ones(2 * _FADE + 1)
    trusted = np.convolve(np.pad(failed, _FADE), window, "valid") < 0.5
    padded = np.pad(trusted.astype(np.float32), _FADE, mode="edge")
    return np.convolve(padded, window / len(window), "valid").astype(np.float32)


def _apart(own: FaceTrack, mediapipe: FaceTrack, frames: NDArray[np.int64]) -> Floats:
    """(F, 478, 3) our points less MediaPipe's, as the face stands."""
    differences = []
    for frame in frames:
        kept = _kept(mediapipe, frame)
        theirs = kept.taken(mediapipe.landmarks_px[frame], mediapipe.depth_px[frame])
        differences.append(kept.taken(own.landmarks_px[frame], own.depth_px[frame]) - theirs)
    return np.stack(differences)


def _kept(mediapipe: FaceTrack, frame: int) -> _Kept:
    return _Kept(straight_region(mediapipe.landmarks_px[frame], 1.0))


def _mixed(own: Floats, other: Floats, trust: np.float32) -> Floats:
    return np.asarray(other if trust == 0 else trust * own + (1 - trust) * other, dtype=np.float32)
