"""Which keys curves keep: all of them, or as few as stay within a tolerance in millimetres of the avatar's surface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import bpy
import numpy as np
from numpy.typing import NDArray

from .fcurves import BEZIER, CONSTANT, LINEAR, Curve, CurveKeys

if TYPE_CHECKING:
    from ....inference.retarget.reduction import Keys

Array = NDArray[np.float64]
Track = tuple[bpy.types.ID, list[Curve]]
Pins = dict[tuple[str, str, int], Array]
"""Name of a block, data path and index: the frames that a person has set."""

STILL_MM = 1e-6
"""A channel that moves nothing may be anywhere."""


def every_key(
    track: Track, frames: Array, hold: NDArray[np.bool_], taken: Array, pins: Pins
) -> list[CurveKeys]:  # fmt: skip
    """All keys of one block's curves: at the frames `taken` from the take, and where a person has set some."""
    id_block, curves = track
    interpolation = np.where(hold, CONSTANT, LINEAR).astype(np.int32)
    usual = np.isin(frames, taken)
    plain = bool(usual.all())
    shared, shared_interpolation = frames[usual], interpolation[usual]
    result = []
    for curve in curves:
        own = pins.get((id_block.name, curve.data_path, curve.index))
        if own is None:
            values = curve.values if plain else curve.values[usual]
            result.append(CurveKeys(shared, values, shared_interpolation))
        else:
            marked = np.isin(frames, own)
            kept = usual | marked
            result.append(CurveKeys(frames[kept], curve.values[kept], interpolation[kept], None, marked[kept]))
    return result


def thinned(
    tracks: Sequence[Track], frames: Array, hold: NDArray[np.bool_], pins: Pins, tolerance_mm: float
) -> list[tuple[Track, list[CurveKeys]]]:
    """As few keys as keep every curve within the tolerance at the take's frames and at all whole frames between.

    Numbers that belong together (the four of a quaternion) keep their keys at the same frames.
    """
    from ....inference.retarget.reduction import reduce_keys

    check = None
    if not np.array_equal(frames, np.round(frames)):
        check = np.arange(np.ceil(frames[0]), np.floor(frames[-1]) + 1)
    groups = [
        (place, indices)
        for place, (_, curves) in enumerate(tracks)
        for indices in _together(curves)
    ]  # fmt: skip
    found: dict[tuple[int, int], CurveKeys] = {}
    for size in {len(indices) for _, indices in groups}:
        alike = [(place, indices) for place, indices in groups if len(indices) == size]
        values = np.array([[tracks[place][1][n].values for n in indices] for place, indices in alike])
        reach_mm = np.array([max(tracks[place][1][n].mm_per_unit for n in indices) for place, indices in alike])
        pinned = np.array([_pinned(tracks[place], indices, frames, pins) for place, indices in alike])
        tolerance = tolerance_mm / np.maximum(reach_mm, STILL_MM)
        reduced = reduce_keys(frames, values.transpose(0, 2, 1), tolerance, hold, pinned, check)
        for (place, indices), keys, marked in zip(alike, reduced, pinned, strict=True):
            for part, n in enumerate(indices):
                found[place, n] = _curve_keys(frames, tracks[place][1][n].values, hold, keys, part, marked)
    return [(track, [found[place, n] for n in range(len(track[1]))]) for place, track in enumerate(tracks)]


def _together(curves: Sequence[Curve]) -> list[list[int]]:
    """Curves of one data path, side by side."""
    groups: dict[str, list[int]] = {}
    for n, curve in enumerate(curves):
        groups.setdefault(curve.data_path, []).append(n)
    return list(groups.values())


def _pinned(track: Track, indices: Sequence[int], frames: Array, pins: Pins) -> NDArray[np.bool_]:
    """(N,) the frames at which a person has set one of these curves."""
    id_block, curves = track
    result = np.zeros(len(frames), bool)
    for n in indices:
        own = pins.get((id_block.name, curves[n].data_path, curves[n].index))
        if own is not None:
            result |= np.isin(frames, own)
    return result


def _curve_keys(
    frames: Array, values: Array, hold: NDArray[np.bool_], keys: Keys, part: int, marked: NDArray[np.bool_]
) -> CurveKeys:
    kept = keys.kept
    interpolation = np.where(hold[kept], CONSTANT, BEZIER if keys.bezier else LINEAR).astype(np.int32)
    slopes = np.stack([keys.arriving[:, part], keys.leaving[:, part]], 1) if keys.bezier else None
    return CurveKeys(frames[kept], values[kept], interpolation, slopes, marked[kept])
