"""The main job by the installed zip alone: a real clip through the operators onto the default avatar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="session")
def performed(installed: tuple[Any, dict[str, Any]], shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The report of the whole job on d18."""
    blender, _ = installed
    clip = shared / "data" / "clips" / "d18.mp4"
    return blender, blender.run("whole_job.py", clip, tmp_path_factory.mktemp("take") / "d18.take.npz")


def test_every_frame_has_a_face(performed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    _, report = performed
    with capsys.disabled():
        print(f"\nBlender {report['blender']}: {report['frames']} frames tracked in {report['tracking_s']:.1f} s")
    assert report["frames"] == 216
    assert report["frames_with_face"] == 216


def test_the_avatar_opens_its_mouth_when_the_actor_does(performed: Any) -> None:
    _, report = performed
    assert report["curves"] >= 51  # every expression but tongueOut, which may be empty
    assert report["keys_of_jaw"] == 216
    assert np.ptp(report["jaw"]) > 0.1
    np.testing.assert_allclose(report["jaw"], report["tracked_jaw"], atol=1e-5)


def test_the_shot_has_a_camera(performed: Any) -> None:
    _, report = performed
    assert report["camera"]


def test_the_bundled_wheels_did_the_work(performed: Any) -> None:
    blender, report = performed
    for name in ("av", "cv2", "onnxruntime"):
        assert Path(report["origins"][name]).is_relative_to(blender.profile)
    assert not Path(report["origins"]["numpy"]).is_relative_to(blender.profile)
