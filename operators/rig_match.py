"""An avatar matched by what its shapes do to its face, whatever they are called, and its weights solved frame by frame."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..inference import retarget
from ..inference.arkit import NAMES
from ..inference.errors import UsageError
from ..inference.retarget import Link, Mapping
from ..inference.take import Take
from . import preview
from .bridge import paths
from .bridge.rig import read_rig, root_of
from .chosen import chosen_avatar, has_avatar
from .job import Command, LongWork
from .links import keep_mapping, settings_of, understand

if TYPE_CHECKING:
    from ..inference.retarget.rig_solver import RigSolver

FOLDER = "matching"


@dataclass(frozen=True)
class _Fit:
    """What was found out about an avatar, and the list of links that was made of it."""

    text: str
    solver: RigSolver
    links: Mapping


_last: list[_Fit] = []
"""The avatar that was solved last: reading what is kept of it takes longer than drawing a frame."""


def solved_weights(
    avatar: bpy.types.Object, performance: Take, mapping: Mapping
) -> tuple[tuple[str, ...], NDArray[np.float32]] | None:
    """Keys and weights (T, K) of a performance, solved in the avatar's own space; None for an avatar that follows its
    list of links alone.

    What the list says otherwise than it did when it was made of the avatar's shapes is added: corrections count, and a
    key whose links were removed or switched off rests.
    """
    settings = settings_of(avatar)
    if not settings.fit or not settings.use_solver:
        return None
    fit = _fit_of(settings)
    removed = set(fit.links.keys) - set(mapping.keys)
    solved = fit.solver.solve(performance.coefficients)
    columns = {key: solved[:, place] for place, key in enumerate(fit.solver.keys) if key not in removed}
    made = dict(zip(*_by_key(fit.links, performance), strict=True))
    for key, weights in zip(*_by_key(mapping, performance), strict=True):
        change = weights - made.get(key, 0)
        lower = max(link.lower for link in mapping.links if link.key == key and link.enabled)
        upper = min(link.upper for link in mapping.links if link.key == key and link.enabled)
        columns[key] = np.clip(columns.get(key, 0) + change, lower, max(lower, upper))
    return tuple(columns), np.stack(list(columns.values()), axis=1).astype(np.float32)


def made_links(settings: bpy.types.PropertyGroup) -> Mapping | None:
    """The list as it was made of the avatar's shapes; None where the names count."""
    return _fit_of(settings).links if settings.fit and settings.use_solver else None


def _by_key(mapping: Mapping, performance: Take) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    keys, weights = retarget.weights(mapping, performance.coefficients)
    return keys, weights.T


def _fit_of(settings: bpy.types.PropertyGroup) -> _Fit:
    from ..inference.retarget.rig_solver import RigSolver

    text = settings.fit
    if not _last or _last[0].text != text:
        stored = json.loads(text)
        links = Mapping(tuple(Link(**link) for link in stored["links"]))
        _last[:] = [_Fit(text, RigSolver.from_bytes(base64.b64decode(stored["solver"])), links)]
    return _last[0]


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
        from ..inference.retarget import rig_shapes
        from .bridge.rig_reading import read_shapes

        avatar = context.scene.objects.get(self.avatar) if self.avatar else chosen_avatar(context)
        if avatar is None:
            raise UsageError(f"There is no object {self.avatar} in the scene; choose the avatar in step 3.")
        root = root_of(avatar)
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
