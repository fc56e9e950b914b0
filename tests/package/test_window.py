"""The installed zip in a real Blender window: buttons, Esc, a killed worker, Resume, and an avatar that acts.

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

import pytest

PROGRAM = Path(__file__).parent / "in_blender" / "window.py"
BLENDER = os.environ.get("UNDERSTUDY_WINDOW_BLENDER", "")
LIMIT_S = 400


@pytest.fixture(scope="module")
def told(built_zip: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the story in the window reported."""
    if not BLENDER:
        pytest.skip("no Blender that may open a window; name one in UNDERSTUDY_WINDOW_BLENDER")
    profile, folder = tmp_path_factory.mktemp("profile"), tmp_path_factory.mktemp("told")
    # Esc is pressed by simulation; what is simulated needs the switch, and keeps the real mouse out
    command = [BLENDER, "--factory-startup", "--enable-event-simulate", "--window-geometry", "0", "0", "1600", "1000"]
    video = shared / "data" / "clips" / "d18.mp4"
    done = subprocess.run(
        [*command, "--python", str(PROGRAM), "--", str(built_zip), str(video), str(folder)],
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
        esc_s, tick_ms = told.get("esc_s", -1), told.get("slowest_tick_s", -1e-3) * 1e3
        print(f"\nBlender {told['blender']}: Esc took {esc_s:.2f} s, the slowest tick {tick_ms:.2f} ms")
    assert told.get("error") is None
    assert not told["background"]


def test_escape_stops_the_job_and_says_so(told: dict[str, Any]) -> None:
    assert told["after_esc"] == "Stopped; press Resume to go on"


def test_a_killed_worker_leaves_blender_alive_and_can_be_resumed(told: dict[str, Any]) -> None:
    assert "press Resume" in told["after_kill"]
    assert Path(told["take"]).name == "d18.take.npz"
    assert told["summary"] == "216 of 216 frames with a face"


def test_three_buttons_make_an_avatar_act(told: dict[str, Any]) -> None:
    assert told["add_avatar"] == ["FINISHED"]
    assert told["bake"] == ["FINISHED"]
    assert told["setup_shot"] == ["FINISHED"]
