"""The main job on three frames of the sample: one command, everything there, nothing done twice, resumable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import bpy
import numpy as np
import pytest
from understudy.inference import take as takes
from understudy.inference.light.types import load_light
from understudy.inference.media import probe
from understudy.inference.media.images import read_png

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "samples" / "performance.mp4"
FRAMES = 3


def command(folder: Path) -> list[str]:
    """`understudy run` on the first frames, as cheaply as Cycles can."""
    words = ["run", str(SAMPLE), "-o", str(folder), "--frames", f"0-{FRAMES - 1}", "--samples", "1"]
    return [sys.executable, "-m", "understudy.inference.cli", *words, "--json"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed in the middle of rendering, then started again."""
    folder = tmp_path_factory.mktemp("job") / "shot"
    process = subprocess.Popen(command(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while (
        not list((folder / "render").glob("frame_??????.png"))
        and process.poll() is None
        and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) in (0, 130)
    first = min((folder / "render").glob("frame_??????.png"))
    written = first.stat().st_mtime_ns
    subprocess.run(command(folder), check=True, capture_output=True, timeout=280)
    assert first.stat().st_mtime_ns == written, "the frame that was rendered before the kill is kept"
    return folder


def test_everything_a_user_expects_is_there(finished: Path) -> None:
    names = {path.name for path in finished.iterdir()}
    assert {"take.npz", "take.csv", "avatar.blend", "composite.mp4", "contact_sheet.png", "report.html"} <= names
    assert not list(finished.rglob("*.partial*"))


def test_the_avatar_is_lit_as_the_actor_is(finished: Path) -> None:
    light = load_light(finished / "light.json")
    with bpy.data.libraries.load(str(finished / "avatar.blend")) as (there, _):
        assert [name for name in there.lights if name.startswith("Understudy")] == ["Understudy Sun"]
        assert "Understudy Shot Light" in there.worlds
    assert light.frames == FRAMES


def test_the_take_has_a_face_in_every_frame(finished: Path) -> None:
    take = takes.load(finished / "take.npz")
    assert len(take) == FRAMES
    assert (take.confidence > 0).all()


def test_the_renders_show_a_head_on_nothing(finished: Path) -> None:
    rgba = read_png(finished / "render" / "frame_000001.png")
    assert rgba.shape == (480, 480, 4)
    assert (rgba[..., 3] == 0).mean() > 0.2
    assert (rgba[..., 3] == 255).mean() > 0.1


def test_the_avatars_face_lies_on_the_actors(finished: Path) -> None:
    take = takes.load(finished / "take.npz")
    with np.load(finished / "render" / "landmarks.npz") as stored:
        points_px = stored["landmarks_px"][list(stored["frame_index"]).index(1)]
    width_px = np.ptp(take.landmarks_px[1, :, 0])
    assert np.linalg.norm(points_px.mean(axis=0) - take.landmarks_px[1].mean(axis=0)) < 0.12 * width_px


def test_the_composite_keeps_rate_and_sound(finished: Path) -> None:
    made, source = probe(finished / "composite.mp4"), probe(SAMPLE)
    assert (made.width, made.height, made.fps) == (source.width, source.height, source.fps)
    assert made.has_audio


def test_a_second_run_does_nothing_twice(finished: Path) -> None:
    outputs = [finished / name for name in ("take.npz", "avatar.blend", "composite.mp4")]
    before = [path.stat().st_mtime_ns for path in outputs]
    subprocess.run(command(finished), check=True, capture_output=True, timeout=120, env=os.environ)
    assert [path.stat().st_mtime_ns for path in outputs] == before
