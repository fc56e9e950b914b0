"""All kinds of avatars that are known by the names of their keys."""

from __future__ import annotations

from typing import Final

from .table_arkit import ARKIT
from .table_character_creator import CHARACTER_CREATOR
from .table_daz import DAZ_FACS, DAZ_POSE_CONTROLS
from .table_makehuman import MAKEHUMAN
from .table_metahuman import METAHUMAN
from .table_mmd import MMD
from .table_visemes import MICROSOFT, OCULUS, READY_PLAYER_ME
from .table_vrm import VRM, VROID
from .tables import Table

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
