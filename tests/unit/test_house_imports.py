"""The import rule of the house, read from the source of every file: who may import whom, and what never."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("inference", "operators", "panels", "translations", "models")
FOLDERS = (*SHIPPED, "training")
TRAINING_ONLY = {"glcontext", "moderngl", "torch"}
HEAVY = {"av", "c2pa", "cv2", "matplotlib", "mediapipe", "onnx", "onnxruntime", "scipy", "tqdm", *TRAINING_ONLY}
BLENDER = {"bl_ui", "bmesh", "bpy", "bpy_extras", "gpu", "mathutils"}
LINES_AT_MOST = 450


@dataclass(frozen=True)
class Import:
    """One imported module: dotted from the package root when `inside` the package; `early` = at module level."""

    module: str
    inside: bool
    early: bool
    line: int

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def package_files() -> list[Path]:
    return [ROOT / "__init__.py", *sorted(path for name in FOLDERS for path in (ROOT / name).rglob("*.py"))]


def project_files() -> list[Path]:
    others = sorted(path for name in ("tests", "release", "benchmarks") for path in (ROOT / name).rglob("*.py"))
    return [*package_files(), ROOT / "run.py", *others]


def relative_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports_of(source: str, name: str) -> list[Import]:
    """Every import of a file; `name` is its path from the root, with slashes."""
    folder = name.split("/")[:-1]
    found: list[Import] = []
    for node, early in _statements(ast.parse(source).body, True):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, False, early, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.append(Import(node.module or "", False, early, node.lineno))
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1] + (node.module.split(".") if node.module else [])
            # `from ..networks import store` names a module or something inside one: the longer name that exists counts
            for alias in node.names:
                if not base and alias.name == "__package__":
                    continue  # the add-on's own name, by which Blender knows it
                module = [*base, alias.name] if _is_module([*base, alias.name]) else base
                found.append(Import(".".join(module), True, early, node.lineno))
    return found


def _is_module(parts: list[str]) -> bool:
    path = ROOT.joinpath(*parts)
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def _statements(body: list[ast.stmt], early: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """All statements, and whether importing the file runs them (type-checking blocks and functions do not run)."""
    for node in body:
        yield node, early
        lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        )
        for field in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(node, field, []), early and not (lazy and field == "body"))
        for handler in getattr(node, "handlers", []):
            yield from _statements(handler.body, early)


def broken_rules(source: str, name: str) -> list[str]:
    """What a file imports against the rule, one line each."""
    allowed_inside = {
        "inference": ("inference",),
        "operators/bridge": ("inference", "operators.bridge"),
        "operators": ("inference", "operators", "translations"),
        "panels": ("operators", "panels", "translations"),
        "translations": ("translations",),
        "models": ("inference", "models", "operators.bridge"),
        "training": ("inference", "models", "training"),
        "__init__.py": ("operators", "panels", "translations"),
    }
    room = next(room for room in allowed_inside if name == room or name.startswith(f"{room}/"))
    broken = []
    for item in imports_of(source, name):
        at = f"{name}:{item.line}: {item.module}"
        if item.inside:
            if not any(f"{item.module}.".startswith(f"{prefix}.") for prefix in allowed_inside[room]):
                broken.append(f"{at}: {room} may only import {', '.join(allowed_inside[room])}")
            if room == "panels" and item.module.startswith("operators.bridge"):
                broken.append(f"{at}: panels draw; they never touch the bridge")
            continue
        siblings = {path.stem for path in (ROOT / name).parent.glob("*.py")} - {"__init__"}
        if item.top in {"understudy", *FOLDERS} | (siblings - sys.stdlib_module_names):
            broken.append(f"{at}: inside the package imports are relative")
        if item.top in BLENDER and room in ("inference", "training"):
            broken.append(f"{at}: no Blender in {room}")
        if item.top in HEAVY and room not in ("inference", "models", "training"):
            broken.append(f"{at}: heavy modules belong to inference")
        if item.top in TRAINING_ONLY and room != "training":
            broken.append(f"{at}: only the training environment has it")
        if room == "panels" and item.top == "numpy":
            broken.append(f"{at}: panels draw; they compute nothing")
        if room == "inference" and item.top in ("matplotlib", "mediapipe", "onnx"):
            broken.append(f"{at}: not in the extension")
    return broken


@pytest.mark.parametrize("path", package_files(), ids=relative_name)
def test_each_room_imports_only_what_it_may(path: Path) -> None:
    assert broken_rules(path.read_text(encoding="utf-8"), relative_name(path)) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("inference/solve/x.py", "import bpy"),
        ("inference/solve/x.py", "def f():\n    from mathutils import Matrix"),
        ("inference/solve/x.py", "from ...operators import bridge"),
        ("inference/solve/x.py", "from understudy.inference import take"),
        ("inference/x.py", "from arkit import NAMES"),
        ("operators/bridge/x.py", "from .. import track"),
        ("operators/x.py", "def f():\n    import cv2"),
        ("operators/x.py", "from ..panels import sidebar"),
        ("panels/x.py", "from ..operators.bridge import curves"),
        ("panels/x.py", "from ..inference import take"),
        ("__init__.py", "from .inference import take"),
        ("inference/x.py", "from ..training import network"),
        ("models/x.py", "from ..training import network"),
        ("models/x.py", "def f():\n    import torch"),
        ("training/x.py", "from ..operators.bridge import keys"),
        ("training/x.py", "import bpy"),
    ],
)
def test_the_rule_catches_what_breaks_it(name: str, source: str) -> None:
    assert broken_rules(source, name) != []


def test_enabling_the_extension_loads_nothing_heavy() -> None:
    """Follow the module-level imports from the operators and panels through the whole package."""
    start = [path for path in package_files() if relative_name(path).startswith(("operators", "panels", "__init__"))]
    waiting, seen, heavy = [(path, relative_name(path)) for path in start], set(start), []
    while waiting:
        path, trail = waiting.pop()
        for item in imports_of(path.read_text(encoding="utf-8"), relative_name(path)):
            if not item.early:
                continue
            if not item.inside:
                heavy += [f"{trail} -> {item.module}"] if item.top in HEAVY else []
                continue
            parts = item.module.split(".")
            # importing a.b.c also runs a/__init__.py and a/b/__init__.py
            for end in range(1, len(parts) + 1):
                module = ROOT.joinpath(*parts[:end])
                file = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
                if file.exists() and file not in seen:
                    seen.add(file)
                    waiting.append((file, f"{trail} -> {relative_name(file)}"))
    assert heavy == []


@pytest.mark.parametrize("path", project_files(), ids=relative_name)
def test_each_file_is_small_and_says_what_it_is_for(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= LINES_AT_MOST, "split it by idea"
    assert not source.strip() or ast.get_docstring(ast.parse(source)), "begin with a docstring that says what it is for"


def test_run_py_and_the_release_need_only_the_standard_library() -> None:
    programs = sorted((ROOT / "release").glob("*.py"))
    own = {path.stem for path in programs}
    for path in (ROOT / "run.py", *programs):
        tops = {item.top for item in imports_of(path.read_text(encoding="utf-8"), relative_name(path))}
        assert tops <= sys.stdlib_module_names | (own if path in programs else set())


def test_every_package_folder_is_installed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    folders = {relative_name(path.parent) for path in package_files() if path.name == "__init__.py"} - {"."}
    folders = {folder for folder in folders if folder.partition("/")[0] in SHIPPED}  # training runs from a checkout
    assert set(listed) == {"understudy"} | {f"understudy.{folder.replace('/', '.')}" for folder in folders}
