"""``understudy fit-rig``: finds an avatar's face and what its channels do to it, from shapes that Blender's side read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .words import Commands, add_command, add_overwrite, refuse_existing

if TYPE_CHECKING:
    from ..jobs.console import Console


def add(commands: Commands) -> None:
    """Its words."""
    fit = add_command(commands, "fit-rig", run, "match an avatar by its shapes, without names")
    fit.add_argument("shapes", type=Path, help="what Blender's side read of the avatar (.npz)")
    fit.add_argument("-o", "--output", type=Path, required=True, metavar="RIG", help="what solves its weights (.npz)")
    fit.add_argument("--mapping", type=Path, metavar="LIST", help="also write the list of links (.json)")
    add_overwrite(fit)


def run(options: argparse.Namespace, console: Console) -> None:
    """Fit, and write the solver and the list."""
    refuse_existing(options.output, options.overwrite)
    if options.mapping:
        refuse_existing(options.mapping, options.overwrite)
    from ..face_model import load
    from ..files import write_whole
    from ..retarget import save
    from ..retarget.by_shape import shapes as rig_shapes
    from ..retarget.by_shape.fit import as_mapping, fit
    from ..retarget.by_shape.solve import prepare

    fitted = fit(rig_shapes.load(options.shapes), load("default"), console)
    mapping = as_mapping(fitted)
    write_whole(options.output, prepare(fitted).to_bytes())
    if options.mapping:
        save(mapping, options.mapping)
    console.say(
        "rig",
        f"{options.output}: {len(mapping.keys)} channels follow {len(mapping.driving)} of the actor's shapes",
        path=options.output,
        channels=len(mapping.keys),
        shapes=len(mapping.driving),
    )
