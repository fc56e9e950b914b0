"""Delivery: every codec, depth, alpha and colour tag comes back as it was asked for; what cannot be is refused in a sentence."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.inference.composite.colour.transfer import decode
from understudy.inference.composite.delivery import DeliveryWriter
from understudy.inference.errors import UsageError
from understudy.inference.media import (
    DeliveryOptions,
    footage_exists,
    output_exists,
    pixels,
    plan_delivery,
    probe,
    read_frames,
    read_plates,
    write_png,
)
from understudy.inference.media.colour_tags import BT709, ColourTags, Hdr10
from understudy.inference.media.delivery import would_replace
from understudy.inference.media.encodings import Codec, PictureForm
from understudy.inference.media.types import VideoInfo
from understudy.inference.media.writer import VideoWriter

SIZE = (72, 64)
PQ, HLG = ColourTags(9, 16, 9), ColourTags(9, 18, 9)
BT601, FULL = ColourTags(6, 6, 6), ColourTags(1, 1, 1, True)
BT2020 = ColourTags(9, 14, 9)
MOVIES = [
    ("h264", ".mp4", 8), ("h264", ".mov", 10), ("h265", ".mp4", 8), ("h265", ".mp4", 10), ("h265", ".mkv", 10),
    ("prores", ".mov", 10), ("prores4444", ".mov", 10), ("ffv1", ".mkv", 8), ("ffv1", ".mkv", 10), ("ffv1", ".mkv", 16),
]  # fmt: skip
LOSSY = {"h264": 0.012, "h265": 0.012, "prores": 0.004, "prores4444": 0.004}
"""Mean error, of 1."""


def picture(step: int = 0, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Smooth colours over the whole 16 bits but the ends."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float64)
    grey = 30000 + 9000 * np.sin((x + y + step * 3) / 12)
    return np.stack([grey + x * 100, grey + y * 100, grey], axis=-1).astype(np.uint16)


def shade(size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.tile(np.linspace(0, 65535, size[0]).astype(np.uint16), (size[1], 1))


def movie(path: Path, codec: Any, form: PictureForm, times: list[float] | None = None, **options: Any) -> Path:
    size = options.pop("size", SIZE)
    with VideoWriter(path, *size, Fraction(25), codec, form=form, **options) as writer:
        for step, time_s in enumerate(times or [0.0, 0.04, 0.08]):
            writer.write(picture(step, size), time_s, shade(size) if form.alpha else None)
    return path


def raw_facts(path: Path) -> tuple[str, str, tuple[int, int, int, int]]:
    """Codec, pixel format and tags, by FFmpeg alone."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        tags = (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range)
        return container.streams.video[0].codec_context.name, frame.format.name, tuple(int(tag) for tag in tags)


def made(**facts: Any) -> VideoInfo:
    usual = VideoInfo(Path("made.mp4"), *SIZE, Fraction(25), 3, 0.12, 0, 8, "h264", False)
    return replace(usual, **facts)


@pytest.mark.parametrize(("codec", "suffix", "depth"), MOVIES)
@pytest.mark.parametrize("colour", [BT709, BT601, BT2020, PQ, HLG, FULL])
def test_movies_keep_depth_and_tags(tmp_path: Path, codec: str, suffix: str, depth: int, colour: ColourTags) -> None:
    path = movie(tmp_path / f"clip{suffix}", codec, PictureForm(depth, colour))
    info = probe(path)
    # FFmpeg decodes every ProRes 4444 as 12 bits.
    assert info.bit_depth == (12 if codec == "prores4444" else depth)
    in_rgb = codec == "ffv1"
    limited = codec.startswith("prores")
    matrix = 0 if in_rgb else colour.matrix
    full = in_rgb or (colour.full_range and not limited)
    assert info.colour == ColourTags(colour.primaries, colour.transfer, matrix, full)
    assert raw_facts(path)[2] == (colour.primaries, colour.transfer, matrix, 2 if full else 1)
    plate = list(read_plates(path, dtype=np.uint16))[1]
    assert plate.pixels.dtype == np.uint16
    error = np.abs(plate.pixels.astype(int) - picture(1)) / 65535
    if in_rgb:
        assert error.max() <= 0.5 / (2**depth - 1) + 1e-5
    elif not (colour.full_range and limited):
        assert error.mean() < LOSSY[codec]
    else:
        assert error.mean() < LOSSY[codec] + 1e-3


