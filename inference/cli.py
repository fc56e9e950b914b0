"""The command line: ``understudy doctor | models | track | live | bake | render | consent | composite | verify |
restore | run | demo | bench``.

Exit codes: 0 done, 2 wrong use, 3 bad input, 4 missing component, 130 stopped.
The subcommands are the files of `commands`; heavy rooms are imported when one needs them.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from .commands import (
    bake,
    bench,
    composite,
    consent,
    correct,
    doctor,
    faces,
    fit_rig,
    light,
    live,
    models,
    render,
    restore,
    texture,
    track,
    verify,
    whole_job,
)
from .commands.words import Parser
from .errors import StoppedError, UnderstudyError

if TYPE_CHECKING:
    from .jobs.console import Console

COMMANDS = (
    doctor,
    models,
    faces,
    track,
    live,
    correct,
    texture,
    light,
    fit_rig,
    bake,
    render,
    consent,
    composite,
    verify,
    restore,
    whole_job,
    bench,
)
"""Modules of subcommands, in the order of the help."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # The solver's matrices are small: on more threads BLAS takes twice the CPU time for the same wall time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from .jobs.console import JsonConsole, TerminalConsole

    console: Console = JsonConsole() if "--json" in words else TerminalConsole()
    signal.signal(signal.SIGTERM, _stop)
    warnings.showwarning = lambda message, *_, **__: console.say("warning", str(message))
    try:
        options = build_parser().parse_args(words)
        options.run(options, console)
    except UnderstudyError as error:
        console.fail(error)
        return error.exit_code
    except KeyboardInterrupt:
        console.fail(StoppedError("Stopped; run the same command again to go on where possible."))
        return StoppedError.exit_code
    finally:
        console.close()
    return 0


def _stop(signal_number: int, frame: FrameType | None) -> NoReturn:
    """A polite kill ends like Ctrl-C."""
    raise KeyboardInterrupt


def build_parser() -> Parser:
    """The whole command line."""
    parser = Parser(prog="understudy", description="Drive 3D avatars from video and put them back into the shot.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
