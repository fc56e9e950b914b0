"""The avatar while it is live: moved without keys, and what it had is kept with it, so that undo, a saved file and a
recovered one never take the live pose for its own.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import bpy

from ...inference.errors import UnderstudyError, UsageError
from ..bridge.rigs.playing import rest_on
from ..perform import preview
from .puppet import Puppet, make_puppet

if TYPE_CHECKING:
    from mathutils import Matrix

    from ...inference.live.sample import LiveSample


class LiveAvatar:
    """Knows the avatar by its name, or by Blender's number of it when it was renamed."""

    def __init__(self, scene: bpy.types.Scene, root: bpy.types.Object) -> None:
        """Get the avatar ready; raises `UnderstudyError` when it cannot perform, with nothing changed."""
        self._scene, self.name, self._uid = scene.name, root.name, root.session_uid
        self._puppet: Puppet | None = None
        self._sample: LiveSample | None = None
        self._changed = False
        self._make(scene, root)

    def show(self, sample: LiveSample) -> None:
        """Show a moment in which a face was seen. Raises `UnderstudyError` where the avatar is gone or cannot perform
        any more.
        """
        scene, root = self._found()
        self._sample = sample
        try:
            self._ready(scene, root).show(sample)
        except (ReferenceError, ValueError, KeyError):  # a mesh or a bone of the avatar was deleted
            self._make(scene, root).show(sample)

    def seen_from(self, sample: LiveSample) -> tuple[Matrix, float]:
        """See `Puppet`; of a moment that was shown just now."""
        scene, root = self._found()
        return self._ready(scene, root).seen_from(sample)

    def show_again(self, scene: bpy.types.Scene | None = None) -> None:
        """Show what was shown last: an undo, a save, or the avatar's own keys at another frame of `scene` moved it."""
        if self._sample is not None and (scene is None or scene.name == self._scene):
            self.show(self._sample)

    def look_again(self) -> None:
        """How the avatar performs was changed."""
        self._changed = True

    def forget(self) -> None:
        """What is known of the avatar may be gone: find it out anew before it moves again."""
        self._puppet = None

    def _found(self) -> tuple[bpy.types.Scene, bpy.types.Object]:
        scene = bpy.data.scenes.get(self._scene)
        root = scene.objects.get(self.name) if scene is not None else None
        if root is None and scene is not None:
            root = next((ob for ob in scene.objects if ob.session_uid == self._uid), None)
        if scene is None or root is None:
            raise UsageError(f"The avatar {self.name} is gone; choose another one in step 3 and press Start.")
        self.name, self._uid = root.name, root.session_uid
        return scene, root

    def _ready(self, scene: bpy.types.Scene, root: bpy.types.Object) -> Puppet:
        puppet, changed, self._changed = self._puppet, self._changed, False
        if puppet is None or puppet.is_stale or (changed and not puppet.adapted(scene, root)):
            return self._make(scene, root)
        return puppet

    def _make(self, scene: bpy.types.Scene, root: bpy.types.Object) -> Puppet:
        rest_on(root, root.understudy.live_rest).put_back()
        root.understudy.live_rest = ""
        preview.stop(scene, root)  # an undo may have brought one back
        self._puppet, rest = make_puppet(scene, root)
        root.understudy.live_rest = rest.text()
        return self._puppet

    def rest(self) -> None:
        """The avatar, and copies of it that were made meanwhile, get back what they had."""
        self._puppet = None
        put_all_back()

    def show_own(self, *, previewed: bool) -> None:
        """After `rest`: its own keys, if any, move it again, or the preview that was on before."""
        with suppress(UnderstudyError):  # it is gone, or the take is
            scene, root = self._found()
            preview.show_keys(scene, root)
            if previewed:
                preview.start(scene, root)


def put_all_back() -> None:
    """Give every object that was live what it had."""
    for ob in bpy.data.objects:
        if ob.understudy.live_rest and ob.is_editable:  # what another file holds is put right there
            rest_on(ob, ob.understudy.live_rest).put_back()
            ob.understudy.live_rest = ""
