"""Fewer keys for the same movement: each channel keeps those of its keys that it needs to stay within a tolerance.

Kept keys keep their values, so what is kept is exact; peaks, closures and the ends of holds are always kept. Between them
a cubic with slopes fitted to the samples is drawn as far as the tolerance allows. In Blender such a cubic is a Bezier span
whose handles end at a third of the span: then the frame is linear in the curve's parameter and nothing is approximated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cubics import at_times

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

REVERSAL = 2.0
"""Turns back by so many tolerances are peaks, which are kept."""
FLAT = 0.005
"""Samples within this part of the tolerance of a peak belong to it: its first and its last one are kept."""
BETWEEN = 0.5
"""Half-way between samples, where nobody measured anything, a curve may be off by the tolerance over this: enough to keep it
from swinging out between two keys."""
MARGIN = 0.999
"""Blender keeps keys in single precision, so a little of the tolerance is left."""
LARGEST = 500_000
"""So many samples are looked at together: memory in proportion to this, not to the shot."""
RIDGE = 1e-9
"""Slopes that the samples leave open are those of the straight line."""


@dataclass(frozen=True)
class Keys:
    """The K keys that a channel of D numbers keeps of its N samples."""

    kept: Indices
    """(K,) which samples."""
    arriving: Array
    leaving: Array
    """(K, D) slopes in value per frame, before and after each key."""
    bezier: bool
    """False where straight lines need no more keys."""


@dataclass(frozen=True)
class _Samples:
    """All channels end to end; values are counted in tolerances."""

    frames: Array
    """(L * M,)."""
    values: Array
    """(L * M, D)."""
    weight: Array
    """(L * M,) what a distance counts."""


@dataclass(frozen=True)
class _Fit:
    """Cubics through both ends of S spans."""

    error: Array
    """(S,) largest distance from the samples."""
    bends: Array
    """(S, 2, D) how much steeper than the straight line the cubic leaves and arrives, in value per span."""


def reduce_keys(
    frames: Array,
    values: Array,
    tolerance: Array,
    hold: Flags | None = None,
    pinned: Flags | None = None,
    check_frames: Array | None = None,
) -> list[Keys]:
    """Keys for L channels (L, N, D) sampled at the same `frames` (N,), each staying within its `tolerance` (L,).

    The distance of D numbers is their Euclidean one. `hold` (N,) are samples that keep their value until the next one,
    `pinned` (L, N) are kept whatever they say. At `check_frames` between the samples the curves stay as near to the
    straight lines between the samples as they do at the samples.
    """
    count, size = values.shape[1:]
    most = max(1, LARGEST // count)
    if len(values) > most:
        parts = [slice(first, first + most) for first in range(0, len(values), most)]
        return [
            keys
            for part in parts
            for keys in reduce_keys(
                frames, values[part], tolerance[part], hold, None if pinned is None else pinned[part], check_frames
            )
        ]
    scaled = values / (np.maximum(tolerance, 1e-12) * MARGIN)[:, None, None]
    holds = np.zeros(count, bool) if hold is None else hold
    pins = turning_points(scaled, REVERSAL) | (False if pinned is None else pinned)
    pins[:, [0, -1]] = True
    pins[:, holds] = True
    pins[:, 1:][:, holds[:-1]] = True
    grid, dense, sample, weight = _grid(frames, scaled, check_frames)
    samples = _Samples(np.tile(grid, len(values)), dense.reshape(-1, size), np.tile(weight, len(values)))
    lanes = np.arange(len(values))[:, None] * len(grid)
    places = lanes + sample[None]
    starts, ends = _segments(pins, holds)
    curved, straight = (_longest_spans(samples, places.ravel(), starts, ends, pins, bezier) for bezier in (True, False))
    return _finished(samples, places, curved, straight, holds, tolerance * MARGIN)


def turning_points(values: Array, reversal: float) -> Flags:
    """(L, N) first and last sample of every peak and valley of (L, N, D) between which some number turns by `reversal`."""
    lanes = values.transpose(0, 2, 1).reshape(-1, values.shape[1])
    found = np.zeros(lanes.shape, bool)
    every = np.arange(len(lanes))
    high, low, way = lanes[:, 0].copy(), lanes[:, 0].copy(), np.zeros(len(lanes))
    high_at, low_at = np.zeros(len(lanes), np.int64), np.zeros(len(lanes), np.int64)
    for n, now in enumerate(lanes.T):
        higher, lower = now > high, now < low
        high, low = np.where(higher, now, high), np.where(lower, now, low)
        high_at[higher], low_at[lower] = n, n
        fell = (way >= 0) & (high - now >= reversal)
        rose = (way <= 0) & (now - low >= reversal)
        if fell.any():
            found[every[fell], high_at[fell]] = True
            way, low, low_at = np.where(fell, -1.0, way), np.where(fell, now, low), np.where(fell, n, low_at)
        if rose.any():
            found[every[rose], low_at[rose]] = True
            way, high, high_at = np.where(rose, 1.0, way), np.where(rose, now, high), np.where(rose, n, high_at)
    kept = found | _ends_of_flats(lanes, found)
    return np.asarray(kept.reshape(len(values), -1, values.shape[1]).any(1))


def _ends_of_flats(lanes: Array, found: Flags) -> Flags:
    """(L, N) the first and last sample of the level stretch around every one that was found."""
    level = np.abs(np.diff(lanes, axis=1)) < FLAT
    count = lanes.shape[1]
    position = np.broadcast_to(np.arange(count), lanes.shape)
    begins = np.concatenate([np.ones((len(lanes), 1), bool), ~level], 1)
    finishes = np.concatenate([~level, np.ones((len(lanes), 1), bool)], 1)
    first = np.maximum.accumulate(np.where(begins, position, 0), axis=1)
    last = np.minimum.accumulate(np.where(finishes, position, count - 1)[:, ::-1], axis=1)[:, ::-1]
    ends = np.zeros_like(found)
    lane, _ = np.nonzero(found)
    ends[lane, first[found]] = True
    ends[lane, last[found]] = True
    return ends


def _grid(frames: Array, values: Array, check_frames: Array | None) -> tuple[Array, Array, Indices, Array]:
    """Frames (M,) at which distances are looked at, values (L, M, D) there, where among them the N samples are, and what
    distances count (M,).
    """
    if len(frames) < 2:
        return frames, values, np.arange(len(frames)), np.ones(len(frames))
    checks = np.zeros(0) if check_frames is None else check_frames
    checks = checks[(checks > frames[0]) & (checks < frames[-1])]
    told = np.union1d(frames, checks)
    middles = np.setdiff1d((frames[1:] + frames[:-1]) / 2, told)
    grid = np.union1d(told, middles)
    after = np.clip(np.searchsorted(frames, grid), 1, len(frames) - 1)
    part = ((grid - frames[after - 1]) / (frames[after] - frames[after - 1]))[:, None]
    dense = values[:, after - 1] * (1 - part) + values[:, after] * part
    between = np.isin(grid, middles)
    dense[:, between] = at_times(values.transpose(1, 0, 2), frames, middles).transpose(1, 0, 2)
    return grid, dense, np.searchsorted(grid, frames), np.where(between, BETWEEN, 1.0)


def _segments(pins: Flags, holds: Flags) -> tuple[Indices, Indices]:
    """Stretches between pinned samples that follow each other: flat indices (lane * N + n) of both ends."""
    starts, ends = [], []
    for lane, row in enumerate(pins):
        at = np.flatnonzero(row)
        free = ~holds[at[:-1]]
        starts.append(lane * len(row) + at[:-1][free])
        ends.append(lane * len(row) + at[1:][free])
    return np.concatenate(starts), np.concatenate(ends)


def _longest_spans(
    samples: _Samples, places: Indices, starts: Indices, ends: Indices, pins: Flags, bezier: bool
) -> Flags:
    """(L, N) the keys when every span, from the start of each segment on, reaches as far as the tolerance allows."""
    kept = pins.ravel().copy()
    while len(starts):
        reached = _farthest(samples, places, starts, ends, bezier)
        kept[reached] = True
        going_on = reached < ends
        starts, ends = reached[going_on], ends[going_on]
    return kept.reshape(pins.shape)


def _farthest(samples: _Samples, places: Indices, starts: Indices, ends: Indices, bezier: bool) -> Indices:
    """(S,) how far a span from each start can reach: doubled until it fails, then halved back."""

    def holds_to(which: Indices, stop: Indices) -> Flags:
        fit = _fitted(samples, places[starts[which]], places[stop], bezier)
        return np.asarray(fit.error <= 1.0)

    good, bad = np.minimum(starts + 1, ends), ends + 1
    step = np.full(len(starts), 2)
    growing = np.flatnonzero(good < ends)
    while len(growing):
        stop = np.minimum(good[growing] + step[growing], ends[growing])
        fine = holds_to(growing, stop)
        good[growing[fine]] = stop[fine]
        bad[growing[~fine]] = stop[~fine]
        step[growing] *= 2
        growing = growing[fine & (stop < ends[growing])]
    halving = np.flatnonzero(bad - good > 1)
    while len(halving):
        stop = (good[halving] + bad[halving]) // 2
        fine = holds_to(halving, stop)
        good[halving[fine]] = stop[fine]
        bad[halving[~fine]] = stop[~fine]
        halving = halving[bad[halving] - good[halving] > 1]
    return good


def _fitted(samples: _Samples, starts: Indices, ends: Indices, bezier: bool) -> _Fit:
    """Least-squares cubics of spans given by places among the samples; straight lines where those are nearer."""
    size = samples.values.shape[1]
    spread = _Spread.over(samples, starts, ends)
    straight = spread.largest((spread.weight == 1.0) * np.sqrt((spread.off**2).sum(1)))  # lines do not swing out
    bends = np.zeros((len(starts), 2, size))
    if not bezier:
        return _Fit(straight, bends)
    b, c = spread.leave, spread.arrive
    bb, bc, cc = (spread.total(product)[:, 0] for product in (b * b, b * c, c * c))
    by, cy = spread.total(b * spread.off), spread.total(c * spread.off)
    bb, cc = bb + RIDGE, cc + RIDGE
    determinant = (bb * cc - bc**2)[:, None]
    bends[:, 0] = (cc[:, None] * by - bc[:, None] * cy) / determinant
    bends[:, 1] = (bb[:, None] * cy - bc[:, None] * by) / determinant
    error = spread.error(bends)
    lines = (straight <= error) | (error > 1.0)  # a span that is too long for both is one between neighbours
    bends[lines] = 0.0
    return _Fit(np.minimum(straight, error), bends)


@dataclass(frozen=True)
class _Spread:
    """The samples inside of S spans, one after another."""

    first: Indices
    """(S,) where each span begins."""
    lengths: Indices
    leave: Array
    arrive: Array
    """(P, 1) the two cubics that bend a straight line at its ends."""
    off: Array
    """(P, D) distance from the straight line."""
    weight: Array
    """(P,)."""

    @classmethod
    def over(cls, samples: _Samples, starts: Indices, ends: Indices) -> _Spread:
        """All samples from start to end, both included."""
        lengths = ends - starts + 1
        first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        index = np.repeat(starts - first, lengths) + np.arange(int(lengths.sum()))
        begin = samples.frames[starts]
        u = (samples.frames[index] - np.repeat(begin, lengths)) / np.repeat(samples.frames[ends] - begin, lengths)
        u = u[:, None]
        low, high = samples.values[starts], samples.values[ends]
        off = samples.values[index] - np.repeat(low, lengths, 0) - u * np.repeat(high - low, lengths, 0)
        return cls(first, lengths, u * (1 - u) ** 2, -u * u * (1 - u), off, samples.weight[index])

    def total(self, values: Array) -> Array:
        """(S, D) sums over each span."""
        return np.asarray(np.add.reduceat(values, self.first, axis=0))

    def largest(self, values: Array) -> Array:
        """(S,)."""
        return np.asarray(np.maximum.reduceat(values, self.first))

    def error(self, bends: Array) -> Array:
        """(S,) largest distance of the samples from the cubics with these bends (S, 2, D)."""
        drawn = np.repeat(bends, self.lengths, 0)
        left = self.off - self.leave * drawn[:, 0] - self.arrive * drawn[:, 1]
        return self.largest(self.weight * np.sqrt((left**2).sum(1)))


def _finished(
    samples: _Samples, places: Indices, curved: Flags, straight: Flags, holds: Flags, unit: Array
) -> list[Keys]:
    """The keys of every channel with their slopes, smooth where the tolerance allows."""
    bezier = curved.sum(1) < straight.sum(1)
    kept = np.where(bezier[:, None], curved, straight)
    at = np.flatnonzero(kept)
    count = kept.shape[1]
    lane = at // count
    spans = np.flatnonzero((lane[1:] == lane[:-1]) & ~holds[at[:-1] % count])
    starts, ends = places.ravel()[at[spans]], places.ravel()[at[spans + 1]]
    length = (samples.frames[ends] - samples.frames[starts])[:, None]
    chord = samples.values[ends] - samples.values[starts]
    bends = np.zeros((len(spans), 2, samples.values.shape[1]))
    drawn = bezier[lane[spans]]
    if drawn.any():
        bends[drawn] = _fitted(samples, starts[drawn], ends[drawn], True).bends
        bends[drawn] = _smoothed(samples, starts[drawn], ends[drawn], bends[drawn])
    leaving, arriving = np.zeros((2, len(at), samples.values.shape[1]))
    leaving[spans] = (chord + bends[:, 0]) / length
    arriving[spans + 1] = (chord + bends[:, 1]) / length
    per_lane = np.split(np.arange(len(at)), np.cumsum(kept.sum(1))[:-1])
    return [
        Keys(at[own] - n * count, arriving[own] * unit[n], leaving[own] * unit[n], bool(bezier[n]))
        for n, own in enumerate(per_lane)
    ]


def _smoothed(samples: _Samples, starts: Indices, ends: Indices, bends: Array) -> Array:
    """The bends (S, 2, D) with one slope on both sides of a key wherever both spans stay within the tolerance."""
    bends = bends.copy()
    length = (samples.frames[ends] - samples.frames[starts])[:, None]
    chord = samples.values[ends] - samples.values[starts]
    meeting = np.flatnonzero(ends[:-1] == starts[1:])
    for parity in (0, 1):
        left = meeting[meeting % 2 == parity]
        if not len(left):
            continue
        right = left + 1
        before, after = (
            _Spread.over(samples, starts[left], ends[left]),
            _Spread.over(samples, starts[right], ends[right]),
        )
        own = (chord[left] + bends[left, 1]) / length[left], (chord[right] + bends[right, 0]) / length[right]
        turns = (chord[left] * chord[right] <= 0).all(1)
        waiting = np.ones(len(left), bool)
        for slope in (np.zeros_like(own[0]), 0.5 * (own[0] + own[1]), *own):
            trial_left, trial_right = bends[left].copy(), bends[right].copy()
            trial_left[:, 1] = slope * length[left] - chord[left]
            trial_right[:, 0] = slope * length[right] - chord[right]
            fine = (before.error(trial_left) <= 1.0) & (after.error(trial_right) <= 1.0) & waiting
            if not slope.any():
                fine &= turns
            bends[left[fine], 1], bends[right[fine], 0] = trial_left[fine, 1], trial_right[fine, 0]
            waiting &= ~fine
    return bends
