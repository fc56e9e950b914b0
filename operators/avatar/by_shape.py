"""An avatar matched by what its shapes do to its face, whatever they are called."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...inference import retarget
from ...inference.arkit import NAMES
from ...inference.errors import UsageError
from ..bridge import paths
from ..bridge.rigs.rig import read_rig, root_of
from ..chosen import has_avatar, named_avatar
from ..jobs.job import Command, LongWork
from ..perform import preview
from .keeping import keep_mapping, understand
from .links import settings_of

if TYPE_CHECKING:
    pass

FOLDER = "matching"


class UNDERSTUDY_OT_solve_rig(LongWork, bpy.types.Operator):
    """Find out what each shape does to the avatar's face, whatever it is called, and fill the list of links from that"""

    bl_idname = "understudy.solve_rig"
    bl_label = "Match by Shape"
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        avatar: str
    else:
        avatar: bpy.props.StringProperty(
            name="Avatar",
            description="Name of the avatar's object; empty means the scene's avatar",
            options={"SKIP_SAVE"},
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An avatar is needed."""
        return has_avatar(cls, context) and super().poll(context)

    def command(self, context: bpy.types.Context) -> Command:
        """Read the avatar's shapes for ``understudy fit-rig``."""
        from ...inference.retarget.by_shape import shapes as rig_shapes
        from ..bridge.rigs.reading import read_shapes

        root = root_of(named_avatar(context, self.avatar))
        self.avatar = root.name
        shapes, rig, links = _files()
        with preview.paused(context.scene, root):
            rig_shapes.save(read_shapes(read_rig(root)), shapes)
        words = ("fit-rig", str(shapes), "-o", str(rig), "--mapping", str(links), "--overwrite")
        return Command(words, "Matching by Shape", leftovers=(shapes,))

    def landed(self, context: bpy.types.Context, events: list[dict[str, Any]]) -> str:
        """Keep what was found with the avatar, and show it as its list of links."""
        avatar = self.job_scene().objects.get(self.avatar)
        if avatar is None:
            raise UsageError(f"{self.avatar} is no longer in the scene; match again.")
        _, rig, links = _files()
        mapping = retarget.load(links)
        solver = base64.b64encode(rig.read_bytes()).decode("ascii")
        for path in (rig, links):
            path.unlink()
        understand(avatar)
        settings = settings_of(avatar)
        with preview.held(settings.id_data):
            settings.fit = json.dumps({"solver": solver, "links": [asdict(link) for link in mapping.links]})
            settings.use_solver = True
            keep_mapping(settings, mapping)
        return f"{len(mapping.keys)} channels of {avatar.name} show {len(mapping.driving)} of {len(NAMES)} coefficients"


def _files() -> tuple[Path, Path, Path]:
    """Where shapes, solver and links pass between Blender and the worker."""
    folder = paths.user_folder(FOLDER)
    return folder / "shapes.npz", folder / "rig.npz", folder / "links.json"


CLASSES = (UNDERSTUDY_OT_solve_rig,)
