"""The performance on the avatar while the timeline is scrubbed, without keys.

Whether an avatar is previewed, and what it had before, is kept with the avatar itself: so undo, redo and a recovered
file know it, and a saved file holds none of it. What is shown at each frame is worked out once and kept in memory here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.app.handlers import persistent
from numpy.typing import NDArray

from ...inference import take as takes
from ...inference.errors import InputError, UnderstudyError, UsageError
from ...inference.take import Take
from .. import handlers
from ..base import Work
from ..bridge import paths
from ..bridge.keys import bake, timing
from ..bridge.keys.fcurves import check_writable, was_written
from ..bridge.rigs.playing import Player, Rest, make_player, note_rest, rest_on, turns_of
from ..bridge.rigs.rig import Rig, read_rig, root_of
from ..chosen import chosen_avatar, has_avatar, has_take
from .performance import performed, solved_weights

_LOOK_AGAIN_S = 1.0
"""How often a take's file is asked whether it changed."""
_NEAR_S = 1.0
"""While a slider is dragged only so much before and after the frame in view is worked out; the rest follows when the
timeline leaves it.
"""


@dataclass(frozen=True)
class _File:
    """A take as it was read."""

    path: Path
    changed_ns: int
    take: Take


@dataclass
class _Show:
    """One avatar's preview."""

    scene: str
    rig: Rig
    file: _File
    player: Player
    rate: float
    looked: float
    covers: bool
    """Whether the avatar has keys of a bake, which the preview hides while it is on."""
    near: tuple[float, float] | None = None
    """The scene frames that the player knows; None for all."""


_shows: dict[str, _Show] = {}
"""By the name of the avatar's root."""
_problems: dict[str, str] = {}
_held: set[str] = set()
_resumed: list[tuple[str, str]] = []
"""Scene and avatar of the previews that wait for a file to be saved."""
listeners: list[Callable[[], None]] = []
"""Called when what an avatar performs by was changed, whether it is previewed or not."""


def is_on(avatar: bpy.types.Object) -> bool:
    """Whether an avatar shows the take."""
    return bool(root_of(avatar).understudy.preview)


def covers_keys(avatar: bpy.types.Object) -> bool:
    """Whether the preview hides keys of the avatar now."""
    show = _shows.get(root_of(avatar).name)
    return show is not None and show.covers


def problem_of(avatar: bpy.types.Object) -> str:
    """Why the preview went off by itself; empty when it did not."""
    return _problems.get(root_of(avatar).name, "")


def start(scene: bpy.types.Scene, avatar: bpy.types.Object) -> None:
    """Let an avatar show the take of a scene; raises `UnderstudyError` when that cannot be, with nothing changed."""
    root = root_of(avatar)
    _require_still(root)
    _problems.pop(root.name, None)
    _play(scene, root)
    root.understudy.preview = True
    _shows[root.name].player.show(scene.frame_current_final)


def stop(scene: bpy.types.Scene, avatar: bpy.types.Object) -> None:
    """Give an avatar back what it had; does nothing when it shows nothing. Raises `UsageError` while it is live."""
    root = root_of(avatar)
    _require_still(root)
    if not root.understudy.preview:
        return
    _put_back(root)
    show_keys(scene, root)


def show_keys(scene: bpy.types.Scene, root: bpy.types.Object) -> None:
    """Let an avatar that was moved without keys follow its own again, where it has any."""
    if _has_animation(root):
        scene.frame_set(scene.frame_current, subframe=scene.frame_subframe)


@contextmanager
def paused(scene: bpy.types.Scene, avatar: bpy.types.Object) -> Iterator[None]:
    """Everything as it is without the preview while this lasts: for work that asks where the avatar stands."""
    root = root_of(avatar)
    shown = root.understudy.preview
    stop(scene, root)
    try:
        yield
    finally:
        if shown:
            root.understudy.preview = True
            _show_again(scene, root)


def refresh(root: bpy.types.ID) -> None:
    """Show an avatar's take as it is adjusted now; does nothing where there is no preview."""
    if not isinstance(root, bpy.types.Object) or root.name in _held:
        return
    for tell in listeners:
        tell()
    if not root.understudy.preview:
        return
    show = _shows.get(root.name)
    scene = bpy.data.scenes.get(show.scene) if show is not None else bpy.context.scene
    if scene is not None:
        _show_again(scene, root, near=True)


def refresh_scene(scene: bpy.types.Scene) -> None:
    """Show all previews of a scene anew: its take or its choices changed."""
    for tell in listeners:
        tell()
    for root in _previewed(scene):
        _show_again(scene, root)


