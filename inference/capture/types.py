"""What the capture room hands out: boxes, landmarks and the tracks of a shot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..media.types import VideoInfo

LANDMARK_COUNT = 478
"""MediaPipe face mesh topology: 468 mesh points, then 5 points for each iris."""


@dataclass(frozen=True)
class FaceBox:
    """A detected face."""

    box_px: NDArray[np.float32]
    """(4,) x0, y0, x1, y1."""
    keypoints_px: NDArray[np.float32]
    """(K, 2); the first two are the eye at the left and at the right of the image."""
    score: float


@dataclass(frozen=True)
class Landmarks:
    """The points of one face in one frame."""

    points_px: NDArray[np.float32]
    """(478, 2) image pixels, corner convention: the centre of the first pixel is (0.5, 0.5)."""
    depth_px: NDArray[np.float32]
    """(478,) relative depth in image pixels; smaller is nearer to the camera."""
    presence: float
    """0..1, the network's own belief that there is a face."""
    sigma_px: NDArray[np.float32] | None = None
    """(478,) standard deviation of each axis of a point; this and what follows is None where MediaPipe read the face."""
    visible: NDArray[np.float32] | None = None
    """(478,) probability that nothing hides the point."""
    coefficients: NDArray[np.float32] | None = None
    """(52,) 0..1 in the order of `arkit.NAMES`, as the network sees them."""
    coefficient_sigma: NDArray[np.float32] | None = None
    """(52,) standard deviations."""


@dataclass(frozen=True)
class FaceTrack:
    """One face through a shot of T frames."""

    track_id: int
    landmarks_px: NDArray[np.float32]
    """(T, 478, 2), NaN where the face is lost."""
    depth_px: NDArray[np.float32]
    """(T, 478), NaN where the face is lost."""
    confidence: NDArray[np.float32]
    """(T,) 0 where the face is lost."""
    sigma_px: NDArray[np.float32] | None = None
    """(T, 478) standard deviation of each axis of a point, NaN where the face is lost.

    This and what follows is None where the points are MediaPipe's; else they lie on the face model's surface.
    """
    visible: NDArray[np.float32] | None = None
    """(T, 478) probability that nothing hides the point, NaN where the face is lost."""
    coefficients: NDArray[np.float32] | None = None
    """(T, 52) 0..1 in the order of `arkit.NAMES`, NaN where the network is not believed or the face is lost."""
    coefficient_sigma: NDArray[np.float32] | None = None
    """(T, 52) standard deviations, NaN where `coefficients` are."""
    mediapipe_px: NDArray[np.float32] | None = None
    """(T, 478, 2) what MediaPipe's network saw beside ours, as it saw it; NaN where the face is lost."""
    derived: NDArray[np.bool_] | None = None
    """(T,) where our network was not asked: the points are MediaPipe's, moved as the two differ in the frames around.

    None where it was asked in every frame.
    """


@dataclass(frozen=True)
class ShotTracks:
    """Every face of a shot, largest and longest first."""

    info: VideoInfo
    source_sha256: str
    frame_index: NDArray[np.int64]
    """(T,) index of each frame in the file."""
    time_s: NDArray[np.float64]
    """(T,) presentation times."""
    tracks: tuple[FaceTrack, ...]
