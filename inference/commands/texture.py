"""``understudy texture``: the actor's skin as a picture, from the footage of a take."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .words import Commands, add_command, add_overwrite, count_from, need_footage, refuse_existing

if TYPE_CHECKING:
    from ..jobs.console import Console


def add(commands: Commands) -> None:
    """Its words."""
    texture = add_command(commands, "texture", run, "the actor's skin as a picture, for an avatar made from the actor")
    texture.add_argument("take", type=Path)
    texture.add_argument("--footage", type=Path, required=True, metavar="VIDEO", help="the video that was tracked")
    texture.add_argument("-o", "--output", type=Path, required=True, metavar="PNG")
    texture.add_argument("--face-model", default="default", metavar="MODEL", help="the one that the take was made with")
    texture.add_argument("--size", type=count_from(128), default=1024, metavar="N", help="width and height in pixels")
    add_overwrite(texture)


def run(options: argparse.Namespace, console: Console) -> None:
    """Project the footage onto the face and write the picture, and the actor's colours beside it."""
    if options.output.suffix.lower() != ".png":
        raise UsageError(f"{options.output} must end with .png.")
    need_footage(options.footage, "video")
    refuse_existing(options.output, options.overwrite)
    from .. import take
    from ..face_model import load
    from ..texture.shot import save_texture, texture_from_footage

    performance, model = take.load(options.take), load(options.face_model)
    texture = texture_from_footage(performance, options.footage, model, console, options.size)
    save_texture(texture, options.output)
    share = round(100 * texture.coverage)
    console.say(
        "texture",
        f"{options.output}: {texture.frames} frames show {share} % of the face",
        path=options.output,
        frames=texture.frames,
        coverage=texture.coverage,
    )
