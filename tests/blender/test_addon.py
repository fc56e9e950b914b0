"""The add-on in Blender: names, registration without a trace, reasons and cures, and the job by operators."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest
import understudy
from understudy.inference import take as takes
from understudy.inference.take import Take
from understudy.operators import registration
from understudy.operators.bridge import compat, paths
from understudy.operators.bridge.avatars import catalogue as avatars
from understudy.panels import registration as panels

MakeTake = Callable[..., Take]
KINDS = {
    bpy.types.Operator: "OT",
    bpy.types.Panel: "PT",
    bpy.types.PropertyGroup: "PG",
    bpy.types.AddonPreferences: "AP",
    bpy.types.UIList: "UL",
    bpy.types.Menu: "MT",
    bpy.types.FileHandler: "FH",
}
OPTIONS = (
    {"REGISTER", "UNDO"},  # changes data at once
    {"REGISTER"},  # a long job, which pushes one undo step of its own when its result lands
    {"INTERNAL"},  # changes no data and makes sense only where its button is
    {"REGISTER", "UNDO", "INTERNAL"},
    {"REGISTER", "UNDO", "PRESET"},
)


@pytest.fixture
def take_file(make_take: MakeTake, tmp_path: Path) -> Path:
    path = tmp_path / "d18.take.npz"
    take = make_take(frames=3, frame_size=(64, 36), camera_matrix=np.array([[60.0, 0, 32], [0, 60, 18], [0, 0, 1]]))
    takes.save(take, path)
    return path


def traces() -> set[str]:
    """Everything of ours that Blender knows."""
    classes = [cls for cls in (*registration.CLASSES, *panels.CLASSES) if cls.is_registered]
    named = {name for name in dir(bpy.types) if "understudy" in name.lower()}
    added = {"Scene.understudy"} if hasattr(bpy.types.Scene, "understudy") else set()
    return {cls.__name__ for cls in classes} | named | added


def test_registering_and_unregistering_leaves_no_trace() -> None:
    assert traces() == set()
    for _ in range(2):
        understudy.register()
        seen = traces()
        understudy.unregister()
        assert len(seen) == len(registration.CLASSES) + len(panels.CLASSES) + 1
        assert traces() == set()
    assert not hasattr(bpy.context.scene, "understudy")


@pytest.mark.parametrize("cls", [*registration.CLASSES, *panels.CLASSES], ids=lambda cls: cls.__name__)
def test_classes_are_named_by_blenders_rules(cls: type) -> None:
    kind = next(infix for base, infix in KINDS.items() if issubclass(cls, base))
    assert re.fullmatch(rf"UNDERSTUDY_{kind}_[a-z_]+", cls.__name__)
    if kind == "OT":
        assert cls.bl_idname == f"understudy.{cls.__name__.removeprefix('UNDERSTUDY_OT_')}"
        assert cls.bl_options in OPTIONS
        tooltip = getattr(cls, "bl_description", "") or cls.__doc__
        assert tooltip
        assert not tooltip.endswith(".")
    if kind == "PT":
        assert getattr(cls, "bl_category", "Understudy") == "Understudy"


def test_every_property_says_what_it_is(addon) -> None:
    for cls in registration.CLASSES:
        rna = cls.bl_rna
        own = set(getattr(cls, "__annotations__", {})) - {"filter_glob"}
        for name in own & set(rna.properties.keys()):
            assert rna.properties[name].description, f"{cls.__name__}.{name}"
            assert not rna.properties[name].description.endswith("."), f"{cls.__name__}.{name}"


def test_importing_the_addon_loads_nothing_heavy() -> None:
    code = (
        "import bpy, sys, os, understudy; understudy.register(); understudy.unregister();"
        "print(sorted({'cv2','av','onnxruntime','scipy','tqdm'} & set(sys.modules)), flush=True); os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("operator", "sentence"),
    [
        ("bake", "There is no avatar; choose one in step 3, or press Add Avatar"),
        ("setup_shot", "There is no avatar; choose one in step 3, or press Add Avatar"),
        ("render", "The shot is not set up; press Set Up Shot in step 5 first"),
        ("composite", "There is no footage; choose the video of the actor in step 1"),
    ],
)
def test_a_grey_button_says_why_and_what_to_do(addon, operator: str, sentence: str) -> None:
    assert not getattr(bpy.ops.understudy, operator).poll()
    with pytest.raises(RuntimeError, match=re.escape(sentence)):
        getattr(bpy.ops.understudy, operator)()


def test_polls_follow_the_steps(addon, scene, avatar) -> None:
    settings = scene.understudy
    settings.avatar = avatar
    assert bpy.ops.understudy.bake.poll()
    for step in (bpy.ops.understudy.setup_shot, bpy.ops.understudy.composite):
        assert not step.poll()
    settings.footage, settings.take, settings.render_dir = "//a.mp4", "//a.npz", "//r"
    assert bpy.ops.understudy.setup_shot.poll()
    assert bpy.ops.understudy.composite.poll()
    assert not bpy.ops.understudy.render.poll()
    bpy.context.view_layer.objects.active = avatar
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="leave the current mode first"):
        bpy.ops.understudy.add_avatar()
    bpy.ops.object.mode_set(mode="OBJECT")


def test_errors_are_one_sentence_with_a_cure(addon, scene, avatar, tmp_path: Path) -> None:
    scene.understudy.avatar = avatar
    with pytest.raises(RuntimeError, match="press Track in step 2"):
        bpy.ops.understudy.bake()
    (tmp_path / "bad.npz").write_bytes(b"no take")
    with pytest.raises(RuntimeError, match="is not a take or is damaged; track the footage again"):
        bpy.ops.understudy.bake(filepath=str(tmp_path / "bad.npz"))
    with pytest.raises(RuntimeError, match="choose a video of the actor in step 1"):
        bpy.ops.understudy.track()
    with pytest.raises(RuntimeError, match="There is no video at"):
        bpy.ops.understudy.track(filepath=str(tmp_path / "none.mp4"))
    assert scene.understudy.footage == ""
    with pytest.raises(RuntimeError, match="choose its FaceXModel folder"):
        bpy.ops.understudy.add_avatar(kind="ict")


def test_the_job_by_operators(addon, scene, avatar, take_file: Path, footage: Path, tmp_path: Path) -> None:
    settings = scene.understudy
    settings.avatar, settings.footage, settings.take = avatar, str(footage), str(take_file)
    settings.samples = 1
    settings.render_dir = str(tmp_path / "render")
    assert bpy.ops.understudy.bake() == {"FINISHED"}
    face_keys = bpy.data.objects["Face"].data.shape_keys
    assert face_keys.animation_data.action.name == "d18 Face"
    last = compat.curves_of(face_keys)[0].keyframe_points[-1]
    assert last.co.x == pytest.approx(1 + 2 * 24 / 25)
    assert bpy.ops.understudy.setup_shot() == {"FINISHED"}
    assert scene.render.fps / scene.render.fps_base == 25
    assert compat.curves_of(face_keys)[0].keyframe_points[-1].co.x == 3.0  # the bake followed the scene's new rate
    assert scene.camera.data.background_images[0].clip is not None
    assert bpy.ops.understudy.render() == {"FINISHED"}
    assert len(list((tmp_path / "render").glob("frame_*.png"))) == 3


def test_one_undo_takes_a_bake_back(addon, scene, avatar, take_file: Path) -> None:
    scene.understudy.avatar = avatar
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.understudy.bake("EXEC_DEFAULT", True, filepath=str(take_file))
    assert len(bpy.data.actions) == 3
    bpy.ops.ed.undo()
    assert len(bpy.data.actions) == 0
    assert bpy.data.objects["Face"].data.shape_keys.animation_data is None


def test_an_added_avatar_performs(addon, scene, avatar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avatars, "add_avatar", lambda scene, spec: avatar)
    assert bpy.ops.understudy.add_avatar() == {"FINISHED"}
    assert scene.understudy.avatar == avatar
    assert bpy.context.view_layer.objects.active == avatar


def test_a_new_avatar_does_not_stand_inside_the_cube_of_a_new_file(addon, scene, avatar, monkeypatch) -> None:
    monkeypatch.setattr(avatars, "add_avatar", lambda scene, spec: avatar)
    bpy.ops.mesh.primitive_cube_add(size=2)
    startup = bpy.context.object
    bpy.ops.mesh.primitive_cube_add(size=2, location=(3, 0, 0))
    moved = bpy.context.object
    bpy.ops.understudy.add_avatar()
    assert startup.hide_get()
    assert not moved.hide_get(), "somebody has worked on it"
    assert bpy.context.selected_objects == [avatar]


def test_own_files_have_a_place_even_when_not_installed_as_an_extension() -> None:
    folder = paths.user_folder("shots")
    assert folder.is_dir()
    assert folder.name == "shots"
