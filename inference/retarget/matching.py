"""Finds out by the names of its shape keys what kind of avatar stands there, and how its keys follow the coefficients.

The kind whose keys show most of the 52 coefficients goes first, of equal ones the kind that recognises most keys; another
one is asked for what is left. (Keys alone would not do: VRoid writes more of them than perfect sync has.) A key is driven
when it follows something that no more exact key follows already: an avatar with ARKit keys and visemes speaks with the
ARKit keys, and its visemes stay at rest, or the mouth would open twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from .mapping import Link, Mapping
from .names import Spelling, beginnings, spelling, split_path
from .recipes import Recipe, Table

_SHARED_BY = 3  # fewer keys that begin alike say nothing about what their beginning means
_FOLLOWED = 0.5  # a key of which half is shown by more exact keys would show it twice


@dataclass(frozen=True)
class Match:
    """What was understood of an avatar's shape keys."""

    mapping: Mapping
    kinds: tuple[str, ...]
    """Titles of the tables that drive keys, the best one first."""
    idle_keys: tuple[str, ...]
    """Recognised keys that stay at rest: more exact ones do their work, or nothing seen on a face drives them."""
    unknown_keys: tuple[str, ...]
    """Keys whose names say nothing."""


@dataclass(frozen=True)
class _Found:
    """A key of the avatar, recognised."""

    key: str
    part: str
    """What stands before its name: keys of several parts (face, lashes) are driven side by side."""
    recipe: Recipe


def match_names(key_names: Sequence[str]) -> Mapping:
    """The mapping for an avatar with these shape keys. Give the keys of all its meshes at once."""
    return match(key_names).mapping


def match(key_names: Sequence[str]) -> Match:
    """The mapping for an avatar with these shape keys, and what was understood of them."""
    keys = tuple(dict.fromkeys(key_names))
    readings = _recognise(keys)
    known: set[str] = set()
    followed: set[str] = set()
    driven: list[list[_Found]] = []
    kinds: list[str] = []
    waiting = [table for table, _ in _lexicons() if len(readings[table.title]) >= table.least]
    while waiting:
        left = {table.title: [found for found in readings[table.title] if found.key not in known] for table in waiting}
        best = max(waiting, key=lambda table: _worth(left[table.title]))
        waiting.remove(best)
        known |= {found.key for found in left[best.title]}
        chosen = _choose(left[best.title], followed)
        if chosen:
            driven.append(chosen)
            kinds.append(best.title)
    links = [link for chosen in driven for found in chosen for link in _links(found)]
    at_work = {link.key for link in links}
    place = {key: index for index, key in enumerate(keys)}
    mapping = Mapping(
        links=tuple(sorted(links, key=lambda link: place[link.key])),
        unmatched_keys=tuple(key for key in keys if key not in at_work),
        exclusive=tuple(group for chosen in driven for group in _groups(chosen)),
        kind=" + ".join(kinds),
    )
    idle_keys = tuple(key for key in keys if key in known - at_work)
    return Match(mapping, tuple(kinds), idle_keys, tuple(key for key in keys if key not in known))


@cache
def _lexicons() -> tuple[tuple[Table, dict[Spelling, Recipe]], ...]:
    """The tables, each with its recipes by how their names are spelled; made when first asked for, not at start-up."""
    from .kinds import TABLES

    return tuple(
        (table, {spelling(name): recipe for recipe in reversed(table.recipes) for name in reversed(recipe.names)})
        for table in TABLES
    )


def _recognise(keys: Sequence[str]) -> dict[str, list[_Found]]:
    """What each table, by title, knows of the keys; behind a shared beginning (``Head_``) where no table knows a key."""
    readings: dict[str, list[_Found]] = {}
    for table, lexicon in _lexicons():
        named = [(key, lexicon.get(spelling(key))) for key in keys]
        readings[table.title] = [_Found(key, split_path(key)[0], recipe) for key, recipe in named if recipe]
    known = {found.key for reading in readings.values() for found in reading}
    behind = {key: beginnings(key) for key in keys if key not in known}
    for table, lexicon in _lexicons():
        readings[table.title] += _recognise_behind(behind, lexicon)
    return readings


def _recognise_behind(behind: dict[str, list[tuple[str, str]]], lexicon: dict[Spelling, Recipe]) -> list[_Found]:
    """The keys that a table knows without a beginning that several of them share.

    A beginning that is itself the name of a key says that shapes are combined (``jawOpen_mouthSmileLeft``).
    """
    readable = {
        key: [pair for pair in pairs if spelling(pair[1]) in lexicon and spelling(pair[0]) not in lexicon]
        for key, pairs in behind.items()
    }
    counts = Counter(beginning for pairs in readable.values() for beginning, _ in pairs)
    found: list[_Found] = []
    for key, pairs in readable.items():
        shared = [(counts[beginning], beginning, rest) for beginning, rest in pairs if counts[beginning] >= _SHARED_BY]
        if shared:
            _, beginning, rest = max(shared)
            found.append(_Found(key, f"{split_path(key)[0]}/{beginning}", lexicon[spelling(rest)]))
    return found


def _worth(found: Sequence[_Found]) -> tuple[int, int]:
    """How many coefficients keys can show, and how many keys there are."""
    return len({name for item in found for name in item.recipe.followed}), len(found)


def _choose(found: Sequence[_Found], followed: set[str]) -> list[_Found]:
    """The keys to drive, exact ones first; adds the coefficients that they follow to `followed`."""
    chosen: list[_Found] = []
    for rank in sorted({item.recipe.rank for item in found}):
        best: dict[tuple[str, Recipe], _Found] = {}
        for item in (item for item in found if item.recipe.rank == rank and item.recipe.terms):
            rival = best.get((item.part, item.recipe))
            if rival is None or _exactness(item) < _exactness(rival):
                best[item.part, item.recipe] = item
        useful = [item for item in best.values() if not _is_redundant(item, followed)]
        followed |= {name for item in useful for name in item.recipe.followed}
        chosen += useful
    return chosen


def _exactness(found: _Found) -> int:
    """Place of the key's name among the alternatives of its recipe; other spellings come after all."""
    last = split_path(found.key)[1]
    names = found.recipe.names
    return names.index(last) if last in names else len(names)


def _is_redundant(found: _Found, followed: set[str]) -> bool:
    """Whether more exact keys follow most of what this key would show."""
    shares = found.recipe.followed
    done = sum(gain for name, gain in shares.items() if name in followed)
    return done >= _FOLLOWED * sum(shares.values())


def _links(found: _Found) -> list[Link]:
    """The rows of a driven key; the offset belongs to the key as a whole and stands in its first row."""
    recipe = found.recipe
    return [
        Link(name, found.key, gain, recipe.offset if index == 0 else 0.0, recipe.lower, recipe.upper)
        for index, (name, gain) in enumerate(recipe.terms)
    ]


def _groups(driven: Sequence[_Found]) -> list[tuple[str, ...]]:
    """The whole-mouth keys of each part, where there are several."""
    members: defaultdict[str, list[str]] = defaultdict(list)
    for found in driven:
        if found.recipe.exclusive:
            members[found.part].append(found.key)
    return [tuple(keys) for keys in members.values() if len(keys) > 1]
