"""What every benchmark says of the machine and the tree, and that every one of them says it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from understudy.inference.networks import providers

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
NO_FIGURES = {"before_after", "gpu_capture", "points68", "render_performance", "render_sample", "performance_page"}
"""Programs of the folder that make pictures, clips, tables or pages."""


@pytest.fixture(scope="module")
def machine(benchmarks: Callable[[str], ModuleType]) -> ModuleType:
    return benchmarks("machine")


def test_the_line_tells_machine_versions_date_and_tree(
    machine: ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    told = machine.announce("mine", tmp_path / "lines.jsonl")
    printed = capsys.readouterr().out
    assert json.loads(printed) == told
    assert (tmp_path / "lines.jsonl").read_text("utf-8") == printed
    assert told["benchmark"] == "mine"
    assert re.search(r"\S.*, \d+ cores", told["machine"])
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d UTC", told["date"])
    assert told["numpy"]
    assert set(told["auto"]) == {"device", "form", "threads", "decoder"}
    assert (told["auto"]["threads"], told["auto"]["decoder"]) == (1, "software")
    assert machine.is_facts(told)
    assert not machine.is_facts({"benchmark": "mine", "figure": "cpu", "value": 1})


def test_the_line_tells_what_was_measured_to_be_fastest(machine: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "choose", lambda _: providers.Choice("cuda", "", 1, "", 2, "half"))
    monkeypatch.setenv("UNDERSTUDY_DECODER", "vaapi")
    assert machine.automatic() == {"device": "cuda:1", "form": "half", "threads": 2, "decoder": "vaapi"}


def test_a_command_is_told_without_this_machine_s_folders(
    machine: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", [str(tmp_path / "floor.py"), "--seconds", "1", str(tmp_path / "clip.mp4"), "out/x"])
    assert machine.facts("floor")["command"] == "floor.py --seconds 1 clip.mp4 out/x"


def test_the_tree_is_named_by_its_commit(machine: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"rev-parse": "abc1234", "status": ""}
    monkeypatch.setattr(machine, "_git", lambda *words: said[words[0]])
    assert machine.tree() == "abc1234"
    said["status"] = " M inference/cli.py"
    assert machine.tree() == "abc1234+"


def test_outside_a_checkout_there_is_no_tree(machine: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: str) -> str:
        raise FileNotFoundError("git")

    monkeypatch.setattr(machine, "_git", absent)
    assert machine.tree() == "unknown"


@pytest.mark.parametrize(
    "program", sorted(path for path in BENCHMARKS.glob("*.py") if "__main__" in path.read_text("utf-8")), ids=str
)
def test_every_benchmark_says_where_its_figures_come_from(program: Path) -> None:
    text = program.read_text("utf-8")
    assert re.match(r'"""[A-Z][^\n]{30,140}[.:]\n', text), "its first line is what `bench` lists"
    if program.stem not in NO_FIGURES:
        assert re.search(r"\b(announce|facts)\(", text)
