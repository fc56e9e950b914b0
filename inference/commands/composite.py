"""``understudy composite``: rendered frames back into the footage."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, UsageError
from .composite_words import add_composite, add_delivery, composite_options, delivery_options
from .words import Commands, add_command, add_device, add_overwrite, need_file, need_footage

if TYPE_CHECKING:
    from ..jobs.console import Console


def add(commands: Commands) -> None:
    """Its words."""
    composite = add_command(commands, "composite", run, "put rendered frames back into the footage")
    composite.add_argument("footage", type=Path)
    composite.add_argument("--take", type=Path, required=True)
    composite.add_argument("--render", type=Path, required=True, metavar="DIR")
    composite.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.mp4")
    composite.add_argument(
        "--blend", type=Path, metavar="SCENE.blend", help="the scene that was rendered, to be named in the provenance"
    )
    composite.add_argument("--report", type=Path, metavar="DIR", help="write figures of the composite there")
    add_composite(composite)
    add_delivery(composite)
    add_device(composite)
    add_overwrite(composite)


def run(options: argparse.Namespace, console: Console) -> None:
    """Write the movie."""
    from ..media.delivery import output_exists

    need_footage(options.footage, "footage")
    if not options.render.is_dir():
        raise InputError(f"There are no rendered frames at {options.render}; make them with 'understudy render'.")
    if output_exists(options.output) and not options.overwrite:
        raise UsageError(f"{options.output} exists; add --overwrite to replace it or choose another name.")
    if options.expression_factor != 1.0 and options.swapper == "render":
        raise UsageError(
            "--expression-factor is for --swapper inswapper here; what was rendered gets its expression from "
            "'understudy bake --expression-factor'."
        )
    if options.reference is not None and options.report is None and not options.quality_gate:
        raise UsageError("--reference is for figures; add --report DIR to get them.")
    if options.blend is not None:
        need_file(options.blend, "scene")
    from .. import take
    from ..composite.shot import composite_shot
    from ..media import sha256
    from ..networks.sessions import opened_files
    from ..provenance.consent import agreed
    from ..provenance.export import Export
    from ..provenance.facts import Inputs

    chosen = composite_options(options, options.report, delivery_options(options))
    consent = agreed(options.footage, sha256(options.footage), options.consent)
    inputs = Inputs(options.footage, options.take, options.render, options.blend)
    export = Export(options.output, inputs, chosen, consent, opened_files)
    performance = take.load(options.take)
    report = composite_shot(
        options.footage, performance, options.render, options.output, chosen, console, seal=export.seal
    )
    for sentence in (*report.notes, *export.finish()):
        console.say("note", sentence)
    console.say(
        "composite",
        f"{options.output}: composited",
        path=options.output,
        frames=report.frames,
        composited=report.composited,
    )
