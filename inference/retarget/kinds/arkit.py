"""ARKit names, as Faceit, VRM perfect sync, MPFB's face units and MetaHuman's ARKit poses use them, and ICT-FaceKit's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ... import arkit
from ..recipes import Recipe, Table, idle, key, mean, sides

_SIDEWAYS: Final[frozenset[str]] = frozenset({"jaw", "mouth"})
"""Stems that move as a whole to one side: without a side their names mean nothing."""


def _recipes() -> Iterator[Recipe]:
    """One key per coefficient; then a key per side of a central one, as in ICT-FaceKit; then one key for both sides."""
    stems = dict.fromkeys(name.removesuffix("Left") for name in arkit.NAMES if name.endswith("Left"))
    for name in arkit.NAMES:
        yield key(name, name)
        if not name.endswith(("Left", "Right")):
            yield from sides(name + "_{L}", name, rank=1)
    for stem in stems:
        if stem not in _SIDEWAYS:
            yield key(stem, mean(stem), rank=2)


ARKIT: Final[Table] = Table(
    "ARKit",
    (*_recipes(), *idle(("cheekRaiser_L", "cheekRaiser_R", "PupilDilate_L", "PupilDilate_R", "_neutral"))),
)
