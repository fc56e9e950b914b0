"""The verbs of all steps in one menu, where the menus' own search (F3) finds them without the sidebar."""

from __future__ import annotations

import bpy

_VERBS = (
    ("open_footage", "use_clip", "match_scene", "trim_to_scene", "neutral_here", "find_faces"),
    ("track",),
    ("add_avatar", "add_actor_avatar", "use_selected", "add_companions", "make_editable"),
    ("match_shapes", "solve_rig", "mirror_links", "save_mapping", "load_mapping"),
    ("preview", "set_neutral", "clear_neutral", "reset_adjustments", "bake", "find_corrections", "resolve_corrections"),
    ("setup_shot", "light_from_shot", "render"),
    ("consent", "composite", "import_movie", "setup_compositor", "restore"),
    ("start_live", "stop_live", "neutral_live", "record_live"),
)
"""Operators, a row for each step, and for live."""


class UNDERSTUDY_MT_steps(bpy.types.Menu):
    """What Understudy can do, in the order of its steps."""

    bl_label = "Understudy"
    bl_description = "What Understudy can do, in the order of its steps"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the verbs."""
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        for verbs in _VERBS:
            for verb in verbs:
                layout.operator(f"understudy.{verb}")
            if verbs != _VERBS[-1]:
                layout.separator()


def _draw_entry(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.menu("UNDERSTUDY_MT_steps")


CLASSES = (UNDERSTUDY_MT_steps,)


def register() -> None:
    """Hang the menu into those of both editors."""
    for menu in (bpy.types.VIEW3D_MT_object, bpy.types.CLIP_MT_clip):
        menu.append(_draw_entry)


def unregister() -> None:
    """Take it out again."""
    for menu in (bpy.types.VIEW3D_MT_object, bpy.types.CLIP_MT_clip):
        menu.remove(_draw_entry)
