"""The installed zip alone takes the shipped sample all the way: six operators, one composited movie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from understudy.inference.media import VideoWriter, probe, read_frames

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "performance.mp4"
FRAMES = 3


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first frames of the sample, with its sound."""
    path = tmp_path_factory.mktemp("footage") / "short clip.mp4"
    info = probe(SAMPLE)
    with VideoWriter(path, info.width, info.height, info.fps, audio_from=SAMPLE) as writer:
        for frame in read_frames(SAMPLE, 0, FRAMES):
            writer.write(frame.rgb, frame.time_s)
    return path


def test_six_steps_make_a_movie(
    installed: tuple[Any, dict[str, Any]], footage: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    blender, _ = installed
    folder = tmp_path_factory.mktemp("shot")
    report = blender.run("to_the_movie.py", footage, folder)
    assert set(map(tuple, report["results"].values())) == {("FINISHED",)}
    assert {"take.npz", "composite.mp4", "frame_000000.png", "landmarks.npz"} <= set(report["files"])
    made = list(read_frames(folder / "composite.mp4"))
    plates = list(read_frames(footage))
    assert len(made) == FRAMES
    change = np.abs(made[1].rgb.astype(int) - plates[1].rgb).mean(axis=2)
    assert np.percentile(change, 99) > 15, "there is another face in the middle"
    assert np.median(change[:, :40]) < 4, "and nothing new at the side"
