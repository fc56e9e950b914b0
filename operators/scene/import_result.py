"""The finished movie or its parts into Blender's sequencer or compositor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ...inference.errors import InputError, UnderstudyError
from ..base import Work
from ..bridge import paths
from ..bridge.keys.sound import place_sound
from ..bridge.stage.camera import load_footage
from ..bridge.stage.results import add_movie, add_nodes, add_pictures
from ..chosen import chosen_footage, chosen_take, has_footage, has_renders, has_take
from .compositing import is_sequence, pictures_of


class UNDERSTUDY_OT_import_movie(Work, bpy.types.Operator):
    """Add the composited movie to the sequencer, above what is there and in step with the keys, with the footage's sound"""

    bl_idname = "understudy.import_movie"
    bl_label = "Add to Sequencer"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        add_sound: bool
    else:
        add_sound: bpy.props.BoolProperty(
            name="Sound", description="Add the sound of the footage on a channel of its own", default=True
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A movie is needed, and the take that says where it begins."""
        if not context.scene.understudy.output:
            cls.poll_message_set("There is no movie; press Composite in step 6, or choose a movie there")
            return False
        return has_take(cls, context)

    def work(self, context: bpy.types.Context) -> str:
        """Add the strips."""
        scene, settings = context.scene, context.scene.understudy
        movie = paths.absolute(settings.output)
        pictures = pictures_of(movie) if is_sequence(movie) else []
        if not pictures and not movie.is_file():
            raise InputError(f"There is no movie at {movie}; press Composite in step 6.")
        take, _ = chosen_take(scene)
        strip = add_pictures(scene, pictures, take) if pictures else add_movie(scene, movie, take)
        sentence = f"{strip.name} is in the sequencer on channel {strip.channel}"
        footage = paths.absolute(settings.footage or settings.output)
        if not self.add_sound or not footage.is_file():
            return sentence
        from ...inference.media.sound_start import sound_start_s

        start_s = sound_start_s(footage)
        if start_s is None:
            return f"{sentence}; the footage has no sound"
        try:
            sound = place_sound(scene, footage, take, start_s)
        except UnderstudyError as error:
            return f"{sentence}, without sound: {error}"
        return f"{sentence}, its sound on channel {sound.channel}"


class UNDERSTUDY_OT_setup_compositor(Work, bpy.types.Operator):
    """Add nodes that lay the rendered frames over the footage to the compositor, beside what is there"""

    bl_idname = "understudy.setup_compositor"
    bl_label = "Add to Compositor"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Footage and rendered frames are needed."""
        return has_footage(cls, context) and has_renders(cls, context) and has_take(cls, context)

    def work(self, context: bpy.types.Context) -> str:
        """Add the nodes."""
        scene, settings = context.scene, context.scene.understudy
        folder, footage = paths.absolute(settings.render_dir), chosen_footage(settings)
        pictures = sorted(folder.glob("frame_[0-9][0-9][0-9][0-9][0-9][0-9].png"))
        if not pictures:
            raise InputError(f"There are no rendered frames in {folder}; press Render in step 5.")
        take, _ = chosen_take(scene)
        is_output = add_nodes(scene, load_footage(footage), pictures, take)
        if is_output:
            return f"The compositor lays {len(pictures)} rendered frames over {footage.name}"
        return f"Nodes for {len(pictures)} frames over {footage.name} are below your own, with a viewer"


CLASSES = (UNDERSTUDY_OT_import_movie, UNDERSTUDY_OT_setup_compositor)
