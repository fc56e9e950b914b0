"""The command that runs the benchmarks of the source checkout."""

from __future__ import annotations

from pathlib import Path

import pytest
from understudy.inference import cli
from understudy.inference.jobs import benchmarks


def test_without_a_name_it_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench"]) == 0
    assert "accuracy: Accuracy of takes" in "".join(capsys.readouterr())


def test_an_unknown_benchmark_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "nothing"]) == 2
    assert "accuracy" in capsys.readouterr().err


def test_words_go_to_the_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import pathlib, sys\nif __name__ == '__main__':\n    pathlib.Path(sys.argv[1]).write_text(str(sys.argv[2:]))"
    )
    (tmp_path / "echo.py").write_text(program)
    monkeypatch.setattr(benchmarks, "FOLDER", tmp_path)
    assert cli.main(["bench", "echo", str(tmp_path / "heard"), "--render", "x"]) == 0
    assert (tmp_path / "heard").read_text() == "['--render', 'x']"


def test_the_installed_extension_says_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmarks, "FOLDER", tmp_path / "nowhere")
    assert cli.main(["bench", "accuracy"]) == 4
    assert "source checkout" in capsys.readouterr().err


@pytest.mark.parametrize(("code", "exit_code"), [(2, 2), (1, 3), (0, 0)])
def test_a_benchmark_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, exit_code: int) -> None:
    (tmp_path / "ends.py").write_text(f"import sys\nif __name__ == '__main__':\n    sys.exit({code})")
    monkeypatch.setattr(benchmarks, "FOLDER", tmp_path)
    assert cli.main(["bench", "ends"]) == exit_code
