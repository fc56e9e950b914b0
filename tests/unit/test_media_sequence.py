"""Sequences: numbered PNG and EXR pictures are footage with times, tags and numbers; what is wrong with them is said."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.inference.errors import InputError
from understudy.inference.media import exr, probe, read_frames, read_picture, read_plates, sha256, write_png
from understudy.inference.media.colour_tags import ColourTags
from understudy.inference.media.encodings import PictureForm
from understudy.inference.media.exr import exr_facts, read_exr, write_exr
from understudy.inference.media.sequence_writer import SequenceWriter


def fill(folder: Path, numbers: range, name: str = "shot_{:04d}.png", depth: type = np.uint8) -> list[np.ndarray]:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, np.iinfo(depth).max, (6, 9, 3)).astype(depth) for _ in numbers]
    for number, picture in zip(numbers, pictures, strict=True):
        write_png(folder / name.format(number), picture)
    return pictures


@pytest.mark.parametrize("ask", ["", "shot_####.png", "shot_%04d.png"])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_pictures_are_footage(tmp_path: Path, ask: str, depth: type) -> None:
    pictures = fill(tmp_path / "plates", range(998, 1003), depth=depth)
    path = tmp_path / "plates" / ask
    info = probe(path)
    assert (info.width, info.height, info.frame_count, info.first_number) == (9, 6, 5, 998)
    assert (info.bit_depth, info.dtype, info.fps, info.has_audio) == (8 * depth().itemsize, depth, Fraction(24), False)
    plates = list(read_plates(path))
    assert [plate.index for plate in plates] == list(range(5))
    assert [plate.time_s for plate in plates] == pytest.approx([index / 24 for index in range(5)])
    for plate, picture in zip(plates, pictures, strict=True):
        assert plate.pixels.dtype == depth
        np.testing.assert_array_equal(plate.pixels, picture)
    seen = [frame.rgb for frame in read_frames(path, 1, 3)]
    top = np.iinfo(depth).max
    np.testing.assert_array_equal(seen, [np.rint(picture * (255.0 / top)) for picture in pictures[1:3]])


def test_digest_is_that_of_the_pictures_and_times(tmp_path: Path) -> None:
    fill(tmp_path / "a", range(3))
    fill(tmp_path / "b", range(3))
    before = sha256(tmp_path / "a")
    assert before == sha256(tmp_path / "b") == sha256(tmp_path / "a" / "shot_####.png")
    (tmp_path / "b" / "timecodes.txt").write_text("0\n50\n100\n")
    assert sha256(tmp_path / "b") != before
    write_png(tmp_path / "a" / "shot_0001.png", np.zeros((6, 9, 3), np.uint8))
    assert sha256(tmp_path / "a") != before


@pytest.mark.parametrize("codec", ["png", "exr"])
@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(25), Fraction(60)])
def test_written_pictures_have_their_times(tmp_path: Path, codec: str, fps: Fraction) -> None:
    form = PictureForm(16, ColourTags(9, 8 if codec == "exr" else 16, 0, True))
    times = [0.5, *(0.5 + float(index / fps) for index in range(1, 6))]
    target = tmp_path / "out" / f"a.######.{codec}"
    picture = np.full((4, 5, 3), 0.25, np.float32) if codec == "exr" else np.full((4, 5, 3), 9999, np.uint16)
    with SequenceWriter(target, 5, 4, fps, codec, form, 41) as writer:
        for time_s in times:
            writer.write(picture, time_s)
    info = probe(tmp_path / "out")
    assert (info.fps, info.first_number, info.colour) == (fps, 41, form.colour)
    assert [plate.time_s for plate in read_plates(tmp_path / "out")] == pytest.approx(times, abs=1e-9)
    if codec == "exr":
        (tmp_path / "out" / "timecodes.txt").unlink()
        assert probe(tmp_path / "out").fps == fps


def test_a_longer_sequence_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """What it leaves over would pass for the end of the new one; files of other names stay."""
    fill(tmp_path / "out", range(7), "frame_{:06d}.png")
    fill(tmp_path / "out", range(2), "plate_{:04d}.png")
    with SequenceWriter(tmp_path / "out", 9, 6, Fraction(24), "png", PictureForm(8), 2) as writer:
        for step in range(3):
            writer.write(np.full((6, 9, 3), step, np.uint8), step / 24)
        assert len(list((tmp_path / "out").glob("frame_*.png"))) == 7
    seen = list(read_plates(tmp_path / "out" / "frame_######.png"))
    assert [plate.pixels.max() for plate in seen] == [0, 1, 2]
    assert len(list((tmp_path / "out").glob("plate_*.png"))) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_failure_leaves_what_was_there(tmp_path: Path) -> None:
    old = fill(tmp_path / "out", range(2), "frame_{:06d}.png")
    form, picture = PictureForm(8), np.zeros((6, 9, 3), np.uint8)
    with pytest.raises(ZeroDivisionError), SequenceWriter(tmp_path / "out", 9, 6, Fraction(24), "png", form) as writer:
        writer.write(picture, 1 / len(list((tmp_path / "out").glob("*.exr"))))
    with pytest.raises(InputError, match="not one frame"):
        SequenceWriter(tmp_path / "empty", 9, 6, Fraction(24), "png", form).close()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    np.testing.assert_array_equal([plate.pixels for plate in read_plates(tmp_path / "out")], old)
    with SequenceWriter(tmp_path / "out", 9, 6, Fraction(24), "png", form, 1) as writer:
        writer.write(picture, 0.0)
        (tmp_path / "out" / "notes.md").write_text("kept")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "frame_000001.png",
        "notes.md",
        "timecodes.txt",
    ]
    assert read_picture(tmp_path / "out" / "frame_000001.png").max() == 0


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "plates"
    fill(folder, range(1, 4))
    for lines, words in (("0\n40\n", "lists 2 times for 3"), ("0\n40\n40\n", "do not increase"), ("a\n", "no list of")):
        (folder / "timecodes.txt").write_text(lines)
        with pytest.raises(InputError, match=words):
            probe(folder)
    (folder / "timecodes.txt").unlink()
    with pytest.raises(InputError, match="no picture"):
        probe(folder / "take_####.png")
    write_png(folder / "matte_0001.png", np.zeros((6, 9, 3), np.uint8))
    with pytest.raises(InputError, match=r"several sequences, matte_####.png and shot_####.png"):
        probe(folder)
    assert probe(folder / "shot_####.png").frame_count == 3
    write_png(folder / "shot_0003.png", np.zeros((6, 8, 3), np.uint8))
    with pytest.raises(InputError, match=r"shot_0003\.png has another size"):
        list(read_plates(folder / "shot_####.png"))
    (folder / "shot_0002.png").unlink()
    with pytest.raises(InputError, match="lacks picture 2"):
        probe(folder / "shot_####.png")


def test_colours_of_png_are_tagged_for_others(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 65535, (5, 7, 4)).astype(np.uint16)
    write_png(tmp_path / "hdr.png", picture, ColourTags(9, 16, 0, True))
    np.testing.assert_array_equal(read_picture(tmp_path / "hdr.png"), picture)
    with av.open(str(tmp_path / "hdr.png")) as container:
        frame = next(container.decode(video=0))
        assert (frame.color_primaries, frame.color_trc, frame.color_range) == (9, 16, 2)


@given(
    seed=st.integers(0, 2**32 - 1),
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    alpha=st.booleans(),
    half=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_exr_is_bit_exact(
    tmp_path_factory: pytest.TempPathFactory, seed: int, width: int, height: int, alpha: bool, half: bool
) -> None:
    """What we write, FFmpeg's decoder reads; noise, flat parts, negative light and light beyond white."""
    rng = np.random.default_rng(seed)
    image = (rng.normal(0.5, 2, (height, width, 3 + alpha)) ** 3).astype(np.float32)
    image[: height // 2] = 0.18
    if half:
        image = image.astype(np.float16).astype(np.float32)
    path = tmp_path_factory.mktemp("exr") / "light.exr"
    write_exr(path, image, "half" if half else "float", ColourTags(9), Fraction(24000, 1001))
    np.testing.assert_array_equal(read_exr(path), image)
    facts = exr_facts(path)
    assert (facts.bits, facts.colour.primaries, facts.fps) == (16 if half else 32, 9, Fraction(24000, 1001))


def test_primaries_of_exr_without_a_code_are_kept(tmp_path: Path) -> None:
    """ACEScg through a sequence, and as sRGB where the file has no place for its primaries."""
    acescg = ColourTags(2, 8, 0, True, (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767))
    light = np.full((4, 5, 3), 0.25, np.float32)
    with SequenceWriter(tmp_path / "a", 5, 4, Fraction(24), "exr", PictureForm(16, acescg)) as writer:
        writer.write(light, 0.0)
    stored = probe(tmp_path / "a").colour
    np.testing.assert_allclose(stored.xy, acescg.xy, atol=1e-6)
    assert stored.as_linear().xy == stored.xy
    assert stored.as_srgb() == ColourTags(1, 13, 0, True)


OPENEXR = """
import os, sys
os.environ["OPENCV_IO_ENABLE_OPENEXR"] = "1"
import cv2, numpy as np
np.save(sys.argv[2], cv2.imread(sys.argv[1], cv2.IMREAD_UNCHANGED))
cv2.imwrite(sys.argv[3], np.load(sys.argv[2]), [cv2.IMWRITE_EXR_TYPE, cv2.IMWRITE_EXR_TYPE_HALF])
"""


def test_exr_speaks_with_the_openexr_library(tmp_path: Path) -> None:
    """Ours is read by OpenEXR itself (as bundled with OpenCV), and its own by us."""
    import subprocess
    import sys

    image = np.random.default_rng(2).normal(0.5, 1, (37, 21, 4)).astype(np.float16).astype(np.float32)
    ours, array, theirs = tmp_path / "ours.exr", tmp_path / "array.npy", tmp_path / "theirs.exr"
    write_exr(ours, image, "half")
    command = [sys.executable, "-c", OPENEXR, str(ours), str(array), str(theirs)]
    subprocess.run(command, check=True, env={**os.environ, "OPENCV_IO_ENABLE_OPENEXR": "1"})
    np.testing.assert_array_equal(cv2.cvtColor(np.load(array), cv2.COLOR_BGRA2RGBA), image)
    np.testing.assert_array_equal(read_exr(theirs), image)


def test_layers_of_a_renderer_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blender's multi-layer files have no plain R, G and B."""
    header = exr._header

    def in_a_layer(width: int, height: int, names: str, *rest: Any) -> bytes:
        return header(width, height, [f"ViewLayer.Combined.{name}" for name in names], *rest)

    image = np.random.default_rng(3).normal(0.5, 1, (20, 33, 4)).astype(np.float16).astype(np.float32)
    monkeypatch.setattr(exr, "_header", in_a_layer)
    write_exr(tmp_path / "layers.exr", image, "half")
    assert (exr_facts(tmp_path / "layers.exr").layer, exr_facts(tmp_path / "layers.exr").bits) == (
        "ViewLayer.Combined",
        16,
    )
    np.testing.assert_array_equal(read_exr(tmp_path / "layers.exr"), image)


def test_too_bright_for_half_is_its_brightest(tmp_path: Path) -> None:
    write_exr(tmp_path / "sun.exr", np.full((2, 2, 3), 1e6, np.float32), "half")
    assert read_exr(tmp_path / "sun.exr").max() == 65504


def test_bad_exr_gets_one_sentence(tmp_path: Path) -> None:
    write_exr(tmp_path / "good.exr", np.ones((30, 30, 3), np.float32), "half")
    data = (tmp_path / "good.exr").read_bytes()
    for name, content in (
        ("noise.exr", b"no picture"),
        ("empty.exr", b""),
        ("head.exr", data[:100]),
        ("cut.exr", data[:-9]),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="damaged"):
            read_picture(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        read_picture(tmp_path / "gone.exr")
