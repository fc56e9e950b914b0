"""Adjustments kept under a name: those that come with the add-on, and the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bl_operators.presets import AddPresetBase

from ...translations import translated
from .performance import REGION_NAMES

FOLDER = "understudy/adjustments"
_HOME = str(Path(__file__).resolve().parents[2])
"""The folder that holds `presets`."""


class UNDERSTUDY_OT_add_adjustment_preset(AddPresetBase, bpy.types.Operator):
    """Keep the adjustments of this avatar under a name, for other avatars and files; or remove a name"""

    bl_idname = "understudy.add_adjustment_preset"
    bl_label = "Add Adjustment Preset"
    bl_options = {"INTERNAL"}
    preset_menu = "UNDERSTUDY_MT_adjustments"
    preset_subdir = FOLDER
    preset_defines = ["adjustments = bpy.context.scene.understudy.avatar.understudy.adjustments"]
    preset_values = [
        "adjustments.strength",
        "adjustments.head",
        "adjustments.head_smoothing",
        *(f"adjustments.{name}.{number}" for name in REGION_NAMES for number in ("gain", "limit", "smoothing")),
    ]

    if TYPE_CHECKING:
        name: str

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Adjustments belong to an avatar."""
        if context.scene is None or context.scene.understudy.avatar is None:
            cls.poll_message_set(translated("There is no avatar; choose one in step 3, or press Add Avatar"))
            return False
        return True


CLASSES = (UNDERSTUDY_OT_add_adjustment_preset,)


def register() -> None:
    """Let Blender find the presets that come with the add-on."""
    bpy.utils.register_preset_path(_HOME)


def unregister() -> None:
    """Forget them."""
    bpy.utils.unregister_preset_path(_HOME)
