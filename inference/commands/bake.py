"""``understudy bake``: a take onto an avatar, by the Blender program."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .words import (
    Commands,
    add_avatar,
    add_command,
    add_expression_factor,
    add_overwrite,
    avatar_of,
    need_file,
    refuse_existing,
)

if TYPE_CHECKING:
    from ..jobs.console import Console


def add(commands: Commands) -> None:
    """Its words."""
    bake = add_command(commands, "bake", run, "put a take onto an avatar as keyframes")
    bake.add_argument("take", type=Path)
    bake.add_argument("-o", "--output", type=Path, metavar="OUT.blend", help="default: TAKE.blend beside the take")
    bake.add_argument("--footage", type=Path, help="set up the matching camera with this footage behind it")
    bake.add_argument("--light", type=Path, metavar="LIGHT.json", help="the shot's light, from 'understudy light'")
    add_avatar(bake)
    add_expression_factor(bake)
    add_overwrite(bake)


def run(options: argparse.Namespace, console: Console) -> None:
    """Write a Blender file in which the avatar performs."""
    from .. import take
    from ..jobs.blender import bake_arguments, run_blender

    take.load(options.take)
    output = options.output or options.take.with_suffix(".blend")
    refuse_existing(output, options.overwrite)
    if options.footage is not None:
        need_file(options.footage, "footage")
    if options.light is not None:
        need_file(options.light, "light")
    avatar = avatar_of(options)
    arguments = bake_arguments(
        options.take, output, avatar, options.footage, options.object, options.light, options.expression_factor
    )
    run_blender(arguments, console)
    console.say("blend", f"{output}: the avatar performs the take", path=output)
