"""Adjustments kept with an avatar: what bake and preview perform of a take, presets, the actor's neutral face."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
import understudy
from understudy.inference import arkit
from understudy.inference import take as takes
from understudy.inference.retarget import REGION_OF
from understudy.inference.retarget import adjustments as of_take
from understudy.inference.retarget.adjustments import UNCHANGED, Adjustments, Region
from understudy.inference.take import Take
from understudy.operators.avatar import links
from understudy.operators.perform.performance import REGION_NAMES, adjustments_of, performed

MakeTake = Callable[..., Take]
PRESETS = Path(understudy.__file__).parent / "presets" / "understudy" / "adjustments"


@pytest.fixture
def addon() -> Iterator[None]:
    understudy.register()
    menu = bpy.types.UNDERSTUDY_MT_adjustments
    label = menu.bl_label
    yield
    menu.bl_label = label  # Blender shows the name of the chosen preset there
    understudy.unregister()


@pytest.fixture
def kept(addon, scene, avatar, make_take: MakeTake, tmp_path: Path) -> bpy.types.PropertyGroup:
    """The adjustments of the small avatar, with a take of 12 frames."""
    path = tmp_path / "d18.take.npz"
    takes.save(make_take(), path)
    scene.render.fps, scene.render.fps_base = 25, 1
    bpy.context.view_layer.update()
    scene.understudy.avatar, scene.understudy.take = avatar, str(path)
    return avatar.understudy.adjustments


def test_nothing_set_changes_nothing(kept, avatar, make_take: MakeTake) -> None:
    assert adjustments_of(kept) == UNCHANGED
    take = make_take()
    performance, mapping = performed(avatar, take)
    assert performance is take
    assert mapping == links.mapping_of(avatar.understudy)


def test_what_is_set_is_performed(kept, avatar, make_take: MakeTake) -> None:
    take = make_take()
    kept.strength, kept.brows.gain, kept.mouth.limit, kept.head = 0.8, 0.5, 0.6, 0.0
    performance, _ = performed(bpy.data.objects["Face"], take)
    brow = arkit.INDEX["browInnerUp"]
    assert performance.coefficients[:, brow] == pytest.approx(take.coefficients[:, brow] * 0.4, abs=1e-6)
    assert performance.coefficients[:, arkit.INDEX["mouthLeft"]].max() <= 0.6
    assert performance.rotation == pytest.approx(np.broadcast_to(np.eye(3), (12, 3, 3)), abs=1e-6)
    still, _ = performed(avatar, take, eyes=False)
    looks = [index for index, name in enumerate(arkit.NAMES) if REGION_OF[name] == "gaze"]
    assert not still.coefficients[:, looks].any()
    assert not still.gaze.any()


def test_an_avatar_without_a_list_performs_by_its_names(kept, avatar, make_take: MakeTake) -> None:
    avatar.understudy.links.clear()
    _, mapping = performed(avatar, make_take())
    assert mapping.keys == arkit.NAMES


def test_all_numbers_reach_the_performance(kept) -> None:
    for place, name in enumerate(REGION_NAMES):
        region = getattr(kept, name)
        region.gain, region.limit, region.smoothing = 0.1 * place, 0.2 + 0.1 * place, 0.01 * place
    kept.head_smoothing = 0.25
    found = adjustments_of(kept)
    regions = tuple(Region(round(0.1 * n, 6), round(0.2 + 0.1 * n, 6), round(0.01 * n, 6)) for n in range(7))
    assert found == Adjustments(regions=regions, head_smoothing_s=0.25)
    assert bpy.ops.understudy.reset_adjustments() == {"FINISHED"}
    assert adjustments_of(kept) == UNCHANGED


def test_smoothing_is_worked_out_once_while_gains_change(kept, avatar, make_take: MakeTake, monkeypatch) -> None:
    take = make_take()
    kept.mouth.smoothing = 0.2
    first, _ = performed(avatar, take)
    monkeypatch.setattr(of_take, "calm", lambda *_: pytest.fail("smoothed again"))
    kept.mouth.gain = 0.5
    second, _ = performed(avatar, take)
    smile = arkit.INDEX["mouthSmileLeft"]
    assert second.coefficients[:, smile] == pytest.approx(first.coefficients[:, smile] / 2)


def test_the_neutral_face_of_a_frame_is_taken_off(kept, scene, avatar, make_take: MakeTake) -> None:
    take = make_take()
    scene.frame_set(3)
    assert bpy.ops.understudy.set_neutral() == {"FINISHED"}
    assert kept.neutral_label == "3"
    assert not kept.use_neutral_head
    performance, _ = performed(avatar, take)
    moved = [index for index, name in enumerate(arkit.NAMES) if take.coefficients[2, index] < 0.8]
    assert performance.coefficients[2, moved] == pytest.approx(0, abs=1e-4)
    assert performance.gaze[2] == pytest.approx(np.zeros((2, 2)), abs=1e-5)
    assert np.array_equal(performance.rotation, take.rotation)
    kept.use_neutral_head = True
    assert performed(avatar, take)[0].rotation[2] == pytest.approx(np.eye(3), abs=1e-4)
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 2, 4
    assert bpy.ops.understudy.set_neutral(source="RANGE", use_head=True) == {"FINISHED"}
    assert kept.neutral_label == "2-4"
    performance, _ = performed(avatar, take)
    assert abs(np.degrees(np.arccos(np.clip((np.trace(performance.rotation[2]) - 1) / 2, -1, 1)))) < 5
    assert bpy.ops.understudy.clear_neutral() == {"FINISHED"}
    assert performed(avatar, take)[0] is take
    with pytest.raises(RuntimeError, match="there is nothing to clear"):
        bpy.ops.understudy.clear_neutral()


def test_a_neutral_face_needs_a_face(kept, scene, make_take: MakeTake) -> None:
    scene.frame_set(40)
    with pytest.raises(RuntimeError, match="The take has nothing there"):
        bpy.ops.understudy.set_neutral()
    with pytest.raises(RuntimeError, match="There is no preview range; press P in the timeline"):
        bpy.ops.understudy.set_neutral(source="RANGE")
    takes.save(make_take(confidence=np.array([0] * 3 + [1] * 9, np.float32)), Path(scene.understudy.take))
    scene.frame_set(2)
    with pytest.raises(RuntimeError, match="No face was seen there"):
        bpy.ops.understudy.set_neutral()
    assert not kept.neutral_label
    scene.understudy.take = ""
    with pytest.raises(RuntimeError, match="There is no take; press Track in step 2"):
        bpy.ops.understudy.set_neutral()


@pytest.mark.parametrize("preset", sorted(PRESETS.glob("*.py")), ids=lambda path: path.stem)
def test_presets_set_every_number(kept, preset: Path) -> None:
    kept.brows.gain = kept.jaw.limit = kept.tongue.smoothing = kept.strength = 0.123
    result = bpy.ops.script.execute_preset(filepath=str(preset), menu_idname="UNDERSTUDY_MT_adjustments")
    assert result == {"FINISHED"}
    numbers = adjustments_of(kept)
    assert 0.123 not in {numbers.strength, *(n for r in numbers.regions for n in (r.gain, r.limit, r.smoothing_s))}
    assert (numbers == UNCHANGED) == (preset.stem == "As_Acted")
    lids = numbers.regions[1]
    assert lids.gain >= 1, "blinks shut"
    assert lids.limit == 1


def test_presets_are_found_kept_and_removed(kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = "understudy/adjustments"
    found = {Path(path) for path in bpy.utils.preset_paths(folder)}
    assert PRESETS in found
    monkeypatch.setattr(bpy.utils, "user_resource", lambda *_, **__: str(tmp_path))
    kept.strength, kept.jaw.gain = 0.5, 1.25
    assert bpy.ops.understudy.add_adjustment_preset(name="My Own") == {"FINISHED"}
    made = next(tmp_path.rglob("My_Own.py"))
    bpy.ops.understudy.reset_adjustments()
    bpy.ops.script.execute_preset(filepath=str(made), menu_idname="UNDERSTUDY_MT_adjustments")
    assert (kept.strength, kept.jaw.gain) == (0.5, 1.25)
    understudy.unregister()
    try:
        assert PRESETS not in {Path(path) for path in bpy.utils.preset_paths(folder)}
    finally:
        understudy.register()


def test_the_command_line_bakes_what_is_kept_with_the_avatar(kept, scene, avatar, tmp_path: Path) -> None:
    kept.strength = 0.5
    avatar.understudy.links[arkit.INDEX["jawOpen"]].key = "tongueOut"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "avatar.blend"), copy=True)
    words = [
        "bake",
        scene.understudy.take,
        "--blend",
        str(tmp_path / "avatar.blend"),
        "-o",
        str(tmp_path / "out.blend"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "understudy.operators.batch", *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    take = takes.load(Path(scene.understudy.take))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    bpy.context.scene.frame_set(4)
    blocks = bpy.data.objects["Face"].data.shape_keys.key_blocks
    smile, jaw = (take.coefficients[3, arkit.INDEX[name]] for name in ("mouthSmileLeft", "jawOpen"))
    assert blocks["mouthSmileLeft"].value == pytest.approx(smile / 2, abs=1e-5)
    tongue = take.coefficients[3, arkit.INDEX["tongueOut"]]
    assert blocks["tongueOut"].value == pytest.approx((jaw + tongue) / 2, abs=1e-5)