@pytest.mark.parametrize(
    ("codec", "suffix", "depth"),
    [("prores4444", ".mov", 10), ("ffv1", ".mkv", 8), ("ffv1", ".mkv", 10), ("ffv1", ".mkv", 16)],
)
def test_alpha_comes_back(tmp_path: Path, codec: str, suffix: str, depth: int) -> None:
    path = movie(tmp_path / f"clip{suffix}", codec, PictureForm(depth, alpha=True))
    assert probe(path).has_alpha
    for plate in read_plates(path, dtype=np.uint16):
        assert plate.alpha is not None
        assert np.abs(plate.alpha.astype(int) - shade()).max() <= 0.5 / (2**depth - 1) * 65535 + 12
    assert not probe(movie(tmp_path / f"plain{suffix}", codec, PictureForm(depth))).has_alpha


@pytest.mark.parametrize(("codec", "suffix", "depth"), MOVIES)
def test_odd_sizes_and_uneven_times(tmp_path: Path, codec: str, suffix: str, depth: int) -> None:
    times = [0.2, 0.24, 0.3, 0.31, 0.5, 1.25]
    form = PictureForm(depth, PQ)
    path = movie(tmp_path / f"clip{suffix}", codec, form, times, size=(71, 65), time_base=Fraction(1, 90000))
    plates = list(read_plates(path, dtype=np.uint16))
    np.testing.assert_allclose([plate.time_s for plate in plates], times, atol=6e-4 if suffix == ".mkv" else 1e-9)
    for step, plate in enumerate(plates):
        assert plate.pixels.shape == (65, 71, 3)
        assert np.abs(plate.pixels.astype(int) - picture(step, (71, 65))).mean() < 900


def test_players_of_apple_know_h265(tmp_path: Path) -> None:
    path = movie(tmp_path / "clip.mp4", "h265", PictureForm(10))
    assert b"hvc1" in path.read_bytes()
    assert b"hev1" not in path.read_bytes()


def test_the_limits_of_hdr10_are_kept(tmp_path: Path) -> None:
    display = (0.708, 0.292, 0.17, 0.797, 0.131, 0.046, 0.3127, 0.329)
    limits = Hdr10(display, 0.005, 1000.0, 950, 400)
    source = movie(tmp_path / "source.mp4", "h265", PictureForm(10, PQ, hdr10=limits))
    stored = probe(source).hdr10
    assert stored is not None
    np.testing.assert_allclose(stored.chromaticities, display, atol=2e-5)
    assert (stored.darkest_cd, stored.brightest_cd, stored.max_cll_cd, stored.max_fall_cd) == (0.005, 1000, 950, 400)
    assert deliver(source, tmp_path / "out.mov", DeliveryOptions("h265")).hdr10 == stored
    assert probe(movie(tmp_path / "plain.mp4", "h265", PictureForm(10, BT709, hdr10=limits))).hdr10 is None


def test_pictures_of_8_bits_read_as_ever(tmp_path: Path) -> None:
    """`read_plates` hands out what `read_frames` does, and the same widened."""
    path = movie(tmp_path / "clip.mp4", "h264", PictureForm(8))
    triples = zip(read_frames(path), read_plates(path), read_plates(path, dtype=np.uint16), strict=True)
    for frame, plate, wide in triples:
        assert plate.pixels.dtype == np.uint8
        np.testing.assert_array_equal(plate.pixels, frame.rgb)
        np.testing.assert_array_equal(wide.pixels, frame.rgb.astype(int) * 257)
        assert (plate.index, plate.time_s, plate.alpha) == (frame.index, frame.time_s, None)


