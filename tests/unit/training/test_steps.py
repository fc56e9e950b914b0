"""The steps of training by their names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from understudy.training.__main__ import STEPS, main

ROOT = Path(__file__).resolve().parents[3]


def test_without_a_name_the_steps_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(STEPS)
    assert main(["dance"]) == 2


@pytest.mark.parametrize("module", [module for module, _ in STEPS.values()])
def test_every_step_is_a_program(module: str) -> None:
    source = ROOT.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8")
    assert 'if __name__ == "__main__":' in source


def test_a_step_gets_its_words_and_gives_its_exit_code(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "understudy.training", "cycles"]
    asked = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False)
    assert asked.returncode == 0
    assert asked.stdout.startswith("usage: run.py train cycles")
    wrong = subprocess.run([*command, "--clips"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    bad = [*command, str(tmp_path), "--stills", str(tmp_path), "-o", str(tmp_path / "shard")]
    said = subprocess.run(bad, capture_output=True, text=True, check=False)
    assert said.returncode == 3
    assert said.stderr.startswith(f"{tmp_path} is no ICT-FaceKit folder")
