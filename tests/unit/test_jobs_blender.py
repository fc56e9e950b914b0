"""The client of the Blender program, against a stand-in program that speaks the same lines."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from understudy.inference.errors import InputError, MissingComponentError, StoppedError, UnderstudyError
from understudy.inference.jobs import blender


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make the client start a Python script with the given body."""

    def install(body: str) -> None:
        script = tmp_path / "program.py"
        script.write_text("import json, os, sys, time\n" + body)
        monkeypatch.setattr(blender, "blender_command", lambda: [sys.executable, str(script)])

    return install


def test_progress_is_relayed_and_blenders_own_chatter_ignored(program) -> None:
    program(
        "print('Fra:1 Mem:20M'); print('{not json')\n"
        "print(json.dumps({'event': 'progress', 'stage': 'render', 'done': 1, 'total': 2}))"
    )
    seen = []
    blender.run_blender([], lambda *event: seen.append(event))
    assert seen == [("render", 1, 2)]


def test_a_reported_error_arrives_as_its_own_kind(program) -> None:
    program("print(json.dumps({'event': 'error', 'message': 'No shape keys.', 'exit_code': 3})); sys.exit(3)")
    with pytest.raises(InputError, match="No shape keys"):
        blender.run_blender([])


def test_a_crash_quotes_the_last_words(program) -> None:
    program("print('Segmentation fault ahead'); sys.stdout.flush(); os.kill(os.getpid(), 11)")
    with pytest.raises(UnderstudyError, match="Segmentation fault ahead"):
        blender.run_blender([])


def test_stopping_ends_the_program(program, tmp_path: Path) -> None:
    program(
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "print(json.dumps({'event': 'progress', 'stage': 'render', 'done': 0, 'total': 9})); sys.stdout.flush(); sys.stdin.read()"
    )

    def stop(stage: str, done: int, total: int) -> None:
        raise StoppedError("Stopped.")

    with pytest.raises(StoppedError):
        blender.run_blender([], stop)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_wrong_blender_is_a_missing_component(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_BLENDER", "/nowhere/blender")
    with pytest.raises(MissingComponentError, match="/nowhere/blender"):
        blender.blender_command()
