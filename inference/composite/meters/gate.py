"""The quality gate: which ranges of frames are not good enough, and which safer settings make them better.

Figures of single frames are noisy, so they are steadied over a few frames before they are judged; frames that fail become
ranges. Each range is tried again with the settings of a short ladder, on frames from its middle, and takes those that
measure best, or keeps the normal ones when none is clearly better. Settings change over a few frames, so that no pop
gives the gate away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..types import Decision, Floats, Settings
from .flicker import FLOOR
from .pixels import Mask
from .rows import Rows

STEADY_FRAMES: Final = 4
"""Frames before and after over which figures are steadied."""
GAP_FRAMES: Final = 12
"""Good frames between two bad ranges that are not worth another change of settings."""
SHORTEST_FRAMES: Final = 3
TRIED_FRAMES: Final = 16
RAMP_FRAMES: Final = 4
"""Frames over which settings change."""
CLEARLY: Final = 0.9
"""Other settings are taken when they leave at most this much of the excess."""
LADDER: Final = (
    Settings(calm=2),
    Settings(feather=2),
    Settings(feather=1.5, calm=2, light=0.5, enhance=0),
    Settings(feather=2, calm=2, light=0, enhance=0),
)
"""From the mildest on. The outline stays the actor's: no meter would see the actor's cheek beside a narrower avatar."""

SettingsOf = Callable[[int], Settings]
"""Settings of a frame by its index."""
Try = Callable[[int, int, Settings], Rows]
"""Composites frames first to last (both included) with settings, without writing them, and measures them."""


@dataclass(frozen=True)
class Limit:
    """From where to where a figure is good. A natural edge of the plate is no fault of the composite's, so the untouched
    picture's own figure always is good too, with some room.
    """

    low: float
    high: float
    own: str = ""
    """The figure of the untouched picture; none for ratios, which have it inside."""
    room: float = 1.0
    scale: float = 1.0
    """An excess of this much counts as one."""


LIMITS: Final = {
    "seam_ratio": Limit(0.9, 1.15, "seam_ratio_plate", 1.15, 0.25),
    "edge_step_delta_e": Limit(0.0, 2.0, "edge_step_delta_e_plate", 1.15, 2.0),
    "grain_ratio": Limit(0.8, 1.25, scale=0.25),
    "sharpness_ratio": Limit(0.7, 1.4, scale=0.25),
    "flicker": Limit(-1.0, 0.25, scale=0.5),
    "pulse": Limit(0.0, 0.5, "pulse_plate", 1.25, 0.5),
}
"""Seam, colour step and grain are the aims of the project; sharpness and flicker have more room, because another face
has other edges and therefore other errors of the flow than the actor's."""
SAID_FROM: Final = 0.2
"""Share of a range's frames from which on a fault is said of the range."""
SAID: Final = {
    "outside_change": "pixels outside the matte were changed",
    "seam_ratio": "the edge of the face can be seen as a line",
    "edge_step_delta_e": "the colour steps at the edge of the face",
    "grain_ratio": "the grain of the face is not the plate's",
    "sharpness_ratio": "the face is not as sharp as the plate",
    "flicker": "the face flickers more than the plate",
    "pulse": "the light on the face pulses",
}


def excesses(rows: Rows) -> dict[str, Floats]:
    """(N,) per figure: how far each frame is beyond its limit."""
    found = {name: _excess(rows, name, limit) for name, limit in LIMITS.items()}
    # A changed pixel outside is a mistake however rare it is: it is not steadied away.
    found["outside_change"] = rows.column("outside_change")
    return {name: np.nan_to_num(values) for name, values in found.items()}


def _excess(rows: Rows, name: str, limit: Limit) -> Floats:
    value = _flicker(rows) if name == "flicker" else _steadied(rows.column(name))
    own = _steadied(rows.column(limit.own)) if limit.own else np.full_like(value, np.nan)
    over = value - np.fmax(limit.high, limit.room * own)
    under = np.fmin(limit.low, own / limit.room) - value
    beyond: Floats = np.maximum(np.maximum(over, under), 0) / np.float32(limit.scale)
    return beyond.astype(np.float32)


def judge(rows: Rows) -> tuple[Decision, ...]:
    """The ranges of frames that are not good enough, with what fails there; settings are the normal ones as yet."""
    found = excesses(rows)
    index = rows.frame_index
    bad = np.any([values > 0 for values in found.values()], axis=0) if len(index) else np.zeros(0, bool)
    decisions = []
    for first, last in _runs(index, bad, found["outside_change"] > 0):
        here = slice(first, last + 1)
        failed = {name: float(np.mean(values[here] > 0)) for name, values in found.items() if (values[here] > 0).any()}
        decisions.append(Decision(int(index[first]), int(index[last]), failed, _badness(found, here)))
    return tuple(decisions)


