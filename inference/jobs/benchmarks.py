"""Runs the benchmarks of the source checkout, each a program of its own; the packaged extension does not carry them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError, MissingComponentError, UsageError

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def find_benchmarks() -> dict[str, str]:
    """Name -> what it is for; raises MissingComponentError outside the source checkout."""
    if not FOLDER.is_dir():
        raise MissingComponentError(
            "The benchmarks are not part of the installed extension; run 'understudy bench' from the source checkout."
        )
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.py"))}
    return {name: text.splitlines()[0].strip('"') for name, text in texts.items() if "__main__" in text}


def run_benchmark(name: str, arguments: Sequence[str]) -> None:
    """Run one in a process of its own; raises UsageError for an unknown one or wrong words, InputError when it fails."""
    programs = find_benchmarks()
    if name not in programs:
        raise UsageError(f"There is no benchmark {name}; there are: {', '.join(programs)}.")
    command = [sys.executable, str(FOLDER / f"{name}.py"), *arguments]
    code = subprocess.run(command, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}, check=False).returncode
    if code == UsageError.exit_code:
        raise UsageError(f"The benchmark {name} does not know these words; see 'understudy bench {name} --help'.")
    if code:
        raise InputError(f"The benchmark {name} ended with code {code}; its own message above says why.")
