"""What belongs to the user and the machine rather than to a file: the device and where networks are kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import bpy

from .. import __package__ as base_package
from ..translations import translated
from ..translations.lines import wrapped
from . import machine
from .bridge.compat import path_options

DEVICES = (
    (
        "auto",
        "Automatic",
        "Use what Measure found to be the fastest; before that the graphics card when the installed ONNX Runtime can "
        "(CUDA, DirectML), else the processor",
    ),
    ("cpu", "Processor", "Use the processor only"),
    ("cuda", "CUDA", "Use an NVIDIA card; works when the installed ONNX Runtime contains CUDA"),
    (
        "directml",
        "DirectML",
        "Use any graphics card on Windows; works when the installed ONNX Runtime contains DirectML",
    ),
    ("coreml", "Core ML", "Use the graphics of a Mac; Automatic chooses it when it was measured to be the fastest"),
)
_FOLDERS = {
    "models_folder": "UNDERSTUDY_MODELS",
    "cuda_folder": "UNDERSTUDY_CUDA",
    "certificate": "UNDERSTUDY_CERTIFICATE",
    "private_key": "UNDERSTUDY_PRIVATE_KEY",
}
"""Properties of the preferences and the environment variables by which the inference hears of them."""
_PX_PER_LETTER = 7


class UNDERSTUDY_AP_preferences(bpy.types.AddonPreferences):
    """Preferences of the add-on."""

    bl_idname = base_package

    if TYPE_CHECKING:
        device: str
        models_folder: str
        cuda_folder: str
        certificate: str
        private_key: str
    else:
        device: bpy.props.EnumProperty(
            name="Device",
            description="Where the networks run; the ONNX Runtime that comes with the extension decides what works",
            items=DEVICES,
            default="auto",
        )
        models_folder: bpy.props.StringProperty(
            name="Models Folder",
            description="Folder with network files that takes the place of the shipped ones when it is set",
            subtype="DIR_PATH",
            options=path_options(),
        )

        cuda_folder: bpy.props.StringProperty(
            name="CUDA Libraries",
            description="Folder with NVIDIA's CUDA 13 and cuDNN 9 libraries, when they are not installed in the system",
            subtype="DIR_PATH",
            options=path_options(),
        )
        certificate: bpy.props.StringProperty(
            name="Certificate",
            description="Your C2PA certificate with its chain, a PEM file; empty signs movies with a local one, "
            "which proves nothing about who you are",
            subtype="FILE_PATH",
            options=path_options(),
        )
        private_key: bpy.props.StringProperty(
            name="Private Key",
            description="The private key of the certificate, a PEM file",
            subtype="FILE_PATH",
            options=path_options(),
        )

    def draw(self, context: bpy.types.Context) -> None:
        """Show the preferences."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "device")
        if self.device in ("auto", "cuda"):
            layout.prop(self, "cuda_folder")
        letters = letters_across(context)
        self._draw_devices(layout, int(0.78 * letters))
        layout.prop(self, "models_folder")
        self._draw_models(layout, int(0.7 * letters))
        signing = layout.column(heading="Movies Are Signed With")
        signing.prop(self, "certificate")
        if self.certificate:
            signing.prop(self, "private_key")

    def _draw_devices(self, layout: bpy.types.UILayout, letters: int) -> None:
        """Which device runs and why the others do not, as the last check found."""
        box = layout.box().column(align=True)
        row = box.row()
        row.label(text="Devices on This Machine")
        row.operator("understudy.check_devices", text="Check", icon="VIEWZOOM")
        row.operator("understudy.measure_devices", text="Measure", icon="TIME")
        self._draw_progress(box)
        if machine.known.devices is None:
            box.label(text="Press Check to see which device runs here and why", icon="INFO")
            return
        reason = machine.reason_against(self.device)
        if reason:
            warning = box.column(align=True)
            warning.alert = True
            warning.label(text="The chosen device does not work here", icon="ERROR")
        box.label(text=translated("ONNX Runtime {version}").format(version=machine.known.runtime), translate=False)
        if machine.known.measured_on:
            text = translated("Measured on {date}; Automatic takes the fastest").format(date=machine.known.measured_on)
            box.label(text=text, translate=False)
        choices = {name for name, *_ in DEVICES}
        for entry in machine.known.devices:
            if entry["device"] not in choices and not entry["available"]:
                continue  # not among the choices above: of no use to know that it lacks as well
            icon = "CHECKMARK" if entry["used"] else "DOT" if entry["available"] else "X"
            split = box.split(factor=0.18)
            split.label(text=entry["device"], icon=icon, translate=False)
            lines = split.column(align=True)
            reason = entry["reason"] or translated("used by Automatic")
            if entry["device"] in machine.known.measured:
                face_ms = machine.known.measured[entry["device"]]
                reason = translated("{face} ms a face; {reason}").format(face=f"{face_ms:.1f}", reason=reason)
            for line in wrapped(reason, letters):
                lines.label(text=line, translate=False)

    def _draw_progress(self, box: bpy.types.UILayout) -> None:
        """How far the measurement is: a window of the preferences has no status bar of its own."""
        from .jobs import job  # which knows the preferences

        running = job.current()
        if running is not None and job.is_running() and running.operator == "understudy.measure_devices":
            text = f"{job.counted(running.job)}   {translated('Esc to cancel')}"
            box.label(text=text, icon="SORTTIME", translate=False)

    def _draw_models(self, layout: bpy.types.UILayout, letters: int) -> None:
        """The optional models, each with its button."""
        box = layout.box().column(align=True)
        row = box.row()
        row.label(text="Optional Models")
        row.operator("understudy.add_model", icon="FILE_FOLDER")
        machine.look_up_soon()
        for offer in machine.known.offers or ():
            split = box.split(factor=0.75)
            text = translated("{name}: {purpose}; {size}, {licence}").format(
                name=offer.name,
                purpose=translated(offer.purpose),
                size=machine.readable_size(offer.size),
                licence=offer.licence,
            )
            lines = split.column(align=True)
            for line in wrapped(text, letters):
                lines.label(text=line, translate=False)
            if offer.present:
                split.label(text="Ready", icon="CHECKMARK")
            elif offer.address:
                split.operator("understudy.fetch_model", text="Fetch", icon="IMPORT").model = offer.name
            else:
                split.label(text="Bring your own file", icon="INFO")


def letters_across(context: bpy.types.Context) -> int:
    """About how many letters fit the width of the region that is drawn."""
    width = context.region.width if context.region is not None else 600
    scale = context.preferences.system.ui_scale or 1.0  # nought without a window
    return max(int(width / (scale * _PX_PER_LETTER)), 40)


def device(context: bpy.types.Context) -> str:
    """The device the user prefers; automatic when the add-on runs without preferences (command line, tests)."""
    addon = context.preferences.addons.get(base_package)
    return addon.preferences.device if addon is not None and addon.preferences is not None else "auto"


@contextmanager
def chosen_models(context: bpy.types.Context) -> Iterator[None]:
    """Let the inference look for networks and CUDA's libraries in the user's folders while this lasts."""
    addon = context.preferences.addons.get(base_package)
    preferences = addon.preferences if addon is not None else None
    before = dict(os.environ)
    for field, variable in _FOLDERS.items():
        folder = getattr(preferences, field, "")
        if folder:
            os.environ[variable] = bpy.path.abspath(folder)
    try:
        yield
    finally:
        for variable in _FOLDERS.values():
            if variable in before:
                os.environ[variable] = before[variable]
            else:
                os.environ.pop(variable, None)


CLASSES = (UNDERSTUDY_AP_preferences,)
