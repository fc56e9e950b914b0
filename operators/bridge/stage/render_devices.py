"""On what Cycles renders: chosen in the preferences of the user's Blender, handed to the Blender that renders."""

from __future__ import annotations

import bpy

from ....inference.errors import UsageError

NONE = "NONE"


def chosen_devices(context: bpy.types.Context) -> str:
    """The kind of devices that the user's preferences name (``CUDA``, ``OPTIX``, ``METAL`` ...), or ``NONE``."""
    addon = context.preferences.addons.get("cycles")
    return str(addon.preferences.compute_device_type) if addon is not None else NONE


def use_devices(kind: str) -> None:
    """Let Cycles use every device of that kind; raises `UsageError` when this Blender knows no such kind."""
    preferences = bpy.context.preferences.addons["cycles"].preferences
    try:
        preferences.compute_device_type = kind
    except TypeError as error:
        raise UsageError(
            f"Cycles knows no devices of the kind {kind} here; choose others in the preferences."
        ) from error
    preferences.refresh_devices()
    for device in preferences.devices:
        device.use = device.type == kind
