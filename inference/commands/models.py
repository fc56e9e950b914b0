"""``understudy models``: the files of the networks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .words import Commands, add_command

if TYPE_CHECKING:
    from ..jobs.console import Console


def add(commands: Commands) -> None:
    """Its words."""
    models = add_command(commands, "models", run, "list, verify, fetch or add model files")
    models.add_argument("action", choices=("list", "verify", "fetch", "add"))
    models.add_argument("subject", nargs="?", metavar="NAME|FILE", help="the model to fetch, or your own file to add")


def run(options: argparse.Namespace, console: Console) -> None:
    """List, verify, fetch or add."""
    from ..networks import store

    action, subject = options.action, options.subject
    if action in ("fetch", "add") and not subject:
        raise UsageError(f"Say what to {action}; 'understudy models list' shows what there is.")
    if action == "list":
        for line in store.list_models():
            console.say("model", line.text, **line.facts)
    elif action == "verify":
        for line in store.verify():
            console.say("model", line.text, **line.facts)
    else:
        path = store.fetch(subject, console) if action == "fetch" else store.add(Path(subject), console)
        console.say(action, f"{subject} is at {path}", path=path)
