"""The run log: one line of JSON for each export, only ever appended to, in the user's data folder.

Files are known by their digests alone: no face, no path, no name of a person.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from .folder import user_data

NAME: Final = "runs.jsonl"


def log_path() -> Path:
    """Where the log is."""
    return user_data() / NAME


def append(entry: Mapping[str, Any], path: Path | None = None) -> None:
    """Append one line, whole, also while other processes do the same; raises `OSError` when the disk is full or gone."""
    path = path or log_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(entry, sort_keys=True).encode() + b"\n"
    with path.open("a+b", buffering=0) as stream, _alone(stream):
        end = stream.seek(0, os.SEEK_END)
        if end:
            stream.seek(end - 1)
            if stream.read(1) != b"\n":  # a full disk or a power cut left half a line
                line = b"\n" + line
        if stream.write(line) != len(line):
            stream.truncate(end)
            raise OSError(28, "No space left on device", str(path))


def entries(path: Path | None = None) -> Iterator[dict[str, Any]]:
    """Every line that is whole, oldest first; none where there is no log."""
    try:
        content = (path or log_path()).read_bytes()
    except OSError:
        return
    for line in content.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry


@contextmanager
def _alone(stream: BinaryIO) -> Iterator[None]:
    """Wait until no other process writes; the system lets go of the lock when a process dies."""
    if sys.platform == "win32":
        import msvcrt

        stream.seek(0)
        while True:
            try:
                msvcrt.locking(stream.fileno(), msvcrt.LK_LOCK, 1)
                break
            except OSError:  # it gives up after ten seconds
                stream.seek(0)
        try:
            yield
        finally:
            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
