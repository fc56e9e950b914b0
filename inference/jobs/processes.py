"""Programs in processes of their own: how they are started, and how they end with whoever started them.

A program that was started with `own_process` and calls `follow_parent` has its standard input as a lifeline: it ends when
that does, be it that the parent closed it or is gone. This works alike on every system; signals do not. Until then the
parent may say lines on it.
"""

from __future__ import annotations

import _thread
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import cache
from queue import SimpleQueue
from typing import Any

STOPPED = 130
_NICE = 5
PATIENCE_S = 10.0
"""So long a program that lost its parent may take to end tidily."""
_LONGEST_LINE = 1 << 16
_ended = threading.Event()


def own_process() -> dict[str, Any]:
    """Arguments for `subprocess.Popen`: a lifeline, no part in the terminal's Ctrl-C, and no console window."""
    options: dict[str, Any] = {"stdin": subprocess.PIPE}
    if sys.platform == "win32":
        behind = subprocess.BELOW_NORMAL_PRIORITY_CLASS
        options["creationflags"] = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP | behind
    else:
        options["start_new_session"] = True
    return options


def ask_to_stop(process: subprocess.Popen[Any]) -> None:
    """Let go of the lifeline; the program ends tidily at once."""
    if process.stdin is not None and not process.stdin.closed:
        with suppress(BrokenPipeError):  # a last word was under way when it ended by itself
            process.stdin.close()


def end(process: subprocess.Popen[Any]) -> None:
    """Kill a program that was started by `own_process` and wait for its end.

    What it started ends with it; on Windows, where nothing that is started so starts others, it alone is killed.
    """
    if process.poll() is None:
        with suppress(ProcessLookupError):
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
    ask_to_stop(process)
    process.wait()


def follow_parent() -> None:
    """In the program: let the parent's window go first, and from now on end when standard input does, as by Ctrl-C."""
    if sys.platform != "win32":
        os.nice(_NICE)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell's `&` started Blender
    lines_of_parent()


@cache
def lines_of_parent() -> SimpleQueue[str]:
    """In the program: what was said on standard input, line by line; when that ends, so does the program, as by Ctrl-C."""
    lines: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_wait_for_the_end, args=(lines,), daemon=True).start()
    return lines


def input_ended() -> bool:
    """In the program: whether it ends because standard input did, closed from the start perhaps."""
    return _ended.is_set()


def _wait_for_the_end(lines: SimpleQueue[str]) -> None:
    rest = b""
    try:
        while said := os.read(0, 4096):
            *whole, rest = (rest[-_LONGEST_LINE:] + said).split(b"\n")
            for line in whole:
                lines.put(line.decode("utf-8", "replace").strip())
    except OSError:
        pass
    _ended.set()
    if sys.platform == "win32":
        _thread.interrupt_main()
    else:  # also wakes a main thread that waits for another program
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    time.sleep(PATIENCE_S)
    os._exit(STOPPED)
