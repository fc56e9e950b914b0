"""One face's arrays out of its observations: MediaPipe's points, or our own network's where they are believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .. import arkit
from .tracking import Observation
from .types import LANDMARK_COUNT, FaceTrack, Landmarks

Floats = NDArray[np.float32]


def track_of(observations: Sequence[Observation], count: int) -> FaceTrack:
    """The track of one face in a shot of `count` frames."""
    frames = [one.frame for one in observations]
    confidence = np.zeros(count, np.float32)
    confidence[frames] = [one.confidence for one in observations]
    track = _with_points(observations[0].track_id, confidence, frames, [one.landmarks for one in observations])
    own = {one.frame: one.own for one in observations if one.own is not None}
    return _with_own(track, own) if own else track


def _with_points(number: int, confidence: Floats, frames: Sequence[int], read: Sequence[Landmarks]) -> FaceTrack:
    points = np.full((len(confidence), LANDMARK_COUNT, 2), np.nan, np.float32)
    depth = np.full((len(confidence), LANDMARK_COUNT), np.nan, np.float32)
    for frame, landmarks in zip(frames, read, strict=True):
        points[frame], depth[frame] = landmarks.points_px, landmarks.depth_px
    return FaceTrack(number, points, depth, confidence)


def _with_own(track: FaceTrack, own: dict[int, Landmarks]) -> FaceTrack:
    """The same track with what our own network read."""
    count = len(track.confidence)
    points, depth = track.landmarks_px.copy(), track.depth_px.copy()
    sigma, visible = (np.full((count, LANDMARK_COUNT), np.nan, np.float32) for _ in range(2))
    coefficients, coefficient_sigma = (np.full((count, len(arkit.NAMES)), np.nan, np.float32) for _ in range(2))
    for frame, read in own.items():
        points[frame], depth[frame] = read.points_px, read.depth_px
        sigma[frame], visible[frame] = read.sigma_px, read.visible
        coefficients[frame], coefficient_sigma[frame] = read.coefficients, read.coefficient_sigma
    return replace(
        track,
        landmarks_px=points,
        depth_px=depth,
        sigma_px=sigma,
        visible=visible,
        coefficients=coefficients,
        coefficient_sigma=coefficient_sigma,
    )
