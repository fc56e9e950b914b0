"""The buttons of the preferences: try the devices, fetch an optional model, take over a model file of the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from ..inference.errors import UsageError
from ..inference.files import masked
from ..translations import CONTEXT, translated
from ..translations.lines import wrapped
from . import machine
from .bridge.compat import path_options
from .jobs.job import Command, LongWork

_WIDTH_PX = 520
_LETTERS = 78


class UNDERSTUDY_OT_check_devices(LongWork, bpy.types.Operator):
    """Try every device on this machine with a tiny network, and say which one is used and why the others are not"""

    bl_idname = "understudy.check_devices"
    bl_label = "Check Devices"
    bl_options = {"REGISTER"}

    def command(self, context: bpy.types.Context) -> Command:
        """Ask the doctor, in a process of its own: ONNX Runtime is never loaded into Blender for this."""
        return Command(words=("doctor",), title="Check Devices")

    def landed(self, context: bpy.types.Context, events: list[dict[str, Any]]) -> str:
        """Keep the findings for the preferences."""
        found = [event for event in events if event.get("event") == "doctor"]
        if not found:
            raise UsageError("The check ended without a result; see the log of the job.")
        machine.learn_devices(found[-1])
        used = [entry["device"] for entry in machine.known.devices or () if entry["used"]]
        return f"Automatic uses {', '.join(used) or 'no device'} (ONNX Runtime {machine.known.runtime})"


class UNDERSTUDY_OT_measure_devices(LongWork, bpy.types.Operator):
    """Measure how fast the networks are on every device of this machine; Automatic takes the fastest from then on"""

    bl_idname = "understudy.measure_devices"
    bl_label = "Measure Devices"
    bl_options = {"REGISTER"}

    def command(self, context: bpy.types.Context) -> Command:
        """Have each device measured in a process of its own, which it may take down."""
        return Command(words=("doctor", "--tune"), title="Measure Devices")

    def landed(self, context: bpy.types.Context, events: list[dict[str, Any]]) -> str:
        """Show the figures in the preferences."""
        found = {event.get("event"): event for event in events}
        if "doctor" not in found or "tuned" not in found:
            raise UsageError("The measurement ended without a result; see the log of the job.")
        machine.learn_devices(found["doctor"])
        taken = found["doctor"]["onnxruntime"]["device"]
        sentence = translated("Automatic uses {device}: {face} ms a face").format(
            device=taken, face=f"{machine.known.measured.get(taken, 0.0):.1f}"
        )
        if found["tuned"].get("busy"):
            sentence += "; " + translated(
                "something else kept the processor busy, measure again when nothing else runs"
            )
        return sentence


class UNDERSTUDY_OT_fetch_model(LongWork, bpy.types.Operator):
    """Download an optional model into your own models folder, after showing its source, size and licence"""

    bl_idname = "understudy.fetch_model"
    bl_label = "Fetch Model"
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        model: str
    else:
        model: bpy.props.StringProperty(
            name="Model", description="Which optional model", default=machine.OFFERED[0], options={"SKIP_SAVE"}
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Blender's own switch decides about the network."""
        reason = why_offline()
        if reason:
            cls.poll_message_set(reason)
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Say what would be downloaded, and wait for a yes."""
        from ..inference.networks.store import offer

        self._offer = offer(self.model)
        return context.window_manager.invoke_props_dialog(
            self, width=_WIDTH_PX, title="Fetch Model", confirm_text="Fetch", text_ctxt=CONTEXT
        )

    def draw(self, context: bpy.types.Context) -> None:
        """What, from where, how big, under which licence, and where it goes."""
        column = self.layout.column(align=True)
        for title, text in self.particulars():
            row = column.split(factor=0.2)
            row.label(text=title, translate=False)
            lines = row.column(align=True)
            for line in wrapped(text, _LETTERS):
                lines.label(text=line, translate=False)

    def cancel(self, context: bpy.types.Context) -> None:
        """The dialog was left without a yes, or Blender ends the download."""
        if hasattr(self, "_running"):
            super().cancel(context)

    def particulars(self) -> tuple[tuple[str, str], ...]:
        """The rows of the dialog."""
        offer = self._offer
        return (
            (translated("Model"), f"{offer.name}: {translated(offer.purpose)}"),
            (translated("Made By"), offer.source),
            (translated("Comes From"), offer.address),
            (translated("Size"), machine.readable_size(offer.size)),
            (
                translated("Licence"),
                f"{offer.licence} ({translated('redistribution')}: {offer.redistribution})",
            ),
            (translated("Kept In"), masked(str(offer.folder / offer.file))),
        )

    def command(self, context: bpy.types.Context) -> Command:
        """Fetch it by the command line, which checks the digest before the file gets its name."""
        from ..inference.networks.store import offer

        reason = why_offline()  # it may have changed while the dialog was open
        if reason:
            raise UsageError(f"{reason}.")
        if not offer(self.model).address:
            raise UsageError(f"{self.model} cannot be fetched: {offer(self.model).get}.")
        return Command(words=("models", "fetch", self.model), title="Fetch Model")

    def landed(self, context: bpy.types.Context, events: list[dict[str, Any]]) -> str:
        """Show that it is there."""
        machine.look_up_offers()
        return f"{self.model} is ready"


class UNDERSTUDY_OT_add_model(LongWork, bpy.types.Operator):
    """Take over a model file that you have; it is recognised by its content and copied into your own models folder"""

    bl_idname = "understudy.add_model"
    bl_label = "Add Model File"
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        filepath: str
        filter_glob: str
    else:
        filepath: bpy.props.StringProperty(
            name="Model File", description="Your copy of a known model", subtype="FILE_PATH", options=path_options()
        )
        filter_glob: bpy.props.StringProperty(default="*.onnx;*.task", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the file."""
        return self.select_file(context)

    def command(self, context: bpy.types.Context) -> Command:
        """Let the command line recognise and copy it."""
        if not self.filepath:
            raise UsageError("No file was chosen; choose a model file.")
        return Command(words=("models", "add", bpy.path.abspath(self.filepath)), title="Add Model File")

    def landed(self, context: bpy.types.Context, events: list[dict[str, Any]]) -> str:
        """Show that it is there."""
        machine.look_up_offers()
        return "The model is ready"


def why_offline() -> str:
    """Why nothing may be downloaded and how to change that; empty when it may."""
    if bpy.app.online_access:
        return ""
    if bpy.app.online_access_override:
        return translated("Blender was started offline by the command line; start it without --offline-mode")
    return translated("Blender is offline; switch on Allow Online Access in Preferences, System, Network")


CLASSES = (
    UNDERSTUDY_OT_check_devices,
    UNDERSTUDY_OT_measure_devices,
    UNDERSTUDY_OT_fetch_model,
    UNDERSTUDY_OT_add_model,
)


def unregister() -> None:
    """Forget the findings, which may be out of date when the add-on comes back."""
    machine.forget()
