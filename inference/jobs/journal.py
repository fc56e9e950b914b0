"""What a run has finished: each stage is remembered with a key of everything it was made from.

A stage is done again exactly when its key changes or its output is gone.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ..errors import InputError, UsageError
from ..files import write_whole

FILE_NAME = "run.json"
LOCK_NAME = "run.lock"


def key_of(*parts: object) -> str:
    """A short digest of the settings and inputs a stage depends on."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:16]


@contextmanager
def exclusive(folder: Path) -> Iterator[Journal]:
    """The record of a folder while nobody else works there; a run that dies lets go of it, too.

    Raises:
        UsageError: another run is at work there, or the folder holds something else.
        InputError: the folder cannot be written.
    """
    _refuse_foreign(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / LOCK_NAME).open("a")
    except OSError as error:
        raise InputError(f"Cannot write in {folder}: {error.strerror}; choose a folder you can write to.") from error
    with stream:
        if not _lock(stream):
            raise UsageError(f"Another run is at work in {folder}; wait until it is done or choose another folder.")
        yield Journal(folder)


class Journal:
    """The record of one run's output folder."""

    def __init__(self, folder: Path) -> None:
        """Open or start the record; refuses a folder that holds something else or cannot be written."""
        self._path = folder / FILE_NAME
        self._done: dict[str, str] = {}
        if self._path.is_file():
            try:
                self._done = dict(json.loads(self._path.read_text("utf-8"))["stages"])
            except (OSError, ValueError, KeyError, TypeError):
                self._done = {}
        _refuse_foreign(folder)
        self._write()

    def is_done(self, stage: str, key: str, output: Path) -> bool:
        """Whether the stage was finished with this key and its output is still there."""
        return self._done.get(stage) == key and output.exists()

    def begun_with(self, stage: str, key: str) -> bool:
        """Whether a cut-off attempt at this stage had the same key, so that its pieces may be kept."""
        return self._done.get(f"{stage}:begun") == key

    def key_of_done(self, stage: str) -> str:
        """What a finished stage was made from; empty when it is not finished."""
        return self._done.get(stage, "")

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
        write_whole(self._path, json.dumps({"stages": self._done}, indent=1).encode())


def _refuse_foreign(folder: Path) -> None:
    """A folder without our record must have nothing in it that we might replace."""
    if (folder / FILE_NAME).is_file() or not folder.is_dir():
        return
    if any(path.name != LOCK_NAME for path in folder.iterdir()):
        raise UsageError(f"{folder} is not empty and not one of Understudy's runs; choose an empty or new folder.")


def _lock(stream: TextIO) -> bool:
    """Take the system's lock on an open file, which ends with the process; False when another process has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
