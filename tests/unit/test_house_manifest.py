"""The extension's facts: what Blender's validator does not check by itself, and that all places agree."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Blender's own list of add-on tags, as far as it concerns us; the validator of the bpy module does not know it.
BLENDER_TAGS = {
    "3D View",
    "Animation",
    "Camera",
    "Compositing",
    "Import-Export",
    "Pipeline",
    "Render",
    "Rigging",
    "Tracking",
}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))


def load(path: Path) -> ModuleType:
    """A program that is not part of the package, as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_a_user_reads_keeps_blenders_rules(manifest: dict[str, Any]) -> None:
    sentences = [manifest["tagline"], *manifest["permissions"].values()]
    assert all(len(text) <= 64 and text[-1].isalnum() for text in sentences)
    assert set(manifest["tags"]) <= BLENDER_TAGS
    assert set(manifest["permissions"]) <= {"files", "network"}
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    assert manifest["blender_version_min"] == "4.2.0"
    assert "Blender" not in manifest["name"]


def test_the_versions_agree(manifest: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert manifest["version"] == project["version"]


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "GNU GENERAL PUBLIC LICENSE" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_every_bundled_distribution_is_locked_and_numpy_is_not_among_them() -> None:
    build = load(ROOT / "release" / "build.py")
    names = [line.partition("==")[0] for line in build.locked_requirements()]
    assert sorted(names) == sorted(build.DISTRIBUTIONS)
    assert "numpy" not in names


def test_the_staged_manifest_names_platform_and_wheels(manifest: dict[str, Any]) -> None:
    build = load(ROOT / "release" / "build.py")
    staged = tomllib.loads(build.manifest_with("linux-x64", ["./wheels/a-1-py3-none-any.whl"]))
    added = {"platforms": ["linux-x64"], "wheels": ["./wheels/a-1-py3-none-any.whl"]}
    assert staged == manifest | added


@pytest.mark.parametrize("path", sorted((ROOT / "locks").glob("*.txt")), ids=lambda path: path.name)
def test_locks_are_exact_and_name_no_registry(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert all("==" in line for line in lines)
    assert not any("://" in line or line.startswith("-") for line in lines)
    names = [line.partition("==")[0] for line in lines]
    assert len(names) == len(set(names))
    assert sum(name.startswith("opencv") for name in names) <= 1
    assert not {"jax", "jaxlib"} & set(names)
