"""The extension's facts: what Blender's validator does not check by itself, and that all places agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Blender's own list of add-on tags, as far as it concerns us; the build checks all of them.
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


def test_what_a_user_reads_keeps_blenders_rules(manifest: dict[str, Any]) -> None:
    sentences = [manifest["tagline"], *manifest["permissions"].values()]
    assert all(0 < len(text) <= 64 and text[-1].isalnum() for text in sentences)
    assert "Blender" not in manifest["name"]
    assert set(manifest["tags"]) <= BLENDER_TAGS
    assert set(manifest["permissions"]) == {"files", "network", "camera"}


def test_the_facts_have_the_form_that_blender_reads(manifest: dict[str, Any]) -> None:
    assert manifest["schema_version"] == "1.0.0"
    assert manifest["id"].isidentifier()
    assert manifest["type"] == "add-on"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", manifest[key]) for key in ("version", "blender_version_min"))
    assert manifest["blender_version_min"] == "4.2.0"
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    assert all(re.fullmatch(r"\d{4}(-\d{4})? \S.*", line) for line in manifest["copyright"])


def test_makers_of_bundled_parts_are_named(manifest: dict[str, Any]) -> None:
    named = " ".join(manifest["copyright"])
    for maker in ("MediaPipe", "USC Institute", "PyAV", "FFmpeg", "x264", "Microsoft", "OpenCV", "SciPy", "tqdm"):
        assert maker in named


def test_the_versions_agree(manifest: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert manifest["version"] == project["version"]


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "GNU GENERAL PUBLIC LICENSE" in text
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("path", sorted((ROOT / "locks").glob("*.txt")), ids=lambda path: path.name)
def test_locks_are_exact_and_name_no_registry(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert all("==" in line for line in lines)
    assert not any("://" in line or line.startswith("-") for line in lines)
    names = [line.partition("==")[0] for line in lines]
    assert len(names) == len(set(names))
    assert sum(name.startswith("opencv") for name in names) <= 1
    assert not {"jax", "jaxlib"} & set(names)
