"""What a job said, in a file that can be sent to somebody: every line with its time, the home folder masked."""

from __future__ import annotations

import platform
import time
from contextlib import suppress
from pathlib import Path

from ..errors import InputError
from ..files import masked

KEPT = 10
_PREFIX = "understudy-"


class Log:
    """A new file in a folder of logs, from which the oldest go.

    A log that cannot be written must not stop the work: after the file was opened, lines are lost without a word.
    """

    def __init__(self, folder: Path, name: str) -> None:
        """Open the log of the job `name`; raises `InputError` when nothing can be written in `folder`."""
        started = time.strftime("%Y%m%d-%H%M%S")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for old in sorted(folder.glob(f"{_PREFIX}*.log"))[: -KEPT + 1]:
                with suppress(OSError):  # open in an editor, on Windows
                    old.unlink()
            self.path = self._free(folder, f"{_PREFIX}{started}-{name}")
            self._stream = self.path.open("w", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise InputError(f"Cannot write a log in {folder}: {error.strerror}; make room on the disk.") from error
        self.add(f"{platform.platform()}, Python {platform.python_version()}")

    @staticmethod
    def _free(folder: Path, stem: str) -> Path:
        count, path = 1, folder / f"{stem}.log"
        while path.exists():
            count += 1
            path = folder / f"{stem}-{count}.log"
        return path

    def add(self, text: str) -> None:
        """Write one line, or several."""
        with suppress(OSError, ValueError):  # a full disk; closed by an end that overtook the last words
            self._stream.write(f"{time.strftime('%H:%M:%S')} {masked(text.rstrip())}\n")
            self._stream.flush()

    def close(self) -> None:
        """No more lines come."""
        with suppress(OSError):
            self._stream.close()
