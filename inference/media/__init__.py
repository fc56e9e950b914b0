"""Video files: facts, frames, sound, movies and still pictures.

The functions are loaded on first use, because `types` must stay importable without the decoder.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .delivery import Delivery, DeliveryOptions, footage_exists, output_exists, plan_delivery
    from .images import read_picture, read_png, write_png
    from .reader import DamagedVideoWarning, probe, read_frames, read_plates, sha256
    from .writer import VideoWriter

__all__ = [
    "DamagedVideoWarning",
    "Delivery",
    "DeliveryOptions",
    "VideoWriter",
    "footage_exists",
    "output_exists",
    "plan_delivery",
    "probe",
    "read_frames",
    "read_picture",
    "read_plates",
    "read_png",
    "sha256",
    "write_png",
]

_HOMES = {
    **dict.fromkeys(("Delivery", "DeliveryOptions", "footage_exists", "output_exists", "plan_delivery"), "delivery"),
    **dict.fromkeys(("read_picture", "read_png", "write_png"), "images"),
    "VideoWriter": "writer",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES.get(name, 'reader')}", __name__), name)
