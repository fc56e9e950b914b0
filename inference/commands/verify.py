"""``understudy verify``: what still holds of a delivered file. Exit codes: 0 all, 1 something was changed, 2 nothing to go by."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UnderstudyError, UsageError
from .words import Commands, add_command, need_file, need_footage

if TYPE_CHECKING:
    from ..jobs.console import Console

_MARKS = {True: "holds", False: "CHANGED", None: "-"}


def add(commands: Commands) -> None:
    """Its words."""
    verify = add_command(commands, "verify", run, "read a movie's provenance back and say what was changed")
    verify.add_argument("file", type=Path, help="a movie, or the folder or pattern of a picture sequence")
    verify.add_argument("--footage", type=Path, help="compare the footage and the consent record beside it")
    verify.add_argument("--consent", type=Path, metavar="FILE", help="compare this consent record")


def run(options: argparse.Namespace, console: Console) -> None:
    """Say what was found."""
    need_footage(options.file, "file")
    if options.footage is not None:
        need_footage(options.footage, "footage")
    if options.consent is not None:
        need_file(options.consent, "consent record")
    from ..provenance.verify import verify

    verdict = verify(options.file, options.footage, options.consent)
    for finding in verdict.findings:
        text = f"{_MARKS[finding.holds]:8}{finding.part:9} {finding.sentence}"
        console.say("finding", text, part=finding.part, holds=finding.holds, sentence=finding.sentence)
    if verdict.changed:
        raise UnderstudyError(f"{options.file.name} is not, in every part, what was delivered; see the lines above.")
    if not verdict.has_provenance:
        raise UsageError(f"{options.file.name} carries no provenance of Understudy, and there is none beside it.")
    console.say("verified", f"{options.file.name}: nothing speaks against it.", path=options.file)