def decide(ranges: Sequence[Decision], attempt: Try) -> tuple[Decision, ...]:
    """The same ranges with the settings that measured best."""
    return tuple(_decide(one, attempt) for one in ranges)


def settings_of(decisions: Sequence[Decision]) -> SettingsOf:
    """Settings of every frame by its index, changing over a few frames at the ends of the ranges."""
    changed = [one for one in decisions if one.settings != Settings()]

    def settings(frame_index: int) -> Settings:
        shares = [(_share(one, frame_index), one.settings) for one in changed]
        return _blend([(share, wanted) for share, wanted in shares if share > 0])

    return settings


def sentences(decisions: Sequence[Decision], left: Sequence[Decision], gate: bool) -> tuple[str, ...]:
    """What a user should know about the ranges that are ``left`` bad, one sentence per kind of fault, that range named
    in which most frames have it, and about the ``decisions`` that were made.
    """
    said = []
    for name, words in SAID.items():
        least = 0.0 if name == "outside_change" else SAID_FROM
        failing = [one for one in left if name in one.failed and one.failed[name] >= least]
        if not failing:
            continue
        worst = max(failing, key=lambda one: one.failed[name] * (one.last - one.first + 1))
        more = f" and {len(failing) - 1} more" if len(failing) > 1 else ""
        said.append(f"In frames {worst.first}-{worst.last}{more} {words}.")
    redone = [one for one in decisions if one.settings != Settings()]
    said += [f"Frames {one.first}-{one.last} were composited again with safer settings." for one in redone]
    if said and not gate:
        said[-1] = said[-1][:-1] + "; '--quality-gate' tries safer settings there."
    return tuple(said)


def _decide(one: Decision, attempt: Try) -> Decision:
    middle = (one.first + one.last) // 2
    first = max(one.first, middle - TRIED_FRAMES // 2)
    last = min(one.last, first + TRIED_FRAMES - 1)
    tried = [(settings, _penalty(attempt(first, last, settings))) for settings in (Settings(), *LADDER)]
    best, least = min(tried, key=lambda pair: pair[1])
    if least > CLEARLY * tried[0][1]:
        best = Settings()
    return replace(one, settings=best, tried=tuple(tried))


def _penalty(rows: Rows) -> float:
    return _badness(excesses(rows), slice(None))


def _badness(found: dict[str, Floats], here: slice) -> float:
    """Mean sum of what is beyond the limits."""
    if not len(found["seam_ratio"][here]):
        return 0.0
    return float(np.mean([values[here] for values in found.values()], axis=1).sum())


def _flicker(rows: Rows) -> Floats:
    """(N,) excess of single frames, from steadied changes."""
    change, own = _steadied(rows.column("change")), _steadied(rows.column("change_plate"))
    excess: Floats = (change - own) / np.maximum(own, np.float32(FLOOR))
    return excess


def _steadied(values: Floats) -> Floats:
    """(N,) median over the neighbours, NaN where nothing around was measured."""
    if not len(values):
        return values
    padded = np.pad(values, STEADY_FRAMES, constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * STEADY_FRAMES + 1)
    known = ~np.isnan(around).all(axis=1)
    steady = np.full(len(values), np.nan, np.float32)
    if known.any():
        steady[known] = np.nanmedian(around[known], axis=1)
    return steady


def _runs(index: NDArray[np.int64], bad: Mask, grave: Mask) -> list[tuple[int, int]]:
    """First and last row of each bad range; short good gaps belong to it, very short ranges are none if not grave."""
    runs: list[tuple[int, int]] = []
    for row in np.flatnonzero(bad):
        if runs and index[row] - index[runs[-1][1]] <= GAP_FRAMES:
            runs[-1] = (runs[-1][0], int(row))
        else:
            runs.append((int(row), int(row)))
    shortest = min(SHORTEST_FRAMES, len(index))
    return [run for run in runs if run[1] - run[0] + 1 >= shortest or grave[run[0] : run[1] + 1].any()]


def _share(one: Decision, frame_index: int) -> float:
    """1 in a range, falling to 0 outside it."""
    away = max(one.first - frame_index, frame_index - one.last, 0)
    return max(0.0, 1 - away / (RAMP_FRAMES + 1))


def _blend(shares: Sequence[tuple[float, Settings]]) -> Settings:
    """Normal settings with shares of others."""
    if not shares:
        return Settings()
    total = max(1.0, sum(share for share, _ in shares))
    normal = Settings()
    values = {
        name: value + sum(share / total * (getattr(wanted, name) - value) for share, wanted in shares)
        for name, value in vars(normal).items()
    }
    return Settings(**values)
