"""Which face performs: Find Faces numbers those of the shown frame, a press on its picture chooses one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import bpy.utils.previews

from ...inference.errors import UsageError
from ...translations import CONTEXT
from ..base import Work
from ..bridge import paths
from ..chosen import chosen_footage, has_footage
from ..jobs.job import Command, LongWork
from ..preferences import device
from . import landmark_view
from .clip import source_frame


class UNDERSTUDY_OT_find_faces(LongWork, bpy.types.Operator):
    """Find the faces of a frame of the footage and number them, so that one can be chosen"""

    bl_idname = "understudy.find_faces"
    bl_label = "Find Faces"
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        frame: int
    else:
        frame: bpy.props.IntProperty(
            name="Frame",
            description="Frame of the footage, counted from 0; -1 means the one that is shown",
            default=-1,
            min=-1,
            options={"SKIP_SAVE"},
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Footage is needed."""
        return has_footage(cls, context) and super().poll(context)

    def command(self, context: bpy.types.Context) -> Command:
        """`understudy faces`."""
        video = chosen_footage(context.scene.understudy)
        if self.frame < 0:
            self.frame = _shown_frame(context.scene)
        pictures = paths.user_folder("faces") / f"{video.stem}_{self.frame}"
        words = ("faces", str(video), "--frame", str(self.frame), "--pictures", str(pictures))
        return Command((*words, "--device", device(context)), "Finding faces")

    def landed(self, context: bpy.types.Context, events: list[dict[str, Any]]) -> str:
        """Keep boxes and pictures with the scene."""
        found = next(event for event in reversed(events) if event.get("event") == "faces")
        settings = self.job_scene().understudy
        settings.faces.clear()
        settings.faces_frame, settings.faces_size = int(found["frame"]), found["frame_size"]
        for box, picture in zip(found["boxes"], found["pictures"], strict=True):
            face = settings.faces.add()
            face.box, face.picture = box, picture
            load_picture(picture)
        settings.face = 0
        landmark_view.redraw()
        count = len(settings.faces)
        return f"Frame {settings.faces_frame} shows {count} {'face' if count == 1 else 'faces'}"


def _shown_frame(scene: bpy.types.Scene) -> int:
    """The frame of the footage that the scene shows, or the nearest one to it."""
    settings = scene.understudy
    if settings.clip is None:
        return 0
    return min(max(source_frame(settings.clip, scene.frame_current), 0), max(0, settings.facts.frames - 1))


class UNDERSTUDY_OT_choose_face(Work, bpy.types.Operator):
    """Let this face perform"""

    bl_idname = "understudy.choose_face"
    bl_label = "Choose Face"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        face: int
    else:
        face: bpy.props.IntProperty(
            name="Face", translation_context=CONTEXT, description="Number of the face that Find Faces gave it", min=0
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Faces must have been found."""
        if context.scene is None or not context.scene.understudy.faces:
            cls.poll_message_set("No faces were looked for; press Find Faces")
            return False
        return True

    def work(self, context: bpy.types.Context) -> str:
        """Choose it."""
        settings = context.scene.understudy
        if self.face >= len(settings.faces):
            raise UsageError(f"There is no face {self.face}; {len(settings.faces)} were found, counted from 0.")
        settings.face = self.face
        landmark_view.redraw()
        return f"Face {self.face} performs"


_collections: list[Any] = []
"""Blender's collection of the pictures that panels show, while the add-on is enabled."""


def picture_icon(path: str) -> int:
    """The icon of a face's picture; 0 when it was not loaded."""
    preview = next((pictures[path] for pictures in _collections if path in pictures), None)
    return int(preview.icon_id) if preview is not None else 0


def load_picture(path: str) -> None:
    """Make a picture known to the panels, as it is on the disk now."""
    if not Path(path).is_file():
        return
    for pictures in _collections:
        if path in pictures:
            del pictures[path]
        pictures.load(path, path, "IMAGE")


@bpy.app.handlers.persistent
def _load_all(*_: object) -> None:
    """A file was opened: its faces' pictures, where they still are."""
    for scene in bpy.data.scenes:
        for face in scene.understudy.faces:
            load_picture(face.picture)


CLASSES = (UNDERSTUDY_OT_find_faces, UNDERSTUDY_OT_choose_face)


def register() -> None:
    """Make room for the pictures."""
    _collections.append(bpy.utils.previews.new())
    bpy.app.handlers.load_post.append(_load_all)


def unregister() -> None:
    """Let them go."""
    bpy.app.handlers.load_post.remove(_load_all)
    bpy.utils.previews.remove(_collections.pop())
