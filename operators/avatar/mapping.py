"""The list of links between actor and avatar: found, corrected, saved, loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...inference import arkit, retarget
from ...inference.errors import UsageError
from ...inference.retarget import Link, Mapping
from ...translations import CONTEXT
from ..base import Work
from ..bridge import paths
from ..bridge.compat import path_options
from ..bridge.rigs.controls import known_mapping
from ..bridge.rigs.rig import read_rig, root_of
from ..chosen import chosen_avatar, has_avatar
from ..perform.performance import made_links
from .keeping import keep_mapping, match_by_names, replace_link, understand
from .links import mapping_of, settings_of

FOLDER = "mappings"
_NAMED = 4
"""Names told in a report; the list shows all."""


class _OfAvatar(Work):
    """Operators on the avatar that is chosen."""

    if TYPE_CHECKING:
        poll_message_set: Callable[[str], None]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An avatar is needed."""
        return has_avatar(cls, context)


class _OfLinks(Work):
    """Operators on its list of links."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Links are needed."""
        return has_links(cls, context)


class UNDERSTUDY_OT_match_shapes(_OfAvatar, bpy.types.Operator):
    """Find out which shape key of the avatar shows what, and fill the list of links anew"""

    bl_idname = "understudy.match_shapes"
    bl_label = "Match by Name"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: bpy.types.Context) -> str:
        """Match by the names of all meshes' keys."""
        avatar = chosen_avatar(context)
        if not known_mapping(read_rig(avatar)).links:
            raise UsageError(
                f"The names of the keys of {avatar.name} say nothing; match by shape, or add links in the list."
            )
        settings_of(avatar).use_solver = False  # it corrects what the shapes said, not what the names say
        mapping = match_by_names(avatar)
        return f"{len(mapping.keys)} keys of {avatar.name} follow {len(mapping.driving)} of {len(arkit.NAMES)} coefficients"


class UNDERSTUDY_OT_add_link(_OfAvatar, bpy.types.Operator):
    """Add a link; then choose its coefficient and its key below the list"""

    bl_idname = "understudy.add_link"
    bl_label = "Add Link"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        coefficient: str
        key: str
    else:
        coefficient: bpy.props.StringProperty(
            name="Coefficient", description="ARKit name of what drives; empty means the first one that drives nothing"
        )
        key: bpy.props.StringProperty(
            name="Key",
            translation_context=CONTEXT,
            description="Key of the avatar that follows; empty means the first one that nothing drives",
        )

    def work(self, context: bpy.types.Context) -> str:
        """Add the link behind the others and choose it."""
        avatar = chosen_avatar(context)
        settings = settings_of(avatar)
        if not len(settings.key_names):
            understand(avatar)
        mapping = mapping_of(settings) or Mapping(())
        free = mapping.unmatched_keys or tuple(item.name for item in settings.key_names)
        key = self.key or (free[0] if free else "")
        coefficient = self.coefficient or (mapping.missing or arkit.NAMES)[0]
        if coefficient not in arkit.INDEX:
            raise UsageError(f"There is no coefficient {coefficient}; use one of the 52 ARKit names.")
        mapping = retarget.add_link(mapping, coefficient, key)
        keep_mapping(settings, mapping)
        settings.active_link = len(settings.links) - 1
        settings.search, settings.region = "", "ALL"
        return f"{coefficient} drives {key}"


class UNDERSTUDY_OT_remove_link(_OfLinks, bpy.types.Operator):
    """Take the chosen link off the list"""

    bl_idname = "understudy.remove_link"
    bl_label = "Remove Link"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: bpy.types.Context) -> str:
        """Remove the active link."""
        settings = settings_of(chosen_avatar(context))
        gone = settings.links[settings.active_link].key
        keep_mapping(settings, retarget.remove_link(mapping_of(settings), settings.active_link))
        return f"{gone} follows one link less"


class UNDERSTUDY_OT_reset_link(_OfLinks, bpy.types.Operator):
    """Give links back the gain, offset and limits that the matching gave them"""

    bl_idname = "understudy.reset_link"
    bl_label = "Reset Link"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        every: bool
    else:
        every: bpy.props.BoolProperty(
            name="All Links", description="Reset all links in place of the chosen one", default=False
        )

    def work(self, context: bpy.types.Context) -> str:
        """Reset one link or all."""
        avatar = chosen_avatar(context)
        settings = settings_of(avatar)
        matched = made_links(settings) or known_mapping(read_rig(avatar))
        known = {(link.coefficient, link.key): link for link in matched.links}
        items = settings.links if self.every else [settings.links[settings.active_link]]
        for item in items:
            replace_link(item, known.get((item.coefficient, item.key)) or Link(item.coefficient, item.key))
        return "All links are as matched" if self.every else f"{items[0].key} follows as matched"


