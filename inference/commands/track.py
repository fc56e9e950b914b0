"""``understudy track``: video in, take out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .words import Commands, add_capture, add_command, add_overwrite, capture_options, need_footage, refuse_existing

if TYPE_CHECKING:
    from ..jobs.console import Console


def add(commands: Commands) -> None:
    """Its words."""
    track = add_command(commands, "track", run, "video in, take out")
    track.add_argument("video", type=Path)
    track.add_argument("-o", "--output", type=Path, required=True, metavar="TAKE.npz")
    track.add_argument("--csv", type=Path, help="also write a Live Link Face CSV")
    add_capture(track)
    add_overwrite(track)


def run(options: argparse.Namespace, console: Console) -> None:
    """Track one face and write its performance."""
    need_footage(options.video, "video")
    for path in filter(None, (options.output, options.csv)):
        refuse_existing(path, options.overwrite)
    from .. import livelink, take
    from ..jobs.tracking import track_video, unfinished

    capture = capture_options(options)
    with unfinished(options.video, capture) as work:
        performance = track_video(
            options.video,
            capture,
            options.face,
            options.face_model,
            console,
            options.neutral,
            watch=console.show,
            work=work,
        )
        take.save(performance, options.output)
    if options.csv is not None:
        livelink.write_csv(performance, options.csv)
    seen = int((performance.confidence > 0).sum())
    console.say(
        "take",
        f"{options.output}: {seen} of {len(performance)} frames with a face",
        path=options.output,
        frames=len(performance),
        seen=seen,
    )
