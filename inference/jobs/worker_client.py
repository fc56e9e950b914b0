"""A long job in a process of its own, followed without ever waiting for it. No bpy here: the state is handed in and out.

The program writes one JSON event per line into a file, which is read as far as it goes: no pipe can fill up and stop
the work while Blender is busy, nothing blocks, and it works alike on every system.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import InputError, MissingComponentError, StoppedError, UnderstudyError, error_of
from .log import Log
from .processes import ask_to_stop, own_process
from .rate import Rate

WORKER = Path(__file__).resolve().parents[1] / "worker.py"
GRACE_S = 0.5
"""So long a job may take to stop tidily before it is killed: whoever pressed Esc waits for it."""
State = Literal["running", "stopping", "done", "stopped", "failed"]
_READ_BYTES = 1 << 16
"""At most so much is read in a tick: a tick must be short."""
_LOGGED_EVERY_S = 5.0
_LANDMARKS = '{"event": "landmarks"'
_MANY = 400
"""Lines without an event that are kept in memory; all of them are in the log."""


@dataclass(frozen=True)
class Python:
    """The interpreter that runs the worker."""

    executable: str
    arguments: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    """Where it finds modules besides its own."""

    def command(self, words: Sequence[str]) -> list[str]:
        """The command line `words` in the worker."""
        folders = os.pathsep.join(self.folders)
        return [self.executable, *self.arguments, str(WORKER), folders, *words, "--json"]


class Job:
    """A running program. Call `tick` now and then until `is_over`."""

    def __init__(
        self,
        command: Sequence[str],
        title: str,
        log: Log,
        environment: Mapping[str, str] | None = None,
        again: str = "Resume",
    ) -> None:
        """Start the program; raises `MissingComponentError` when it cannot be. `again` is the button that its errors
        speak of.
        """
        self.title, self.log, self._again = title, log, again
        self.state: State = "running"
        self.stage, self.done, self.total = "", 0, 0
        self.rate = Rate()
        self.events: list[dict[str, Any]] = []
        """Everything the program reported except progress and landmarks."""
        self._landmarks = ""
        self.error: UnderstudyError | None = None
        self._tail: list[str] = []
        self._logged_s = 0.0
        self._asked_s: float | None = None
        log.add(f"{title}: {' '.join(command)}")
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="understudy-job-", ignore_cleanup_errors=True)
            self._spools = [_Spool(Path(self._folder.name) / name) for name in ("said", "complained")]
        except OSError as error:
            raise InputError(f"Cannot write in {tempfile.gettempdir()}: {error.strerror}; make room there.") from error
        try:
            with self._spools[0].path.open("wb") as said, self._spools[1].path.open("wb") as complained:
                self._process = subprocess.Popen(
                    list(command), stdout=said, stderr=complained, env=dict(environment or os.environ), **own_process()
                )
        except OSError as error:
            self._let_go()
            raise MissingComponentError(f"{command[0]} cannot be started: {error.strerror}.") from error

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def is_over(self) -> bool:
        """Whether the program has ended and everything it said was read."""
        return self.state in ("done", "stopped", "failed")

    @property
    def landmarks(self) -> tuple[int, list[list[float]]] | None:
        """Newest frame's number and its points (478 pairs, pixels)."""
        event = event_of(self._landmarks)
        return (int(event["frame"]), event["points"]) if event is not None else None

    @property
    def factor(self) -> float:
        """How much of the stage is done, 0..1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    def tell(self, line: str) -> None:
        """Say one line to a program that listens; one that has ended does not."""
        if self.state == "running" and self._process.stdin is not None:
            with suppress(OSError, ValueError):
                self._process.stdin.write(line.encode() + b"\n")
                self._process.stdin.flush()

    def stop(self) -> None:
        """Ask the program to end; it is killed when it does not do so soon."""
        if self.state == "running":
            self.state, self._asked_s = "stopping", time.monotonic()
            self.log.add("Asked to stop.")
            ask_to_stop(self._process)

    def end(self) -> None:
        """Stop and wait: at most `GRACE_S` and a moment."""
        self.stop()
        while not self.is_over:
            self.tick()
            time.sleep(0.01)

    def tick(self) -> bool:
        """Take in what the program said since the last time, without waiting; returns whether anything is new."""
        if self.is_over:
            return False
        code = self._process.poll()
        heard = self._hear()
        if code is not None:
            while self._hear():
                pass
            for spool in self._spools:
                self._note(spool.rest())
            self._finish(code)
            return True
        if self._asked_s is not None and time.monotonic() - self._asked_s > GRACE_S:
            self._kill()
        return heard

    def _kill(self) -> None:
        self.log.add("Did not stop in time and was killed.")
        with suppress(ProcessLookupError):
            if sys.platform == "win32":
                self._process.kill()
            else:  # with everything it started in its session
                os.killpg(self._process.pid, signal.SIGKILL)
        self._asked_s = None  # once; a later tick sees it gone

    def _hear(self) -> bool:
        said, complained = (spool.lines() for spool in self._spools)
        for line in complained:
            self._note(line)
        for line in said:
            if line.startswith(_LANDMARKS):
                self._landmarks = line  # long, and of interest only to who asks
                continue
            event = event_of(line)
            if event is None:
                self._note(line)
            else:
                self._take(event, line)
        return bool(said or complained)

    def _note(self, line: str) -> None:
        if line.strip():
            self.log.add(line)
            self._tail = [*self._tail[-_MANY:], line.strip()]

    def _take(self, event: dict[str, Any], line: str) -> None:
        kind, now_s = event["event"], time.monotonic()
        if kind == "progress":
            changed = event["stage"] != self.stage
            self.stage, self.done, self.total = str(event["stage"]), int(event["done"]), int(event["total"])
            self.rate.add(self.stage, self.done, now_s)
            if changed or self.done == self.total or now_s - self._logged_s > _LOGGED_EVERY_S:
                self._logged_s = now_s
                self.log.add(f"{self.stage} {self.done}/{self.total}")
            return
        self.log.add(line)
        self.events.append(event)
        if kind == "error":
            self.error = error_of(int(event["exit_code"]), str(event["message"]))

    def _finish(self, code: int) -> None:
        self.log.add(f"Ended with exit code {code}.")
        if code == 0:
            self.state = "done"
        elif self.state == "stopping":
            self.state, self.error = "stopped", StoppedError("Stopped.")
        else:
            self.state, self.error = "failed", self.error or self._unexpected(code)
        ask_to_stop(self._process)
        self._let_go()

    def _unexpected(self, code: int) -> UnderstudyError:
        if code == -signal.SIGTERM or (sys.platform != "win32" and code == -signal.SIGKILL):
            return UnderstudyError(
                f"The worker was killed, by the system for want of memory or by somebody; press {self._again} to go on."
            )
        last = self._tail[-1] if self._tail else f"exit code {code}"
        return UnderstudyError(
            f"The worker ended unexpectedly ({last}); open the log to see more, or press {self._again}."
        )

    def _let_go(self) -> None:
        for spool in self._spools:
            spool.close()
        self._folder.cleanup()
        self.log.close()


class _Spool:
    """A file that a program writes and we read behind it, line by line."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self.path = path
        self._stream = path.open("rb")
        self._rest = b""

    def lines(self) -> list[str]:
        """The lines that were finished since the last time."""
        *lines, self._rest = (self._rest + self._stream.read(_READ_BYTES)).split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines]

    def rest(self) -> str:
        """What was begun and never finished."""
        return self._rest.decode("utf-8", "replace")

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()


def event_of(line: str) -> dict[str, Any] | None:
    """The event in a line of output, or None: libraries and Blender itself print to the same stream."""
    if not line.startswith("{"):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None
