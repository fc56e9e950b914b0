"""``understudy doctor``: what runs here, and why the GPU is or is not used."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .words import Commands, add_command

if TYPE_CHECKING:
    from ..jobs.console import Console


def add(commands: Commands) -> None:
    """Its words."""
    add_command(commands, "doctor", run, "what runs here, and why the GPU is or is not used")


def run(options: argparse.Namespace, console: Console) -> None:
    """Say what runs here."""
    from ..doctor import doctor

    report = doctor()
    console.say("doctor", report.text, **report.facts)
