"""A take onto an avatar."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...inference.take import Take
from ...translations import translated
from ..base import Work
from ..bridge import paths
from ..bridge.compat import path_options
from ..bridge.keys import hand_edits, markers, sound
from ..bridge.keys.bake import BakeReport, bake_take, moved_blocks
from ..bridge.rigs.rig import read_rig
from ..chosen import chosen_avatar, chosen_take, has_avatar
from ..jobs import job
from . import preview, resolving
from .key_settings import options_of
from .performance import performed, solved_weights


class UNDERSTUDY_OT_bake(Work, bpy.types.Operator):
    """Give the take to the avatar as keyframes, replacing what an earlier bake of the same take wrote"""

    bl_idname = "understudy.bake"
    bl_label = "Bake"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        filepath: str
        use_head: bool
        use_eyes: bool
        match_scene: bool
        filter_glob: str
    else:
        filepath: bpy.props.StringProperty(
            name="Take",
            description="Take to bake; empty means the scene's take",
            subtype="FILE_PATH",
            options=path_options(),
        )
        use_head: bpy.props.BoolProperty(name="Head", description="Turn the head as the actor did", default=True)
        use_eyes: bpy.props.BoolProperty(name="Eyes", description="Turn the eyes as the actor did", default=True)
        match_scene: bpy.props.BoolProperty(
            name="Match Scene",
            description="Also give the scene the frame rate and the range of the take",
            default=False,
        )
        filter_glob: bpy.props.StringProperty(default="*.npz", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An avatar is needed."""
        return has_avatar(cls, context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for a take when there is none; leave corrections that take long to the operator that keeps the window."""
        settings = context.scene.understudy
        self.use_head, self.use_eyes = settings.use_head, settings.use_eyes
        self.filepath = settings.take
        if not self.filepath:
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        if settings.keying.keep_corrections and resolving.must_be_solved(context):
            return self._solve_first()
        return self.execute(context)

    def _solve_first(self) -> set[str]:
        """Hand over to the operator that works in a process of its own and bakes when it is done."""
        if job.is_running():
            self.report({"ERROR"}, "Another job is running; wait until it is done, or cancel it.")
        else:
            bpy.ops.understudy.resolve_corrections("INVOKE_DEFAULT")
        return {"CANCELLED"}  # of this operator's own work there is none

    def work(self, context: bpy.types.Context) -> str:
        """Bake the take."""
        settings = context.scene.understudy
        take, name = chosen_take(context.scene, self.filepath)
        avatar = chosen_avatar(context)
        report = perform(
            context.scene,
            avatar,
            take,
            name,
            match_scene=self.match_scene,
            head=self.use_head,
            eyes=self.use_eyes,
        )
        settings.avatar = avatar
        settings.take = self.filepath or settings.take
        return sentence_of(report, avatar, name)


def perform(
    scene: bpy.types.Scene,
    avatar: bpy.types.Object,
    take: Take,
    name: str,
    *,
    match_scene: bool = False,
    head: bool = True,
    eyes: bool = True,
    keep_corrections: bool | None = None,
) -> BakeReport:
    """Bake with the choices of the scene and the avatar's adjustments; corrections made by hand survive.

    Raises the errors of `bake_take` before anything is changed.
    """
    preview.stop(scene, avatar)  # what it shows is not where the avatar stands
    settings = scene.understudy
    keys = settings.keying
    kept = keys.keep_corrections if keep_corrections is None else keep_corrections
    corrections = resolving.corrections_of(avatar, take, name) if kept else []
    solved = resolving.solved(settings, avatar, take, corrections, eyes=eyes) if corrections else take
    performance, mapping = performed(avatar, solved, eyes)
    heard = _sound_of(scene)
    report = bake_take(
        avatar,
        performance,
        mapping,
        scene=scene,
        name=name,
        match_scene=match_scene,
        head=head,
        eyes=eyes,
        weights=solved_weights(avatar, performance, mapping),
        options=options_of(keys),
        corrections=corrections,
    )
    for id_block in moved_blocks(read_rig(avatar, take)):
        hand_edits.remember(id_block, name, corrections)
    resolving.show(keys, corrections, scene)
    if keys.mark_uncertain:
        markers.mark_uncertain(scene, solved, keys.uncertain_share)
    else:
        markers.clear_marks(scene)
    if heard is not None:
        sound.place_sound(scene, heard[0], take, heard[1])
    keys.summary = _summary(report)
    return report


def sentence_of(report: BakeReport, avatar: bpy.types.Object, name: str) -> str:
    """What a bake did, for people."""
    gaps = f", {report.gap_frames} frames without a face left free" if report.gap_frames else ""
    met = f", corrections kept: {report.corrections}" if report.corrections else ""
    return (
        f"{report.shape_keys} shape keys of {avatar.name} perform {name} on {report.keyed_frames} frames"
        f" with {report.keys} keys{gaps}{met}"
    )


def _sound_of(scene: bpy.types.Scene) -> tuple[Path, float] | None:
    """The footage and when its sound begins, where sound was asked for and there is some."""
    footage = scene.understudy.footage
    path = paths.absolute(footage) if footage else None
    if not scene.understudy.keying.add_sound or not bpy.app.build_options.audaspace or path is None:
        return None
    if not path.is_file():
        return None
    from ...inference.media.sound_start import sound_start_s

    start_s = sound_start_s(path)
    return None if start_s is None else (path, start_s)


def _summary(report: BakeReport) -> str:
    """For the panel, in the user's language."""
    return translated("{keys} keys in place of {all}").format(keys=f"{report.keys:,}", all=f"{report.every_key:,}")


class UNDERSTUDY_OT_clear_marks(Work, bpy.types.Operator):
    """Remove the markers that say where the take is uncertain"""

    bl_idname = "understudy.clear_marks"
    bl_label = "Clear Marks"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Markers are in a scene."""
        if context.scene is None or not context.scene.timeline_markers:
            cls.poll_message_set("There are no markers on the timeline")
            return False
        return True

    def work(self, context: bpy.types.Context) -> str:
        """Remove them."""
        return f"{markers.clear_marks(context.scene)} markers removed"


CLASSES = (UNDERSTUDY_OT_bake, UNDERSTUDY_OT_clear_marks)
