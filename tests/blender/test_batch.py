"""The program that the command line starts: events, exit codes, files in one piece, a tidy stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from understudy.inference import take as takes
from understudy.inference.light.types import ShotLight, save_light
from understudy.inference.take import Take
from understudy.operators import batch
from understudy.operators.bridge import compat, png

MakeTake = Callable[..., Take]
Event = dict[str, Any]
SIZE = (64, 48)


@pytest.fixture
def take_file(make_take: MakeTake, tmp_path: Path) -> Path:
    path = tmp_path / "d18.npz"
    camera = np.array([[60.0, 0, 33], [0, 60, 25], [0, 0, 1]])
    takes.save(make_take(frames=3, frame_size=SIZE, camera_matrix=camera), path)
    return path


@pytest.fixture
def avatar_file(avatar: bpy.types.Object, tmp_path: Path) -> Path:
    path = tmp_path / "avatar.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True)
    return path


def start(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "understudy.operators.batch", *map(str, words), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*words: object) -> tuple[int, list[Event], str]:
    """Exit code, events, last line of standard error."""
    process = start(*words)
    out, err = process.communicate(timeout=200)
    return process.returncode, [json.loads(line) for line in out.splitlines()], (err.strip().splitlines() or [""])[-1]


def test_bake_then_render_then_render_again(take_file: Path, avatar_file: Path, footage: Path, tmp_path: Path) -> None:
    blend, folder = tmp_path / "sub" / "out.blend", tmp_path / "render"
    code, events, _ = run(
        "bake", take_file, "--blend", avatar_file, "--object", "Mini", "--footage", footage, "-o", blend
    )
    assert code == 0
    assert events[-1]["event"] == "done"
    assert (events[-1]["shape_keys"], events[-1]["keyed_frames"], events[-1]["object"]) == (54, 3, "Mini")
    assert [path.name for path in blend.parent.iterdir()] == ["out.blend"]

    code, events, _ = run("render", take_file, "--blend", blend, "-o", folder, "--frames", "0-1", "--samples", "1")
    assert code == 0
    assert [(e["stage"], e["done"], e["total"]) for e in events if e["event"] == "progress"] == [
        ("render", 1, 2),
        ("render", 2, 2),
    ]
    assert (events[-1]["rendered"], events[-1]["kept"]) == (2, 0)
    code, events, _ = run("render", take_file, "--blend", blend, "-o", folder, "--samples", "1")
    assert (code, events[-1]["rendered"], events[-1]["kept"]) == (0, 1, 2)
    assert all(png.is_whole(folder / f"frame_{index:06d}.png", SIZE) for index in range(3))

    bpy.ops.wm.open_mainfile(filepath=str(blend))
    scene = bpy.context.scene
    assert Path(bpy.path.abspath(scene.camera.data.background_images[0].clip.filepath)) == footage
    assert bpy.data.actions["d18 Face"].users == 1


def test_the_avatar_is_found_when_no_object_is_named(take_file: Path, avatar_file: Path, tmp_path: Path) -> None:
    code, events, _ = run("bake", take_file, "--blend", avatar_file, "-o", tmp_path / "out.blend")
    assert (code, events[-1]["object"]) == (0, "Mini")


def test_a_light_of_the_shot_takes_the_place_of_the_three_lamps(
    take_file: Path, avatar_file: Path, tmp_path: Path
) -> None:
    light = ShotLight((0.1, 0.1, 0.1), ((0.0,) * 3,) * 3, (0.8, 0.7, 0.6), (-0.8, 0.0, 0.6), 5)
    save_light(light, tmp_path / "light.json")
    blend = tmp_path / "out.blend"
    words = ["bake", take_file, "--blend", avatar_file, "-o", blend, "--light", tmp_path / "light.json"]
    assert run(*words)[0] == 0
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    (sun,) = (ob for ob in bpy.context.scene.objects if ob.type == "LIGHT")
    camera = bpy.context.scene.camera
    toward = camera.matrix_world.to_3x3().inverted() @ sun.matrix_world.to_3x3().col[2]
    assert np.allclose(toward, light.key_from, atol=1e-4), "seen through the camera it shines from where it did"


def test_the_expression_factor_is_the_avatars_strength(take_file: Path, avatar_file: Path, tmp_path: Path) -> None:
    peaks = []
    for factor in (1.0, 0.5):
        blend = tmp_path / f"{factor}.blend"
        words = ["bake", take_file, "--blend", avatar_file, "-o", blend, "--expression-factor", factor]
        assert run(*words)[0] == 0
        bpy.ops.wm.open_mainfile(filepath=str(blend))
        keys = next(key for key in bpy.data.shape_keys if key.animation_data)
        curves = compat.curves_of(keys)
        jaw = next(curve for curve in curves if '"jawOpen"' in curve.data_path)
        peaks.append(max(point.co[1] for point in jaw.keyframe_points))
    assert peaks[1] == pytest.approx(0.5 * peaks[0], rel=1e-4)
    assert peaks[0] > 0.1


@pytest.mark.parametrize(
    ("words", "exit_code", "sentence"),
    [
        (["bake", "TAKE", "--blend", "AVATAR"], 2, "required: -o"),
        (["bake", "TAKE", "--blend", "AVATAR", "--object", "Nobody", "-o", "o.blend"], 2, "no object Nobody"),
        (["bake", "TAKE", "--object", "Mini", "-o", "o.blend"], 2, "--object needs --blend"),
        (["bake", "TAKE", "--blend", "AVATAR", "-o", "out.fbx"], 2, "must end with .blend"),
        (["bake", "TAKE", "--avatar", "mine", "-o", "o.blend"], 2, "no avatar 'mine'"),
        (["add-avatar", "--avatar", "ict:/nowhere", "-o", "o.blend"], 3, "no folder /nowhere"),
        (["bake", "none.npz", "--blend", "AVATAR", "-o", "o.blend"], 3, "no take at none.npz"),
        (["bake", "TAKE", "--blend", "none.blend", "-o", "o.blend"], 3, "no Blender file at none.blend"),
        (["bake", "TAKE", "--blend", "TAKE", "-o", "o.blend"], 3, "Blender cannot open"),
        (["bake", "TAKE", "--blend", "AVATAR", "--footage", "none.mp4", "-o", "o.blend"], 3, "no footage at none.mp4"),
        (["bake", "TAKE", "--blend", "AVATAR", "--footage", "TAKE", "-o", "o.blend"], 3, "Blender cannot read"),
        (["bake", "TAKE", "--blend", "AVATAR", "-o", "TAKE/o.blend"], 3, "Cannot write"),
        (["bake", "TAKE", "--blend", "AVATAR", "--light", "TAKE", "-o", "o.blend"], 3, "no light of a shot"),
        (["render", "TAKE", "--blend", "AVATAR", "-o", "r"], 2, "not set up"),
        (["render", "TAKE", "--blend", "AVATAR", "-o", "r", "--frames", "9-2"], 2, "not a frame range"),
        (["render", "TAKE", "--blend", "AVATAR", "-o", "r", "--samples", "0"], 2, "at least 1"),
    ],
)
def test_mistakes_end_with_their_exit_code_and_one_sentence(
    take_file: Path,
    avatar_file: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    exit_code: int,
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    named = [word.replace("TAKE", str(take_file)).replace("AVATAR", str(avatar_file)) for word in words]
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert batch.main(named) == exit_code
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    last = capfd.readouterr().err.strip().splitlines()[-1]
    assert sentence in last
    assert last.endswith(".")
    assert set(tmp_path.rglob("*")) <= before | {tmp_path / "r"}


def test_an_error_is_also_an_event(take_file: Path, tmp_path: Path) -> None:
    code, events, last = run("render", take_file, "--blend", tmp_path / "none.blend", "-o", tmp_path / "r")
    assert code == 3
    assert events == [{"event": "error", "message": last, "exit_code": 3}]


def test_an_avatar_without_shape_keys_is_told_so(take_file: Path, tmp_path: Path) -> None:
    bpy.ops.mesh.primitive_cube_add()
    plain = tmp_path / "plain.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(plain), copy=True)
    code, _, last = run("bake", take_file, "--blend", plain, "--object", "Cube", "-o", tmp_path / "out.blend")
    assert code == 2
    assert "no mesh with shape keys" in last
    assert not (tmp_path / "out.blend").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_stopping_leaves_whole_pictures_only(make_take: MakeTake, avatar_file: Path, tmp_path: Path) -> None:
    take, blend, folder = tmp_path / "long.npz", tmp_path / "out.blend", tmp_path / "render"
    takes.save(make_take(frames=400, frame_size=SIZE), take)
    assert run("bake", take, "--blend", avatar_file, "-o", blend)[0] == 0
    process = start("render", take, "--blend", blend, "-o", folder, "--samples", "1")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "progress"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out.splitlines()[-1])["exit_code"] == 130
    assert err.strip().splitlines()[-1].startswith("Stopped")
    pictures = sorted(folder.glob("*.png"))
    assert 0 < len(pictures) < 400
    assert all(png.is_whole(path, SIZE) for path in pictures)


def test_blender_can_start_it_as_a_loose_script(take_file: Path, avatar_file: Path, tmp_path: Path) -> None:
    """As `blender --background --python batch.py -- ...` does: no package around it."""
    script = Path(batch.__file__)
    blend = tmp_path / "out.blend"
    words = ["bake", str(take_file), "--blend", str(avatar_file), "-o", str(blend)]
    code = (
        "import bpy, runpy, sys;"
        f"sys.argv = ['blender', '--', *{words!r}];"
        f"runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert blend.is_file()
