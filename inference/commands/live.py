"""``understudy live``: a camera, a file, a stream or another tracker in, samples out while it is acted.

Controls are lines on standard input: ``calibrate``, ``record FILE``, ``record-stop``, ``picture NAME`` (shared
memory in which Blender looks at the pictures), ``picture-stop``, ``stop``; its end ends the program.
"""

from __future__ import annotations

import argparse
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .words import Commands, add_command, add_device, count_from

if TYPE_CHECKING:
    from ..jobs.console import Console

ENDING = ".mkv"
"""Of recordings: a container that is readable as far as it was written."""

_ENDED = (
    "Standard input has ended, and live mode with it; in a script keep it open: sleep infinity | understudy live ..."
)


def add(commands: Commands) -> None:
    """Its words."""
    live = add_command(commands, "live", run, "a performance while it is acted")
    live.add_argument(
        "source",
        metavar="SOURCE",
        help="camera:0, a file, rtsp:// udp:// http://, or livelink://PORT ifacialmocap://PORT vmc://PORT",
    )
    live.add_argument("--to-port", type=count_from(1), metavar="P", help="send samples to this port of this machine")
    live.add_argument("--record", type=Path, metavar="FILE.mkv", help="record from the start")
    live.add_argument("--size", type=_size, metavar="WxH", help="ask the camera for this size")
    live.add_argument("--rate", type=count_from(1), metavar="FPS", help="ask the camera for so many pictures a second")
    live.add_argument(
        "--send", action="append", default=[], metavar="vmc://HOST:PORT|livelink://HOST:PORT", help="also send there"
    )
    live.add_argument("--loop", action="store_true", help="play a file again and again")
    add_device(live)


def run(options: argparse.Namespace, console: Console) -> None:
    """Open the source and go on until it ends or somebody says so."""
    if options.to_port is not None and options.to_port > 65535:
        raise UsageError(f"There is no port {options.to_port}; ports go up to 65535.")
    if options.record is not None and options.record.suffix != ENDING:
        raise UsageError(f"{options.record} must end in {ENDING}.")
    if options.size is not None and not options.source.startswith("camera:"):
        raise UsageError(f"--size asks a camera; {options.source} is none and comes as it is.")
    if options.rate is not None and not options.source.startswith("camera:"):
        raise UsageError(f"--rate asks a camera; {options.source} is none and comes as it is.")
    if options.loop and ("://" in options.source or options.source.startswith("camera:")):
        raise UsageError(f"--loop plays a file again and again; {options.source} is none.")
    from ..jobs.processes import input_ended, lines_of_parent
    from ..live.show import LiveOptions, Show

    words = LiveOptions(
        options.source,
        options.to_port,
        options.record,
        options.size,
        options.send,
        options.loop,
        options.device,
        options.rate,
    )
    # Whoever ends it, by Ctrl-C or by going away, means the end of the performance, not a failure.
    with suppress(KeyboardInterrupt):
        Show(words, console).run(lines_of_parent())
    if input_ended():
        with suppress(OSError):  # who started it may be gone
            console.say("input-ended", _ENDED)


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if found is None or not 0 < int(found[1]) <= 16384 or not 0 < int(found[2]) <= 16384:
        raise argparse.ArgumentTypeError(f"'{text}' is not a size like 1280x720")
    return int(found[1]), int(found[2])
