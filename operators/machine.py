"""What is known about this machine: devices that were tried, optional models that are there. Drawing only reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import bpy

if TYPE_CHECKING:
    from ..inference.networks.store import Offer

OFFERED = ("gfpgan", "codeformer", "real_esrgan", "real_esrgan_x2", "xseg", "bisenet", "inswapper", "arcface")
"""The optional models that some stage asks for."""


@dataclass
class Known:
    """What was found out since the add-on was switched on."""

    devices: list[dict[str, Any]] | None = None
    """One entry for each provider of ONNX Runtime (see `ProviderStatus`); None until somebody asked."""
    measured: dict[str, float] = field(default_factory=dict)
    """Milliseconds a face by device, as `doctor --tune` found them; only what holds for this machine."""
    measured_on: str = ""
    runtime: str = ""
    """The version of ONNX Runtime that was tried."""
    offers: tuple[Offer, ...] | None = None
    """Optional models; None until they were looked up."""


known = Known()


def learn_devices(facts: dict[str, Any]) -> None:
    """Take over what the doctor found out."""
    runtime = facts["onnxruntime"]
    known.devices, known.runtime = runtime["providers"], runtime["version"] or ""
    tuned = runtime["tuned"] if not runtime.get("tuned_ignored") else None
    known.measured_on = tuned["date"] if tuned is not None else ""
    known.measured = {}
    for way in tuned["measured"] if tuned is not None else ():
        kind = way["device"].partition(":")[0]
        if way["face_ms"] is not None:
            known.measured[kind] = min(way["face_ms"], known.measured.get(kind, way["face_ms"]))
    redraw()


def look_up_offers() -> None:
    """See which optional models are there."""
    from ..inference.networks.store import offer

    known.offers = tuple(offer(name) for name in OFFERED)
    redraw()


def look_up_soon() -> None:
    """Look the models up after this drawing, which must not read files itself."""
    if known.offers is None and not bpy.app.timers.is_registered(look_up_offers):
        bpy.app.timers.register(look_up_offers, first_interval=0.0)


def reason_against(device: str) -> str:
    """Why a device does not work here, as far as that is known; empty when it does or nobody asked."""
    found = [entry["reason"] for entry in known.devices or () if entry["device"] == device and not entry["available"]]
    return found[0] if found else ""


def readable_size(count: int) -> str:
    """Bytes as people count them."""
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{max(count, 1) / 1e3:.0f} kB"


def redraw() -> None:
    """Show the preferences anew."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()


def forget() -> None:
    """Know nothing, as after the start."""
    known.devices, known.runtime, known.offers = None, "", None
    known.measured, known.measured_on = {}, ""
    if bpy.app.timers.is_registered(look_up_offers):
        bpy.app.timers.unregister(look_up_offers)
