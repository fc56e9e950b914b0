"""A clean file for every Blender test, a small avatar that keeps the avatar contract, and takes with known numbers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import bpy
import numpy as np
import pytest
import understudy
from live_stage import STAND_IN, keys
from mathutils import Matrix, Vector
from understudy.inference import arkit
from understudy.inference import take as takes
from understudy.inference.take import Take
from understudy.operators.bridge import paths
from understudy.operators.jobs import job as jobs

MakeTake = Callable[..., Take]
ORIGIN_M = (0.0, -0.01, 1.6)


@pytest.fixture(autouse=True)
def _new_file() -> None:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


@pytest.fixture
def scene() -> bpy.types.Scene:
    return bpy.context.scene


@pytest.fixture
def make_take() -> MakeTake:
    """Makes a take of a head that moves, turns, looks around and acts; any field may be given."""

    def make(frames: int = 12, fps: Fraction = Fraction(25), **fields: object) -> Take:
        time = np.arange(frames) / float(fps)
        phase = np.linspace(0, 2 * np.pi, frames)
        generator = np.random.default_rng(7)
        rotation = [
            Matrix.Rotation(0.5 * np.sin(p), 3, "Y")
            @ Matrix.Rotation(0.3 * np.cos(p), 3, "X")
            @ Matrix.Rotation(0.2 * p, 3, "Z")
            for p in phase
        ]
        x, y = np.meshgrid(np.linspace(-7, 7, 23), np.linspace(-9, 9, 21))
        neutral = np.stack([x, y, 8 - 0.08 * (x**2 + y**2)], axis=-1).reshape(-1, 3)[:478]
        take = Take(
            names=arkit.NAMES,
            coefficients=generator.random((frames, 52)).astype(np.float32),
            confidence=np.ones(frames, np.float32),
            time_s=time,
            rotation=np.array(rotation, np.float32),
            translation_cm=np.stack([4 * np.sin(phase), 2 * np.cos(phase), -60 + 5 * np.sin(2 * phase)], 1).astype(
                np.float32
            ),
            gaze=np.stack([np.stack([0.3 * np.sin(phase), 0.2 * np.cos(phase)], 1)] * 2, 1).astype(np.float32),
            camera_matrix=np.array([[610.0, 0, 330.0], [0, 610.0, 168.0], [0, 0, 1]]),
            landmarks_px=np.zeros((frames, 478, 2), np.float32),
            identity=np.zeros(4, np.float32),
            neutral_cm=neutral.astype(np.float32),
            fps=fps,
            frame_size=(640, 360),
            frame_index=np.arange(frames, dtype=np.int64),
            face_model="default",
            source_sha256="",
            tool_version="test",
        )
        return replace(take, **fields)

    return make


@pytest.fixture
def avatar(scene: bpy.types.Scene) -> bpy.types.Object:
    """An armature with a curved sheet for a face and a box for teeth: the avatar contract with nothing else."""
    armature = _armature(scene)
    x, z = np.meshgrid(np.linspace(-0.07, 0.07, 23), np.linspace(-0.09, 0.09, 21))
    points = np.stack([x, -0.08 + 8 * (x**2 + z**2), z], axis=-1).reshape(-1, 3) + np.array(ORIGIN_M)
    rows = [[r * 23 + c, r * 23 + c + 1, r * 23 + c + 24, r * 23 + c + 23] for r in range(20) for c in range(22)]
    face = _mesh(scene, armature, "Face", points, rows, arkit.NAMES)
    face["understudy_landmarks"] = list(range(478))
    _mesh(scene, armature, "Teeth", points[:4], [[0, 1, 2, 3]], ("jawOpen", "jawLeft"))
    return armature


def _armature(scene: bpy.types.Scene) -> bpy.types.Object:
    armature = bpy.data.objects.new("Mini", bpy.data.armatures.new("Mini"))
    scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    bones = armature.data.edit_bones
    for name, parent, head, tail in (
        ("neck", None, (0, 0.02, 1.45), (0, 0.03, 1.52)),
        ("head", "neck", (0, 0.03, 1.52), (0.01, 0.02, 1.8)),
        ("eye.L", "head", (0.032, -0.05, 1.62), (0.032, -0.09, 1.62)),
        ("eye.R", "head", (-0.032, -0.05, 1.62), (-0.032, -0.09, 1.62)),
    ):
        bone = bones.new(name)
        bone.head, bone.tail = Vector(head), Vector(tail)
        bone.parent = bones.get(parent) if parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    armature["understudy_avatar"] = 1
    armature["understudy_origin_m"] = ORIGIN_M
    armature["understudy_cm"] = 0.01
    return armature


def _mesh(
    scene: bpy.types.Scene,
    armature: bpy.types.Object,
    name: str,
    points: np.ndarray,
    faces: list[list[int]],
    keys: tuple[str, ...],
) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points.tolist(), [], faces)
    ob = bpy.data.objects.new(name, mesh)
    scene.collection.objects.link(ob)
    ob.shape_key_add(name="Basis", from_mix=False)
    for index, key in enumerate(keys):
        block = ob.shape_key_add(name=key, from_mix=False)
        block.data[index % len(points)].co.z += 0.002
    ob.parent = armature
    ob.vertex_groups.new(name="head").add(list(range(len(points))), 1.0, "REPLACE")
    ob.modifiers.new("Armature", "ARMATURE").object = armature
    return ob


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    """A short film that Blender itself can read: two pictures of one colour."""
    path = tmp_path / "footage.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
        for level in (40, 200):
            frame = av.VideoFrame.from_ndarray(np.full((36, 64, 3), level, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture
def addon() -> Iterator[None]:
    understudy.register()
    yield
    understudy.unregister()


@pytest.fixture
def addon_with_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, addon: None) -> None:
    """Switched on, with a folder of the test's own for what it keeps for the user."""
    (tmp_path / "own").mkdir()
    monkeypatch.setattr(paths, "user_folder", lambda name: tmp_path / "own")


@pytest.fixture
def performance(make_take: MakeTake, tmp_path: Path) -> Take:
    """What the actor does in the tests, a moment for each frame."""
    take = make_take()
    takes.save(take, tmp_path / "made.take.npz")
    return take


@pytest.fixture
def live_worker(performance, footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Puts the stand-in in the worker's place; called, says which words it was given."""
    script, asked = tmp_path / "program.py", tmp_path / "asked.json"
    script.write_text(STAND_IN.format(take=str(tmp_path / "made.take.npz"), asked=str(asked), video=str(footage)))
    command = lambda words: [sys.executable, str(script), *words]  # noqa: E731
    monkeypatch.setattr(jobs, "blenders_python", lambda: type("Python", (), {"command": staticmethod(command)}))
    return lambda: json.loads(asked.read_text())


@pytest.fixture
def live_avatar(live_worker, scene, avatar) -> bpy.types.Object:
    """An avatar with values of its own, chosen to perform."""
    bpy.context.view_layer.update()
    scene.render.fps, scene.render.fps_base = 25, 1
    scene.understudy.avatar = avatar
    keys("Face")["browInnerUp"].value = 0.25
    keys("Face")["jawOpen"].slider_max = 0.5
    avatar.pose.bones["head"].rotation_mode = "XYZ"
    avatar.pose.bones["head"].rotation_euler = (0.1, 0.2, 0.3)
    return avatar
