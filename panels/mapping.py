"""The list of links between actor and avatar, in step 3."""

from __future__ import annotations

import bpy

from ..operators.avatar.links import settings_of, understood
from ..operators.avatar.properties import COEFFICIENTS, region_of
from ..operators.chosen import chosen_avatar
from ..translations import CONTEXT, translated
from .step import Part, avatar_or_hint, say

_WIDE_PX = 300
"""From this width of the sidebar on, two names and a gain stand side by side; before the scale of the interface."""


class UNDERSTUDY_UL_links(bpy.types.UIList):
    """Links, searched and sorted by what is chosen above the list."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: bpy.types.PropertyGroup,
        item: bpy.types.PropertyGroup,
        icon: int,
        active_data: bpy.types.PropertyGroup,
        active_propname: str,
    ) -> None:
        """One link: what drives, which key follows, how strongly."""
        row = layout.row(align=True)
        row.prop(item, "enabled", text="")
        has_two = item.key != item.coefficient  # one name is said once: the sidebar is narrow
        is_wide = context.region.width > _WIDE_PX * context.preferences.system.ui_scale
        split = row.split(factor=0.7, align=True) if is_wide or not has_two else row
        names = split.row(align=True)
        names.active = item.enabled
        if has_two:
            names = names.split(factor=0.5, align=True)
            names.label(text=item.coefficient, translate=False)
        names.label(text=item.key, translate=False, icon="NONE" if item.key in data.key_names else "ERROR")
        if is_wide or not has_two:
            split.prop(item, "gain", text="")

    def draw_filter(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
        """Search and order stand above the list, where they are seen."""
        layout.label(text="Search and order stand above the list")

    def filter_items(
        self, context: bpy.types.Context, data: bpy.types.PropertyGroup, propname: str
    ) -> tuple[list[int], list[int]]:
        """Which links are shown, and at which place."""
        items = getattr(data, propname)
        wanted = data.search.casefold()
        shown = [
            (data.region == "ALL" or region_of(item.coefficient) == data.region)
            and (wanted in item.coefficient.casefold() or wanted in item.key.casefold())
            for item in items
        ]
        flags = [self.bitflag_filter_item if keep else 0 for keep in shown]
        if data.order == "AVATAR":
            return flags, []
        keys = {
            "COEFFICIENT": lambda item: item.coefficient.casefold(),
            "KEY": lambda item: item.key.casefold(),
            "GAIN": lambda item: -abs(item.gain),
        }
        order = sorted(range(len(items)), key=lambda index: keys[data.order](items[index]))
        places = [0] * len(items)
        for place, index in enumerate(order):
            places[index] = place
        return flags, places


class UNDERSTUDY_MT_links(bpy.types.Menu):
    """What can be done with the whole list."""

    bl_label = "Links"
    bl_description = "What can be done with the whole list"
    bl_translation_context = CONTEXT

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the menu."""
        layout = self.layout
        layout.operator("understudy.save_mapping", icon="EXPORT")
        layout.operator("understudy.load_mapping", icon="IMPORT")
        layout.separator()
        layout.operator("understudy.mirror_links", text="Mirror Left to Right", icon="MOD_MIRROR").side = "Left"
        layout.operator("understudy.mirror_links", text="Mirror Right to Left").side = "Right"
        layout.separator()
        layout.operator("understudy.reset_link", icon="LOOP_BACK").every = False
        layout.operator("understudy.reset_link", text="Reset All Links").every = True


class UNDERSTUDY_PT_mapping(Part, bpy.types.Panel):
    """Which coefficient drives which key, and how strongly."""

    bl_label = "Mapping"
    bl_parent_id = "UNDERSTUDY_PT_avatar"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the list and the chosen link."""
        layout = self.layout
        avatar = avatar_or_hint(layout, context)
        if avatar is None:
            return
        kept = settings_of(avatar)
        row = layout.row(align=True)
        row.prop(kept, "search", text="", icon="VIEWZOOM")
        row.prop(kept, "region", text="")
        row.prop(kept, "order", text="", icon="SORTSIZE", icon_only=True)
        row = layout.row()
        row.template_list("UNDERSTUDY_UL_links", "", kept, "links", kept, "active_link", rows=8)
        buttons = row.column(align=True)
        buttons.operator("understudy.add_link", text="", icon="ADD")
        buttons.operator("understudy.remove_link", text="", icon="REMOVE")
        buttons.separator()
        buttons.menu("UNDERSTUDY_MT_links", text="", icon="DOWNARROW_HLT")
        if 0 <= kept.active_link < len(kept.links):
            self._link(layout, kept, kept.links[kept.active_link])

    def _link(self, layout: bpy.types.UILayout, kept: bpy.types.PropertyGroup, link: bpy.types.PropertyGroup) -> None:
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column()
        column.prop(link, "coefficient")
        column.prop_search(link, "key", kept, "key_names", icon="SHAPEKEY_DATA")
        if link.key not in kept.key_names:
            column.label(text="The avatar has no such key", icon="ERROR")
        column.prop(link, "gain")
        column.prop(link, "offset")
        limits = column.column(align=True)
        limits.prop(link, "lower", text="Limit Lower")
        limits.prop(link, "upper", text="Upper")


class UNDERSTUDY_PT_understood(Part, bpy.types.Panel):
    """What was understood of the avatar's keys, and what was not."""

    bl_label = "Left Over"
    bl_parent_id = "UNDERSTUDY_PT_mapping"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Known once the avatar was matched."""
        avatar = chosen_avatar(context) if context.scene is not None else None
        return avatar is not None and bool(settings_of(avatar).understood)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw what is left over on both sides."""
        layout = self.layout
        kept = settings_of(chosen_avatar(context))
        known = understood(kept)
        driven = {link.key for link in kept.links if link.enabled}
        names = {
            translated("Seen on the actor and shown by no key:"): missing(kept),
            translated("Known keys that rest:"): [name for name in known.idle if name not in driven],
            translated("Keys whose names say nothing:"): [name for name in known.unknown if name not in driven],
        }
        for sentence, found in names.items():
            if found:
                column = layout.column()
                say(column, context, f"{sentence} {', '.join(found)}")
        if not any(names.values()):
            layout.label(text="Everything is at work", icon="CHECKMARK")


def missing(kept: bpy.types.PropertyGroup) -> list[str]:
    """Coefficients that no enabled link drives a key with."""
    at_work = {link.coefficient for link in kept.links if link.enabled and link.gain != 0}
    return [name for name, *_ in COEFFICIENTS if name not in at_work]


CLASSES = (UNDERSTUDY_UL_links, UNDERSTUDY_MT_links, UNDERSTUDY_PT_mapping, UNDERSTUDY_PT_understood)
