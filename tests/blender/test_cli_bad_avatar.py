"""The command line with avatars and scenes that cannot perform: one sentence, its exit code, nothing half-written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import bpy
import cv2
import numpy as np
import pytest
from consents import fictional
from understudy.inference import take as takes
from understudy.inference.media import VideoWriter, read_frames
from understudy.inference.media.images import read_png
from understudy.inference.take import Take
from understudy.operators.bridge import png
from understudy.operators.bridge.rigs.rig import find_avatar, read_rig
from understudy.operators.bridge.stage import render
from understudy.operators.bridge.stage.shot import setup_shot

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "performance.mp4"
MakeTake = Callable[..., Take]


def understudy(*words: object) -> tuple[int, str]:
    """Exit code and last line on standard error of a command in a process of its own; there must be no traceback."""
    command = [sys.executable, "-m", "understudy.inference.cli", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert "Traceback" not in done.stderr
    lines = done.stderr.replace("\r", "\n").strip().splitlines()
    return done.returncode, lines[-1] if lines else ""


def save(path: Path) -> Path:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True)
    return path


@pytest.fixture
def take_file(make_take: MakeTake, tmp_path: Path) -> Path:
    path = tmp_path / "t.npz"
    takes.save(make_take(frames=2, frame_size=(64, 48)), path)
    return path


@pytest.mark.parametrize(
    ("avatar", "code", "sentence"),
    [
        ("nothing", 2, "no mesh with shape keys"),
        ("unknown keys", 2, "carries a known name"),
        ("cut off", 3, "damaged"),
    ],
)
def test_an_avatar_that_cannot_act(take_file: Path, tmp_path: Path, avatar: str, code: int, sentence: str) -> None:
    blend = tmp_path / "in.blend"
    if avatar == "unknown keys":
        bpy.ops.mesh.primitive_cube_add()
        bpy.context.object.shape_key_add(name="Basis")
        bpy.context.object.shape_key_add(name="Wobble").data[0].co.z += 0.1
    save(blend)
    if avatar == "cut off":
        blend.write_bytes(blend.read_bytes()[:20000])
    ended, last = understudy("bake", take_file, "--blend", blend, "-o", tmp_path / "out.blend")
    assert (ended, sentence in last) == (code, True), last
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.blend", "t.npz"]


def test_a_key_that_moves_one_point_still_gives_the_head_a_size(scene: bpy.types.Scene, make_take: MakeTake) -> None:
    bpy.ops.mesh.primitive_cube_add()
    bpy.context.object.shape_key_add(name="Basis")
    bpy.context.object.shape_key_add(name="jawOpen").data[0].co.z += 0.1
    assert read_rig(find_avatar(scene), make_take()).units_per_cm > 0.1


def test_one_picture_as_a_film_goes_all_the_way(tmp_path: Path) -> None:
    picture = next(read_frames(SAMPLE)).rgb
    with VideoWriter(tmp_path / "one frame é.mp4", 160, 160, Fraction(24)) as writer:
        writer.write(cv2.resize(picture, (160, 160), interpolation=cv2.INTER_AREA), 0.0)
    code, last = understudy("run", fictional(tmp_path / "one frame é.mp4"), "-o", tmp_path / "out", "--samples", "1")
    assert code == 0, last
    made = list(read_frames(tmp_path / "out" / "composite.mp4"))
    assert len(made) == 1
    before = cv2.resize(picture, (160, 160), interpolation=cv2.INTER_AREA).astype(int)
    changed = np.abs(made[0].rgb.astype(int) - before).max(axis=2) > 12
    face = read_png(tmp_path / "out" / "render" / "frame_000000.png")[..., 3] > 0
    assert changed[face].mean() > 0.05, "a face was put in"
    assert changed[:20].mean() < 0.02, "and nothing above it"


def test_a_still_picture_can_stand_behind_the_camera(
    scene: bpy.types.Scene, avatar: bpy.types.Object, make_take: MakeTake, tmp_path: Path
) -> None:
    path = tmp_path / "still.png"
    path.write_bytes(png.empty((64, 48)))
    camera = setup_shot(scene, avatar, make_take(frames=1, frame_size=(64, 48)), path)
    assert camera.data.background_images[0].clip.filepath == str(path)


def test_damaged_records_of_an_earlier_render_are_made_anew(
    scene: bpy.types.Scene, avatar: bpy.types.Object, make_take: MakeTake, tmp_path: Path
) -> None:
    take = make_take(frames=1, frame_size=(64, 48))
    setup_shot(scene, avatar, take)
    (tmp_path / render.LOG).write_bytes(b'{"frame": 0, "dig\xff\xfe')
    (tmp_path / render.LANDMARKS).write_bytes(b"PK\x03\x04 and nothing more")
    report = render.render_shot(scene, take, tmp_path, samples=1)
    assert (report.rendered, report.kept) == (1, 0)
    with np.load(tmp_path / render.LANDMARKS) as stored:
        assert stored["frame_index"].tolist() == [0]