@given(
    seed=st.integers(0, 2**32 - 1),
    width=st.integers(8, 40),
    height=st.integers(8, 40),
    alpha=st.booleans(),
    depth=st.sampled_from([8, 16]),
)
@settings(max_examples=25, deadline=None)
def test_ffv1_is_bit_exact(
    tmp_path_factory: pytest.TempPathFactory, seed: int, width: int, height: int, alpha: bool, depth: int
) -> None:
    rng = np.random.default_rng(seed)
    kind = np.uint8 if depth == 8 else np.uint16
    frames = rng.integers(0, 2**depth, (2, height, width, 4)).astype(kind)
    path = tmp_path_factory.mktemp("ffv1") / "clip.mkv"
    with VideoWriter(path, width, height, Fraction(25), "ffv1", form=PictureForm(depth, alpha=alpha)) as writer:
        for step, frame in enumerate(frames):
            writer.write(np.ascontiguousarray(frame[..., :3]), step / 25, frame[..., 3] if alpha else None)
    for plate, frame in zip(read_plates(path), frames, strict=True):
        assert plate.pixels.dtype == kind
        np.testing.assert_array_equal(plate.pixels, frame[..., :3])
        if alpha:
            np.testing.assert_array_equal(plate.alpha, frame[..., 3])


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("chroma", ["420", "422", "444"])
@pytest.mark.parametrize(("matrix", "red", "blue"), [(1, 0.2126, 0.0722), (6, 0.299, 0.114), (9, 0.2627, 0.0593)])
@pytest.mark.parametrize("full", [False, True])
def test_deep_colours_are_exact(
    tmp_path: Path, bits: int, chroma: str, matrix: int, red: float, blue: float, full: bool
) -> None:
    """Codes to RGB by the formulas of H.273, to the last of 16 bits; swscale's white would be 255 of these too dark."""
    scale, top = 2 ** (bits - 8), 2**bits - 1
    codes = (120 * scale + 1, 110 * scale + 3, 150 * scale + 2)
    with av.open(str(tmp_path / "flat.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, f"yuv{chroma}p{bits}le"
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, 2 if full else 1
        frame = av.VideoFrame(32, 32, stream.pix_fmt)
        for plane, code in zip(frame.planes, codes, strict=True):
            plane.update(code.to_bytes(2, "little") * (plane.buffer_size // 2))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    luma = codes[0] / top if full else (codes[0] / scale - 16) / 219
    u, v = ((code - 128 * scale) / (top if full else 224 * scale) for code in codes[1:])
    r, b = luma + 2 * (1 - red) * v, luma + 2 * (1 - blue) * u
    g = (luma - red * r - blue * b) / (1 - red - blue)
    (plate,) = read_plates(tmp_path / "flat.mkv")
    np.testing.assert_allclose(plate.pixels[16, 16], np.array([r, g, b]) * 65535, atol=1.01)


@pytest.mark.parametrize("chroma", ["420", "422", "444"])
@pytest.mark.parametrize("full", [False, True])
def test_decoded_8_bits_go_to_rgb_and_back_without_a_change(tmp_path: Path, chroma: str, full: bool) -> None:
    """H.264 says where its chroma lies; that moved it by half a sample."""
    rng = np.random.default_rng(4)
    with av.open(str(tmp_path / "a.mp4"), "w") as target:
        stream = target.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, f"yuv{chroma}p"
        stream.codec_context.color_range = 2 if full else 1
        frame = av.VideoFrame(64, 48, f"yuv{chroma}p")
        frame.color_range = stream.codec_context.color_range
        for plane in frame.planes:
            np.frombuffer(plane, np.uint8)[:] = rng.integers(100, 150, plane.buffer_size)
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    with av.open(str(tmp_path / "a.mp4")) as source:
        decoded = next(source.decode(video=0))
    reformatter = VideoReformatter()
    rgb = pixels.to_rgb(decoded, reformatter, Fraction(1), True)
    again = pixels.from_rgb(rgb, f"yuv{chroma}p", reformatter, ColourTags(6, 6, 6, full))
    for codes, expected in zip(again.planes, decoded.planes, strict=True):
        rows = [
            np.frombuffer(one, np.uint8).reshape(one.height, -1)[:, : one.width].astype(int)
            for one in (codes, expected)
        ]
        assert abs(rows[0] - rows[1]).max() <= 1


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv422p10le", "yuv422p12le", "p010le", "gbrp12le", "rgb48be"])
def test_deep_footage_goes_through_unchanged(tmp_path: Path, pixel_format: str) -> None:
    """YUV -> RGB -> YUV gives the same codes, and RGB the same pixels."""
    from av.video.reformatter import VideoReformatter
    from understudy.inference.media.deep import from_deep, to_deep

    planar = {"p010le": "yuv420p10le", "rgb48be": "gbrp16le"}.get(pixel_format, pixel_format)
    start = from_deep(picture(), None, planar, 9, False)
    given_frame = VideoReformatter().reformat(start, format=pixel_format) if planar != pixel_format else start
    rgb, alpha = to_deep(given_frame, 9, VideoReformatter())
    again = from_deep(rgb, None, planar, 9, False)
    assert alpha is None
    for before, after in zip(start.planes, again.planes, strict=True):
        rows = [
            np.frombuffer(plane, np.uint16).reshape(plane.height, -1)[:, : plane.width] for plane in (before, after)
        ]
        np.testing.assert_array_equal(*rows)


@pytest.mark.parametrize(
    ("facts", "name", "codec", "depth"),
    [
        ({}, "a.mp4", "h264", 8),
        ({}, "a.mov", "prores", 10),
        ({}, "a.mkv", "ffv1", 8),
        ({"bit_depth": 10}, "a.mp4", "h265", 10),
        ({"bit_depth": 10, "colour": PQ}, "a.mp4", "h265", 10),
        ({"bit_depth": 12}, "a.mkv", "ffv1", 16),
        ({"has_alpha": True}, "a.mov", "prores4444", 10),
        ({}, "pictures", "png", 8),
        ({"bit_depth": 10}, "shot_####.png", "png", 16),
        ({}, "shot_%04d.exr", "exr", 16),
        ({"bit_depth": 32, "is_float": True, "colour": ColourTags(1, 8, 0, True)}, "pictures", "exr", 32),
        ({"bit_depth": 16, "is_float": True, "colour": ColourTags(1, 8, 0, True)}, "a.mp4", "h265", 10),
    ],
)
def test_what_fits_is_chosen(tmp_path: Path, facts: dict[str, Any], name: str, codec: str, depth: int) -> None:
    delivery = plan_delivery(made(**facts), tmp_path / name, DeliveryOptions())
    assert (delivery.codec, delivery.depth) == (codec, depth)


@pytest.mark.parametrize(
    ("facts", "name", "options", "words"),
    [
        ({"colour": PQ, "bit_depth": 10}, "a.mp4", DeliveryOptions("h264", 8), "HDR.*--codec h265"),
        ({"colour": HLG, "bit_depth": 10}, "shot_##.png", DeliveryOptions(depth=8), "HDR"),
        ({}, "a.mp4", DeliveryOptions("h264", 16), "does not hold 16 bits"),
        ({}, "a.mov", DeliveryOptions("prores", 8), "choose 10 bits"),
        ({}, "a.mp4", DeliveryOptions("h264", element=True), "holds no alpha"),
        ({}, "a.mp4", DeliveryOptions("prores"), "must end in"),
        ({}, "a.avi", DeliveryOptions(), "must end in"),
        ({"width": 40}, "a.mp4", DeliveryOptions("h265"), "smaller than 64x64"),
        ({}, "a.png", DeliveryOptions(), "go into a folder"),
        ({}, "a.mp4", DeliveryOptions("exr"), "go into a folder"),
    ],
)
def test_what_does_not_go_together_is_refused(
    tmp_path: Path, facts: dict[str, Any], name: str, options: DeliveryOptions, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        plan_delivery(made(**facts), tmp_path / name, options)


@pytest.mark.parametrize(
    ("facts", "name", "options", "words"),
    [
        ({"has_alpha": True}, "a.mp4", DeliveryOptions(), "alpha is left out"),
        ({"has_audio": True}, "pictures", DeliveryOptions(), "no sound"),
        ({"bit_depth": 10}, "a.mp4", DeliveryOptions("h264", 8), "rounded to 8"),
        ({"bit_depth": 10, "colour": PQ}, "a.mp4", DeliveryOptions("h264"), "Few players"),
        ({"bit_depth": 10, "colour": PQ}, "pictures", DeliveryOptions("exr"), "linear light"),
        ({"is_float": True, "colour": ColourTags(1, 8, 0, True)}, "a.mkv", DeliveryOptions(), "above white"),
    ],
)
def test_what_is_lost_is_said(
    tmp_path: Path, facts: dict[str, Any], name: str, options: DeliveryOptions, words: str
) -> None:
    assert any(words in note for note in plan_delivery(made(**facts), tmp_path / name, options).notes)
    assert plan_delivery(made(), tmp_path / "a.mp4", DeliveryOptions()).notes == ()


def deliver(source: Path, target: Path, options: DeliveryOptions, matte: np.ndarray | None = None) -> VideoInfo:
    """Footage straight through, as the compositor does with frames that it leaves alone."""
    info = probe(source)
    delivery = plan_delivery(info, target, options)
    with DeliveryWriter(delivery, info, target) as writer:
        for plate in read_plates(source, dtype=delivery.dtype):
            writer.write(plate.pixels, plate.time_s, plate.alpha if matte is None else matte)
    return probe(target)


@pytest.mark.parametrize("kind", ["ffv1", "png", "exr"])
@pytest.mark.parametrize("alpha", [False, True])
def test_pass_through_is_bit_exact(tmp_path: Path, kind: Codec, alpha: bool) -> None:
    source = movie(tmp_path / "source.mkv", "ffv1", PictureForm(16, PQ, alpha), [0.0, 0.04, 0.2])
    if kind == "exr":
        deliver(source, tmp_path / "light", DeliveryOptions("exr", 32))
        source = tmp_path / "light"
    target = tmp_path / ("again.mkv" if kind == "ffv1" else "again")
    info = deliver(source, target, DeliveryOptions(kind))
    before, after = list(read_plates(source)), list(read_plates(target))
    assert info.colour == probe(source).colour
    assert info.has_alpha is alpha
    assert [plate.time_s for plate in before] == pytest.approx([plate.time_s for plate in after], abs=1e-9)
    for one, other in zip(before, after, strict=True):
        assert one.pixels.dtype == other.pixels.dtype
        np.testing.assert_array_equal(one.pixels, other.pixels)
        if alpha:
            np.testing.assert_array_equal(one.alpha, other.alpha)


@pytest.mark.parametrize("colour", [BT709, PQ, HLG])
def test_light_and_back_are_the_same_picture(tmp_path: Path, colour: ColourTags) -> None:
    """Footage as half floats of light is within its own 10 bits of what it was."""
    from understudy.inference.composite.colour.transfer import encode

    source = movie(tmp_path / "source.mkv", "ffv1", PictureForm(16, colour))
    info = deliver(source, tmp_path / "light", DeliveryOptions("exr"))
    assert (info.bit_depth, info.colour.curve, info.colour.primaries) == (16, "linear", colour.primaries)
    for plate, light in zip(read_plates(source), read_plates(tmp_path / "light"), strict=True):
        signal = encode(light.pixels, colour.curve)
        assert np.abs(signal * 65535 - plate.pixels.astype(int)).max() < 64


def test_light_becomes_a_movie_that_looks_the_same(tmp_path: Path) -> None:
    """EXR footage to a movie and to the tracker's eyes: sRGB, white where light is 1 or more."""
    source = movie(tmp_path / "source.mkv", "ffv1", PictureForm(16))
    deliver(source, tmp_path / "light", DeliveryOptions("exr"))
    info = deliver(tmp_path / "light", tmp_path / "again.mkv", DeliveryOptions())
    assert (info.bit_depth, info.colour.transfer) == (16, 13)
    triples = zip(
        read_plates(source), read_plates(tmp_path / "again.mkv"), read_frames(tmp_path / "light"), strict=True
    )
    for plate, again, seen in triples:
        assert np.abs(again.pixels.astype(int) - plate.pixels).max() < 64
        assert np.abs(seen.rgb * 257.0 - plate.pixels).max() < 200


def test_colours_are_multiplied_by_alpha_in_exr_only(tmp_path: Path) -> None:
    source = movie(tmp_path / "source.mkv", "ffv1", PictureForm(16, alpha=True))
    deliver(source, tmp_path / "light", DeliveryOptions("exr", 32))
    deliver(tmp_path / "light", tmp_path / "again.mkv", DeliveryOptions())
    plates = list(read_plates(source))
    for plate, light, again in zip(
        plates, read_plates(tmp_path / "light"), read_plates(tmp_path / "again.mkv"), strict=True
    ):
        alpha = plate.alpha / np.float32(65535)
        np.testing.assert_allclose(light.pixels, decode(plate.pixels) * alpha[..., None], atol=1e-6)
        np.testing.assert_array_equal(again.alpha, plate.alpha)
        seen = alpha > 0.05
        assert np.abs(again.pixels[seen].astype(int) - plate.pixels[seen]).max() < 64


@pytest.mark.parametrize(("name", "kind"), [("face.mov", None), ("face.mkv", None), ("face", "png"), ("face", "exr")])
def test_element_is_the_face_with_its_matte(tmp_path: Path, name: str, kind: Codec | None) -> None:
    source = movie(tmp_path / "source.mp4", "h264", PictureForm(8))
    matte = np.zeros(SIZE[::-1], np.float32)
    matte[24:40, 16:48] = np.linspace(0, 1, 32)
    info = deliver(source, tmp_path / name, DeliveryOptions(kind, element=True), matte)
    assert info.has_alpha
    for face, plate in zip(read_plates(tmp_path / name), read_plates(source), strict=True):
        assert face.alpha is not None
        alpha = face.alpha / (1.0 if face.alpha.dtype.kind == "f" else np.iinfo(face.alpha.dtype).max)
        np.testing.assert_allclose(alpha, matte, atol=0.004)
        inside = matte > 0.3
        if kind == "exr":
            light = (plate.pixels / 255.0) ** 2.2 * matte[..., None]
            assert np.abs(face.pixels - light)[inside].mean() < 0.01
        else:
            top = np.iinfo(face.pixels.dtype).max
            assert np.abs(face.pixels / top - plate.pixels / 255)[inside].mean() < 0.02
        assert np.abs(face.pixels[:4].astype(float)).max() <= (600 if name == "face.mov" else 0)


def test_what_is_there_is_known(tmp_path: Path) -> None:
    assert not output_exists(tmp_path / "pictures")
    (tmp_path / "pictures").mkdir()
    assert not output_exists(tmp_path / "pictures")
    (tmp_path / "pictures" / "shot_0003.png").write_bytes(b"")
    assert output_exists(tmp_path / "pictures")
    assert output_exists(tmp_path / "pictures" / "shot_####.png")
    assert footage_exists(tmp_path / "pictures" / "shot_%04d.png")
    assert not output_exists(tmp_path / "pictures" / "take_####.png")
    assert not footage_exists(tmp_path / "gone.mp4")


def test_footage_is_known_under_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "plates"
    folder.mkdir()
    for number in range(3):
        write_png(folder / f"shot_{number:04d}.png", picture())
    (tmp_path / "link").symlink_to(folder)
    for out in (folder, folder / "shot_####.png", folder / "shot_%d.png", tmp_path / "link" / "shot_####.png"):
        for footage in (folder, folder / "shot_####.png"):
            assert would_replace(out, footage)
    for out in (folder / "new_####.png", tmp_path / "shot_####.png", tmp_path / "other", tmp_path / "a.mp4"):
        assert not would_replace(out, folder)
    clip = movie(tmp_path / "clip.mkv", "ffv1", PictureForm(8))
    assert would_replace(tmp_path / "link" / ".." / "clip.mkv", clip)
    assert not would_replace(tmp_path / "clip.mp4", clip)
