"""A performance at other times than those of its frames: whole frames of a scene with another rate.

Where the new times are further apart than the old ones, a peak between two of them is moved to the
nearer one: lips that meet and lids that close do so at any rate.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..take import Take
from .cubics import at_times
from .reduction import turning_points

Array = NDArray[np.float64]

PEAK = 0.05
"""Weights that turn back by less are no peaks."""


def with_peaks(drawn: Array, values: Array, time_s: Array, new_s: Array) -> Array:
    """(M, K) `drawn` at new times, with the peaks of values (N, K) that fell between two of them moved to the nearer one."""
    if len(new_s) < 2 or len(time_s) < 3:
        return drawn
    result = drawn.copy()
    peaks = turning_points(values.T[:, :, None].astype(np.float64), PEAK)
    peaks[:, [0, -1]] = False
    middle = (new_s[1:] + new_s[:-1]) / 2
    column, sample = np.nonzero(peaks)
    inside = (time_s[sample] >= new_s[0]) & (time_s[sample] <= new_s[-1])
    column, sample = column[inside], sample[inside]
    result[np.searchsorted(middle, time_s[sample]), column] = values[sample, column]
    return result


def resampled(take: Take, new_s: Array) -> Take:
    """The take at other times (M,), within its own. A time between a seen and a lost frame belongs to the nearer one."""
    nearest = nearest_frames(take.time_s, new_s)
    seen = np.flatnonzero(take.confidence > 0)
    known = take.time_s[seen]

    def drawn(values: NDArray[np.float32]) -> Array:
        return at_times(values[seen], known, new_s)

    coefficients = with_peaks(drawn(take.coefficients), take.coefficients[seen].astype(np.float64), known, new_s)
    left, _, right = np.linalg.svd(drawn(take.rotation))
    rotation = left @ right
    return replace(
        take,
        coefficients=np.clip(coefficients, 0.0, 1.0).astype(np.float32),
        confidence=take.confidence[nearest],
        time_s=new_s,
        rotation=rotation.astype(np.float32),
        translation_cm=drawn(take.translation_cm).astype(np.float32),
        gaze=drawn(take.gaze).astype(np.float32),
        landmarks_px=take.landmarks_px[nearest],
        frame_index=take.frame_index[nearest],
        sigma=None if take.sigma is None else take.sigma[nearest],
    )


def nearest_frames(time_s: Array, new_s: Array) -> NDArray[np.int64]:
    """(M,) the frame nearest to each time."""
    middle = (time_s[1:] + time_s[:-1]) / 2
    return np.searchsorted(middle, new_s).astype(np.int64)
