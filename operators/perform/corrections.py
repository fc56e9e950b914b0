"""Keys that were changed by hand: found, kept by solving the shot again around them, or taken back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...inference.errors import UsageError
from ..base import Work
from ..bridge import paths
from ..chosen import chosen_avatar, chosen_take, has_avatar, has_take, named_avatar
from ..footage.clip import take_model
from ..jobs.job import Command, LongWork
from . import resolving
from .bake import perform, sentence_of


class UNDERSTUDY_OT_find_corrections(Work, bpy.types.Operator):
    """Look for keys of the baked curves that were changed, moved or added by hand, and list them"""

    bl_idname = "understudy.find_corrections"
    bl_label = "Find Corrections"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take on an avatar is needed."""
        return has_avatar(cls, context) and has_take(cls, context)

    def work(self, context: bpy.types.Context) -> str:
        """List them."""
        take, name = chosen_take(context.scene)
        found = resolving.corrections_of(chosen_avatar(context), take, name)
        resolving.show(context.scene.understudy.keying, found, context.scene)
        return f"Values set by hand: {len(found)}" if found else "Nothing was changed by hand"


class UNDERSTUDY_OT_resolve_corrections(LongWork, bpy.types.Operator):
    """Solve the shot again around the keys you changed, so that everything near them in time and meaning adapts"""

    bl_idname = "understudy.resolve_corrections"
    bl_label = "Apply Corrections"
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        avatar: str
        solved: str
    else:
        avatar: bpy.props.StringProperty(
            name="Avatar",
            description="Name of the avatar's object; empty means the scene's avatar",
            options={"SKIP_SAVE"},
        )
        solved: bpy.props.StringProperty(
            name="Solved Take", description="Where the new take goes", options={"HIDDEN", "SKIP_SAVE"}
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take on an avatar is needed."""
        return has_avatar(cls, context) and has_take(cls, context) and super().poll(context)

    def command(self, context: bpy.types.Context) -> Command:
        """The words of ``understudy correct``."""
        settings = context.scene.understudy
        take, name = chosen_take(context.scene)
        avatar = named_avatar(context, self.avatar)
        self.avatar = avatar.name
        corrections = resolving.corrections_of(avatar, take, name)
        if not corrections:
            raise UsageError("Nothing was changed by hand; move or add a key of the baked curves first.")
        rows = resolving.rows_of(avatar, take, corrections, eyes=settings.use_eyes)
        if not rows:  # nothing to solve: what was changed is no coefficient's, and is kept as it is
            rows = [(0, take.names[0], float(take.coefficients[0, 0]))]
        path = resolving.solved_path(take, rows)
        keys = path.with_suffix(".json")
        resolving.write_rows(take, rows, keys)
        self.solved = str(path)
        source = str(paths.absolute(settings.take))
        words = ("correct", source, "--keys", str(keys), "-o", str(path), "--face-model", take_model(settings, take))
        return Command((*words, "--overwrite"), "Apply Corrections")

    def landed(self, context: bpy.types.Context, events: list[dict[str, Any]]) -> str:
        """Bake again, with what was solved."""
        resolving.forget_old(Path(self.solved).parent)
        scene = self.job_scene()
        settings = scene.understudy
        take, name = chosen_take(scene)
        avatar = scene.objects.get(self.avatar)
        if avatar is None:
            raise UsageError(f"{self.avatar} is no longer in the scene; apply the corrections again.")
        report = perform(
            scene, avatar, take, name, head=settings.use_head, eyes=settings.use_eyes, keep_corrections=True
        )
        return sentence_of(report, avatar, name)


class UNDERSTUDY_OT_clear_corrections(Work, bpy.types.Operator):
    """Give the curves back as the take has them, without anything that was changed by hand"""

    bl_idname = "understudy.clear_corrections"
    bl_label = "Clear Corrections"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take on an avatar is needed."""
        return has_avatar(cls, context) and has_take(cls, context)

    def work(self, context: bpy.types.Context) -> str:
        """Bake again without them."""
        settings = context.scene.understudy
        take, name = chosen_take(context.scene)
        avatar = chosen_avatar(context)
        found = resolving.corrections_of(avatar, take, name)
        perform(
            context.scene, avatar, take, name, head=settings.use_head, eyes=settings.use_eyes, keep_corrections=False
        )
        return f"Corrections taken back: {len(found)}"


CLASSES = (UNDERSTUDY_OT_find_corrections, UNDERSTUDY_OT_resolve_corrections, UNDERSTUDY_OT_clear_corrections)
