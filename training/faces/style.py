"""How hair is worn: on the head, over the forehead, as a beard."""

from __future__ import annotations

from dataclasses import dataclass
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


def random_styles(rng: Rng, bearded: float, covered: bool) -> tuple[Style, ...]:
    """Locks of a person; none for a shaved or bald head. `bearded` 0 to 1 may become a real beard."""
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    styles: list[Style] = []
    curl = float(rng.choice([0.0, rng.uniform(0.1, 1.0)], p=[0.5, 0.5]))
    comb = rng.normal(size=3) * [0.5, 0.2, 0.5]
    dense = float(rng.uniform(0.6, 1.0))
    curtain = 0.0 if rng.random() < 0.12 else float(rng.uniform(5.0, 7.5))
    lift = float(rng.choice([rng.uniform(0.05, 0.3), rng.uniform(0.3, 1.5)], p=[0.8, 0.2]))
    if covered and kind == "short":
        length, volume = float(rng.uniform(1.0, 5.0)), float(rng.uniform(0.2, 1.2))
        comb = comb + [0.0, 0.3, float(rng.uniform(-0.8, 0.8))]
        styles.append(Style("scalp", 640, length, 0.35, 0.7, comb, 0.0, 0.1, curl, volume, curtain, lift, dense))
    elif covered and kind in ("medium", "long"):
        length = float(rng.uniform(8, 16) if kind == "medium" else rng.uniform(18, 34))
        parting = float(rng.uniform(0.3, 1.2))
        volume = float(rng.uniform(0.3, 1.5))
        styles.append(
            Style("scalp", 600, length, 0.15, 0.95, comb * 0.4, parting, 0.9, curl, volume, curtain, lift, dense)
        )
    elif covered and kind == "back":
        comb = np.array([0.0, 0.2, -2.0]) + 0.3 * comb
        styles.append(
            Style("scalp", 560, float(rng.uniform(5, 12)), 0.2, 0.9, comb, 0.0, 0.15, 0.0, 0.4, curtain, 0.15, dense)
        )
    if styles and kind != "back" and rng.random() < 0.3:
        length = float(rng.uniform(1.5, 4.0) if rng.random() < 0.75 else rng.uniform(4.0, 9.0))
        comb = np.array([float(rng.normal(0, 0.8)), 0.1, 1.0])
        styles.append(
            Style(
                "fringe",
                int(rng.integers(25, 130)),
                length,
                0.3,
                0.5,
                comb,
                0.0,
                0.7,
                0.5 * curl,
                0.25,
                0.0,
                0.3,
                dense,
            )
        )
    if bearded > 0.45 and rng.random() < 0.75:
        length = float(rng.choice([rng.uniform(0.3, 1.0), rng.uniform(1.0, 5.0)], p=[0.7, 0.3]))
        comb = np.array([0.0, -1.0, 0.25])
        styles.append(
            Style("beard", 1000, length, 0.35, 0.15, comb, 0.3, 0.5, float(rng.uniform(0, 1)), 0.1, 0.0, 0.5, dense)
        )
    return tuple(styles)
