"""Which ARKit coefficient a shape key's name means, however it is spelled."""

from __future__ import annotations

import re
from typing import Final

from .. import arkit

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_STANDARD = re.compile(r"(^|[^A-Za-z])(ARKit|ICT)(?![a-z])", re.IGNORECASE)
_SIDES: Final[dict[str, str]] = {"l": "left", "left": "left", "r": "right", "right": "right"}
_PREFIXES: Final[frozenset[str]] = frozenset({"blendshape", "blendshapes", "blend", "shape", "bs", "key"})

Spelling = tuple[str, str]
"""The name without its side, in one lower-case piece, and the side: left, right or nothing."""


def spelling(name: str) -> Spelling:
    """Reduce a key's name to what it means: ``Face.blendShape1.Eye Blink_L`` becomes ``("eyeblink", "left")``."""
    last = re.split(r"[.:|]", _with_dotted_side(name))[-1]
    words = [word.lower() for word in _WORD.findall(_STANDARD.sub(r"\1", last))]
    while words and (words[0] in _PREFIXES or words[0].isdigit()):
        words = words[1:]
    side = ""
    if len(words) > 1 and words[-1] in _SIDES:
        side = _SIDES[words.pop()]
    elif len(words) > 1 and words[0] in _SIDES:
        side = _SIDES[words.pop(0)]
    base = "".join(words)
    for ending in ("left", "right"):
        if not side and base.endswith(ending) and base != ending:
            base, side = base.removesuffix(ending), ending
    return base, side


def _with_dotted_side(name: str) -> str:
    """Blender's own ``.L`` and ``.R`` endings are sides, not the last part of a path."""
    return re.sub(r"\.([LlRr])$", r"_\1", name)


def _coefficients() -> dict[Spelling, tuple[str, ...]]:
    """Every spelling that is understood, with the coefficients that drive it."""
    table: dict[Spelling, tuple[str, ...]] = {spelling(name): (name,) for name in arkit.NAMES}
    for name in arkit.NAMES:
        base, side = spelling(name)
        if side:
            # One key for both sides follows the mean of both coefficients ...
            table[base, ""] = (*table.get((base, ""), ()), name)
        else:
            # ... and a key per side, as ICT-FaceKit has for browInnerUp and cheekPuff, follows the one coefficient.
            table[base, "left"] = table[base, "right"] = (name,)
    # These move the whole mouth or jaw to one side: without a side they mean nothing.
    for base in ("jaw", "mouth"):
        del table[base, ""]
    return table


COEFFICIENTS: Final[dict[Spelling, tuple[str, ...]]] = _coefficients()
