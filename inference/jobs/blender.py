"""Client of the Blender program (`operators/batch.py`): starts it, relays its progress, turns its errors into ours.

No bpy here: Blender always runs in a process of its own.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from ..errors import MissingComponentError, UnderstudyError, error_of
from ..progress import Progress, silent
from .processes import ask_to_stop, own_process
from .worker_client import event_of

_PROGRAM = Path(__file__).resolve().parents[2] / "operators" / "batch.py"
_STOP_TIMEOUT_S = 15.0


def blender_command(running: str = "") -> list[str]:
    """The command that starts the Blender program, without its arguments.

    ``UNDERSTUDY_BLENDER`` names an executable; otherwise the one that is `running`, otherwise the bpy module of this
    Python, otherwise ``blender`` on the path.
    """
    chosen = os.environ.get("UNDERSTUDY_BLENDER") or running
    if chosen and not shutil.which(chosen):
        raise MissingComponentError(f"UNDERSTUDY_BLENDER names {chosen}, which cannot be run; correct or unset it.")
    if not chosen and importlib.util.find_spec("bpy") is not None:
        return [sys.executable, str(_PROGRAM)]
    executable = shutil.which(chosen or "blender")
    if executable is None:
        raise MissingComponentError(
            "Blender was not found; install Blender 4.2 or newer and put it on the path, or name it in UNDERSTUDY_BLENDER."
        )
    return [executable, "--background", "--factory-startup", "--python", str(_PROGRAM), "--"]


def bake_arguments(
    take: Path,
    output: Path,
    avatar: str,
    footage: Path | None = None,
    object_name: str | None = None,
    light: Path | None = None,
    expression_factor: float = 1.0,
) -> list[str]:
    """Arguments that put a take onto an avatar: ``default``, ``ict:DIR`` or a .blend file with an object in it.

    `light` is a file of `inference.light`: the avatar is lit that way. `expression_factor` makes all expressions stronger
    or weaker.
    """
    arguments = ["bake", str(take), "-o", str(output)]
    arguments += ["--blend", avatar] if avatar.endswith(".blend") else ["--avatar", avatar]
    if object_name is not None:
        arguments += ["--object", object_name]
    if footage is not None:
        arguments += ["--footage", str(footage.resolve())]
    if light is not None:
        arguments += ["--light", str(light)]
    if expression_factor != 1.0:
        arguments += ["--expression-factor", f"{expression_factor:g}"]
    return arguments


def render_arguments(
    take: Path, blend: Path, folder: Path, engine: str, samples: int, frames: tuple[int, int] | None = None
) -> list[str]:
    """Arguments that render a baked file; `frames` are the footage's, both included."""
    arguments = ["render", str(take), "--blend", str(blend), "-o", str(folder)]
    arguments += ["--engine", engine, "--samples", str(samples)]
    if frames is not None:
        arguments += ["--frames", f"{frames[0]}-{frames[1]}"]
    return arguments


def run_blender(arguments: Sequence[str], progress: Progress = silent) -> None:
    """Run one subcommand of the Blender program to its end; raises what it reports."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*blender_command(), *arguments, "--json", "--with-parent"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
        **own_process(),
    )
    try:
        error, tail = _relay(process, progress)
        code = process.wait()
    finally:
        if process.poll() is None:
            _stop(process)
    if error is not None:
        raise error
    if type(error_of(code, "")) is not UnderstudyError:
        raise error_of(code, " ".join(tail)[-300:] or f"Blender ended with exit code {code}.")
    if code != 0:
        raise UnderstudyError(f"Blender ended unexpectedly (exit code {code}); its last words were: {' | '.join(tail)}")


def _relay(process: subprocess.Popen[str], progress: Progress) -> tuple[UnderstudyError | None, deque[str]]:
    """Read events until the program closes its output; returns the error it reported and its last plain lines."""
    error: UnderstudyError | None = None
    tail: deque[str] = deque(maxlen=6)
    assert process.stdout is not None
    for line in process.stdout:
        event = event_of(line)
        if event is None:
            if line.strip():
                tail.append(line.strip())
        elif event["event"] == "progress":
            progress(str(event["stage"]), int(event["done"]), int(event["total"]))
        elif event["event"] == "error":
            error = error_of(int(event["exit_code"]), str(event["message"]))
    return error, tail


def _stop(process: subprocess.Popen[str]) -> None:
    """End the program tidily, then firmly."""
    if process.poll() is None:
        ask_to_stop(process)
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
