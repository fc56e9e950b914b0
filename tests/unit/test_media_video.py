"""Media: what is written comes back with its times, sizes, colours and sound; bad files get one clear sentence."""

from __future__ import annotations

import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from understudy.inference.errors import InputError, UsageError
from understudy.inference.media import DamagedVideoWarning, VideoWriter, probe, read_frames, sha256

CODECS = [("h264", ".mp4"), ("h264", ".mkv"), ("ffv1", ".mkv"), ("prores", ".mov")]


def picture(width: int, height: int, step: int = 0) -> np.ndarray:
    """Smooth colours that move with ``step``."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    grey = 110 + 50 * np.sin((x + y + step * 4) / 12)
    return np.stack([grey + x / width * 40, grey + y / height * 40, grey], axis=-1).astype(np.uint8)


def write_clip(
    path: Path, count: int = 8, size: tuple[int, int] = (64, 48), codec: str = "h264", **options: Any
) -> list[float]:
    fps = options.pop("fps", Fraction(25))
    times = options.pop("times", [float(i / fps) for i in range(count)])
    with VideoWriter(path, *size, fps, codec, **options) as writer:
        for step, time_s in enumerate(times):
            writer.write(picture(*size, step), time_s)
    return times


def add_sound(video: Path, path: Path, codec: str, seconds: float) -> None:
    """A copy of ``video`` with a 440 Hz tone."""
    with av.open(str(video)) as source, av.open(str(path), "w") as target:
        pictures = target.add_stream_from_template(source.streams.video[0])
        sound = target.add_stream(codec, rate=48000, layout="mono")
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = pictures
                target.mux(packet)
        tone = np.sin(np.arange(int(48000 * seconds)) * 440 * 2 * np.pi / 48000).astype(np.float32)[None] * 0.5
        fifo = av.AudioFifo()
        resampler = av.AudioResampler(sound.format, "mono", 48000)
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate = 48000
        frame.pts = 0
        for converted in resampler.resample(frame):
            fifo.write(converted)
        while (chunk := fifo.read(sound.codec_context.frame_size or 960, partial=True)) is not None:
            target.mux(sound.encode(chunk))
        target.mux(sound.encode(None))


def sound_of(path: Path) -> tuple[str, np.ndarray, list[bytes]]:
    """Codec, decoded samples and raw packets of the first sound track."""
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(container.streams.audio[0]) if packet.size]
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        samples = [frame.to_ndarray().astype(np.float64).ravel() for frame in container.decode(stream)]
        return stream.codec_context.name, np.concatenate(samples), packets


@pytest.mark.parametrize(("codec", "suffix"), CODECS)
@pytest.mark.parametrize("size", [(64, 48), (65, 49)])
def test_frames_come_back(tmp_path: Path, codec: str, suffix: str, size: tuple[int, int]) -> None:
    path = tmp_path / f"clip{suffix}"
    times = write_clip(path, size=size, codec=codec)
    info = probe(path)
    frames = list(read_frames(path))
    assert (info.width, info.height, info.fps) == (*size, Fraction(25))
    assert [frame.index for frame in frames] == list(range(8))
    np.testing.assert_allclose([frame.time_s for frame in frames], times, atol=6e-4 if suffix == ".mkv" else 1e-9)
    errors = np.array([frame.rgb.astype(int) - picture(*size, i) for i, frame in enumerate(frames)])
    if codec == "ffv1":
        assert np.abs(errors).max() == 0
    else:
        assert np.abs(errors).mean() < 2
        assert abs(errors.mean()) < 0.5
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("fps", [Fraction(30000, 1001), Fraction(24000, 1001), Fraction(24), Fraction(60)])
def test_constant_rates_are_exact(tmp_path: Path, fps: Fraction) -> None:
    times = write_clip(tmp_path / "clip.mp4", fps=fps, times=[float(i / fps) for i in range(1, 12)])
    assert [frame.time_s for frame in read_frames(tmp_path / "clip.mp4")] == pytest.approx(times, abs=1e-9)
    assert probe(tmp_path / "clip.mp4").fps == fps


def test_variable_rate_times_and_late_start_are_kept(tmp_path: Path) -> None:
    times = [0.2, 0.24, 0.3, 0.31, 0.5, 1.25, 1.26]
    write_clip(tmp_path / "clip.mp4", times=times, time_base=Fraction(1, 90000))
    assert [frame.time_s for frame in read_frames(tmp_path / "clip.mp4")] == pytest.approx(times, abs=1e-9)


def test_part_of_a_clip(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4")
    frames = list(read_frames(tmp_path / "clip.mp4", 3, 6))
    assert [frame.index for frame in frames] == [3, 4, 5]
    assert [frame.time_s for frame in frames] == pytest.approx([0.12, 0.16, 0.2])
    assert list(read_frames(tmp_path / "clip.mp4", 8)) == []


def test_one_frame_clip(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", count=1)
    assert probe(tmp_path / "clip.mp4").frame_count == 1
    assert len(list(read_frames(tmp_path / "clip.mp4"))) == 1


def write_yuv(path: Path, matrix: int, colour_range: int, level: tuple[int, int, int], pixel_format: str) -> None:
    """One flat frame with given Y, Cb, Cr codes and tags."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, pixel_format
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, colour_range
        frame = av.VideoFrame(32, 32, pixel_format)
        frame.colorspace, frame.color_range = matrix, colour_range
        for plane, code in zip(frame.planes, level, strict=True):
            size = 2 if "10" in pixel_format else 1
            plane.update(code.to_bytes(size, "little") * (plane.buffer_size // size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(("matrix", "red", "blue"), [(1, 0.2126, 0.0722), (6, 0.299, 0.114), (9, 0.2627, 0.0593)])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits", [8, 10])
def test_colours_follow_the_tags(tmp_path: Path, matrix: int, red: float, blue: float, full: bool, bits: int) -> None:
    scale = 2 ** (bits - 8)
    codes = (120 * scale, 110 * scale, 150 * scale)
    pixel_format = "yuv420p" if bits == 8 else "yuv420p10le"
    write_yuv(tmp_path / "flat.mkv", matrix, 2 if full else 1, codes, pixel_format)
    top = 2**bits - 1
    luma = codes[0] / top if full else (codes[0] / scale - 16) / 219
    u, v = ((code - 128 * scale) / (top if full else 224 * scale) for code in codes[1:])
    r, b = luma + 2 * (1 - red) * v, luma + 2 * (1 - blue) * u
    g = (luma - red * r - blue * b) / (1 - red - blue)
    (frame,) = read_frames(tmp_path / "flat.mkv")
    np.testing.assert_allclose(frame.rgb[16, 16], np.array([r, g, b]) * 255, atol=1.0)
    assert probe(tmp_path / "flat.mkv").bit_depth == bits


def test_written_colours_are_tagged_and_true(tmp_path: Path) -> None:
    colour = np.array([200, 90, 40], np.uint8)
    with VideoWriter(tmp_path / "flat.mp4", 64, 64, Fraction(25)) as writer:
        writer.write(np.broadcast_to(colour, (64, 64, 3)).copy(), 0.0)
    with av.open(str(tmp_path / "flat.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range) == (1, 1, 1, 1)
    (read,) = read_frames(tmp_path / "flat.mp4")
    np.testing.assert_allclose(read.rgb[32, 32], colour, atol=2)


TURNS = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


def set_rotation(path: Path, degrees: int) -> None:
    """Patch the display matrix of the first track (clockwise turn)."""
    data = bytearray(path.read_bytes())
    a, b, c, d = (value << 16 for value in TURNS[degrees])
    start = data.index(b"tkhd") + 4 + 40
    data[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_metadata_is_applied(tmp_path: Path, degrees: int) -> None:
    path = tmp_path / "phone.mp4"
    write_clip(path, count=2)
    set_rotation(path, degrees)
    info = probe(path)
    expected = np.rot90(picture(64, 48), -degrees // 90)
    frame = next(read_frames(path))
    assert info.rotation_deg == degrees
    assert frame.rgb.shape == expected.shape == (info.height, info.width, 3)
    assert np.abs(frame.rgb.astype(int) - expected).mean() < 3


def test_non_square_pixels_are_stretched(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "wide.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(48, 48), format="rgb24")))
        container.mux(stream.encode(None))
    info = probe(tmp_path / "wide.mp4")
    frame = next(read_frames(tmp_path / "wide.mp4"))
    assert (info.width, info.height) == (64, 48)
    assert frame.rgb.shape == (48, 64, 3)


def test_sound_is_copied_bit_for_bit(tmp_path: Path) -> None:
    write_clip(tmp_path / "mute.mp4", count=25)
    add_sound(tmp_path / "mute.mp4", tmp_path / "sound.mp4", "aac", 1.0)
    write_clip(tmp_path / "out.mov", count=25, audio_from=tmp_path / "sound.mp4")
    before, after = sound_of(tmp_path / "sound.mp4"), sound_of(tmp_path / "out.mov")
    assert before[2] == after[2]
    np.testing.assert_array_equal(before[1], after[1])
    assert probe(tmp_path / "out.mov").has_audio


def test_sound_that_does_not_fit_is_encoded(tmp_path: Path) -> None:
    write_clip(tmp_path / "mute.mp4", count=25)
    add_sound(tmp_path / "mute.mp4", tmp_path / "sound.mkv", "libopus", 1.0)
    write_clip(tmp_path / "out.mov", count=25, audio_from=tmp_path / "sound.mkv")
    codec, samples, _ = sound_of(tmp_path / "out.mov")
    assert codec == "aac"
    energy = np.abs(np.fft.rfft(samples[4800:43200] * np.hanning(38400))) ** 2
    peak = int(np.argmax(energy))
    assert peak * 48000 / 38400 == pytest.approx(440, abs=2)
    assert energy[peak - 5 : peak + 6].sum() > 0.999 * energy.sum()


def test_sound_of_a_part_is_that_part(tmp_path: Path) -> None:
    write_clip(tmp_path / "mute.mp4", count=50)
    add_sound(tmp_path / "mute.mp4", tmp_path / "sound.mp4", "aac", 2.0)
    times = [i / 25 for i in range(20, 30)]
    write_clip(tmp_path / "part.mp4", times=times, audio_from=tmp_path / "sound.mp4")
    with av.open(str(tmp_path / "part.mp4")) as container:
        stream = container.streams.audio[0]
        spans = [
            (packet.pts * stream.time_base, packet.duration * stream.time_base)
            for packet in container.demux(stream)
            if packet.size
        ]
    assert float(spans[0][0]) == pytest.approx(0.8, abs=0.03)
    assert float(sum(spans[-1])) == pytest.approx(1.2, abs=0.03)
    assert [frame.time_s for frame in read_frames(tmp_path / "part.mp4")] == pytest.approx(times)


def test_failure_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with pytest.raises(ZeroDivisionError), VideoWriter(path, 64, 48, Fraction(25)) as writer:
        writer.write(picture(64, 48), 1 / len(list(tmp_path.glob("clip.mp4"))))
    with pytest.raises(InputError, match="not one frame"), VideoWriter(path, 64, 48, Fraction(25)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_target_in_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        VideoWriter(tmp_path / "file" / "clip.mp4", 64, 48, Fraction(25))


FULL_DISK = """
import resource, signal, sys
from fractions import Fraction
import numpy as np
from understudy.inference.errors import InputError
from understudy.inference.media import VideoWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
rng = np.random.default_rng(0)
try:
    with VideoWriter(sys.argv[1], 128, 128, Fraction(25)) as writer:
        for i in range(20):
            writer.write(rng.integers(0, 255, (128, 128, 3), np.uint8), i / 25)
except InputError as error:
    print(error)
    sys.exit(3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_full_disk_is_one_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    run = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=False)
    assert run.returncode == 3, run.stderr
    assert "cannot be written" in run.stdout
    assert list(tmp_path.iterdir()) == []


def test_codec_and_name_must_fit(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.mkv"):
        VideoWriter(tmp_path / "clip.mp4", 64, 48, Fraction(25), "ffv1")


def test_wrong_size_and_backward_times_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="64x48"), VideoWriter(tmp_path / "a.mp4", 64, 48, Fraction(25)) as writer:
        writer.write(picture(48, 64), 0.0)
    with VideoWriter(tmp_path / "a.mp4", 64, 48, Fraction(25)) as writer:
        writer.write(picture(64, 48), 0.1)
        with pytest.raises(ValueError, match="increase"):
            writer.write(picture(64, 48), 0.1)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.mp4", None, "cannot be read"),
        ("empty.mp4", b"", "empty"),
        ("noise.mp4", bytes(range(256)) * 40, "not a readable video"),
        ("notes.txt", b"Take one. Take two.\n" * 200, "video file"),
    ],
)
def test_bad_files_get_one_sentence(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    for read in (probe, lambda file: next(read_frames(file))):
        with pytest.raises(InputError, match=words) as caught:
            read(path)
        assert str(caught.value).count(". ") == 0
        assert str(path) in str(caught.value)


def test_folder_and_sound_only_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="folder"):
        probe(tmp_path)
    with av.open(str(tmp_path / "voice.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(InputError, match="no moving picture"):
        probe(tmp_path / "voice.wav")


def faststart(source: Path, target: Path) -> None:
    """The same movie with its index in front."""
    with av.open(str(source)) as read, av.open(str(target), "w", options={"movflags": "faststart"}) as write:
        stream = write.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                write.mux(packet)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_truncated_file_gives_its_good_frames_and_a_warning(tmp_path: Path, suffix: str) -> None:
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    write_clip(whole, count=90, size=(128, 128))
    if suffix == ".mp4":
        faststart(whole, tmp_path / "front.mp4")
        whole = tmp_path / "front.mp4"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.warns(DamagedVideoWarning, match="cut off"):
        frames = list(read_frames(path))
    assert 10 < len(frames) < 80
    assert np.abs(frames[5].rgb.astype(int) - picture(128, 128, 5)).mean() < 3


def test_movie_cut_before_its_index_is_refused(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", count=50)
    data = (tmp_path / "clip.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="never finished"):
        probe(tmp_path / "cut.mp4")


@pytest.mark.filterwarnings("error")
def test_whole_files_do_not_warn(tmp_path: Path) -> None:
    for suffix in (".mp4", ".mkv"):
        write_clip(tmp_path / f"clip{suffix}", count=30)
        assert len(list(read_frames(tmp_path / f"clip{suffix}"))) == 30


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(InputError, match="cannot be read"):
        sha256(tmp_path / "gone")
