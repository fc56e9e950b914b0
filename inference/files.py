"""Writing a file in one piece: a partial file never carries the final name, and none is left behind."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from .errors import InputError


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` as the file `path`, making its folder where there is none.

    Raises:
        InputError: the target cannot be written, or its disk is full.
    """
    # The ending stays the last: programs and people know a file by it.
    partial = path.with_name(f"{path.stem}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise InputError(
            f"Cannot write {path}: {error.strerror or error}; choose a folder you can write to, on a disk with room."
        ) from error
