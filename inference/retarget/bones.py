"""Which bones of an armature turn the head, the eyes and the jaw, found by their names.

Names of the kinds that are known go first (`kinds/bones.py`); any other armature is read word by word: a bone whose last
word is "head", an "eye" with a side, a "jaw".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .kinds.bones import EYES, HEADS, HEADS_OF_SPINES, JAWS, LOOK_AT

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\da-zA-Z_]+")
_SIDES: Final = {"l": "left", "left": "left", "r": "right", "right": "right"}
_FILLERS: Final = frozenset({"m", "c", "x", "jnt", "joint", "bone", "ctrl", "ctl", "con", "control", "fk", "root"})
"""Words after the name that say nothing about the part: ``head.x``, ``Head_M``, ``jaw_jnt``."""
_MECHANISM: Final = frozenset(
    {"def", "org", "mch", "ik", "target", "look", "lookat", "aim", "end", "nub", "wgt", "vis"}
)


@dataclass(frozen=True)
class FaceBones:
    """Names of bones, None where there is none."""

    head: str | None = None
    eyes: tuple[str | None, str | None] = (None, None)
    """The actor's left and right."""
    jaw: str | None = None
    look_at: tuple[str, ...] = ()
    """Targets that the eyes look at: one for both, or one for each (left, right)."""


def find_bones(names: Sequence[str]) -> FaceBones:
    """Head, eyes, jaw and the eyes' targets among the bones of an armature."""
    by_name = {plain(name): name for name in reversed(names)}
    head = _known(by_name, HEADS) or _said(names, {"head"}, "") or _known(by_name, HEADS_OF_SPINES)
    left, right = (
        (_known(by_name, EYES[side]) or _said(names, {"eye", "eyeball"}, side)) for side in ("left", "right")
    )
    jaw = _known(by_name, JAWS) or _said(names, {"jaw"}, "") or _said(names, {"chin"}, "")
    targets = next(
        (found for row in LOOK_AT if len(found := [by_name[n] for n in row if n in by_name]) == len(row)), []
    )
    return FaceBones(head, (left, right), jaw, tuple(targets))


@lru_cache(maxsize=8192)
def plain(name: str) -> str:
    """A bone's name without namespace, case and separators: ``mixamorig:LeftEye`` becomes ``lefteye``."""
    last = re.split(r"[:|]", unicodedata.normalize("NFKC", name))[-1]
    return re.sub(r"[\W_]+", "", last).casefold()


def _known(by_name: dict[str, str], known: Sequence[str]) -> str | None:
    return next((by_name[name] for name in known if name in by_name), None)


def _said(names: Sequence[str], parts: set[str], side: str) -> str | None:
    """The bone whose last word is one of the parts, on a side or on none; the one with fewest words around it."""
    found = [(len(words), place, name) for place, name in enumerate(names) if (words := _reading(name, parts, side))]
    return min(found)[2] if found else None


def _reading(name: str, parts: set[str], side: str) -> list[str]:
    """The words of a name when it means the part, else nothing."""
    words = [word.lower() for word in _WORD.findall(re.split(r"[:|]", unicodedata.normalize("NFKC", name))[-1])]
    if _MECHANISM & set(words):
        return []
    sides = {_SIDES[word] for word in words if word in _SIDES}
    core = [word for word in words if word not in _SIDES and not word.isdigit()]
    while len(core) > 1 and core[-1] in _FILLERS:
        core.pop()
    return words if core and core[-1] in parts and sides == ({side} if side else set()) else []
