"""Decoding on a device: the same pictures, and software where a device is missing, fails or is lost.

The device of these tests is a stand-in: what is true of a real one is only that it is asked for in the same way.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.hwaccel import HWAccel
from av.video.reformatter import VideoReformatter
from understudy.inference.errors import MissingComponentError, UsageError
from understudy.inference.media import (
    DeliveryOptions,
    VideoWriter,
    hardware,
    plan_delivery,
    probe,
    read_frames,
    read_plates,
    reader,
)
from understudy.inference.media.deep import _plane
from understudy.inference.media.encodings import PictureForm
from understudy.inference.networks import tuned

COUNT = 9


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    with VideoWriter(tmp_path / "clip.mp4", 64, 48, Fraction(25)) as writer:
        for step in range(COUNT):
            writer.write(np.roll(noise, step, 1), step / 25)
    return tmp_path / "clip.mp4"


def stand_in(monkeypatch: pytest.MonkeyPatch, lost_at: int | None = None) -> list[str]:
    """A device that decodes as software does but lays planes out as chips do; lost at a packet; what it was asked for."""
    asked: list[str] = []

    def accelerator(decoder: str) -> HWAccel | None:
        asked.append(decoder)
        return None if decoder == hardware.SOFTWARE else HWAccel("cuda")

    class Frames:
        """Decodes packets, also those of the software decoder that takes over."""

        def __init__(self) -> None:
            self.packets, self.decode, self.reformatter = 0, reader._frames, VideoReformatter()

        def __call__(self, stream, packet, damage):
            self.packets += 1
            if lost_at is not None and self.packets == lost_at:
                damage.add(av.error.ExternalError(0, "the device was lost"))
            return [self.reformatter.reformat(one, format="nv12") for one in self.decode(stream, packet, damage)]

    opened = reader.open_video
    monkeypatch.setattr(reader, "accelerator", accelerator)
    monkeypatch.setattr(reader, "open_video", lambda path, hwaccel=None: opened(path))
    monkeypatch.setattr(reader, "check_decoder", lambda stream: None)
    monkeypatch.setattr(reader, "_frames", Frames())
    return asked


def test_a_device_hands_out_the_pictures_of_software(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = list(read_frames(clip, 2, 7, decoder="software"))
    asked = stand_in(monkeypatch)
    found = list(read_frames(clip, 2, 7, decoder="cuda:1"))
    assert asked == ["cuda:1"]
    assert [one.index for one in found] == [2, 3, 4, 5, 6]
    assert all(np.array_equal(one.rgb, other.rgb) for one, other in zip(found, expected, strict=True))


def test_software_goes_on_where_a_device_is_lost(
    clip: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = list(read_frames(clip, decoder="software"))
    stand_in(monkeypatch, lost_at=COUNT + 1)
    with caplog.at_level(logging.INFO):
        found = list(read_frames(clip, decoder="cuda"))
    assert "the device was lost" in caplog.text
    assert [(one.index, one.time_s) for one in found] == [(one.index, one.time_s) for one in expected]


def test_a_device_that_is_not_there_leaves_the_work_to_software(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    expected = list(read_frames(clip, decoder="software"))
    for decoder in ("cuda:99", "vaapi:99", "d3d12va:99"):
        with caplog.at_level(logging.INFO):
            found = list(read_frames(clip, decoder=decoder))
        assert f"without {decoder}" in caplog.text
        assert all(np.array_equal(one.rgb, other.rgb) for one, other in zip(found, expected, strict=True))


def test_what_no_device_decodes_is_software_s(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with VideoWriter(tmp_path / "a.mkv", 64, 48, Fraction(25), "ffv1") as writer:
        writer.write(np.full((48, 64, 3), 90, np.uint8), 0.0)
    with caplog.at_level(logging.INFO):
        assert [one.rgb.mean() for one in read_frames(tmp_path / "a.mkv", decoder="cuda")] == [90]
    assert "it does not decode ffv1" in caplog.text


@pytest.mark.parametrize("decoder", ["", "gpu", "cuda:x", "software:1", "cuda:²"])
def test_a_name_that_is_none_is_told(clip: Path, decoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "chosen_decoder", lambda: "")
    with pytest.raises(UsageError, match="is no decoder: use software, cuda"):
        next(read_frames(clip, decoder=decoder))


def test_the_user_s_word_counts_more_than_what_was_measured(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "tuned_decoder", lambda: "cuda")
    asked = stand_in(monkeypatch)
    monkeypatch.delenv("UNDERSTUDY_DECODER", raising=False)
    next(iter(read_plates(clip)))
    monkeypatch.setenv("UNDERSTUDY_DECODER", tuned.SOFTWARE)
    next(iter(read_plates(clip)))
    assert asked == ["cuda", "software"]


@pytest.mark.parametrize("decoder", ["foo", "", "cuda:x"])
def test_a_measured_decoder_that_is_none_is_software_s_and_its_file_is_named(
    clip: Path, decoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "tuned_decoder", lambda: decoder)
    with pytest.warns(UserWarning, match=rf"software because .*devices\.json names a decoder .*'{decoder}'.*--tune"):
        assert len(list(read_frames(clip))) == COUNT


def test_decoders_here_are_devices_that_open() -> None:
    here = hardware.decoders_here()
    assert set(here) <= set(hardware.DEVICES)
    for name in here:
        accelerator = hardware.accelerator(name)
        assert accelerator is not None
        accelerator.create(av.Codec("h264", "r"))


@pytest.mark.parametrize(("packed", "planar"), sorted(hardware._UNINTERLEAVED.items()))
@pytest.mark.parametrize("full_range", [False, True])
def test_planes_come_apart_without_a_loss(packed: str, planar: str, full_range: bool) -> None:
    frame = av.VideoFrame(40, 26, planar)
    rng = np.random.default_rng(3)
    depth = frame.format.components[0].bits
    for plane in frame.planes:
        kind = np.uint8 if depth == 8 else np.uint16
        samples = np.frombuffer(plane, kind)
        samples[:] = rng.integers(0, 1 << depth, len(samples), kind, endpoint=depth < 8)
    frame.color_range, frame.colorspace, frame.pts, frame.time_base = 2 if full_range else 1, 9, 7, Fraction(1, 25)
    reformatter = VideoReformatter()
    back = hardware.usual_planes(reformatter.reformat(frame, format=packed), reformatter)
    assert back.format.name == planar
    assert all(np.array_equal(_plane(back, number), _plane(frame, number)) for number in range(3))
    tags = [(one.color_range, one.colorspace, one.pts, one.time_base) for one in (back, frame)]
    assert tags[0] == tags[1]


def test_planes_of_unknown_depth_are_not_guessed() -> None:
    with pytest.raises(hardware.HardwareError, match="p016le"):
        hardware.usual_planes(av.VideoFrame(40, 26, "p016le"), VideoReformatter())


@pytest.fixture
def no_chip(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(hardware, "ENCODERS", (hardware.ChipEncoder("h264_of_nobody", {}, "nv12"),))
    hardware._why_no_encoder.cache_clear()
    yield
    hardware._why_no_encoder.cache_clear()


@pytest.fixture
def a_chip(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in that takes its pictures as chips do."""
    chips = (
        hardware.ChipEncoder("h264_of_nobody", {}, "nv12"),
        hardware.ChipEncoder("libx264", {"crf": "0", "preset": "ultrafast"}, "nv12"),
    )
    monkeypatch.setattr(hardware, "ENCODERS", chips)


