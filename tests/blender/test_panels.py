"""Every panel drawn on paper: no window is needed to see that what it shows exists and that drawing reads no file."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
import pytest
import understudy
from live_stage import begin, finish, moment, show
from understudy.inference import take as takes
from understudy.inference.take import Take
from understudy.operators.live import session
from understudy.panels import menu, registration
from understudy.panels.next_step import next_button

MakeTake = Callable[..., Take]
PANELS = [cls for cls in registration.CLASSES if issubclass(cls, bpy.types.Panel)]
ICONS = set(bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items.keys())
CONTAINERS = {"row", "column", "column_flow", "grid_flow", "box", "split", "menu_pie"}


class Paper:
    """A layout that writes down what is drawn and refuses what Blender would only print an error about."""

    def __init__(self, lines: list[tuple[Any, ...]]) -> None:
        self._lines = lines

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = bpy.types.UILayout.bl_rna.functions.get(name)
        assert function is not None or name in {"panel", "panel_prop"}, f"layouts have no {name}"

        def draw(*given: Any, **named: Any) -> Any:
            if function is not None:
                unknown = named.keys() - function.parameters.keys() - {"text_ctxt"}
                assert not unknown, f"{name} knows no {unknown}"
            assert named.get("icon", "NONE") in ICONS
            self._lines.append((name, *given, named.get("text")))
            if name in CONTAINERS:
                return Paper(self._lines)
            if name in {"panel", "panel_prop"}:
                return Paper(self._lines), Paper(self._lines)
            return None

        return draw

    def prop(self, data: Any, name: str, **named: Any) -> None:
        assert name in data.bl_rna.properties, f"{data} has no {name}"
        assert named.get("icon", "NONE") in ICONS
        self._lines.append(("prop", name, named.get("text")))

    def operator(self, idname: str, **named: Any) -> Any:
        room, verb = idname.split(".")
        rna = getattr(getattr(bpy.ops, room), verb).get_rna_type()
        assert named.get("icon", "NONE") in ICONS
        self._lines.append(("operator", idname, named.get("text")))

        class Properties:
            def __setattr__(self, name: str, value: object) -> None:
                assert name in rna.properties, f"{idname} has no {name}"

        return Properties()


class Context:
    """Blender's context, in the sidebar of an editor."""

    def __init__(self, kind: str, width: int) -> None:
        self.region = SimpleNamespace(width=width, type="UI")
        # Without a window Blender's own scale is 0.
        self.preferences = SimpleNamespace(system=SimpleNamespace(ui_scale=1.0), addons=bpy.context.preferences.addons)
        clip = next(iter(bpy.data.movieclips), None) if kind == "CLIP_EDITOR" else None
        self.space_data = SimpleNamespace(type=kind, clip=clip)
        self.area = SimpleNamespace(type=kind, spaces=SimpleNamespace(active=self.space_data))

    def __getattr__(self, name: str) -> Any:
        return getattr(bpy.context, name)


@pytest.fixture(autouse=True)
def addon() -> Iterator[None]:
    understudy.register()
    yield
    understudy.unregister()


@pytest.fixture
def filled(scene, avatar, make_take: MakeTake, footage: Path, tmp_path: Path) -> None:
    """A shot on which everything was done, with faces to choose from and a face model of the user's."""
    settings = scene.understudy
    settings.footage = str(footage)
    camera = np.array([[60.0, 0, 32], [0, 60, 18], [0, 0, 1]])
    takes.save(make_take(frames=2, frame_size=(64, 36), camera_matrix=camera), tmp_path / "a.npz")
    settings.take = str(tmp_path / "a.npz")
    settings.avatar = avatar
    for _ in range(2):
        settings.faces.add().box = (1, 2, 3, 4)
    settings.face_model = "ict"
    assert bpy.ops.understudy.bake() == {"FINISHED"}
    assert bpy.ops.understudy.setup_shot() == {"FINISHED"}
    (tmp_path / "frame_000000.png").write_bytes(b"")
    (tmp_path / "a.mp4").write_bytes(b"")
    settings.render_dir, settings.output = str(tmp_path), str(tmp_path / "a.mp4")
    settings.facts.report = "One line\nAnother one that is rather long and does not fit into one line of a sidebar"


