"""How hair is worn: on the head, over the forehead, as a beard."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator


@dataclass(frozen=True)
class Style:
    """Locks that grow from one region; lengths in cm."""

    region: str
    """`scalp`, `fringe` or `beard`."""
    count: int
    length_cm: float
    uneven: float
    """Spread of the lengths, relative."""
    width_cm: float
    comb: NDArray[np.float64]
    """(3,) where the roots are combed to, head axes; its length counts against gravity and the skin's normal."""
    parting: float
    """How much they are combed away from the middle."""
    gravity: float
    curl: float
    volume_cm: float
    """How far they stay off the head."""
    curtain_cm: float
    """How far from the middle of the face locks are kept; 0 lets them fall over it."""
    lift: float
    """How steeply the roots stand, 0 flat on the skin."""
    density: float
    """0 a few strands of each lock to 1 closed."""


KINDS: Final = {"bare": 0.16, "short": 0.42, "medium": 0.17, "long": 0.17, "back": 0.08}


@dataclass(frozen=True)
class _Hair:
    """What the locks of one head share, as in `Style`."""

    curl: float
    comb: NDArray[np.float64]
    density: float
    curtain_cm: float
    lift: float


def random_styles(rng: Rng, bearded: float, covered: bool) -> tuple[Style, ...]:
    """Locks of a person; none for a shaved or bald head. `bearded` 0 to 1 may become a real beard."""
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    hair = _Hair(
        curl=float(rng.choice([0.0, rng.uniform(0.1, 1.0)], p=[0.5, 0.5])),
        comb=rng.normal(size=3) * [0.5, 0.2, 0.5],
        density=float(rng.uniform(0.6, 1.0)),
        curtain_cm=0.0 if rng.random() < 0.12 else float(rng.uniform(5.0, 7.5)),
        lift=float(rng.choice([rng.uniform(0.05, 0.3), rng.uniform(0.3, 1.5)], p=[0.8, 0.2])),
    )
    styles: list[Style] = []
    if covered and kind != "bare":
        styles.append(_SCALP[kind](rng, hair))
        if kind != "back" and rng.random() < 0.3:
            styles.append(_fringe(rng, hair))
    if bearded > 0.45 and rng.random() < 0.75:
        styles.append(_beard(rng, hair.density))
    return tuple(styles)


# Below, fields stand in the order in which they are drawn: another order is another person for every seed.
def _short(rng: Rng, hair: _Hair) -> Style:
    """Combed to the front or to the back."""
    return Style(
        region="scalp",
        count=640,
        length_cm=float(rng.uniform(1.0, 5.0)),
        uneven=0.35,
        width_cm=0.7,
        volume_cm=float(rng.uniform(0.2, 1.2)),
        comb=hair.comb + [0.0, 0.3, float(rng.uniform(-0.8, 0.8))],
        parting=0.0,
        gravity=0.1,
        curl=hair.curl,
        curtain_cm=hair.curtain_cm,
        lift=hair.lift,
        density=hair.density,
    )


def _falling(rng: Rng, hair: _Hair, shortest_cm: float, longest_cm: float) -> Style:
    """Parted, and falling down the sides."""
    return Style(
        region="scalp",
        count=600,
        length_cm=float(rng.uniform(shortest_cm, longest_cm)),
        uneven=0.15,
        width_cm=0.95,
        comb=hair.comb * 0.4,
        parting=float(rng.uniform(0.3, 1.2)),
        gravity=0.9,
        curl=hair.curl,
        volume_cm=float(rng.uniform(0.3, 1.5)),
        curtain_cm=hair.curtain_cm,
        lift=hair.lift,
        density=hair.density,
    )


def _back(rng: Rng, hair: _Hair) -> Style:
    """Combed back, flat on the head."""
    return Style(
        region="scalp",
        count=560,
        length_cm=float(rng.uniform(5, 12)),
        uneven=0.2,
        width_cm=0.9,
        comb=np.array([0.0, 0.2, -2.0]) + 0.3 * hair.comb,
        parting=0.0,
        gravity=0.15,
        curl=0.0,
        volume_cm=0.4,
        curtain_cm=hair.curtain_cm,
        lift=0.15,
        density=hair.density,
    )


_SCALP: Final = {
    "short": _short,
    "medium": partial(_falling, shortest_cm=8, longest_cm=16),
    "long": partial(_falling, shortest_cm=18, longest_cm=34),
    "back": _back,
}
"""How hair of a kind is worn."""


def _fringe(rng: Rng, hair: _Hair) -> Style:
    """Hair over the forehead, seldom down to the eyes."""
    return Style(
        region="fringe",
        length_cm=float(rng.uniform(1.5, 4.0) if rng.random() < 0.75 else rng.uniform(4.0, 9.0)),
        uneven=0.3,
        width_cm=0.5,
        comb=np.array([float(rng.normal(0, 0.8)), 0.1, 1.0]),
        count=int(rng.integers(25, 130)),
        parting=0.0,
        gravity=0.7,
        curl=0.5 * hair.curl,
        volume_cm=0.25,
        curtain_cm=0.0,
        lift=0.3,
        density=hair.density,
    )


def _beard(rng: Rng, density: float) -> Style:
    """A real beard, not stubble."""
    return Style(
        region="beard",
        count=1000,
        length_cm=float(rng.choice([rng.uniform(0.3, 1.0), rng.uniform(1.0, 5.0)], p=[0.7, 0.3])),
        uneven=0.35,
        width_cm=0.15,
        comb=np.array([0.0, -1.0, 0.25]),
        parting=0.3,
        gravity=0.5,
        curl=float(rng.uniform(0, 1)),
        volume_cm=0.1,
        curtain_cm=0.0,
        lift=0.5,
        density=density,
    )
