"""``understudy restore``: old or poor footage through the enhancer alone."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .composite_words import CODECS, DEPTHS
from .words import Commands, add_command, add_device, add_overwrite, count_from, need_footage

if TYPE_CHECKING:
    from ..jobs.console import Console


def add(commands: Commands) -> None:
    """Its words."""
    restore = add_command(commands, "restore", run, "give old footage detail: faces, whole frames, or both")
    restore.add_argument("video", type=Path)
    restore.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.mp4")
    restore.add_argument("--take", type=Path, help="restore only the face of this take; default: every face")
    restore.add_argument("--faces", type=count_from(1), default=4, metavar="N", help="how many faces to look for")
    restore.add_argument("--enhancer", choices=("gfpgan", "codeformer", "none"), default="gfpgan")
    restore.add_argument(
        "--upscale",
        type=int,
        choices=(1, 2, 4),
        nargs="?",
        const=2,
        help="the whole frame through Real-ESRGAN, so many times as large (2 when no number is given)",
    )
    restore.add_argument("--codec", choices=CODECS, help="default: by the output's name and the footage")
    restore.add_argument("--depth", choices=tuple(DEPTHS), help="bits of a sample; default: fits the footage")
    add_device(restore)
    add_overwrite(restore)


def run(options: argparse.Namespace, console: Console) -> None:
    """Write the restored movie."""
    from ..media.delivery import DeliveryOptions, output_exists

    need_footage(options.video, "video")
    if output_exists(options.output) and not options.overwrite:
        raise UsageError(f"{options.output} exists; add --overwrite to replace it or choose another name.")
    from .. import take
    from ..composite.restore import RestoreOptions, restore_footage

    chosen = RestoreOptions(
        enhancer=None if options.enhancer == "none" else options.enhancer,
        upscale=options.upscale,
        max_faces=options.faces,
        device=options.device,
        delivery=DeliveryOptions(options.codec, DEPTHS.get(options.depth)),
    )
    performance = None if options.take is None else take.load(options.take)
    report = restore_footage(options.video, performance, options.output, chosen, console)
    for sentence in report.notes:
        console.say("note", sentence)
    width, height = report.size
    console.say(
        "restore",
        f"{options.output}: {report.frames} frames of {width}x{height}, {report.with_face} of them with a face",
        path=options.output,
        frames=report.frames,
        with_face=report.with_face,
    )
