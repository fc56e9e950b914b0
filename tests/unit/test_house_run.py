"""The entry for people: what it makes of locks and reports, and how it answers wrong use."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def run() -> ModuleType:
    spec = importlib.util.spec_from_file_location("understudy_run", ROOT / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def installs(run: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A set-up that installs nothing and notes what it was asked for."""
    asked: list[str] = []

    def install(folder: Path, wanted: str, editable: bool) -> None:
        asked.append(folder.name)
        run.python_of(folder).parent.mkdir(parents=True)
        run.python_of(folder).touch()

    monkeypatch.setattr(run, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(run, "install", install)
    return asked


def test_an_environment_is_made_once(run: ModuleType, installs: list[str]) -> None:
    assert run.ensure_environment("main") == run.ensure_environment("main")
    assert installs == ["main"]


def test_an_interrupted_environment_is_made_again(run: ModuleType, installs: list[str], tmp_path: Path) -> None:
    run.ensure_environment("main")
    (tmp_path / "main" / "complete").unlink()  # the stamp is written last
    run.ensure_environment("main")
    assert installs == ["main", "main"]


def test_a_changed_lock_makes_the_environment_again(
    run: ModuleType, installs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run.ensure_environment("main")
    monkeypatch.setattr(run, "requirements", lambda name: "numpy==0.1\n")
    run.ensure_environment("main")
    assert installs == ["main", "main"]


def test_a_lock_may_ask_for_another_python(run: ModuleType) -> None:
    assert run.python_version("package-5.2") == "3.13"
    assert run.python_version("main") == run.python_version("no such lock") == run.PYTHON_VERSION


@pytest.mark.parametrize("driver", [False, True])
def test_the_gpu_build_comes_with_an_nvidia_driver(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch, driver: bool
) -> None:
    monkeypatch.setattr(run, "succeeds", lambda *command: driver)
    monkeypatch.setattr(run.sys, "platform", "linux")
    names = [line.partition("==")[0] for line in run.requirements("main").splitlines()]
    assert ("onnxruntime-gpu" in names, "onnxruntime" in names) == (driver, not driver)
    assert len(names) == len(set(names))


def test_training_is_installed_by_pip_with_what_its_torch_wants(
    run: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[list[str]] = []
    monkeypatch.setattr(run, "call", lambda command, failure: steps.append([str(part) for part in command]))
    monkeypatch.setattr(run, "find_uv", lambda: "uv")
    monkeypatch.setattr(run, "matching_python", lambda version=run.PYTHON_VERSION: "python3.11")
    for name in (run.TRAINING, "main"):
        (tmp_path / name).mkdir()
        run.install(tmp_path / name, "torch==1\n", editable=False)
    (_, training), (_, main) = steps[:2], steps[2:]
    assert training[1:4] == ["-m", "pip", "install"]
    assert "--no-deps" not in training
    assert main[0] == "uv"
    assert "--no-deps" in main


def test_a_large_suite_waits_until_it_is_named_or_there(
    run: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(run, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(run, "set_up_main", lambda: None)
    monkeypatch.setattr(run, "run_suite", lambda suite, arguments: ran.append(suite.title) or "not here")
    run.test([])
    assert "training" not in ran
    run.test(["training"])
    assert ran[-1] == "training"
    (tmp_path / run.TRAINING).mkdir()
    ran.clear()
    run.test([])
    assert "training" in ran


def test_the_report_counts_errors_as_failures(run: ModuleType, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/></testsuites>')
    assert run.read_counts(report) == run.Counts(passed=3, failed=3, skipped=3)


def test_a_suite_that_dies_is_a_failure(run: ModuleType, tmp_path: Path) -> None:
    assert run.read_counts(tmp_path / "absent.xml").failed == 1


def test_wrong_use_explains_itself(run: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["dance"]) == 2
    assert "python3 run.py test" in capsys.readouterr().err


def test_missing_system_libraries_become_packages(
    run: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "lib/python3.11/site-packages/bpy/__init__.so"
    module.parent.mkdir(parents=True)
    module.touch()
    answer = run.subprocess.CompletedProcess([], 0, stdout="\tlibXi.so.6 => not found\n\tlibc.so.6 => /lib/libc.so.6\n")
    monkeypatch.setattr(run.sys, "platform", "linux")
    monkeypatch.setattr(run.shutil, "which", lambda name: name)
    monkeypatch.setattr(run.subprocess, "run", lambda *args, **options: answer)
    with pytest.raises(run.SetupError, match=r"apt-get install -y libxi6$"):
        run.check_libraries(tmp_path)
