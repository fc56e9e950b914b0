"""What a shape key's name says, however it is spelled."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\da-zA-Z_]+")
_STANDARD = re.compile(r"(^|[^A-Za-z])(ARKit|ICT)(?![a-z])", re.IGNORECASE)
_FIGURE = re.compile(r"^.*Genesis\w*?__")  # Daz writes the figure before each morph: Genesis8_1Female__facs_jnt_JawOpen
_SIDES: Final[dict[str, str]] = {"l": "left", "left": "left", "r": "right", "right": "right"}
_PREFIXES: Final[frozenset[str]] = frozenset(
    {"blendshape", "blendshapes", "blend", "shape", "bs", "key", "ctrl", "expressions"}
)

Spelling = tuple[str, str]
"""The name without its side, in one lower-case piece, and the side: left, right or nothing."""


@lru_cache(maxsize=8192)
def spelling(name: str) -> Spelling:
    """Reduce a key's name to what it means: ``Face.blendShape1.Eye Blink_L`` becomes ``("eyeblink", "left")``."""
    last = _STANDARD.sub(r"\1", _FIGURE.sub("", split_path(name)[1]))
    words = [word.lower() for word in _WORD.findall(unicodedata.normalize("NFKC", last))]
    while words and (words[0] in _PREFIXES or words[0].isdigit()):
        words = words[1:]
    side = ""
    if len(words) > 1 and words[-1] in _SIDES:
        side = _SIDES[words.pop()]
    elif len(words) > 1 and words[0] in _SIDES:
        side = _SIDES[words.pop(0)]
    base = "".join(words).lower()
    for ending in ("left", "right"):
        if not side and base.endswith(ending) and base != ending:
            base, side = base.removesuffix(ending), ending
    return base, side


def split_path(name: str) -> tuple[str, str]:
    """The path before a name and the name itself: ``Face.blendShape1.jawOpen`` is (``Face.blendShape1``, ``jawOpen``).

    Blender's own ``.L`` and ``.R`` endings are sides, not the last part of a path.
    """
    sided = re.sub(r"\.([LlRr])$", r"_\1", name)
    parts = re.split(r"[.:|]", sided)
    return sided[: -len(parts[-1]) - 1] if len(parts) > 1 and parts[-1] else ".".join(parts[:-1]), parts[-1]


def beginnings(name: str) -> list[tuple[str, str]]:
    """Every way to take whole words off the front of a name's last part: (what comes off, what stays)."""
    last = split_path(name)[1]
    starts = [match.start() for match in _WORD.finditer(last)]
    return [(last[:start], last[start:]) for start in starts if start]


def mirrored_key(name: str, key_names: Iterable[str]) -> str | None:
    """The key that does on the other side what `name` does on its own; `name` itself when it says no side, None when
    the avatar has no such key.
    """
    base, side = spelling(name)
    if not side:
        return name
    wanted = (base, "right" if side == "left" else "left")
    path = split_path(name)[0]
    found = [key for key in key_names if spelling(key) == wanted]
    return next((key for key in found if split_path(key)[0] == path), found[0] if found else None)
