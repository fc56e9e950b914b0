"""Reading results files for the page: the lines of a file's last run, with the machine that they come from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from machine import is_facts

Line = Mapping[str, object]
Value = TypeVar("Value")
FORMS: Final = ("plain", "half", "int8", "cpu")
"""Ends of the names of networks' files: the same network for different devices."""


@dataclass(frozen=True)
class Run:
    """The last run of one results file."""

    name: str
    facts: Line = field(default_factory=dict)
    """Of the machine; empty where the file is not there."""
    lines: Sequence[Line] = ()

    def find(self, **wanted: object) -> Line | None:
        """The first line with these values."""
        return next((line for line in self.lines if matches(line, wanted)), None)

    def value(self, key: str = "value", **wanted: object) -> float | None:
        """A number of the first such line."""
        found = (self.find(**wanted) or {}).get(key)
        return float(found) if isinstance(found, int | float) else None


def read_run(folder: Path, name: str) -> Run:
    """The lines after the last one about a machine; an empty run where there is no such file or line."""
    path = folder / f"{name}.jsonl"
    if not path.is_file():
        return Run(name)
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    starts = [number for number, line in enumerate(lines) if is_facts(line)]
    if not starts:
        return Run(name)
    return Run(name, lines[starts[-1]], tuple(lines[starts[-1] + 1 :]))


def matches(line: Line, wanted: Mapping[str, object]) -> bool:
    """Whether a line has all of these values."""
    return all(line.get(key) == value for key, value in wanted.items())


def job_of(counted: Mapping[str, Value], graph: str) -> Value | None:
    """What a network has to do, whatever form of it runs: of the forms that were counted the one without tricks.

    A form for one kind of device computes more to be faster there; that is its cost, not the job's floor.
    """
    base = graph
    for form in FORMS:
        base = base.removesuffix(f".{form}")
    return next((counted[name] for name in (f"{base}.plain", base, graph) if name in counted), None)


def number(value: object, digits: int = 3) -> str:
    """A number with so many digits that count, as a reader writes it; a dash for none."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    if abs(value) < 0.0005:
        return "< 0.001"
    return f"{float(f'{value:.{digits}g}'):g}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def in_order(values: Iterable[object]) -> list[str]:
    """Each once, as they come."""
    return list(dict.fromkeys(str(value) for value in values))
