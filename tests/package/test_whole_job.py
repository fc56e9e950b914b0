"""The main job by the installed zip alone: a real clip through the operators onto the default avatar."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FRAMES = 216
FACE = "Understudy Face: "


@pytest.fixture(scope="session")
def performed(installed: Any, perform: Callable[[Path], Any]) -> Any:
    """The report of the whole job on d18."""
    blender, _ = installed
    return perform(blender.python)[:2]


def test_every_frame_has_a_face(performed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    _, report = performed
    with capsys.disabled():
        print(f"\nBlender {report['blender']}: {report['frames']} frames tracked in {report['tracking_s']:.1f} s")
    assert report["frames"] == FRAMES
    assert report["frames_with_face"] == FRAMES


def test_the_avatar_opens_its_mouth_when_the_actor_does(performed: Any) -> None:
    _, report = performed
    face = {name.removeprefix(FACE): course for name, course in report["baked"].items() if name.startswith(FACE)}
    assert len(face) >= 51  # every expression but tongueOut, which may be empty
    assert report["keys_of_jaw"] == FRAMES
    assert np.ptp(face["jawOpen"]) > 0.1
    np.testing.assert_allclose(face["jawOpen"], report["tracked_jaw"], atol=1e-5)


def test_the_shot_has_a_camera(performed: Any) -> None:
    _, report = performed
    assert report["camera"]


def test_the_bundled_wheels_did_the_work_in_a_process_of_their_own(performed: Any) -> None:
    blender, report = performed
    for name in ("av", "cv2", "onnxruntime", "scipy", "tqdm"):
        assert Path(report["origins"][name]).is_relative_to(blender.profile)
    assert not Path(report["origins"]["numpy"]).is_relative_to(blender.profile)
    assert report["loaded"] == [], "Blender itself loads none of them for tracking"


def test_what_was_baked_and_chosen_outlives_the_add_on(performed: Any) -> None:
    _, report = performed
    assert not report["while_off"]["settings"]
    assert report["while_off"]["curves"] == len(report["baked"])
    assert report["settings_after"] == report["settings"]