def drawn(cls: type, width: int = 300) -> list[tuple[Any, ...]]:
    """What a panel shows; its methods work on plain objects, since Blender alone makes panels."""
    context, lines = Context(cls.bl_space_type, width), list[tuple[Any, ...]]()
    if hasattr(cls, "poll") and not cls.poll(context):
        return lines
    names = [name for base in reversed(cls.__mro__) for name in vars(base) if base.__module__.startswith("understudy")]
    panel = SimpleNamespace(layout=Paper(lines))
    for name in dict.fromkeys(names):
        value = getattr(cls, name, None)
        if not name.startswith("__") and name != "bl_rna":
            setattr(panel, name, value.__get__(panel) if hasattr(value, "__code__") else value)
    for name in ("draw_header", "draw_header_preset", "draw"):
        if hasattr(panel, name):
            getattr(panel, name)(context)
    return lines


def files_read_while_drawing(cls: type, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What a panel asked the system for."""
    read: list[object] = []

    def noted(*given: object, **named: object) -> None:
        read.append(given)
        raise OSError(given)

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "open", noted)
        for name in ("stat", "scandir", "listdir"):
            patch.setattr(os, name, noted)
        drawn(cls)
    return read


@pytest.mark.parametrize("cls", PANELS, ids=lambda cls: cls.__name__)
def test_a_new_file_is_drawn_without_reading_files(cls: type, monkeypatch: pytest.MonkeyPatch) -> None:
    assert files_read_while_drawing(cls, monkeypatch) == []


@pytest.mark.parametrize("cls", PANELS, ids=lambda cls: cls.__name__)
def test_a_finished_shot_is_drawn_without_reading_files(cls: type, filled: None, monkeypatch) -> None:
    assert files_read_while_drawing(cls, monkeypatch) == []


def panel(name: str) -> type:
    return next(cls for cls in PANELS if cls.__name__ == f"UNDERSTUDY_PT_{name}")


def shown(name: str) -> list[Any]:
    return [line[1:] for line in drawn(panel(name))]


def test_the_first_thing_to_press_is_open_footage() -> None:
    assert ("understudy.open_footage", None) in shown("footage")


def test_the_next_step_is_in_sight_at_the_top_of_the_tab(avatar) -> None:
    settings = bpy.context.scene.understudy
    assert next_button(bpy.context.scene) == "understudy.open_footage"
    settings["footage"] = "//a.mp4"
    settings.facts.footage_found = True
    assert next_button(bpy.context.scene) == "understudy.track"
    settings["take"] = "//a.take.npz"
    facts = settings.facts
    facts.take_found, facts.frames, facts.take_frames = True, 9, 9
    facts.width, facts.height, facts.take_width, facts.take_height = 64, 36, 64, 36
    assert next_button(bpy.context.scene) == "understudy.add_avatar"
    settings.avatar_kind = "actor"
    assert next_button(bpy.context.scene) == "understudy.add_actor_avatar"
    settings.avatar = avatar
    assert next_button(bpy.context.scene) == "understudy.bake"
    settings.facts.footage_found = False
    assert next_button(bpy.context.scene) is None, "something must be mended first"


def test_what_was_found_is_shown(filled: None) -> None:
    texts = [line[-1] for line in shown("footage") + shown("track") + shown("scene_render")]
    for expected in ("64 x 36 px", "25 fps", "2 frames, 0.1 s", "in 2 of 2 frames", "1 frames"):
        assert expected in texts
    assert ("understudy.open_footage", None) not in shown("footage")
    faces = [line for line in shown("footage_face") if line[0] == "understudy.choose_face"]
    assert [text for _, text in faces] == ["0", "1"]
    assert ("ict_folder", "Folder") in shown("track")


def test_long_sentences_are_wrapped_to_the_sidebars_width(filled: None) -> None:
    narrow, wide = (drawn(panel("composite_report"), width) for width in (200, 900))
    assert len(narrow) > len(wide)
    words = " ".join(str(line[-1]) for line in narrow if line[0] == "label")
    assert words.startswith("One line Another one that is rather long and does not fit")


def test_the_movie_clip_editor_offers_its_own_clip(footage: Path) -> None:
    bpy.data.movieclips.load(str(footage))
    assert ("understudy.use_clip", "Use This Clip") in shown("clip_footage")
    assert "understudy.use_clip" not in [line[0] for line in shown("footage")]
    bpy.ops.understudy.use_clip(clip=bpy.data.movieclips[0].name)
    assert "understudy.use_clip" not in [line[0] for line in shown("clip_footage")]


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("camera", "camera"),
        ("file", "file"),
        ("address", "address"),
        ("livelink", "livelink_port"),
        ("vmc", "vmc_port"),
    ],
)
def test_live_asks_for_what_its_source_needs(scene, kind: str, field: str) -> None:
    scene.understudy.live.source = kind
    asked = [line[0] for line in shown("live") if line[0] is not None]
    assert asked[:2] == ["source", field]
    assert "understudy.start_live" in asked


def test_live_shows_how_it_goes(live_avatar, scene, performance, monkeypatch: pytest.MonkeyPatch) -> None:
    live = begin()
    assert ("Starting",) in shown("live")
    show(live, moment(performance, 0))
    lines = shown("live")
    assert {("60 per second, 21 ms, 3 dropped",), ("The face is seen",)} <= set(lines)
    assert [line[0] for line in lines].count("understudy.start_live") == 0
    show(live, moment(performance, 1, confidence=0.0))
    assert ("No face is seen; the avatar waits",) in shown("live")
    live.waits, live.address, live.source = True, "10.0.0.7", "vmc"
    assert "Waiting; let it send to 10.0.0.7," in [line[0] for line in shown("live")]
    session.hold_neutral()
    show(live, moment(performance, 2, calibrated=0.5))
    assert ("Look ahead and relax: 1.0 s",) in shown("live")
    session.record()
    assert ("understudy.record_live", "Stop Recording") in shown("live")
    assert files_read_while_drawing(panel("live"), monkeypatch) == []
    finish()
    assert ("understudy.track", "Track Again at Full Quality") in shown("live")


def test_the_menu_offers_every_step_and_goes_with_the_extension(filled: None) -> None:
    lines = list[tuple[Any, ...]]()
    menu.UNDERSTUDY_MT_steps.draw(SimpleNamespace(layout=Paper(lines)), bpy.context)
    offered = {line[1] for line in lines if line[0] == "operator"}
    assert {f"understudy.{verb}" for verb in ("open_footage", "track", "add_avatar", "bake", "render")} <= offered
    for host in (bpy.types.VIEW3D_MT_object, bpy.types.CLIP_MT_clip):
        assert menu._draw_entry in host._dyn_ui_initialize()
    menu.unregister()
    for host in (bpy.types.VIEW3D_MT_object, bpy.types.CLIP_MT_clip):
        assert menu._draw_entry not in host._dyn_ui_initialize()
    menu.register()


def test_sub_panels_follow_their_step_and_editor() -> None:
    names = [cls.__name__ for cls in PANELS]
    for cls in PANELS:
        parent = getattr(cls, "bl_parent_id", None)
        if parent is not None:
            assert names.index(parent) < names.index(cls.__name__)
            assert panel(parent.removeprefix("UNDERSTUDY_PT_")).bl_space_type == cls.bl_space_type
