"""Who performs: a new avatar, or objects that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ...inference.errors import UsageError
from ..base import Work, is_object_mode
from ..bridge import paths
from ..bridge.avatars import catalogue as avatars
from ..bridge.compat import path_options
from ..bridge.rigs.rig import read_rig, root_of
from ..chosen import chosen_avatar, has_avatar
from ..perform import preview
from ..properties import AVATARS
from .keeping import match_by_names, match_new_keys
from .new import present

BUILT = tuple(item for item in AVATARS if item[0] != "actor")
"""Avatars that are there at once; the actor's own takes longer and has an operator of its own."""


class UNDERSTUDY_OT_add_avatar(Work, bpy.types.Operator):
    """Build a head that can act: 52 shape keys, eyes and a head that turn"""

    bl_idname = "understudy.add_avatar"
    bl_label = "Add Avatar"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        kind: str
        folder: str
    else:
        kind: bpy.props.EnumProperty(name="Kind", description="Which avatar to add", items=BUILT, default="default")
        folder: bpy.props.StringProperty(
            name="ICT Folder",
            description="FaceXModel folder of ICT-FaceKit, for an ICT avatar",
            subtype="DIR_PATH",
            options=path_options(),
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """New objects need Object Mode."""
        return is_object_mode(cls, context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Take the panel's choice."""
        settings = context.scene.understudy
        if settings.avatar_kind == "actor":
            return bpy.ops.understudy.add_actor_avatar("INVOKE_DEFAULT")
        self.kind, self.folder = settings.avatar_kind, settings.ict_folder
        return self.execute(context)

    def work(self, context: bpy.types.Context) -> str:
        """Add the avatar and make it the one that performs."""
        spec = avatars.DEFAULT
        if self.kind == "ict":
            folder = self.folder or context.scene.understudy.ict_folder
            if not folder:
                raise UsageError("No ICT-FaceKit folder was chosen; choose its FaceXModel folder in step 3.")
            spec = f"{avatars.ICT}{paths.absolute(folder)}"
        avatar = avatars.add_avatar(context.scene, spec)
        present(context, context.scene, avatar)
        return f"{avatar.name} is ready to act"


class UNDERSTUDY_OT_use_selected(Work, bpy.types.Operator):
    """Let the active object perform; other selected objects with shape keys follow the same take"""

    bl_idname = "understudy.use_selected"
    bl_label = "Use Selected"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Something must be selected that could act."""
        active = context.object
        if active is None or active.type not in {"MESH", "ARMATURE", "EMPTY"}:
            cls.poll_message_set("No face is selected; click a mesh with shape keys, or the armature of an avatar")
            return False
        return True

    def work(self, context: bpy.types.Context) -> str:
        """Make the active object the avatar, and the others its companions."""
        root = root_of(context.object)
        rig = read_rig(root)
        context.scene.understudy.avatar = root
        known = {row.object for row in root.understudy.also} | set(rig.meshes) | {root}
        others = [ob for ob in context.selected_objects if _has_keys(ob) and ob not in known]
        for ob in others:
            root.understudy.also.add().object = ob
        if others:
            match_by_names(root)
        more = f" with {', '.join(ob.name for ob in others)}" if others else ""
        return f"{root.name} performs{more}"


class UNDERSTUDY_OT_add_companions(Work, bpy.types.Operator):
    """Let the selected objects with shape keys follow the same take as the avatar, such as a beard or separate teeth"""

    bl_idname = "understudy.add_companions"
    bl_label = "Add Selected"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An avatar, and something selected that it does not have yet."""
        return has_avatar(cls, context)

    def work(self, context: bpy.types.Context) -> str:
        """Add them, and match their keys too."""
        root = root_of(chosen_avatar(context))
        known = set(read_rig(root).meshes)
        new = [ob for ob in context.selected_objects if _has_keys(ob) and ob not in known]
        if not new:
            raise UsageError("No further mesh with shape keys is selected; select what shall follow the same take.")
        for ob in new:
            root.understudy.also.add().object = ob
        root.understudy.active_companion = len(root.understudy.also) - 1
        match_new_keys(root)
        preview.refresh(root)
        return f"{', '.join(ob.name for ob in new)} follows the take of {root.name}"


class UNDERSTUDY_OT_remove_companion(Work, bpy.types.Operator):
    """Let the chosen object no longer follow the take of the avatar"""

    bl_idname = "understudy.remove_companion"
    bl_label = "Remove Object"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A companion is needed."""
        avatar = chosen_avatar(context)
        if avatar is None or not len(root_of(avatar).understudy.also):
            cls.poll_message_set("No further object follows the take; there is nothing to remove")
            return False
        return True

    def work(self, context: bpy.types.Context) -> str:
        """Take it off, with nothing of a preview left on it."""
        root = root_of(chosen_avatar(context))
        settings = root.understudy
        shown = settings.preview
        preview.stop(context.scene, root)
        index = min(settings.active_companion, len(settings.also) - 1)
        gone = settings.also[index].object
        settings.also.remove(index)
        settings.active_companion = max(index - 1, 0)
        if shown:
            preview.start(context.scene, root)
        return f"{gone.name if gone is not None else 'It'} no longer follows"


class UNDERSTUDY_OT_make_editable(Work, bpy.types.Operator):
    """Let a linked character perform here: library overrides of its objects, and of its meshes for their shape keys"""

    bl_idname = "understudy.make_editable"
    bl_label = "Make Editable"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A linked avatar is needed."""
        if not has_avatar(cls, context):
            return False
        if not is_linked(root_of(chosen_avatar(context))):
            cls.poll_message_set("The avatar is not linked from another file; there is nothing to do")
            return False
        return True

    def work(self, context: bpy.types.Context) -> str:
        """Override what is linked."""
        root = root_of(chosen_avatar(context))
        if not root.is_editable:
            root = _overridden(context, root)
        for mesh in read_rig(root).meshes:
            if not mesh.data.is_editable:
                mesh.data.override_create(remap_local_usages=True)
        context.view_layer.update()
        context.scene.understudy.avatar = root
        return f"{root.name} can perform in this file"


def _overridden(context: bpy.types.Context, root: bpy.types.Object) -> bpy.types.Object:
    """A linked avatar's override, with the collection it came in, which takes the place of the linked one."""
    parents = [context.scene.collection, *context.scene.collection.children_recursive]
    linked = [
        (parent, child)
        for parent in parents
        for child in parent.children
        if parent.is_editable and not child.is_editable and root.name in child.all_objects
    ]
    source = linked[0][1] if linked else root
    made = source.override_hierarchy_create(context.scene, context.view_layer, do_fully_editable=True)
    if made is None:
        raise UsageError("Blender cannot override this character; append it in place of linking it.")
    for parent, child in linked:
        parent.children.unlink(child)
        if made.name not in parent.children:
            parent.children.link(made)
    if not linked:
        return made
    return next(ob for ob in made.all_objects if ob.override_library.reference == root)


def is_linked(root: bpy.types.Object) -> bool:
    """Whether an avatar, or a mesh right below it, is linked from another file and cannot be keyed."""
    keys = [ob.data.shape_keys for ob in (root, *root.children) if ob.type == "MESH"]
    return not root.is_editable or any(key is not None and not key.is_editable for key in keys)


def _has_keys(ob: bpy.types.Object) -> bool:
    return ob.type == "MESH" and ob.data.shape_keys is not None and len(ob.data.shape_keys.key_blocks) > 1


CLASSES = (
    UNDERSTUDY_OT_add_avatar,
    UNDERSTUDY_OT_use_selected,
    UNDERSTUDY_OT_make_editable,
    UNDERSTUDY_OT_add_companions,
    UNDERSTUDY_OT_remove_companion,
)
