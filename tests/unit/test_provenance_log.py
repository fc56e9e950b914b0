"""The run log: every line of every process is whole, and a torn one costs only itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from understudy.inference.provenance import run_log

WRITERS, LINES = 4, 50
WRITER = """
import sys
from pathlib import Path
from understudy.inference.provenance import run_log
for number in range(int(sys.argv[3])):
    run_log.append({"writer": sys.argv[2], "number": number, "long": "x" * (number * 400)}, Path(sys.argv[1]))
"""


def test_processes_that_write_at_once_lose_and_mix_nothing(tmp_path: Path) -> None:
    path = tmp_path / "data" / "runs.jsonl"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(name), str(LINES)]) for name in range(WRITERS)
    ]
    assert [writer.wait(120) for writer in writers] == [0] * WRITERS
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for name in range(WRITERS):
        own = [line for line in lines if line["writer"] == str(name)]
        assert [line["number"] for line in own] == list(range(LINES)), "in order, each once"
        assert all(len(line["long"]) == line["number"] * 400 for line in own)


@given(st.binary(max_size=40))
def test_a_torn_end_costs_only_itself(tmp_path_factory: object, torn: bytes) -> None:
    path = tmp_path_factory.mktemp("log") / "runs.jsonl"  # type: ignore[attr-defined]
    run_log.append({"what": "first"}, path)
    before = path.read_bytes()
    path.write_bytes(before + b'{"what": ' + torn)
    run_log.append({"what": "second"}, path)
    assert path.read_bytes().startswith(before), "nothing that was there is changed"
    assert [entry["what"] for entry in run_log.entries(path)] == ["first", "second"]


def test_there_may_be_no_log(tmp_path: Path) -> None:
    assert list(run_log.entries(tmp_path / "none.jsonl")) == []
