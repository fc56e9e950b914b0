"""Live: the avatar performs while the actor does."""

from __future__ import annotations

import bpy

from ..operators.chosen import chosen_avatar
from ..operators.live import session
from ..operators.live.live import state_line
from ..operators.live.settings import SENT
from ..translations import translated
from .step import Part, Step, fact, say

_OF_SOURCE = {"camera": "camera", "file": "file", "address": "address"}


class UNDERSTUDY_PT_live(Step, bpy.types.Panel):
    """Live: the avatar performs while the actor does."""

    bl_label = "Live"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the source, or how it goes."""
        layout, settings = self.column(context)
        live = session.current()
        if live is None:
            self._source(layout, context, settings.live)
        else:
            self._state(layout, context, live)
            self._buttons(layout, context, live)
        if settings.live.recorded_video or settings.live.recorded_take:
            self._recorded(layout, settings.live)

    def _source(self, layout: bpy.types.UILayout, context: bpy.types.Context, choice: bpy.types.PropertyGroup) -> None:
        column = layout.column()
        column.prop(choice, "source")
        column.prop(choice, _OF_SOURCE.get(choice.source, f"{choice.source}_port"))
        if choice.source in SENT:
            say(layout, context, translated("Let it send to the address of this computer and to this port"), "INFO")
        if chosen_avatar(context) is None:
            say(layout, context, translated("There is no avatar; choose one in step 3, or press Add Avatar"), "INFO")
        row = layout.row()
        row.scale_y = 1.5
        row.operator("understudy.start_live", text="Start", icon="PLAY")
        if session.problem():
            say(layout, context, session.problem(), "ERROR")

    def _state(self, layout: bpy.types.UILayout, context: bpy.types.Context, live: session.Live) -> None:
        row = layout.row()
        row.scale_y = 1.5
        row.operator("understudy.stop_live", text="Stop", icon="CANCEL", depress=True)
        column = layout.column(align=True)
        column.label(text=state_line(live), icon="TIME", translate=False)
        if live.is_stopping:
            return
        if live.address and (live.sample is None or live.waits):
            port = getattr(context.scene.understudy.live, f"{live.source}_port")
            waits = translated("Waiting; let it send to {address}, port {port}")
            say(layout, context, waits.format(address=live.address, port=port), "INFO")
        elif live.sees_face:
            column.label(text="The face is seen", icon="CHECKMARK")
        elif live.waits:
            column.label(text="Nothing comes from the source", icon="ERROR")
        elif live.sample is not None:
            column.label(text="No face is seen; the avatar waits", icon="ERROR")
        if all(live.size):
            width, height = live.size
            fact(column, "Size", f"{width} x {height}")

    def _buttons(self, layout: bpy.types.UILayout, context: bpy.types.Context, live: session.Live) -> None:
        column = layout.column()
        left_s = live.neutral_left_s
        if left_s:
            text = translated("Look ahead and relax: {left} s").format(left=f"{left_s:.1f}")
            column.progress(factor=1.0 - left_s / session.NEUTRAL_S, text=text, translate=False)
        else:
            column.operator("understudy.neutral_live", text="Neutral (2 s)", icon="USER")
        if live.face_moved:
            say(column, context, translated("The face moved; hold it still and press Neutral again"), "ERROR")
        records = live.recording is not None
        column = layout.column()
        column.operator(
            "understudy.record_live", text="Stop Recording" if records else "Record", icon="REC", depress=records
        )
        if live.recording is not None:
            column.label(text=live.recording_name, icon="FILE_MOVIE", translate=False)
        else:
            column.prop(context.scene.understudy.live, "record_to")
        if live.source not in SENT:
            column = layout.column()
            column.operator("understudy.over_live", icon="WINDOW", depress=live.over is not None)
            if live.over is not None:
                column.prop(context.scene.understudy.live, "opacity", slider=True)
        if live.notice:
            say(layout, context, live.notice, "ERROR")

    def _recorded(self, layout: bpy.types.UILayout, choice: bpy.types.PropertyGroup) -> None:
        """The last recording, and how to get more out of it."""
        box = layout.box().column()
        path = choice.recorded_video or choice.recorded_take
        box.label(text=bpy.path.basename(path), icon="CHECKMARK", translate=False)
        if choice.recorded_video:
            again = box.operator("understudy.track", text="Track Again at Full Quality", icon="TRACKING")
            again.filepath, again.quality = choice.recorded_video, "high"


class UNDERSTUDY_PT_live_send(Part, bpy.types.Panel):
    """Others who get the performance as well."""

    bl_label = "Send"
    bl_parent_id = "UNDERSTUDY_PT_live"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the part."""
        layout, settings = self.column(context)
        choice = settings.live
        layout.active = session.current() is None  # what is on goes on as it was begun
        for name, address in (("send_vmc", "vmc_address"), ("send_livelink", "livelink_address")):
            column = layout.column()
            column.prop(choice, name)
            row = column.row()
            row.active = getattr(choice, name)
            row.prop(choice, address)


CLASSES = (UNDERSTUDY_PT_live, UNDERSTUDY_PT_live_send)