@contextmanager
def held(root: bpy.types.ID) -> Iterator[None]:
    """Many changes to an avatar's list or adjustments at once: shown when all are made."""
    outermost = root.name not in _held
    _held.add(root.name)
    try:
        yield
    finally:
        if outermost:
            _held.discard(root.name)
            refresh(root)


def _require_still(root: bpy.types.Object) -> None:
    if root.understudy.live_rest:
        raise UsageError(f"Live moves {root.name}; press Stop in the panel Live first.")


def _show_again(scene: bpy.types.Scene, root: bpy.types.Object, near: bool = False) -> None:
    """Work a running preview out anew, or what is `near` the frame in view; it ends, and says why, where that cannot
    be.
    """
    try:
        _play(scene, root, near)
        _shows[root.name].player.show(scene.frame_current_final)
    except UnderstudyError as error:
        _put_back(root)
        _problems[root.name] = str(error)


def _play(scene: bpy.types.Scene, root: bpy.types.Object, near: bool = False) -> None:
    """Work out what an avatar shows at each frame, and remember what it had."""
    settings, show = scene.understudy, _shows.get(root.name)
    file = _read(settings.take, show.file if show is not None else None)
    rig = show.rig if show is not None and _is_alive(show.rig) else read_rig(root, file.take)
    rest_on(root, root.understudy.preview_rest).put_back()
    if not rig.head_bone:
        bpy.context.view_layer.update()  # where the object stands is asked below
    take, mapping = performed(root, file.take, settings.use_eyes)
    frames = timing.take_frames(take, scene)
    is_solved = bool(root.understudy.fit) and root.understudy.use_solver  # which takes its time
    part = _part(take, frames, scene) if near or is_solved else None
    if part is not None:
        take, frames = take.part(part), frames[part]
    weights = solved_weights(root, take, mapping)
    controls = [control for control in (rig.head, *rig.eyes, *rig.look_at) if control is not None]
    turns = turns_of({ob for ob in (rig.root, rig.armature, *(control.ob for control in controls)) if ob is not None})
    try:
        plan = bake.planned(
            rig, take, mapping, scene=scene, head=settings.use_head, eyes=settings.use_eyes, weights=weights
        )
        for id_block, _ in plan.tracks:
            check_writable(id_block)
    except UnderstudyError:
        Rest(turns=turns).put_back()  # a plan sets how bones turn
        raise
    player = make_player(frames[take.confidence > 0], plan.line.hold, plan.tracks)
    root.understudy.preview_rest = replace(note_rest(player, turns), root=root.name).text()
    covers = any(was_written(mesh.data.shape_keys, bake.STEP) for mesh in rig.meshes)
    known = (frames[0], frames[-1]) if part is not None else None
    _shows[root.name] = _Show(scene.name, rig, file, player, timing.scene_rate(scene), time.monotonic(), covers, known)


def _part(take: Take, frames: NDArray[np.float64], scene: bpy.types.Scene) -> slice | None:
    """The frames of a take around the one in view; None when no face is seen there, or when that is all."""
    reach = _NEAR_S * timing.scene_rate(scene)
    view = scene.frame_current_final
    first, last = np.searchsorted(frames, (view - reach, view + reach))
    part = slice(int(first), int(last))
    seen = np.flatnonzero(take.confidence[part] > 0)
    around = len(seen) > 0 and frames[part][seen[0]] <= view <= frames[part][seen[-1]]
    return part if around and last - first < len(take) else None


def _read(path: str, known: _File | None) -> _File:
    """The take of a path, read only when it is another one or its file changed."""
    if not path:
        raise UsageError("There is no take yet; press Track in step 2, or choose a take.")
    file = paths.absolute(path)
    try:
        changed_ns = file.stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"There is no take at {file}; press Track in step 2, or choose another take.") from error
    if known is not None and (known.path, known.changed_ns) == (file, changed_ns):
        return known
    return _File(file, changed_ns, takes.load(file))


def _put_back(root: bpy.types.Object) -> None:
    """What an avatar had, and no trace of the preview."""
    settings = root.understudy
    rest_on(root, settings.preview_rest).put_back()
    settings.preview = False
    settings.preview_rest = ""
    _shows.pop(root.name, None)


def _is_alive(rig: Rig) -> bool:
    try:
        return all(ob.name in bpy.data.objects and ob.data.shape_keys is not None for ob in rig.meshes)
    except ReferenceError:
        return False


def _has_animation(root: bpy.types.Object) -> bool:
    meshes = [ob for ob in read_rig(root).meshes if ob.data.shape_keys.animation_data is not None]
    return bool(meshes) or root.animation_data is not None


