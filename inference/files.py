"""Files: written in one piece, so that a partial file never carries the final name; paths that do not tell who the user is."""

from __future__ import annotations

import re
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


def masked(text: str, home: str | None = None) -> str:
    """`text` with the user's home folder as ``~``, for everything that is shown or logged.

    `home` is the home folder, the user's own by default. Slashes of both kinds and those that JSON doubles are known.
    """
    home = (str(Path.home()) if home is None else home).rstrip("/\\")
    if not home:
        return text
    parts = [re.escape(part) for part in re.split(r"[/\\]", home)]
    ignore_case = re.IGNORECASE if ":" in home else 0  # a drive letter: Windows knows no case
    return re.sub(r"(?:/|\\{1,2})".join(parts) + r"(?![\w-]|\.\w)", "~", text, flags=ignore_case)
