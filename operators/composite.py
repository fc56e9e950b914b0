"""The rendered avatar back into the footage."""

from __future__ import annotations

import bpy

from ..inference.errors import InputError
from .base import Work, default_path, shown_progress
from .bridge import paths
from .chosen import chosen_take, has_take
from .preferences import chosen_models, device
from .properties import STAGES


class UNDERSTUDY_OT_composite(Work, bpy.types.Operator):
    """Put the rendered face into the footage and write the movie, with the original sound"""

    bl_idname = "understudy.composite"
    bl_label = "Composite"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Footage, take and rendered frames are needed."""
        settings = context.scene.understudy
        if not settings.footage:
            cls.poll_message_set("There is no footage; choose the video of the actor in step 1")
            return False
        if not settings.render_dir:
            cls.poll_message_set("There are no rendered frames; press Render in step 5, or choose their folder")
            return False
        return has_take(cls, context)

    def work(self, context: bpy.types.Context) -> str:
        """Write the movie."""
        from ..inference.composite import CompositeOptions, composite_shot

        scene, settings = context.scene, context.scene.understudy
        performance, _ = chosen_take(scene)
        footage, renders = paths.absolute(settings.footage), paths.absolute(settings.render_dir)
        if not footage.is_file():
            raise InputError(f"There is no video at {footage}; choose another file in step 1.")
        if not renders.is_dir():
            raise InputError(f"There are no rendered frames in {renders}; press Render in step 5.")
        output = (
            paths.absolute(settings.output) if settings.output else default_path(settings.footage, "_composite.mp4")
        )
        stages = tuple(stage for stage, *_ in STAGES if stage in settings.stages)
        options = CompositeOptions(stages=stages, device=device(context))
        with chosen_models(context), shown_progress(context) as progress:
            report = composite_shot(footage, performance, renders, output, options, progress)
        settings.output = settings.output or str(output)
        return " ".join((f"{output}: {report.composited} of {report.frames} frames composited.", *report.notes))


CLASSES = (UNDERSTUDY_OT_composite,)
