"""The worker: the command line in a process of its own, as the add-on starts it.

``python worker.py FOLDERS WORDS...``. FOLDERS are those in which Blender finds modules, joined as in PATH: Blender's own
Python passes over PYTHONPATH. The worker ends when its standard input does: so it is asked to stop on every system, and so
it notices that whoever started it is gone.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path

STOPPED = 130
NAME = "understudy"


def main(arguments: list[str]) -> int:
    """Run the command line; returns its exit code."""
    folders, *words = arguments
    _find_modules(folders.split(os.pathsep))
    try:
        importlib.import_module(f"{NAME}.inference.jobs.processes").follow_parent()
        return int(importlib.import_module(f"{NAME}.inference.cli").main(words))
    except KeyboardInterrupt:
        return STOPPED


def _find_modules(folders: list[str]) -> None:
    """Find modules where Blender does, not beside this file, and this package under its plain name."""
    here = str(Path(__file__).resolve().parent)
    sys.path[:] = [folder for folder in sys.path if folder != here]
    sys.path += [folder for folder in folders if folder and folder not in sys.path]
    root = Path(__file__).resolve().parents[1]
    spec = importlib.util.spec_from_file_location(NAME, root / "__init__.py", submodule_search_locations=[str(root)])
    assert spec is not None
    assert spec.loader is not None
    sys.modules[NAME] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[NAME])


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except Exception:  # noqa: BLE001 - the last stop: what went wrong belongs into the log
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a thread still waits for input
