"""``understudy render``: pictures of the avatar, by the Blender program."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .words import Commands, add_command, add_engine, frame_range, need_file

if TYPE_CHECKING:
    from ..jobs.console import Console


def add(commands: Commands) -> None:
    """Its words."""
    render = add_command(commands, "render", run, "render the avatar as RGBA frames")
    render.add_argument("take", type=Path)
    render.add_argument("--blend", type=Path, required=True)
    render.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    render.add_argument("--frames", type=frame_range, metavar="A-B", help="first and last frame of the footage, from 0")
    add_engine(render)


def run(options: argparse.Namespace, console: Console) -> None:
    """Render the frames of the take."""
    from .. import take
    from ..jobs.blender import render_arguments, run_blender

    take.load(options.take)
    need_file(options.blend, "Blender file")
    chosen = (options.engine, options.samples, options.frames)
    run_blender(render_arguments(options.take, options.blend, options.output, *chosen), console)
    console.say("render", f"{options.output}: rendered", path=options.output)
