"""Step 6's settings: the words they become, where the result goes, and that nothing of an earlier one is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
import understudy
from consents import fictional
from understudy.inference import take as takes
from understudy.inference.errors import InputError
from understudy.inference.media import write_png
from understudy.inference.provenance.sidecar import sidecar_path
from understudy.operators import facts
from understudy.operators.bridge import compat, paths
from understudy.operators.jobs import job as jobs
from understudy.operators.scene import compositing

ALL = {"swap", "colour", "poisson", "enhance"}


@pytest.fixture(autouse=True)
def _addon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(paths, "user_folder", lambda name: tmp_path)
    understudy.register()
    yield
    understudy.unregister()


@pytest.fixture
def settings(scene: bpy.types.Scene) -> bpy.types.PropertyGroup:
    return scene.understudy


def pictures(folder: Path, name: str, count: int = 3) -> list[Path]:
    folder.mkdir(exist_ok=True)
    made = [folder / f"{name}_{number:06d}.png" for number in range(count)]
    for path in made:
        write_png(path, np.zeros((36, 64, 4), np.uint8))
    return made


def test_what_nobody_chose_is_not_said(settings) -> None:
    assert compositing.compositing_words(settings.compositing, ALL) == ["--codec", "h264"]


def test_every_choice_becomes_its_words(settings, tmp_path: Path) -> None:
    chosen = settings.compositing
    chosen.format, chosen.depth, chosen.use_element = "exr", "float", True
    chosen.matte, chosen.mixed_gradients, chosen.quality_gate = str(tmp_path / "matte_0012.png"), True, True
    chosen.swapper, chosen.expression, chosen.enhancer = "inswapper", 0.5, "codeformer"
    assert compositing.compositing_words(chosen, ALL) == [
        "--codec", "exr", "--depth", "float", "--alpha", "--matte", str(tmp_path / "matte_####.png"),
        "--mixed-gradients", "--quality-gate", "--swapper", "inswapper", "--expression-factor", "0.500",
        "--enhancer", "codeformer",
    ]  # fmt: skip
    said = compositing.compositing_words(chosen, {"colour"})
    assert not {"--mixed-gradients", "--swapper", "--enhancer"} & set(said), "stages that are off need no words"


@pytest.mark.parametrize(
    ("kind", "wished", "name"),
    [
        ("h264", "shot.mp4", "shot.mp4"),
        ("h264", "shot.mov", "shot.mov"),
        ("prores4444", "shot.v2.mp4", "shot.v2.mov"),
        ("ffv1", "shot.mp4", "shot.mkv"),
        ("png", "shot.mp4", "shot/shot_######.png"),
        ("exr", "shot/shot_######.png", "shot/shot_######.exr"),
        ("h264", "shot/shot_######.png", "shot.mp4"),
        ("png", "frames/one_####.png", "frames/one_####.png"),
    ],
)
def test_the_files_name_fits_the_format(settings, tmp_path: Path, kind: str, wished: str, name: str) -> None:
    settings.compositing.format = kind
    assert compositing.target_of(settings, str(tmp_path / wished)) == tmp_path / name


def test_the_label_is_for_whole_pictures(settings) -> None:
    settings.compositing.use_label = True
    assert "--label" in compositing.compositing_words(settings.compositing, ALL)
    settings.compositing.use_element = True
    assert "--label" not in compositing.compositing_words(settings.compositing, ALL)


def test_without_a_wish_the_name_is_the_footages(settings, tmp_path: Path) -> None:
    settings.footage = "/footage/my.clip.mp4"
    settings.compositing.format = "png"
    target = compositing.target_of(settings, "")
    assert target == tmp_path / "my.clip_composite" / "my.clip_composite_######.png"


def test_a_sequence_never_goes_where_an_earlier_one_is(settings, tmp_path: Path) -> None:
    settings.compositing.format = "png"
    wished = str(tmp_path / "shot" / "shot_######.png")
    pictures(tmp_path / "shot", "shot")
    assert compositing.target_of(settings, wished) == tmp_path / "shot-2" / "shot_######.png"
    pictures(tmp_path / "shot-2", "shot")
    assert compositing.target_of(settings, wished) == tmp_path / "shot-3" / "shot_######.png"


def test_an_earlier_movie_is_kept_beside_the_new_one(
    settings, make_take: Callable[..., takes.Take], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for name in ("clip.mp4", "out.mp4"):
        (tmp_path / name).write_bytes(b"earlier")
    fictional(tmp_path / "clip.mp4")
    sidecar_path(tmp_path / "out.mp4").write_text("earlier")
    takes.save(make_take(frames=3), tmp_path / "a.take.npz")
    pictures(tmp_path / "render", "frame")
    settings.footage, settings.take = str(tmp_path / "clip.mp4"), str(tmp_path / "a.take.npz")
    settings.render_dir, settings.output = str(tmp_path / "render"), str(tmp_path / "out.mp4")

    def work(self: object, context: object, command: jobs.Command) -> list[dict[str, object]]:
        asked[:] = command.words
        made = Path(command.words[command.words.index("-o") + 1])
        made.write_bytes(b"new")
        sidecar_path(made).write_text("new")
        return [{"event": "composite", "path": str(made), "frames": 3, "composited": 3, "text": ""}]

    for _ in range(2):
        operator = bpy.types.UNDERSTUDY_OT_composite
        monkeypatch.setattr(operator, "job_scene", lambda self: bpy.context.scene)
        made = _Pressed(operator)
        made.landed(bpy.context, work(made, bpy.context, made.command(bpy.context)))
    assert (tmp_path / "out.mp4").read_bytes() == b"new"
    assert (tmp_path / "out_earlier_1.mp4").read_bytes() == b"earlier"
    assert (tmp_path / "out_earlier_2.mp4").read_bytes() == b"new"
    assert settings.output == str(tmp_path / "out.mp4")
    names = ("out.mp4", "out_earlier_1.mp4", "out_earlier_2.mp4")
    assert [sidecar_path(tmp_path / name).read_text() for name in names] == ["new", "earlier", "new"]
    assert not list(tmp_path.glob("*_new*"))


class _Pressed:
    """An operator's own methods without Blender's instance, which only a call makes."""

    def __init__(self, operator: type) -> None:
        self.output = ""
        self._operator = operator

    def __getattr__(self, name: str) -> object:
        return getattr(self._operator, name).__get__(self)


def test_a_sequence_is_found_and_comes_to_the_sequencer(
    scene: bpy.types.Scene, settings, make_take: Callable[..., takes.Take], tmp_path: Path
) -> None:
    made = pictures(tmp_path / "shot", "shot", 4)
    takes.save(make_take(frames=4), tmp_path / "a.take.npz")
    settings.take, settings.output = str(tmp_path / "a.take.npz"), str(tmp_path / "shot" / "shot_######.png")
    facts.learn_movie(settings)
    assert settings.facts.movie_found
    assert bpy.ops.understudy.import_movie(add_sound=False) == {"FINISHED"}
    (strip,) = compat.sequencer_strips(scene.sequence_editor)
    assert strip.type == "IMAGE"
    assert [element.filename for element in strip.elements] == [path.name for path in made]
    assert strip.frame_final_start == 1


def test_restoring_asks_for_what_was_chosen(settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old.mp4").write_bytes(b"footage")
    settings.footage, settings.compositing.enhancer = str(tmp_path / "old.mp4"), "codeformer"
    asked: list[tuple[str, ...]] = []

    def start(operator: object, context: object, command: jobs.Command) -> None:
        asked.append(command.words)
        raise InputError("Enough.")

    monkeypatch.setattr(jobs, "_start", start)
    for choices in ({}, {"use_faces": False, "use_frame": True, "upscale": "2"}):
        with pytest.raises(RuntimeError, match="Enough"):
            bpy.ops.understudy.restore(**choices)
    faces, frames = asked
    made = str(tmp_path / "old_restored.mp4")
    assert faces[:6] == ("restore", str(tmp_path / "old.mp4"), "-o", made, "--enhancer", "codeformer")
    assert "--upscale" not in faces
    assert frames[5] == "none"
    assert frames[-2:] == ("--upscale", "2")
    with pytest.raises(RuntimeError, match="Nothing was chosen"):
        bpy.ops.understudy.restore(use_faces=False)
