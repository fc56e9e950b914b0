"""What a run has finished: each stage is remembered with a key of everything it was made from.

A stage is done again exactly when its key changes or its output is gone.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ..errors import UsageError

FILE_NAME = "run.json"


def key_of(*parts: object) -> str:
    """A short digest of the settings and inputs a stage depends on."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:16]


class Journal:
    """The record of one run's output folder."""

    def __init__(self, folder: Path) -> None:
        """Open or start the record; refuses a folder that holds something else."""
        self._path = folder / FILE_NAME
        self._done: dict[str, str] = {}
        if self._path.is_file():
            try:
                self._done = dict(json.loads(self._path.read_text("utf-8"))["stages"])
            except (ValueError, KeyError, TypeError):
                self._done = {}
        elif folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty and not one of Understudy's runs; choose an empty or new folder.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._write()
        except OSError as error:
            raise UsageError(
                f"Cannot write in {folder}: {error.strerror}; choose a folder you can write to."
            ) from error

    def is_done(self, stage: str, key: str, output: Path) -> bool:
        """Whether the stage was finished with this key and its output is still there."""
        return self._done.get(stage) == key and output.exists()

    def begun_with(self, stage: str, key: str) -> bool:
        """Whether a cut-off attempt at this stage had the same key, so that its pieces may be kept."""
        return self._done.get(f"{stage}:begun") == key

    def begin(self, stage: str, key: str) -> None:
        """Remember what the stage is being made from."""
        self._done.pop(stage, None)
        self._done[f"{stage}:begun"] = key
        self._write()

    def finish(self, stage: str, key: str) -> None:
        """Remember that the stage is done."""
        self._done[stage] = key
        self._write()

    def _write(self) -> None:
        partial = self._path.with_name(FILE_NAME + ".partial")
        partial.write_text(json.dumps({"stages": self._done}, indent=1), "utf-8")
        partial.replace(self._path)
