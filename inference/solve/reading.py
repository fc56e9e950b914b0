"""What our own landmark network reads of a face: points of the face model's surface, how sure each is, and coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..capture.types import FaceTrack
from .geometry import Array


@dataclass(frozen=True)
class SurfaceReading:
    """N frames in which the face was seen."""

    points_px: Array
    """(N, 478, 2)."""
    sigma_px: Array
    """(N, 478) standard deviation of each axis."""
    visible: Array
    """(N, 478) probability that nothing hides a point."""
    coefficients: Array
    """(N, 52) as the network sees them, NaN where it was not believed."""
    mediapipe_px: Array | None = None
    """(N, 478, 2) what MediaPipe's network saw of the same faces."""
    mostly_derived: bool = False
    """Whether the points of most frames come from MediaPipe's, which is then no second opinion of them."""


def reading_of(track: FaceTrack, seen: NDArray[np.int64]) -> SurfaceReading | None:
    """The reading of these frames of a track; None where the points are MediaPipe's."""
    if track.sigma_px is None:
        return None
    # They come together, see `FaceTrack`.
    assert track.visible is not None
    assert track.coefficients is not None
    mediapipe = track.mediapipe_px
    return SurfaceReading(
        points_px=track.landmarks_px[seen].astype(np.float64),
        sigma_px=track.sigma_px[seen].astype(np.float64),
        visible=track.visible[seen].astype(np.float64),
        coefficients=track.coefficients[seen].astype(np.float64),
        mediapipe_px=None if mediapipe is None else mediapipe[seen].astype(np.float64),
        mostly_derived=track.derived is not None and float(track.derived[seen].mean()) > 0.5,
    )
