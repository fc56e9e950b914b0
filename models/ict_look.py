"""How one actor of the rendered ICT-FaceKit heads looks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """Colours (linear RGB) and lights of one actor."""

    skin: tuple[float, float, float] = (0.52, 0.30, 0.21)
    lips: tuple[float, float, float] = (0.42, 0.13, 0.11)
    hair: tuple[float, float, float] = (0.035, 0.020, 0.012)
    iris: tuple[float, float, float] = (0.10, 0.16, 0.13)
    cloth: tuple[float, float, float] = (0.03, 0.06, 0.11)
    wall: tuple[float, float, float] = (0.16, 0.20, 0.22)
    key_side: float = 1.0
    """+1: the warm key light stands at the right of the image, -1: at the left."""
    key_watt: float = 46000.0
    fill_watt: float = 20000.0
    noise_seed: float = 0.0
