"""The wheels of a zip: fetched once with pip, unmodified; what is missing is named. Standard library only."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from targets import ROOT, Target, Variant, requirements

WHEELS = ROOT / "wheels"
_NOT_THERE = "No matching distribution found"


class MissingWheelsError(Exception):
    """Some distributions have no wheel for a platform; the message names each."""


def fetch(target: Target, variant: Variant) -> list[Path]:
    """The wheels of one zip for all its Pythons; fetched once, and again when a lock changes.

    Raises `MissingWheelsError` when the index has none of some distribution.
    """
    folder = WHEELS / f"{target.name}{variant.suffix}"
    wanted = requirements(target, variant)
    stamp = folder / "complete"
    request = "\n".join([*wanted, *target.pythons, *target.tags])
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == request):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        missing = [
            f"{requirement} for Python {python}"
            for python in target.pythons
            for requirement in wanted
            if not _download(requirement, python, target, folder)
        ]
        if missing:
            raise MissingWheelsError(
                f"{target.name} is skipped: the package index has no wheel ({', '.join(target.tags)}) "
                f"of {', '.join(missing)}."
            )
        stamp.write_text(request, encoding="utf-8")
    return sorted(folder.glob("*.whl"))


def _download(requirement: str, python: str, target: Target, folder: Path) -> bool:
    """Fetch one wheel; False when there is none. Anything else that goes wrong ends the build."""
    tags = [word for tag in target.tags for word in ("--platform", tag)]
    options = ["--no-deps", "--only-binary", ":all:", "--python-version", python, *tags, "--dest", str(folder)]
    command = [sys.executable, "-m", "pip", "download", *options, requirement]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode and _NOT_THERE not in result.stdout:
        sys.exit(f"{result.stdout}pip could not fetch {requirement}, see above.")
    return result.returncode == 0
