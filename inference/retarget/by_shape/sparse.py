"""Few channels that together make a motion: matching pursuit with bounds, for many motions at once."""

from __future__ import annotations

import numpy as np

from ...face_model.surface import Array

BACKWARD = 2.0
"""A channel that works against what it can do (it holds another motion back) must be worth this many times as much."""
COST = 1.4
"""When whole answers are compared, a channel counts this many times: one that is nearly right is what an artist meant."""
MOST = 6
"""Channels for one motion."""
FIRSTS = 5
"""Channels that the search starts with, one after the other."""
SWEEPS = 60


def few_channels(basis: Array, wanted: Array, lower: Array, upper: Array, worth: float) -> Array:
    """(K, C) weights whose sum of `basis` (C, M) comes near to `wanted` (K, M), within `lower` and `upper` (C).

    The channel that takes most of what is left joins, all that have joined are solved again, until none makes at least
    the part `worth` of the motion's energy.
    Tried with each of the most promising channels as the first: two halves of a motion may lose to a rough whole.
    """
    square, mixed = basis @ basis.T, wanted @ basis.T
    whole = np.maximum((wanted**2).sum(1), 1e-12)
    best = np.zeros(mixed.shape)
    value = np.zeros(len(wanted))
    for first in range(min(FIRSTS, len(basis))):
        weights = _pursued(square, mixed, whole, lower, upper, worth, first)
        count = (weights > 0).sum(1) + BACKWARD * (weights < 0).sum(1)
        new = _made(square, mixed, weights) / whole - COST * worth * count
        better = new > value
        best[better], value[better] = weights[better], new[better]
    return best


def _pursued(square: Array, mixed: Array, whole: Array, lower: Array, upper: Array, worth: float, first: int) -> Array:
    """(K, C) weights when the search starts with the channel that is the `first` best alone."""
    energy = np.maximum(np.diag(square), 1e-12)
    weights = np.zeros(mixed.shape)
    joined = np.zeros(mixed.shape, bool)
    searching = whole > 1e-12
    rows = np.arange(len(mixed))
    for turn in range(MOST):
        left = mixed - weights @ square
        best = np.clip(left / energy, lower, upper)
        taken = (2 * best * left - best**2 * energy) / whole[:, None]
        taken *= np.where(best < 0, 1 / BACKWARD, 1.0)
        taken[joined] = -np.inf
        channel = np.argsort(-taken, axis=1)[:, first] if turn == 0 else taken.argmax(1)
        searching &= taken[rows, channel] > 0.5 * worth
        if not searching.any():
            break
        trial = joined.copy()
        trial[rows[searching], channel[searching]] = True
        solved = _descend(square, mixed, weights, np.where(trial, lower, 0.0), np.where(trial, upper, 0.0))
        gained = (_made(square, mixed, solved) - _made(square, mixed, weights)) / whole
        searching &= gained > worth * np.where(solved[rows, channel] < 0, BACKWARD, 1.0)
        joined[searching], weights[searching] = trial[searching], solved[searching]
    return weights


def these_channels(basis: Array, wanted: Array, lower: Array, upper: Array) -> Array:
    """(K, C) the same with all channels whose limits (K, C) leave them room."""
    square, mixed = basis @ basis.T, wanted @ basis.T
    return _descend(square, mixed, np.zeros(mixed.shape), lower, upper)


def explained(basis: Array, wanted: Array, weights: Array) -> Array:
    """(K,) part of the wanted motions' energy that the weights make; 0 where nothing is wanted."""
    whole = (wanted**2).sum(1)
    left = ((wanted - weights @ basis) ** 2).sum(1)
    return np.where(whole > 0, np.clip(1 - left / np.maximum(whole, 1e-12), 0.0, 1.0), 0.0)


def _made(square: Array, mixed: Array, weights: Array) -> Array:
    return np.asarray(2 * (weights * mixed).sum(1) - ((weights @ square) * weights).sum(1))


def _descend(square: Array, mixed: Array, start: Array, lower: Array, upper: Array) -> Array:
    """Minimise ``w S w / 2 - m w`` within bounds row by row, one channel of all rows after the other."""
    weights = np.clip(start, lower, upper)
    energy = np.diag(square)
    used = np.flatnonzero((energy > 1e-12) & ((lower < 0) | (upper > 0)).any(0))
    for _ in range(SWEEPS):
        most = 0.0
        for channel in used:
            pull = mixed[:, channel] - weights @ square[:, channel] + weights[:, channel] * energy[channel]
            new = np.clip(pull / energy[channel], lower[:, channel], upper[:, channel])
            most = max(most, float(np.abs(new - weights[:, channel]).max()))
            weights[:, channel] = new
        if most < 1e-4:
            break
    return weights
