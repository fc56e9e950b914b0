"""The rendered avatar back into the footage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...inference.errors import InputError
from ...inference.provenance.consent import consent_path
from ...inference.provenance.sidecar import ENDING as SIDECAR
from ..base import put_in_place
from ..bridge import paths
from ..bridge.compat import path_options
from ..chosen import chosen_footage, has_footage, has_renders, has_take
from ..jobs.job import Command, LongWork
from ..preferences import device
from ..properties import STAGES
from .compositing import compositing_words, is_sequence, target_of


class UNDERSTUDY_OT_composite(LongWork, bpy.types.Operator):
    """Put the rendered face into the footage and write the movie, with the original sound"""

    bl_idname = "understudy.composite"
    bl_label = "Composite"
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        output: str
    else:
        output: bpy.props.StringProperty(
            name="Movie",
            description="File to write; empty means the scene's movie or a new one",
            subtype="FILE_PATH",
            options=path_options() | {"SKIP_SAVE"},
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Footage, take and rendered frames are needed."""
        if not (has_footage(cls, context) and has_renders(cls, context) and has_take(cls, context)):
            return False
        return super().poll(context)

    def command(self, context: bpy.types.Context) -> Command:
        """The words of ``understudy composite``."""
        settings = context.scene.understudy
        footage, renders = chosen_footage(settings), paths.absolute(settings.render_dir)
        if not consent_path(footage).is_file():
            raise InputError("Nobody recorded whose face the footage shows; say it under Consent in step 6.")
        if not renders.is_dir():
            raise InputError(f"There are no rendered frames in {renders}; press Render in step 5.")
        wished = self.output or settings.output
        target = target_of(settings, wished)
        # A path relative to the file stays as it was typed.
        self.output = wished if wished and paths.absolute(wished) == target else str(target)
        written = _beside(target) if target.is_file() else target
        stages = ",".join(stage for stage, *_ in STAGES if stage in settings.stages)
        words = ["composite", footage, "--take", paths.absolute(settings.take), "--render", renders, "-o", written]
        words += ["--stages", stages, "--device", device(context), "--report", _report_of(target)]
        if bpy.data.filepath:
            words += ["--blend", bpy.data.filepath]
        words += [*compositing_words(settings.compositing, settings.stages), "--overwrite"]
        return Command(tuple(map(str, words)), "Composite")

    def landed(self, context: bpy.types.Context, events: list[dict[str, Any]]) -> str:
        """Make the movie and its figures the scene's."""
        settings = self.job_scene().understudy
        made = next(event for event in events if event["event"] == "composite")
        target, written = paths.absolute(self.output), Path(made["path"])
        if written != target:
            put_in_place(written, target, target.suffix, SIDECAR)
        settings.output = self.output
        settings.report = str(_report_of(target))
        return f"{target.name}: {made['composited']} of {made['frames']} frames composited; see Report in step 6"


def _report_of(target: Path) -> Path:
    """Where the figures of a composite go."""
    movie = target.parent if is_sequence(target) else target
    return movie.with_name(f"{movie.stem}_report")


def _beside(target: Path) -> Path:
    """Where a new movie is written while an earlier one has its name."""
    return target.with_name(f"{target.stem}_new{target.suffix}")


CLASSES = (UNDERSTUDY_OT_composite,)
