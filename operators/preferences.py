"""What belongs to the user and the machine rather than to a file: the device and where networks are kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import bpy

from .. import __package__ as base_package
from .bridge.compat import path_options

DEVICES = (
    (
        "auto",
        "Automatic",
        "Use the graphics card when the installed ONNX Runtime can (CUDA, DirectML), else the processor",
    ),
    ("cpu", "Processor", "Use the processor only"),
    ("cuda", "CUDA", "Use an NVIDIA card; works when the installed ONNX Runtime contains CUDA"),
    (
        "directml",
        "DirectML",
        "Use any graphics card on Windows; works when the installed ONNX Runtime contains DirectML",
    ),
    ("coreml", "Core ML", "Use the neural engine and graphics of a Mac; Automatic does not choose it"),
)
_MODELS_VARIABLE = "UNDERSTUDY_MODELS"


class UNDERSTUDY_AP_preferences(bpy.types.AddonPreferences):
    """Preferences of the add-on."""

    bl_idname = base_package

    if TYPE_CHECKING:
        device: str
        models_folder: str
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

    def draw(self, context: bpy.types.Context) -> None:
        """Show the preferences."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "device")
        layout.prop(self, "models_folder")


def device(context: bpy.types.Context) -> str:
    """The device the user prefers; automatic when the add-on runs without preferences (command line, tests)."""
    addon = context.preferences.addons.get(base_package)
    return addon.preferences.device if addon is not None and addon.preferences is not None else "auto"


@contextmanager
def chosen_models(context: bpy.types.Context) -> Iterator[None]:
    """Look for networks in the user's folder while this lasts."""
    addon = context.preferences.addons.get(base_package)
    folder = addon.preferences.models_folder if addon is not None and addon.preferences is not None else ""
    before = os.environ.get(_MODELS_VARIABLE)
    if folder:
        os.environ[_MODELS_VARIABLE] = bpy.path.abspath(folder)
    try:
        yield
    finally:
        if folder and before is None:
            del os.environ[_MODELS_VARIABLE]
        elif folder and before is not None:
            os.environ[_MODELS_VARIABLE] = before


CLASSES = (UNDERSTUDY_AP_preferences,)
