"""The built zip: what is in it, and that an empty Blender installs it, switches it on and off, and removes it whole."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLENDER = os.environ.get("UNDERSTUDY_WINDOW_BLENDER", "")
OPERATORS = {"track", "add_avatar", "bake", "setup_shot", "render", "composite"}


@pytest.fixture(scope="session")
def names(built_zip: Path) -> list[str]:
    with zipfile.ZipFile(built_zip) as archive:
        return archive.namelist()


def test_it_holds_the_defaults_and_nothing_of_the_workshop(names: list[str]) -> None:
    assert {"blender_manifest.toml", "LICENSE", "models/registry.toml", "inference/face_model/default.npz"} <= set(
        names
    )
    assert {"models/weights/face_landmarks_attention.cpu.onnx", "models/weights/face_points.onnx"} <= set(names)
    strangers = ("tests/", "benchmarks/", "release/", "locks/", ".envs/", ".git", "run.py", "samples/")
    assert [name for name in names if name.startswith(strangers) or "__pycache__" in name] == []


def test_wheels_for_both_pythons_and_no_numpy(names: list[str], built_zip: Path) -> None:
    with zipfile.ZipFile(built_zip) as archive:
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    wheels = [name for name in names if name.endswith(".whl")]
    assert sorted(f"./{name}" for name in wheels) == sorted(manifest["wheels"])
    for tag in ("cp311", "cp313"):
        for distribution in ("onnxruntime", "scipy"):
            assert any(name.startswith(f"wheels/{distribution}-") and f"-{tag}-" in name for name in wheels)
    assert not any("numpy" in name for name in wheels)


def test_every_wheel_is_as_its_makers_published_it_and_has_its_licence_beside(built_zip: Path) -> None:
    with zipfile.ZipFile(built_zip) as archive:
        index = archive.read("licenses/INDEX.md").decode()
        for name in archive.namelist():
            if not name.endswith(".whl"):
                continue
            distribution, version = Path(name).name.split("-")[:2]
            assert f"| {distribution.replace('_', '-')} | {version} |" in index
            original = ROOT / "wheels" / "linux-x64" / Path(name).name
            assert not original.exists() or archive.read(name) == original.read_bytes()
        listed = re.findall(r"`([^`]+/[^`]+)`", index)
        missing = {
            file for file in listed if f"licenses/{file}" not in archive.namelist() and file not in archive.namelist()
        }
    assert missing == set()


def test_building_it_again_gives_the_same_bytes_but_for_what_changed(built_zip: Path) -> None:
    with zipfile.ZipFile(built_zip) as archive:
        entries = archive.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.external_attr for entry in entries} == {0o100644 << 16}


@pytest.mark.skipif(not BLENDER, reason="no Blender named in UNDERSTUDY_WINDOW_BLENDER")
def test_real_blender_accepts_it(built_zip: Path) -> None:
    command = [BLENDER, "--background", "--factory-startup", "--command", "extension", "validate", str(built_zip)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Success" in done.stdout


def test_it_installs_and_enables(installed: tuple[Any, dict[str, Any]]) -> None:
    _, report = installed
    assert report["enabled"]
    assert set(report["with_addon"]["operators"]) >= OPERATORS
    assert report["with_addon"]["classes"] != []
    assert {name.partition(".")[0] for name in report["with_addon"]["properties"]} >= {"Scene"}


def test_enabling_loads_nothing_heavy(
    installed: tuple[Any, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    _, report = installed
    with capsys.disabled():
        took = f"{report['enabling_s'] * 1000:.0f} ms, {report['enabling_cpu_s'] * 1000:.0f} ms of the processor"
        print(f"\nBlender {report['blender']}: enabled in {took}")
    assert report["heavy"] == []


def test_disabling_leaves_no_trace(installed: tuple[Any, dict[str, Any]]) -> None:
    _, report = installed
    assert report["after"] == report["before"]


def test_removing_leaves_no_file_and_no_entry(installed: tuple[Any, dict[str, Any]]) -> None:
    _, report = installed
    assert report["removed"] == {"files": [], "listed": False, "traces": report["before"]}