def _previewed(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    return [ob for ob in scene.objects if ob.understudy.preview]


@persistent
def _on_frame(scene: bpy.types.Scene, _: object = None) -> None:
    for name, show in list(_shows.items()):
        if show.scene != scene.name:
            continue
        if bpy.app.is_job_running("RENDER") and not scene.render.use_lock_interface:
            continue  # the window draws the avatar in another thread meanwhile
        root = scene.objects.get(name)
        if root is None or not root.understudy.preview:
            del _shows[name]
            _resume(scene)  # it was renamed
            continue
        try:
            if _is_outdated(scene, show):
                _show_again(scene, root)
            else:
                show.player.show(scene.frame_current_final)
        except ReferenceError:  # a mesh of the avatar was deleted
            _show_again(scene, root)


def _is_outdated(scene: bpy.types.Scene, show: _Show) -> bool:
    if show.player.is_stale or show.rate != timing.scene_rate(scene):
        return True
    if show.near is not None and not show.near[0] <= scene.frame_current_final <= show.near[1]:
        return True
    now = time.monotonic()
    if now - show.looked < _LOOK_AGAIN_S:
        return False
    show.looked = now
    path = paths.absolute(scene.understudy.take)
    try:
        return (path, path.stat().st_mtime_ns) != (show.file.path, show.file.changed_ns)
    except OSError:
        return True


def _resume(scene: bpy.types.Scene) -> None:
    """Take up the previews that the data speaks of: after an undo, or a new name."""
    for root in _previewed(scene):
        if root.name not in _shows:
            _show_again(scene, root)


@persistent
def _on_undo(scene: bpy.types.Scene | None, _: object = None) -> None:
    _shows.clear()  # what they point at may be gone
    _resume(scene or bpy.context.scene)


@persistent
def _before_save(*_: object) -> None:
    _resumed.clear()
    for scene in bpy.data.scenes:
        for root in _previewed(scene):
            _resumed.append((scene.name, root.name))
            _put_back(root)


@persistent
def _after_save(*_: object) -> None:
    waiting = _resumed.copy()
    _resumed.clear()
    for scene_name, name in waiting:
        scene = bpy.data.scenes.get(scene_name)
        root = scene.objects.get(name) if scene is not None else None
        if root is not None:
            root.understudy.preview = True
            _show_again(scene, root)


@persistent
def _before_load(*_: object) -> None:
    _shows.clear()
    _problems.clear()


@persistent
def _after_load(*_: object) -> None:
    """A file that Blender saved by itself, or kept at a crash, may hold a preview."""
    _shows.clear()
    for scene in bpy.data.scenes:
        for root in _previewed(scene):
            _put_back(root)


class UNDERSTUDY_OT_preview(Work, bpy.types.Operator):
    """Show the take on the avatar while the timeline is scrubbed, without keys; again puts everything back"""

    bl_idname = "understudy.preview"
    bl_label = "Preview"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        action: str
    else:
        action: bpy.props.EnumProperty(
            name="Action",
            description="What becomes of the preview",
            items=(
                ("TOGGLE", "Toggle", "On when it is off, off when it is on"),
                ("ON", "On", "Show the take, or show it anew"),
                ("OFF", "Off", "Put back what the avatar had before"),
            ),
            default="TOGGLE",
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An avatar and a take are needed; what is on can always be switched off."""
        if not has_avatar(cls, context):
            return False
        return is_on(chosen_avatar(context)) or has_take(cls, context)

    def work(self, context: bpy.types.Context) -> str:
        """Switch the preview."""
        scene, avatar = context.scene, chosen_avatar(context)
        if self.action == "OFF" or (self.action == "TOGGLE" and is_on(avatar)):
            stop(scene, avatar)
            return f"{avatar.name} is as it was"
        start(scene, avatar)
        return f"{avatar.name} shows the take; scrub the timeline"


CLASSES = (UNDERSTUDY_OT_preview,)
_HANDLERS = (
    ("frame_change_post", _on_frame),
    ("undo_post", _on_undo),
    ("redo_post", _on_undo),
    ("save_pre", _before_save),
    ("save_post", _after_save),
    ("save_post_fail", _after_save),
    ("load_pre", _before_load),
    ("load_post", _after_load),
)


def register() -> None:
    """Follow the timeline, undo, and files."""
    handlers.add(_HANDLERS)


def unregister() -> None:
    """Switch all previews off and follow nothing."""
    handlers.remove(_HANDLERS)
    for scene in bpy.data.scenes:
        for root in _previewed(scene):
            _put_back(root)
