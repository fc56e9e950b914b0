"""``understudy doctor``: what runs here, why the GPU is or is not used, and which device is the fastest."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from .words import Commands, add_command

if TYPE_CHECKING:
    from ..jobs.console import Console


def add(commands: Commands) -> None:
    """Its words."""
    parser = add_command(commands, "doctor", run, "what runs here, and why the GPU is or is not used")
    parser.add_argument(
        "--tune", action="store_true", help="measure every device, and let 'auto' take the fastest from now on"
    )
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--measure-decoder", nargs="*", help=argparse.SUPPRESS)


def run(options: argparse.Namespace, console: Console) -> None:
    """Say what runs here."""
    if options.measure is not None:
        _measure(options.measure, console)
        return
    if options.measure_decoder is not None:
        _measure_decoder(options.measure_decoder, console)
        return
    if options.tune:
        from ..jobs.tuning import table, tune

        tuned = tune(console)
        console.say("tuned", "\n".join(table(tuned)), tuned=asdict(tuned), busy=tuned.busy)
    from ..doctor import doctor

    report = doctor()
    console.say("doctor", report.text, **report.facts)


def _measure(words: list[str], console: Console) -> None:
    """One way to run the networks, for `jobs.tuning`, which starts a process for each."""
    from ..networks.measuring import measure

    device, form, threads, since_s = words
    measured = measure(device, form, int(threads), float(since_s))
    console.say("measured", f"{measured.face_ms} ms a face", measured=asdict(measured))


def _measure_decoder(words: list[str], console: Console) -> None:
    """Time one way to decode a file, or say which ways there are; for `jobs.tuning`, too."""
    from ..media.hardware import decoders_here
    from ..media.measuring import measure_decoder

    if not words:
        console.say("decoders", "", decoders=decoders_here())
        return
    decoded = measure_decoder(words[0], Path(words[1]))
    console.say("measured", f"{decoded.frame_ms} ms a frame", measured=asdict(decoded))
