"""Where a performance is uncertain: stretches of a take that a person should look at.

A part of the face is uncertain where the solver knows less than a share of what it knows of it in the best frames of the
shot: turned away, behind a hand, out of the picture. The whole face is where tracking itself is in doubt, and lost where
nothing was seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .retarget.regions import REGION_OF
from .take import UNCERTAIN_BELOW, Take

LOST: Final = "lost"
FACE: Final = "face"
PARTS: Final = {
    "brows": ("brows",),
    "eyes": ("eyes",),
    "cheeks": ("nose and cheeks",),
    "mouth": ("jaw", "mouth"),
}
"""What a mark names, and the regions of coefficients that it speaks of."""
NOTHING_KNOWN: Final = 0.375
"""Standard deviation of a coefficient of which the points say nothing (`solve.certainty`)."""
BEST_PERCENTILE: Final = 90
SHORTEST_S: Final = 0.1
LONGEST_BREAK_S: Final = 0.2
"""Shorter stretches are not told; breaks shorter than this do not part them."""
SHARE: Final = 0.5


@dataclass(frozen=True)
class Span:
    """One stretch of a take."""

    part: str
    first: int
    last: int
    """Positions in the take, both included."""


def uncertain_spans(take: Take, share: float = SHARE) -> list[Span]:
    """Stretches in which less than `share` of what the best frames tell is known, in the order of time."""
    seen = take.confidence > 0
    doubted = seen & (take.confidence < UNCERTAIN_BELOW)
    found = {LOST: ~seen, FACE: doubted}
    if take.sigma is not None and seen.any():
        known = np.clip(1.0 - (take.sigma.astype(np.float64) / NOTHING_KNOWN) ** 2, 0.0, 1.0)
        for part, regions in PARTS.items():
            columns = [n for n, name in enumerate(take.names) if REGION_OF[name] in regions]
            best = np.percentile(known[seen][:, columns], BEST_PERCENTILE, axis=0).sum()
            found[part] = seen & ~doubted & (known[:, columns].sum(1) < share * best)
    spans = [Span(part, *ends) for part, flags in found.items() for ends in _stretches(flags, take.time_s)]
    return sorted(spans, key=lambda span: (span.first, span.part))


def _stretches(flags: NDArray[np.bool_], time_s: NDArray[np.float64]) -> list[tuple[int, int]]:
    """First and last position of every stretch that is long enough."""
    at = np.flatnonzero(flags)
    if not len(at):
        return []
    frame_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0
    parted = np.flatnonzero(np.diff(time_s[at]) > LONGEST_BREAK_S + frame_s)
    firsts, lasts = at[np.concatenate([[0], parted + 1])], at[np.concatenate([parted, [len(at) - 1]])]
    long = time_s[lasts] - time_s[firsts] + frame_s >= min(SHORTEST_S, 2.5 * frame_s)
    return [(int(first), int(last)) for first, last in zip(firsts[long], lasts[long], strict=True)]
