"""``understudy bench``: figures beside the peers'."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .words import Commands, add_command

if TYPE_CHECKING:
    from ..jobs.console import Console


def add(commands: Commands) -> None:
    """Its words."""
    bench = add_command(commands, "bench", run, "side-by-side figures; needs the source checkout")
    bench.add_argument("name", nargs="?", help="a benchmark, accuracy for one; without a name, what there is")
    bench.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help="its own arguments")


def run(options: argparse.Namespace, console: Console) -> None:
    """Run one benchmark, or say which there are."""
    from ..jobs.benchmarks import find_benchmarks, run_benchmark

    if options.name is None:
        for name, summary in find_benchmarks().items():
            console.say("benchmark", f"{name}: {summary}", name=name)
    else:
        run_benchmark(options.name, options.words)
