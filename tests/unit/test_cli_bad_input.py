"""An unlucky user's videos and disks: what can work works, the rest is one sentence, and no half-made file has a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from consents import fictional
from understudy.inference import cli
from understudy.inference import take as takes
from understudy.inference.errors import InputError, UsageError
from understudy.inference.files import write_whole
from understudy.inference.jobs import journal
from understudy.inference.media import VideoWriter, read_frames, sha256, write_png
from understudy.inference.media.types import Image

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "performance.mp4"
SIDE = 240
FPS = 24
GREY: Image = np.full((SIDE, SIDE, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def faces() -> list[Image]:
    """Six frames of the sample performance, small."""
    return [cv2.resize(frame.rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for frame in read_frames(SAMPLE, 0, 6)]


def film(path: Path, pictures: Sequence[Image], times_s: Sequence[float] | None = None) -> Path:
    """A silent movie of the pictures."""
    height, width = pictures[0].shape[:2]
    with VideoWriter(path, width, height, Fraction(FPS), time_base=Fraction(1, 24000)) as writer:
        for index, picture in enumerate(pictures):
            writer.write(np.ascontiguousarray(picture), times_s[index] if times_s else index / FPS)
    return path


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """The exit code and the last line on standard error; there must be no traceback."""
    code = cli.main([str(word) for word in words])
    text = capsys.readouterr().err
    assert "Traceback" not in text
    lines = text.replace("\r", "\n").strip().splitlines()
    return code, lines[-1] if lines else ""


def refused(capsys: pytest.CaptureFixture[str], code: int, words: Sequence[object], sentence: str) -> None:
    """The command must end with the exit code and the sentence."""
    ended, last = run(capsys, *words)
    assert ended == code, last
    assert sentence in last
    assert last.endswith(".")


def tracked(capsys: pytest.CaptureFixture[str], video: Path) -> takes.Take:
    """The take of a video that must work."""
    path = video.with_suffix(".npz")
    code, last = run(capsys, "track", video, "-o", path)
    assert code == 0, last
    assert not list(video.parent.glob("*.partial*"))
    return takes.load(path)


def test_a_film_of_one_frame(faces: list[Image], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take = tracked(capsys, film(tmp_path / "one.mp4", faces[:1]))
    assert len(take) == 1
    assert take.confidence[0] > 0
    assert np.isfinite(take.coefficients).all()


def test_ten_bits_and_a_path_of_another_script(
    faces: list[Image], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "späce und 人"
    folder.mkdir()
    with av.open(str(folder / "ten bit.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p10le"
        for picture in faces[:2]:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    assert (tracked(capsys, folder / "ten bit.mp4").confidence > 0).all()


def test_an_odd_size(faces: list[Image], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = [cv2.copyMakeBorder(picture, 0, 1, 40, 41, cv2.BORDER_REPLICATE) for picture in faces[:2]]
    take = tracked(capsys, film(tmp_path / "odd.mp4", odd))
    assert take.frame_size == (321, 241)
    assert (take.confidence > 0).all()


def test_uneven_frame_times_are_kept(faces: list[Image], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    times_s = [0.0, 0.04, 0.15, 0.5]
    take = tracked(capsys, film(tmp_path / "uneven.mp4", faces[:4], times_s))
    assert take.time_s == pytest.approx(times_s, abs=1e-4)


def test_a_film_turned_by_its_metadata(faces: list[Image], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tall = [cv2.copyMakeBorder(picture, 0, 40, 0, 0, cv2.BORDER_REPLICATE) for picture in faces[:2]]
    lying = film(tmp_path / "lying.mp4", [np.rot90(picture) for picture in tall])
    content = bytearray(lying.read_bytes())
    matrix = content.index(b"tkhd") + 44
    quarter = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    content[matrix : matrix + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in quarter)
    lying.write_bytes(content)
    take = tracked(capsys, lying)
    assert take.frame_size == (SIDE, SIDE + 40)
    assert (take.confidence > 0).all()
    forehead, chin = take.landmarks_px[0, 10], take.landmarks_px[0, 152]
    assert chin[1] - forehead[1] > 60


def test_a_face_lost_in_the_middle_and_at_the_end(
    faces: list[Image], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    take = tracked(capsys, film(tmp_path / "gap.mp4", [*faces[:2], GREY, GREY, *faces[2:4], GREY]))
    assert (take.confidence > 0).tolist() == [True, True, False, False, True, True, False]
    assert np.isnan(take.landmarks_px[2]).all()


def test_no_face_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (3, SIDE, SIDE, 3), dtype=np.uint8)
    video = film(tmp_path / "noise.mp4", list(noise))
    refused(capsys, 3, ["track", video, "-o", tmp_path / "t.npz", "--csv", tmp_path / "t.csv"], "No face was found")
    assert [path.name for path in tmp_path.iterdir()] == ["noise.mp4"]


def test_a_face_model_that_is_not_there_gets_no_folder(
    faces: list[Image], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = film(tmp_path / "clip.mp4", faces[:1])
    refused(capsys, 4, ["run", video, "-o", tmp_path / "out", "--face-model", "flame:none.pkl"], "flame.is.tue.mpg.de")
    refused(capsys, 2, ["run", video, "-o", tmp_path / "out", "--face-model", "obj:head"], "Unknown face model")
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_sound_alone_is_no_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = tmp_path / "sound.mp4"
    with av.open(str(video), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    refused(capsys, 3, ["run", video, "-o", tmp_path / "out"], "no moving picture")
    assert [path.name for path in tmp_path.iterdir()] == ["sound.mp4"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--face", "3"], 2, "shows 1"),
        (["--face", "-1"], 2, "whole number"),
        (["--faces", "0"], 2, "whole number"),
        (["--frames", "50-60"], 2, "has no frame 50"),
        (["--frames", "1-"], 2, "not a frame range"),
        (["--device", "tensorrt:99"], 4, "cannot be used because"),
        (["--device", "gpu"], 2, "is no device"),
        (["--face-model", "mine"], 2, "face model"),
        (["--face-model", "ict:nowhere"], 4, "FaceXModel folder"),
    ],
)
def test_impossible_wishes(
    faces: list[Image],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    sentence: str,
) -> None:
    video = film(tmp_path / "clip.mp4", faces[:1])
    refused(capsys, code, ["track", video, "-o", tmp_path / "t.npz", *words], sentence)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--avatar", "ict:nowhere"], 3, "no folder nowhere"),
        (["--avatar", "mine"], 2, "no avatar 'mine'"),
        (["--object", "Head"], 2, "--object needs --blend"),
        (["--blend", "no.blend"], 3, "no avatar file"),
        (["--blend", "no.blend", "--avatar", "ict:nowhere"], 2, "not allowed with"),
        (["--samples", "0"], 2, "whole number"),
    ],
)
def test_a_wrong_avatar_is_told_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, sentence: str
) -> None:
    refused(capsys, code, ["run", SAMPLE, "-o", tmp_path / "out", *words], sentence)
    assert not (tmp_path / "out").exists()


def test_a_take_of_another_video(faces: list[Image], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short, long = film(tmp_path / "short.mp4", faces[:2]), film(tmp_path / "long.mp4", faces[:3])
    wide = film(tmp_path / "wide.mp4", [np.hstack([picture, picture]) for picture in faces[:3]])
    take = tracked(capsys, long)
    takes.save(replace(take, source_sha256=sha256(short)), tmp_path / "foreign.npz")
    write_png(tmp_path / "render" / "frame_000000.png", np.zeros((SIDE, SIDE, 4), np.uint8))

    def composite(footage: Path, take_name: str) -> list[object]:
        chosen = ["--take", tmp_path / take_name, "--render", tmp_path / "render", "--stages", "swap"]
        return ["composite", fictional(footage), *chosen, "-o", tmp_path / "out.mp4"]

    refused(capsys, 3, composite(short, "long.npz"), "has 2 frames")
    refused(capsys, 3, composite(wide, "long.npz"), "is 480x240")
    assert not list(tmp_path.glob("out*"))
    assert cli.main([str(word) for word in composite(long, "foreign.npz")]) == 0
    assert "tracked from another file" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["take", "csv", "composite", "report", "run"])
def test_a_target_that_cannot_be_written(
    faces: list[Image], tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """A file where a folder should be: nobody can write there, not even the system's owner."""
    video, wall = fictional(film(tmp_path / "clip.mp4", faces[:1])), tmp_path / "wall"
    wall.write_text("in the way")
    take = video.with_suffix(".npz")
    if command in ("composite", "report"):
        tracked(capsys, video)
        write_png(tmp_path / "render" / "frame_000000.png", np.zeros((SIDE, SIDE, 4), np.uint8))
    movie = wall / "o.mp4" if command == "composite" else tmp_path / "o.mp4"
    words: dict[str, list[object]] = {
        "take": ["track", video, "-o", wall / "t.npz"],
        "csv": ["track", video, "-o", take, "--csv", wall / "t.csv"],
        "composite": ["composite", video, "--take", take, "--render", tmp_path / "render", "-o", movie],
        "run": ["run", video, "-o", wall / "out"],
    }
    words["report"] = [*words["composite"], "--report", wall / "figures"]
    ended, last = run(capsys, *words[command])
    assert ended == 3
    assert "wall" in last
    assert "choose" in last
    assert not list(tmp_path.rglob("*.partial*"))


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(path: Path, content: bytes) -> None:
        with path.open("wb") as stream:
            stream.write(content[:2])
        raise OSError(28, "No space left on device")

    (tmp_path / "a.csv").write_bytes(b"old")
    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(InputError, match="No space left"):
        write_whole(tmp_path / "a.csv", b"new content")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.csv", b"old")]


def test_two_runs_do_not_share_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out"
    with journal.exclusive(folder) as first:
        first.begin("track", "k")
        refused(capsys, 2, ["run", SAMPLE, "-o", folder], "Another run is at work")
        with pytest.raises(UsageError), journal.exclusive(folder):
            pass
    with journal.exclusive(folder) as again:
        assert again.begun_with("track", "k")
