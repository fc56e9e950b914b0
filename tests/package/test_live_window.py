"""The installed zip performs live in a real Blender window.

UNDERSTUDY_WINDOW_BLENDER names a Blender (or a program that starts one on a screen of its own) that may open a window.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PROGRAM, PICTURE = (Path(__file__).parent / "in_blender" / name for name in ("live.py", "live_picture.py"))
SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "performance.mp4"
BLENDER = os.environ.get("UNDERSTUDY_WINDOW_BLENDER", "")
LIMIT_S = 300


@pytest.fixture(scope="module")
def told(built_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the story in the window reported."""
    yield from played(tmp_path_factory, PROGRAM, built_zip)


@pytest.fixture(scope="module")
def pictured(built_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The same of the story with the live picture."""
    yield from played(tmp_path_factory, PICTURE, built_zip, SAMPLE)


def played(factory: pytest.TempPathFactory, program: Path, *given: Path) -> Iterator[dict[str, Any]]:
    """A story in a window, and what it reported."""
    if not BLENDER:
        pytest.skip("no Blender that may open a window; name one in UNDERSTUDY_WINDOW_BLENDER")
    profile, folder = factory.mktemp("profile"), factory.mktemp("told")
    command = [BLENDER, "--factory-startup", "--enable-event-simulate", "--window-geometry", "0", "0", "1600", "1000"]
    done = subprocess.run(
        [*command, "--python", str(program), "--", *map(str, given), str(folder)],
        env=os.environ | {"BLENDER_USER_RESOURCES": str(profile)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert (folder / "report.json").is_file(), done.stdout[-3000:] + done.stderr[-3000:]
    yield json.loads((folder / "report.json").read_text())
    shutil.rmtree(profile)


def test_the_story_came_to_its_end(told: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        slowest_ms, esc_s = told.get("slowest_tick_s", -1e-3) * 1e3, told.get("esc_s", -1)
        print(
            f"\nBlender {told['blender']}: {told.get('ticks')} ticks, slowest {slowest_ms:.2f} ms; Esc took {esc_s:.2f} s"
        )
    assert told.get("error") is None
    assert told["start"] == ["RUNNING_MODAL"]


def test_the_avatar_follows(told: dict[str, Any]) -> None:
    assert len(told["jaws"]) > 3
    assert np.ptp(told["jaws"]) > 0.2


def test_a_recording_without_pictures_is_a_take(told: dict[str, Any]) -> None:
    assert Path(told["take"]).name == "recorded.take.npz"


def test_live_goes_on_after_an_undo_and_leaves_nothing_behind(told: dict[str, Any]) -> None:
    assert told["live_after_undo"]
    assert told["as_before"]
    assert told["problem"] == ""


def test_disabling_the_extension_ends_it(told: dict[str, Any]) -> None:
    assert told["as_before_disabled"]
    assert told["programs_left"] == []


def test_the_avatar_over_the_picture_has_a_window_and_leaves_nothing(pictured: dict[str, Any]) -> None:
    assert pictured.get("error") is None
    assert pictured["problem"] == ""
    during = pictured["while"]
    assert [name for name in during["windows"] if name.startswith("Understudy Live")] != []
    assert "Understudy Live" in during["objects"]
    assert "Understudy Live" in during["images"]
    assert pictured["after"] == pictured["before"]
