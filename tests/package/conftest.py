"""The bare Blenders and the built zip; `python3 run.py test package` provides both."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).parent / "in_blender"
BARE_BLENDERS = [Path(path) for path in os.environ.get("UNDERSTUDY_BARE_BLENDERS", "").split(os.pathsep) if path]
LIMIT_S = 900


@dataclass(frozen=True)
class BareBlender:
    """A Python with Blender's module and what Blender ships, and an empty profile of its own."""

    python: Path
    profile: Path

    @property
    def version(self) -> str:
        """As in 4.5: what its environment is called after."""
        return self.python.parts[-3].removeprefix("package-")

    def run(self, program: str, *arguments: object) -> dict[str, Any]:
        """Run a program of `in_blender/` there; what it reports in its last line."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "UNDERSTUDY_"))}
        result = subprocess.run(
            [str(self.python), "-s", str(PROGRAMS / program), *(str(argument) for argument in arguments)],
            env=kept | {"BLENDER_USER_RESOURCES": str(self.profile), "UNDERSTUDY_DATA": str(self.profile / "data")},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
        report: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
        return report


Installed = tuple[BareBlender, dict[str, Any]]


@pytest.fixture(scope="session")
def pythons() -> dict[str, Path]:
    """The bare Blenders by version, as in 4.5."""
    return {BareBlender(path, path).version: path for path in BARE_BLENDERS}


@pytest.fixture(scope="session")
def built_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension zip of this platform, the newest in `dist/`; a copy, which no other build replaces meanwhile."""
    platform = {"linux": "linux_x64", "win32": "windows_x64", "darwin": "macos_arm64"}[sys.platform]
    found = sorted((ROOT / "dist").glob(f"understudy-*-{platform}.zip"), key=lambda path: path.stat().st_mtime)
    if not found:
        pytest.skip("no zip in dist/; use: python3 run.py test package")
    return Path(shutil.copy(found[-1], tmp_path_factory.mktemp("zip")))


@pytest.fixture(scope="session")
def install(built_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], Installed]]:
    """Gives the Blender of a Python, with the zip installed in an empty profile; each is made once."""
    made: dict[Path, Installed] = {}

    def get(python: Path) -> Installed:
        if python not in made:
            blender = BareBlender(python, tmp_path_factory.mktemp("profile"))
            made[python] = (blender, blender.run("install.py", built_zip))
        return made[python]

    yield get
    for blender, _ in made.values():
        shutil.rmtree(blender.profile)  # with the unpacked wheels some 700 MB


@pytest.fixture(scope="session", params=BARE_BLENDERS or [None], ids=lambda path: path.parts[-3] if path else "none")
def installed(request: pytest.FixtureRequest, install: Callable[[Path], Installed]) -> Installed:
    """A Blender in whose empty profile the zip was just installed and enabled, and what it reported about that."""
    if request.param is None:
        pytest.skip("no bare Blender named in UNDERSTUDY_BARE_BLENDERS; use: python3 run.py test package")
    return install(request.param)


@pytest.fixture(scope="session")
def perform(
    install: Callable[[Path], Installed], shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path], tuple[BareBlender, dict[str, Any], Path]]:
    """Gives what the main job on a real clip came to in the Blender of a Python, and where its files are."""
    clip = shared / "data" / "clips" / "d18.mp4"
    made: dict[Path, tuple[BareBlender, dict[str, Any], Path]] = {}

    def get(python: Path) -> tuple[BareBlender, dict[str, Any], Path]:
        if python not in made:
            blender, _ = install(python)
            folder = tmp_path_factory.mktemp("job")
            made[python] = (blender, blender.run("whole_job.py", clip, folder), folder)
        return made[python]

    return get
