"""The footage's sound in the sequencer: in step with the keys, and only ever one strip of ours."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import bpy
import numpy as np
import pytest
import understudy
from understudy.inference import take as takes
from understudy.inference.errors import InputError
from understudy.inference.media.sound_start import sound_start_s
from understudy.inference.take import Take
from understudy.operators.bridge import compat
from understudy.operators.bridge.keys.sound import PROPERTY, place_sound, remove_sound

MakeTake = Callable[..., Take]
RATE = 48_000


@pytest.fixture
def talking(tmp_path: Path) -> Path:
    """A film of one second with a tone."""
    path = tmp_path / "talking.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 36, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for _ in range(25):
            picture = av.VideoFrame.from_ndarray(np.full((36, 64, 3), 90, np.uint8), format="rgb24")
            container.mux(video.encode(picture))
        tone = (8000 * np.sin(np.arange(RATE) / 20)).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
        frame.sample_rate = RATE
        container.mux(sound.encode(frame))
        for stream in (video, sound):
            container.mux(stream.encode())
    return path


@pytest.fixture
def _sound() -> None:
    """The bpy module of 4.2 was built without sound."""
    if not bpy.app.build_options.audaspace:
        pytest.skip("this Blender was built without sound")


def ours(scene: bpy.types.Scene) -> list[bpy.types.Strip]:
    return [strip for strip in compat.sequencer_strips(scene.sequence_editor) if PROPERTY in strip]


@pytest.mark.usefixtures("_sound")
def test_the_sound_begins_where_the_take_does(scene, talking: Path, make_take: MakeTake) -> None:
    scene.render.fps = 24
    late = make_take(10, Fraction(25), time_s=2.0 + np.arange(10) / 25)  # trimmed: tracking began after two seconds
    for _ in range(2):
        place_sound(scene, talking, late)
        [strip] = ours(scene)
        assert strip.frame_start == 1 - 48
        assert strip.frame_final_duration == pytest.approx(24, abs=1)
    place_sound(scene, talking, make_take(10, Fraction(25)), sound_start_s=0.03)
    [strip] = ours(scene)
    start_s = (strip.frame_start - 1) / 24 + getattr(strip, "sound_offset", 0.0)
    assert start_s == pytest.approx(0.03, abs=1e-6 if hasattr(strip, "sound_offset") else 0.5 / 24)
    assert len(bpy.data.sounds) == 1


@pytest.mark.usefixtures("_sound")
def test_strips_of_a_person_stay_and_are_not_covered(scene, talking: Path, make_take: MakeTake) -> None:
    strips = compat.sequencer_strips(scene.sequence_editor_create())
    theirs = strips.new_sound("Music", str(talking), 1, 1)
    made = place_sound(scene, talking, make_take())
    assert made.channel == 2
    remove_sound(scene)
    assert list(strips) == [theirs]


def test_silent_footage_is_told_and_leaves_nothing(scene, footage: Path, make_take: MakeTake) -> None:
    assert sound_start_s(footage) is None
    with pytest.raises((InputError, understudy.inference.errors.UsageError)):
        place_sound(scene, footage, make_take())
    assert not ours(scene)
    assert not bpy.data.sounds


@pytest.mark.usefixtures("addon", "_sound")
def test_the_bake_brings_the_sound_when_asked(scene, avatar, talking, make_take: MakeTake, tmp_path: Path) -> None:
    path = tmp_path / "talking.take.npz"
    takes.save(make_take(), path)
    settings = scene.understudy
    settings.take, settings.footage, settings.avatar = str(path), str(talking), avatar
    bpy.ops.understudy.bake()
    assert scene.sequence_editor is None or not ours(scene)
    settings.keying.add_sound = True
    bpy.ops.understudy.bake()
    assert [strip.frame_start for strip in ours(scene)] == [1]
