"""``understudy light``: the light of a shot, from the actor's face."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .words import Commands, add_command, add_overwrite, need_footage, refuse_existing

if TYPE_CHECKING:
    from ..jobs.console import Console


def add(commands: Commands) -> None:
    """Its words."""
    light = add_command(commands, "light", run, "the light of the shot, from the actor's face")
    light.add_argument("take", type=Path)
    light.add_argument("--footage", type=Path, required=True, metavar="VIDEO", help="the video that was tracked")
    light.add_argument("-o", "--output", type=Path, required=True, metavar="LIGHT.json")
    light.add_argument("--face-model", default="default", metavar="MODEL", help="the one that the take was made with")
    add_overwrite(light)


def run(options: argparse.Namespace, console: Console) -> None:
    """Estimate the light and write it."""
    need_footage(options.footage, "video")
    refuse_existing(options.output, options.overwrite)
    from .. import take
    from ..face_model import load
    from ..light.estimate import estimate_light
    from ..light.types import save_light

    performance, model = take.load(options.take), load(options.face_model)
    light = estimate_light(performance, options.footage, model, console)
    save_light(light, options.output)
    console.say(
        "light",
        f"{options.output}: the lamp shines {light.side}; from {light.frames} frames",
        path=options.output,
        frames=light.frames,
        side=light.side,
    )