def test_a_movie_is_encoded_by_the_first_chip_that_opens(tmp_path: Path, a_chip: None) -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (24, 32, 3), np.uint8).repeat(2, 0).repeat(2, 1)
    path = tmp_path / "a.mp4"
    with VideoWriter(path, 64, 48, Fraction(25), "h264_hardware") as writer:
        for step in range(3):
            writer.write(picture, step / 25)
    frames = list(read_frames(path, decoder="software"))
    assert probe(path).codec == "h264"
    assert [frame.time_s for frame in frames] == [0, 0.04, 0.08]
    assert abs(frames[1].rgb.astype(int) - picture).max() <= 3


def test_a_chip_that_refuses_its_options_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    chips = (
        hardware.ChipEncoder("libx264", {"preset": "of nobody"}, "nv12"),
        hardware.ChipEncoder("libx264", {"preset": "ultrafast"}, "nv12"),
    )
    monkeypatch.setattr(hardware, "ENCODERS", chips)
    assert hardware.encoder_here() is chips[1]


def test_a_chip_takes_even_sizes_and_8_bits_only(tmp_path: Path, a_chip: None) -> None:
    with pytest.raises(UsageError, match="even width and height only; choose h264"):
        VideoWriter(tmp_path / "a.mp4", 65, 48, Fraction(25), "h264_hardware")
    with pytest.raises(UsageError, match="does not hold 10 bits"):
        VideoWriter(tmp_path / "a.mp4", 64, 48, Fraction(25), "h264_hardware", form=PictureForm(depth=10))


def test_without_a_chip_the_plan_already_says_what_is_missing(clip: Path, tmp_path: Path, no_chip: None) -> None:
    with pytest.raises(MissingComponentError, match=r"h264_of_nobody: this build of FFmpeg has none.*choose h264"):
        plan_delivery(probe(clip), tmp_path / "out.mp4", DeliveryOptions("h264_hardware"))
    with pytest.raises(MissingComponentError, match="No graphics chip"):
        VideoWriter(tmp_path / "a.mp4", 64, 48, Fraction(25), "h264_hardware")
    assert not list(tmp_path.glob("a*"))
