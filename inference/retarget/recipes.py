"""What the shape keys of a kind of avatar are called, and which coefficients each of them follows: types and grammar.

The tables themselves are the modules of `kinds`; where their names come from is written in `docs/mappings.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .mapping import UPPER

Terms = Mapping[str, float]
"""Gain by coefficient. A negative gain holds a key back while another mouth shape is meant."""


@dataclass(frozen=True)
class Recipe:
    """One key of a kind of avatar: how it may be called and what drives it."""

    names: tuple[str, ...]
    """Ways to call the same key; an avatar has one of them."""
    terms: tuple[tuple[str, float], ...]
    """(coefficient, gain), summed; empty for a key that is known and never driven."""
    rank: int = 0
    """Exact keys are 0. A later rank is used only for coefficients that no key of an earlier rank follows."""
    offset: float = 0.0
    lower: float = 0.0
    upper: float = UPPER
    exclusive: bool = False
    """The key is a whole mouth: all such keys of an avatar share a total weight of 1."""

    @property
    def followed(self) -> dict[str, float]:
        """How much this key shows of each coefficient; holding back does not count, unless the key goes both ways."""
        return {name: abs(gain) for name, gain in self.terms if gain > 0 or self.lower < 0}


@dataclass(frozen=True)
class Table:
    """All keys of a kind of avatar."""

    title: str
    recipes: tuple[Recipe, ...]
    least: int = 1
    """Fewer recognised keys are taken for chance: 3 where names are as short as ``A``."""


@dataclass(frozen=True)
class Limits:
    """What is added to a key's weight, and between what it is held."""

    offset: float = 0.0
    lower: float = 0.0
    upper: float = UPPER


FREE = Limits()
FULL = Limits(upper=1.0)
"""For stylised shapes: more than the whole of them looks broken."""
BOTH_WAYS = Limits(lower=-1.0)
"""For keys that mean the opposite at -1, such as ``Up-Down``."""


def key(names: str | tuple[str, ...], terms: str | Terms, rank: int = 0, limits: Limits = FREE) -> Recipe:
    """A recipe; a bare coefficient means gain 1."""
    alternatives = (names,) if isinstance(names, str) else names
    gains: Terms = {terms: 1.0} if isinstance(terms, str) else terms
    return Recipe(alternatives, tuple(gains.items()), rank, limits.offset, limits.lower, limits.upper)


def sides(
    names: str | tuple[str, ...], terms: str | Terms, rank: int = 0, limits: Limits = FREE
) -> tuple[Recipe, Recipe]:
    """The same recipe for both sides.

    In names and coefficients ``{L}`` is L or R, ``{Left}`` and ``{left}`` are spelled out, ``{R}`` and ``{Right}`` are
    the other side: ``sides("Mouth_Smile_{L}", "mouthSmile{Left}")``.
    """
    alternatives = (names,) if isinstance(names, str) else names
    gains: Terms = {terms: 1.0} if isinstance(terms, str) else terms
    words = (
        {"L": "L", "R": "R", "Left": "Left", "Right": "Right", "left": "left"},
        {"L": "R", "R": "L", "Left": "Right", "Right": "Left", "left": "right"},
    )
    left, right = (
        key(
            tuple(name.format(**side) for name in alternatives),
            {name.format(**side): gain for name, gain in gains.items()},
            rank,
            limits,
        )
        for side in words
    )
    return left, right


def whole_mouth(names: str | tuple[str, ...], shape: Recipe, rank: int = 0) -> Recipe:
    """A key that shows a whole mouth, as one of the shapes of `mouth_shapes.py`."""
    alternatives = (names,) if isinstance(names, str) else names
    return Recipe(alternatives, shape.terms, rank, shape.offset, 0.0, 1.0, exclusive=True)


def idle(names: Iterable[str]) -> tuple[Recipe, ...]:
    """Keys that are known, and that no coefficient drives."""
    return tuple(Recipe((name,), ()) for name in names)


def mean(*stems: str, gain: float = 1.0) -> dict[str, float]:
    """`gain` times the mean of the left and the right coefficient of each stem, the stems added."""
    return {f"{stem}{side}": gain / 2 for stem in stems for side in ("Left", "Right")}
