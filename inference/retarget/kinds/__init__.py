"""All kinds of avatars that are known by the names of their keys."""

from __future__ import annotations

from typing import Final

from ..recipes import Table
from .arkit import ARKIT
from .character_creator import CHARACTER_CREATOR
from .daz import DAZ_FACS, DAZ_POSE_CONTROLS
from .makehuman import MAKEHUMAN
from .metahuman import METAHUMAN
from .mmd import MMD
from .visemes import MICROSOFT, OCULUS, READY_PLAYER_ME
from .vrm import VRM, VROID

TABLES: Final[tuple[Table, ...]] = (
    ARKIT,
    READY_PLAYER_ME,
    CHARACTER_CREATOR,
    METAHUMAN,
    DAZ_FACS,
    DAZ_POSE_CONTROLS,
    VROID,
    VRM,
    MMD,
    OCULUS,
    MICROSOFT,
    MAKEHUMAN,
)
"""Of two kinds that show as much of an avatar, the earlier one is taken."""
