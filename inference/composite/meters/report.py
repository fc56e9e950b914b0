"""``composite.json``: what was done to a shot, how good it is, and what was decided for which frames."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from ...files import write_whole
from ..types import CompositeOptions, CompositeReport


def write_report(report: CompositeReport, options: CompositeOptions, folder: Path) -> None:
    """Write ``composite.json``; `InputError` when the folder cannot be written."""
    content = {
        "stages": list(options.stages),
        "swapper": options.swapper,
        **asdict(report),
        "notes": list(report.notes),
    }
    write_whole(folder / "composite.json", f"{json.dumps(content, indent=1)}\n".encode())
