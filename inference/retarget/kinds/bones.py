"""Bones of known rigs by what they turn, without case and separators (``c_head.x`` is ``cheadx``).

Controls stand before the bones that they drive; where the names come from is written in `docs/mappings.md`.
"""

from __future__ import annotations

from typing import Final

HEADS: Final[tuple[str, ...]] = (
    "cheadx",  # Auto-Rig Pro's control
    "head",  # Rigify, MPFB, Mixamo, Daz, Unreal, Ready Player Me
    "headfk", "headctrl", "headctl", "ctrlhead", "ctlhead", "chead",
    "jbipchead",  # VRoid
    "ccbasehead",  # Character Creator
    "headm",  # Advanced Skeleton
    "headx",
    "valvebipedbip01head1", "bip001head", "bip01head", "biphead",
    "頭",  # MMD
    "orghead", "defhead", "defheadx",
)  # fmt: skip
HEADS_OF_SPINES: Final[tuple[str, ...]] = ("defspine006", "spine006")
"""Rigify calls the head of its human metarig so, and the bone that it deforms with; asked when nothing says head."""


def _sided(*names: str) -> dict[str, tuple[str, ...]]:
    """Names with ``{l}`` (l or r) and ``{left}`` (left or right) for both sides."""
    return {side: tuple(name.format(l=side[0], left=side) for name in names) for side in ("left", "right")}


EYES: Final[dict[str, tuple[str, ...]]] = _sided(
    "defeye{l}", "orgeye{l}",  # Rigify: the plain eye.L of a generated rig is what the eye looks at
    "ceye{l}",  # Auto-Rig Pro
    "jadj{l}faceeye",  # VRoid
    "ccbase{l}eye",  # Character Creator
    "facial{l}eye",  # MetaHuman
    "eye{l}", "{left}eye", "eye{left}", "{l}eye",  # MPFB; Unity, Mixamo; ; Daz
    "eyeball{l}", "{left}eyeball", "eye{l}jnt", "{l}eyejnt",
)  # fmt: skip
EYES["left"] += ("左目",)
EYES["right"] += ("右目",)

JAWS: Final[tuple[str, ...]] = (
    "cjawbonex",  # Auto-Rig Pro
    "jawmaster",  # Rigify
    "jaw", "lowerjaw",  # MPFB, Unity; Daz
    "ccbasejawroot",  # Character Creator
    "facialcjaw",  # MetaHuman
    "jawm", "jawbonex", "mjaw", "jawroot", "ctrljaw", "jawctrl", "cjaw", "facejaw", "jbipcjaw",
    "あご", "orgjaw", "defjaw",
)  # fmt: skip

LOOK_AT: Final[tuple[tuple[str, ...], ...]] = (("ceyetargetl", "ceyetargetr"), ("ceyetargetx",))
"""Targets known by name; where eyes track something, what they track is found without names."""
