"""Step 1 and what panels know of a shot's files: clips, facts, trim, faces, and the states of the six steps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from understudy.inference import take as takes
from understudy.inference.cli import build_parser
from understudy.inference.errors import UsageError
from understudy.inference.take import Take
from understudy.operators import facts, steps
from understudy.operators.bridge import paths
from understudy.operators.footage.clip import (
    UNDERSTUDY_FH_footage,
    UNDERSTUDY_OT_open_footage,
    differs_from_scene,
    scene_frame,
    source_frame,
    track_words,
)

pytestmark = pytest.mark.usefixtures("addon")

MakeTake = Callable[..., Take]


@pytest.fixture
def settings(scene: bpy.types.Scene) -> bpy.types.PropertyGroup:
    return scene.understudy


def kinds(scene: bpy.types.Scene) -> dict[str, str]:
    return {step: steps.state_of(scene, step).kind for step in steps.STEPS}


def save(take: Take, folder: Path, name: str = "shot.take.npz") -> str:
    path = folder / name
    takes.save(take, path)
    return str(path)


def test_chosen_footage_becomes_a_clip_with_its_facts(settings, scene, footage: Path) -> None:
    assert bpy.ops.understudy.open_footage(filepath=str(footage)) == {"FINISHED"}
    clip = settings.clip
    assert Path(bpy.path.abspath(clip.filepath)) == footage
    known = settings.facts
    assert (known.footage_found, known.width, known.height, known.fps) == (True, 64, 36, 25.0)
    assert known.frames == clip.frame_duration == 2
    assert scene.render.fps / scene.render.fps_base == 25
    assert (scene.frame_start, scene.frame_end) == (1, 2)
    assert kinds(scene)["footage"] == steps.DONE
    assert kinds(scene)["track"] == steps.NEXT


def test_a_path_that_is_no_video_is_said_and_nothing_else_happens(settings, scene, footage: Path, tmp_path) -> None:
    with pytest.raises(RuntimeError, match="There is no video at"):
        bpy.ops.understudy.open_footage(filepath=str(tmp_path / "none.mp4"))
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video at all")
    with pytest.raises(RuntimeError, match="Blender cannot read"):
        bpy.ops.understudy.open_footage(filepath=str(broken))
    picture = bpy.data.images.new("face", 8, 8)
    picture.filepath_raw = str(tmp_path / "face.png")
    picture.save()
    with pytest.raises(RuntimeError, match="as a video"):
        bpy.ops.understudy.open_footage(filepath=picture.filepath_raw)
    assert settings.footage == ""
    settings.footage = str(broken)  # as typed into the field: it stays, and the step says so
    assert settings.clip is None
    state = steps.state_of(scene, "footage")
    assert state.kind == steps.PROBLEM
    assert "choose it again" in state.sentence
    assert steps.NEXT not in kinds(scene).values(), "the problem comes first"
    settings.footage = str(footage)
    assert steps.state_of(scene, "footage").kind == steps.DONE


def test_a_clip_of_the_file_is_footage_too(settings, scene, footage: Path) -> None:
    with pytest.raises(RuntimeError, match="There is no movie clip in this file; press Open Footage"):
        bpy.ops.understudy.use_clip()
    clip = bpy.data.movieclips.load(str(footage))
    settings.clip = clip
    assert paths.absolute(settings.footage) == footage
    assert settings.facts.footage_found
    settings.footage = ""
    assert settings.clip is None
    assert bpy.ops.understudy.use_clip(clip=clip.name) == {"FINISHED"}
    assert settings.clip == clip
    with pytest.raises(RuntimeError, match="No movie clip was named"):
        bpy.ops.understudy.use_clip(clip="other")


def test_other_footage_forgets_what_was_chosen_for_the_first(settings, footage: Path, tmp_path) -> None:
    settings.footage = str(footage)
    settings.faces.add().box = (1, 2, 3, 4)
    settings.face = 0
    settings.use_trim = True
    settings.footage = str(footage)
    assert len(settings.faces) == 1, "the same footage again"
    assert settings.use_trim
    settings.footage = str(tmp_path / "none.mp4")
    assert len(settings.faces) == 0


def test_trim_and_neutral_count_in_frames_of_the_footage(settings, scene, footage: Path) -> None:
    for operator in (bpy.ops.understudy.trim_to_scene, bpy.ops.understudy.neutral_here):
        with pytest.raises(RuntimeError, match="There is no footage; choose the video"):
            operator()
    settings.footage = str(footage)
    settings.clip.frame_start = 10
    scene.frame_start, scene.frame_end = 11, 40
    assert bpy.ops.understudy.trim_to_scene() == {"FINISHED"}
    assert (settings.use_trim, settings.trim_first, settings.trim_last) == (True, 1, 1)
    scene.frame_end, scene.frame_start = 5, 2
    with pytest.raises(RuntimeError, match="shows nothing of the footage"):
        bpy.ops.understudy.trim_to_scene()
    scene.frame_set(11)
    assert bpy.ops.understudy.neutral_here() == {"FINISHED"}
    assert (settings.use_neutral, settings.neutral_first, settings.neutral_last) == (True, 1, 1)
    scene.frame_set(50)
    with pytest.raises(RuntimeError, match="go to a frame that does"):
        bpy.ops.understudy.neutral_here()


@pytest.mark.parametrize(("start", "offset"), [(1, 0), (-4, 0), (1, 30), (101, 7)])
def test_frames_of_scene_and_footage_are_inverse(start: int, offset: int) -> None:
    clip = SimpleNamespace(frame_start=start, frame_offset=offset)
    assert source_frame(clip, start) == offset
    assert scene_frame(clip, source_frame(clip, 77)) == 77


def test_a_scene_of_another_rate_is_told_and_matched(settings, scene, footage: Path) -> None:
    scene.render.fps, scene.frame_end = 24, 250
    settings.footage = str(footage)
    assert differs_from_scene(scene)
    assert bpy.ops.understudy.match_scene() == {"FINISHED"}
    assert not differs_from_scene(scene)
    assert scene.frame_end == 2


def test_the_words_for_tracking_are_those_of_the_command_line(settings, footage: Path) -> None:
    def read() -> dict[str, object]:
        return vars(build_parser().parse_args(["track", "a.mp4", "-o", "b.npz", *track_words(settings)]))

    settings.footage = str(footage)
    plain = read()
    assert (plain["quality"], plain["face_model"], plain["face"], plain["faces"]) == ("standard", "default", 0, 1)
    assert plain["frames"] is plain["neutral"] is plain["face_at"] is None
    settings.quality, settings.face = "high", 2
    settings.use_trim, settings.trim_first, settings.trim_last = True, 3, 9
    settings.use_neutral, settings.neutral_first, settings.neutral_last = True, 5, 4
    chosen = read()
    assert (chosen["frames"], chosen["neutral"], chosen["face"], chosen["faces"]) == ((3, 9), (5, 5), 2, 3)
    for box in ((0, 0, 10, 10), (20, 10, 40, 30), (1, 1, 2, 2)):
        settings.faces.add().box = box
    settings.faces_frame, settings.face = 7, 1
    pointed = read()
    assert pointed["face_at"] == (7, 30.0, 20.0)
    assert (pointed["face"], pointed["faces"]) == (0, 3)
    settings.face_model = "flame"
    with pytest.raises(UsageError, match="choose it in step 2"):
        track_words(settings)
    settings.flame_file = "/models/flame.npz"
    assert read()["face_model"] == "flame:/models/flame.npz"


def test_faces_are_found_by_the_worker_and_chosen_by_number(settings, scene, shared: Path) -> None:
    with pytest.raises(RuntimeError, match="No faces were looked for; press Find Faces"):
        bpy.ops.understudy.choose_face(face=0)
    settings.footage = str(shared / "data" / "clips" / "d18.mp4")
    scene.frame_set(11)
    assert bpy.ops.understudy.find_faces() == {"FINISHED"}
    assert settings.faces_frame == 10
    assert len(settings.faces) == 1
    left, top, right, bottom = settings.faces[0].box
    assert 100 < left < right < 400
    assert 100 < top < bottom < 460
    assert Path(settings.faces[0].picture).is_file()
    assert bpy.ops.understudy.choose_face(face=0) == {"FINISHED"}
    with pytest.raises(RuntimeError, match="There is no face 1"):
        bpy.ops.understudy.choose_face(face=1)


def test_what_a_take_found_is_read_when_it_is_chosen(settings, scene, make_take: MakeTake, tmp_path) -> None:
    angles = np.radians([-20.0, 0.0, 30.0, 80.0])
    turns = np.stack([[[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]] for a in angles])
    take = make_take(frames=4, rotation=turns.astype(np.float32), confidence=np.array([1, 0.5, 1, 0], np.float32))
    settings.take = save(take, tmp_path)
    known = settings.facts
    assert (known.take_found, known.take_frames, known.face_frames, known.uncertain_frames) == (True, 4, 3, 1)
    assert np.degrees(known.head_turn) == pytest.approx(50, abs=1e-3), "where the face is seen"
    assert np.degrees(known.head_nod) == pytest.approx(0, abs=1e-3)
    assert settings.take_summary == "3 of 4 frames with a face"
    settings.take = str(tmp_path / "none.npz")
    assert (known.take_found, settings.take_summary) == (False, "")
    assert steps.state_of(scene, "track").kind == steps.PROBLEM


def test_the_clip_plays_in_step_with_a_take_of_its_middle(
    settings, make_take: MakeTake, footage: Path, tmp_path
) -> None:
    settings.footage = str(footage)
    settings.take = save(make_take(frames=1, frame_size=(64, 36), frame_index=np.array([1])), tmp_path)
    assert source_frame(settings.clip, 1) == 1, "a take's first frame is at frame 1 of the scene"


def test_a_take_of_other_footage_is_a_problem(settings, scene, make_take: MakeTake, footage: Path, tmp_path) -> None:
    fits = save(make_take(frames=2, frame_size=(64, 36)), tmp_path)
    settings.footage, settings.take = str(footage), fits
    assert steps.state_of(scene, "track") == (steps.DONE, "")
    settings.take = save(make_take(frames=2), tmp_path, "large.npz")
    assert "does not fit this footage" in steps.state_of(scene, "track").sentence
    settings.take = save(make_take(frames=9, frame_size=(64, 36)), tmp_path, "long.npz")
    assert "does not fit this footage" in steps.state_of(scene, "track").sentence
    settings.take = fits
    second = tmp_path / "second.mp4"
    second.write_bytes(footage.read_bytes())
    settings.footage = str(second)
    assert "of other footage" in steps.state_of(scene, "track").sentence
    settings.take = fits  # chosen for this footage
    assert steps.state_of(scene, "track").kind == steps.DONE


@pytest.mark.parametrize(
    ("tracked", "shown", "same", "turned"),
    [
        ((1280, 720), (1280, 720), True, False),
        ((1279, 719), (1280, 720), True, False),  # odd sizes
        ((1280, 720), (640, 720), True, False),  # pixels twice as wide as high
        ((720, 1280), (1280, 720), False, True),
        ((640, 360), (1280, 720), False, False),
        ((512, 512), (512, 512), True, False),
        ((513, 512), (512, 513), True, False),
        ((1280, 720), (0, 0), False, False),
    ],
)
def test_pictures_are_compared_as_blender_shows_them(tracked, shown, same: bool, turned: bool) -> None:
    assert facts.is_same_picture(tracked, shown) is same
    assert facts.is_turned(tracked, shown) is turned


def test_the_states_lead_through_the_six_steps(
    settings, scene, avatar, make_take: MakeTake, footage: Path, tmp_path
) -> None:
    def next_step() -> str:
        (found,) = [step for step, kind in kinds(scene).items() if kind == steps.NEXT]
        return found

    assert next_step() == "footage"
    settings.footage = str(footage)
    assert next_step() == "track"
    camera = np.array([[60.0, 0, 32], [0, 60, 18], [0, 0, 1]])
    settings.take = save(make_take(frames=2, frame_size=(64, 36), camera_matrix=camera), tmp_path)
    assert next_step() == "avatar"
    settings.avatar = avatar
    assert next_step() == "perform"
    assert bpy.ops.understudy.bake() == {"FINISHED"}
    assert next_step() == "scene"
    assert "Press Set Up Shot" in steps.state_of(scene, "scene").sentence
    assert bpy.ops.understudy.setup_shot() == {"FINISHED"}
    assert "press Render" in steps.state_of(scene, "scene").sentence
    assert "press Render in step 5" in steps.state_of(scene, "composite").sentence
    renders = tmp_path / "render"
    renders.mkdir()
    (renders / "frame_000000.png").write_bytes(b"")
    settings.render_dir = str(renders)
    assert settings.facts.renders == 1
    assert next_step() == "composite"
    (tmp_path / "movie.mp4").write_bytes(b"")
    settings.output = str(tmp_path / "movie.mp4")
    assert set(kinds(scene).values()) == {steps.DONE}
    settings.avatar = bpy.data.objects.new("Second", None)
    assert kinds(scene)["perform"] != steps.DONE, "another one has the keys"
    settings.avatar = avatar
    bpy.data.objects.remove(avatar)
    assert kinds(scene)["avatar"] != steps.DONE


def test_an_opened_file_looks_again_where_its_files_are(settings, make_take: MakeTake, footage: Path, tmp_path) -> None:
    settings.footage = str(footage)
    settings.take = save(make_take(frames=2, frame_size=(64, 36)), tmp_path)
    blend = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    scene = bpy.context.scene
    assert kinds(scene)["footage"] == kinds(scene)["track"] == steps.DONE
    assert scene.understudy.clip is not None
    footage.unlink()
    (tmp_path / "shot.take.npz").unlink()
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    scene = bpy.context.scene
    assert kinds(scene)["footage"] == kinds(scene)["track"] == steps.PROBLEM


def test_the_composites_record_becomes_lines(settings, tmp_path) -> None:
    record = {
        "frames": 9,
        "composited": 8,
        "notes": [
            "The enhancer was left out. The network is missing: a long story.",
            "1 of 9 frames show no tracked face and are the footage itself.",
        ],
        "skipped": {"enhance": "The enhancer was left out. The network is missing: a long story."},
        "figures": {
            "edge_step_delta_e": 2.04,
            "edge_step_delta_e_plate": 1.5,
            "seam_ratio": 0.9,
            "flicker_excess": 0.1,
            "outside_change_max": 0.0,
        },
    }
    (tmp_path / "composite.json").write_text(json.dumps(record), "utf-8")
    settings.report = str(tmp_path)
    assert settings.facts.report.split("\n") == [
        "8 of 9 frames composited",
        "Colour step at the edge 2.0, in the footage 1.5 (CIEDE2000)",
        "Flicker +10% against the footage",
        "Largest change outside of the face 0 of 255",
        "Enhance was left out: no network for it is installed; see the preferences",
        "1 of 9 frames show no tracked face and are the footage itself",
    ]
    record["figures"] = {"flicker_excess": 6.1}
    (tmp_path / "composite.json").write_text(json.dumps(record), "utf-8")
    assert facts.report_lines(tmp_path)[1] == "Flicker 7 times that of the footage"
    (tmp_path / "composite.json").write_text("{}", "utf-8")
    assert facts.report_lines(tmp_path) == []
    settings.report = ""
    assert settings.facts.report == ""


def test_undo_takes_footage_back_and_redo_brings_it(scene, footage: Path) -> None:
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.understudy.open_footage("EXEC_DEFAULT", True, filepath=str(footage))
    bpy.ops.ed.undo()
    scene = bpy.context.scene
    assert (scene.understudy.footage, scene.understudy.clip) == ("", None)
    assert kinds(scene)["footage"] == steps.NEXT
    bpy.ops.ed.redo()
    scene = bpy.context.scene
    assert scene.understudy.clip is not None
    assert kinds(scene)["footage"] == steps.DONE


def test_videos_can_be_dropped_where_our_panels_are() -> None:
    handler = UNDERSTUDY_FH_footage
    assert handler.bl_import_operator == UNDERSTUDY_OT_open_footage.bl_idname
    for ending in handler.bl_file_extensions.split(";"):
        assert re.fullmatch(r"\.[a-z0-9]+", ending)
    for kind, takes_it in (("VIEW_3D", True), ("CLIP_EDITOR", True), ("TEXT_EDITOR", False)):
        assert handler.poll_drop(SimpleNamespace(area=SimpleNamespace(type=kind))) is takes_it
    assert not handler.poll_drop(SimpleNamespace(area=None))


def test_rates_that_blender_rounds_are_those_that_were_meant(scene, settings, footage: Path) -> None:
    settings.footage = str(footage)
    settings.facts.fps = float(np.float32(30000 / 1001))
    assert bpy.ops.understudy.match_scene() == {"FINISHED"}
    assert scene.render.fps == 30
    assert scene.render.fps_base == pytest.approx(float(Fraction(1001, 1000)), abs=1e-6)
