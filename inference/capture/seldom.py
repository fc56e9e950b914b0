"""Faces between the frames in which our own network was asked: MediaPipe's points, moved as the two differ around them.

How the two differ changes slowly, so that MediaPipe's reading of every frame tells the motion and ours, each fourth
frame, the place. On renders that keeps four fifths of what our network adds when it is asked in every frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .tracking import Observation
from .types import FaceTrack

Floats = NDArray[np.float32]
Number = TypeVar("Number", np.float32, np.complex64)

_WORSE = 1.5
"""Derived points are taken to be so much less sure; of 1, 1.5 and 2 this leaks least motion into what rests."""
_LEAST_DOUBT = 0.01
"""In face sizes: where our network was asked in vain."""
_FIRST_CORNER, _SECOND_CORNER = 33, 263
"""Outer corners of the eyes."""


def between(mediapipe: FaceTrack, believed: Sequence[Observation]) -> FaceTrack:
    """A track of our own points out of those of some frames, and of MediaPipe's in all of them.

    ``believed`` are the observations with readings of our own that count, at least one. Coefficients pass from one
    reading to the next; farther from any than readings usually are apart they are NaN, and the points are marked as
    uncertain (a single reading counts for the whole track). Where the face is lost all stays NaN.
    """
    read = sorted((one.frame, one.own) for one in believed if one.own is not None)
    frames = np.array([frame for frame, _ in read])
    own = [landmarks for _, landmarks in read]
    passing = _Passing(frames, len(mediapipe.confidence))
    turn, size_px = _straight(mediapipe.landmarks_px)
    points, depth = _complex(mediapipe.landmarks_px), mediapipe.depth_px
    apart = (
        (_complex(np.stack([one.points_px for one in own])) - points[frames]) * turn[frames].conj() / size_px[frames]
    )
    nearer = (np.stack([one.depth_px for one in own]) - depth[frames]) / size_px[frames]
    moved = points + passing(apart) * turn * size_px

    away = passing.away
    worse = np.where(away > 0, np.float32(_WORSE), np.float32(1))
    sigma = passing(_stacked([one.sigma_px for one in own]) / size_px[frames]) * worse[:, None]
    usual = np.median(np.diff(frames)) if len(frames) > 1 else np.inf
    in_vain = (away > usual)[:, None]
    sigma = np.where(in_vain, np.maximum(sigma, np.float32(_LEAST_DOUBT)), sigma)
    lost = np.isnan(points.real[:, :1])
    unknown = in_vain | lost
    return replace(
        mediapipe,
        mediapipe_px=mediapipe.landmarks_px,
        derived=away > 0,
        landmarks_px=np.stack([moved.real, moved.imag], axis=-1),
        depth_px=np.asarray(depth + passing(nearer) * size_px, np.float32),
        sigma_px=sigma * size_px,
        visible=np.where(lost, np.float32(np.nan), passing(_stacked([one.visible for one in own]))),
        coefficients=np.where(unknown, np.float32(np.nan), passing(_stacked([one.coefficients for one in own]))),
        coefficient_sigma=np.where(unknown, np.float32(np.nan), passing(_stacked([one.coefficient_sigma for one in own]))),
    )  # fmt: skip


class _Passing:
    """From one of some frames to the next in a straight line; before the first and after the last as there."""

    def __init__(self, frames: NDArray[np.int64], count: int) -> None:
        each = np.arange(count)
        self._after = np.clip(np.searchsorted(frames, each), 0, len(frames) - 1)
        self._before = np.clip(np.searchsorted(frames, each, side="right") - 1, 0, len(frames) - 1)
        first, last = frames[self._before], frames[self._after]
        self._share = np.clip((each - first) / np.maximum(last - first, 1), 0, 1).astype(np.float32)
        self.away = np.minimum(np.abs(each - first), np.abs(each - last))
        """(T,) frames to the nearest of them."""

    def __call__(self, values: NDArray[Number]) -> NDArray[Number]:
        """(K, W) values of the frames -> (T, W)."""
        share = self._share[:, None]
        return np.asarray(values[self._before] * (1 - share) + values[self._after] * share, dtype=values.dtype)


def _straight(points_px: Floats) -> tuple[NDArray[np.complex64], Floats]:
    """(T, 1) the direction from eye to eye and (T, 1) the longer side of the box along it, of (T, 478, 2) points."""
    points = _complex(points_px)
    level = points[:, _SECOND_CORNER] - points[:, _FIRST_CORNER]
    with np.errstate(invalid="ignore"):  # lost
        turn = (level / np.maximum(np.abs(level), np.float32(1e-6)))[:, None]
    along = points * turn.conj()
    size_px = np.maximum(np.ptp(along.real, axis=1), np.ptp(along.imag, axis=1))
    return turn, np.maximum(size_px, np.float32(1e-3))[:, None]


def _complex(points: Floats) -> NDArray[np.complex64]:
    """(..., 2) as x + i y."""
    return np.ascontiguousarray(points, np.float32).view(np.complex64)[..., 0]


def _stacked(values: Sequence[Floats | None]) -> Floats:
    return np.stack([value for value in values if value is not None])
