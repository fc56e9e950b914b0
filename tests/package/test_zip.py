"""The built zip: what is in it, and that an empty Blender installs it, switches it on and off and keeps nothing."""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

OPERATORS = {"track", "add_avatar", "bake", "setup_shot", "render", "composite"}


@pytest.fixture(scope="session")
def names(built_zip: Path) -> list[str]:
    with zipfile.ZipFile(built_zip) as archive:
        return archive.namelist()


def test_it_holds_the_defaults_and_nothing_of_the_workshop(names: list[str]) -> None:
    assert {"blender_manifest.toml", "LICENSE", "models/registry.toml", "inference/face_model/default.npz"} <= set(
        names
    )
    assert "models/weights/face_landmarks_attention.cpu.onnx" in names
    strangers = ("tests/", "benchmarks/", "release/", "locks/", ".envs/", ".git", "run.py", "samples/")
    assert [name for name in names if name.startswith(strangers) or "__pycache__" in name] == []


def test_wheels_for_both_pythons_and_no_numpy(names: list[str], built_zip: Path) -> None:
    with zipfile.ZipFile(built_zip) as archive:
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    wheels = [name for name in names if name.endswith(".whl")]
    assert sorted(f"./{name}" for name in wheels) == sorted(manifest["wheels"])
    for tag in ("cp311", "cp313"):
        assert any(f"onnxruntime-1.31.1-{tag}" in name for name in wheels)
    assert not any("numpy" in name for name in wheels)


def test_it_installs_and_enables(installed: tuple[Any, dict[str, Any]]) -> None:
    _, report = installed
    assert report["enabled"]
    assert set(report["with_addon"]["operators"]) >= OPERATORS
    assert report["with_addon"]["classes"] != []


def test_enabling_loads_nothing_heavy(
    installed: tuple[Any, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    _, report = installed
    with capsys.disabled():
        print(f"\nBlender {report['blender']}: enabled in {report['enabling_s'] * 1000:.0f} ms")
    assert report["heavy"] == []


def test_disabling_leaves_no_trace(installed: tuple[Any, dict[str, Any]]) -> None:
    _, report = installed
    assert report["after"] == report["before"]