class UNDERSTUDY_OT_mirror_links(_OfLinks, bpy.types.Operator):
    """Give the links of one side of the face to the other side, with their gains, offsets and limits"""

    bl_idname = "understudy.mirror_links"
    bl_label = "Mirror Links"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        side: str
    else:
        side: bpy.props.EnumProperty(
            name="From",
            description="The side that is taken over, as the actor has it",
            items=(
                ("Left", "Left to Right", "The actor's left side becomes the model for the right one"),
                ("Right", "Right to Left", "The actor's right side becomes the model for the left one"),
            ),
            default="Left",
        )

    def work(self, context: bpy.types.Context) -> str:
        """Mirror all links."""
        settings = settings_of(chosen_avatar(context))
        before = mapping_of(settings)
        mirrored = retarget.mirror(before, self.side, [item.name for item in settings.key_names])
        keep_mapping(settings, mirrored)
        changed = len(set(mirrored.links) - set(before.links))
        return f"{changed} links changed to mirror the other side"


class UNDERSTUDY_OT_save_mapping(_OfLinks, bpy.types.Operator):
    """Write the list of links as a file, to keep it or to share it with others who have this kind of avatar"""

    bl_idname = "understudy.save_mapping"
    bl_label = "Save Mapping"
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        filepath: str
        check_existing: bool
        filter_glob: str
    else:
        filepath: bpy.props.StringProperty(
            name="File", description="Where the mapping goes", subtype="FILE_PATH", options=path_options()
        )
        check_existing: bpy.props.BoolProperty(
            name="Check Existing",
            description="Ask before a file is written over",
            default=True,
            options={"HIDDEN"},
        )
        filter_glob: bpy.props.StringProperty(default="*.json", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask where to, in the folder of the mappings kept before."""
        if not self.filepath:
            avatar = chosen_avatar(context)
            self.filepath = str(paths.user_folder(FOLDER) / f"{bpy.path.clean_name(avatar.name)}.json")
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, context: bpy.types.Context) -> bool:
        """Keep the ending, so that Blender's own question about a file in the way is about the right file."""
        named = bpy.path.ensure_ext(self.filepath, ".json")
        changed = named != self.filepath
        self.filepath = named
        return changed

    def work(self, context: bpy.types.Context) -> str:
        """Write the file."""
        if not self.filepath:
            raise UsageError("No file was named; choose where the mapping goes.")
        path = paths.absolute(bpy.path.ensure_ext(self.filepath, ".json"))
        mapping = mapping_of(settings_of(chosen_avatar(context)))
        retarget.save(mapping, path)
        return f"{path.name}: {len(mapping.links)} links"


class UNDERSTUDY_OT_load_mapping(_OfAvatar, bpy.types.Operator):
    """Take over a list of links from a file; keys that this avatar lacks are marked in the list"""

    bl_idname = "understudy.load_mapping"
    bl_label = "Load Mapping"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        filepath: str
        filter_glob: str
    else:
        filepath: bpy.props.StringProperty(
            name="File", description="Mapping to take over", subtype="FILE_PATH", options=path_options()
        )
        filter_glob: bpy.props.StringProperty(default="*.json", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the file, in the folder of the mappings kept before."""
        self.filepath = f"{paths.user_folder(FOLDER)}/"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: bpy.types.Context) -> str:
        """Read the file into the list."""
        if not self.filepath:
            raise UsageError("No file was named; choose a mapping.")
        mapping = retarget.load(paths.absolute(self.filepath))
        avatar = chosen_avatar(context)
        understand(avatar)
        settings = settings_of(avatar)
        settings.use_solver = False  # the list is meant as it is
        keep_mapping(settings, mapping)
        missing = retarget.absent_keys(mapping, [item.name for item in settings.key_names])
        name = Path(self.filepath).name
        if not missing:
            return f"{name}: {len(mapping.links)} links"
        told = ", ".join(missing[:_NAMED]) + (" and more" if len(missing) > _NAMED else "")
        self.report({"WARNING"}, f"{avatar.name} has no {told}; choose other keys for these links or remove them")
        return f"{name}: {len(mapping.links)} links, {len(missing)} keys not on this avatar"


def has_links(cls: type, context: bpy.types.Context) -> bool:
    """Poll of operators that change links."""
    if not has_avatar(cls, context):
        return False
    if not len(root_of(chosen_avatar(context)).understudy.links):
        cls.poll_message_set("The avatar has no links yet; press Match by Name")
        return False
    return True


CLASSES = (
    UNDERSTUDY_OT_match_shapes,
    UNDERSTUDY_OT_add_link,
    UNDERSTUDY_OT_remove_link,
    UNDERSTUDY_OT_reset_link,
    UNDERSTUDY_OT_mirror_links,
    UNDERSTUDY_OT_save_mapping,
    UNDERSTUDY_OT_load_mapping,
)
