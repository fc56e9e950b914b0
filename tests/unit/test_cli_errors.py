"""Wrong use and bad input: one clear sentence, the right exit code, nothing half-written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from understudy.inference import cli
from understudy.inference.commands.whole_job import SAMPLE


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """The exit code and the last line on standard error."""
    code = cli.main([str(word) for word in words])
    lines = capsys.readouterr().err.strip().splitlines()
    return code, lines[-1] if lines else ""


@pytest.mark.parametrize(
    "words",
    [
        ["track"],
        ["frobnicate"],
        ["track", "clip.mp4", "-o", "t.npz", "--frames", "9-3"],
        ["composite", "clip.mp4", "--take", "t", "--render", "r", "-o", "o.mp4", "--stages", "swap,glue"],
        ["models", "fetch"],
    ],
)
def test_wrong_use_is_exit_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, last = run(capsys, *words)
    assert code == 2
    assert last


def test_missing_video_is_exit_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, last = run(capsys, "track", tmp_path / "no.mp4", "-o", tmp_path / "t.npz")
    assert code == 3
    assert "no.mp4" in last
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"this is not a video", bytes(range(256)) * 40])
def test_a_file_that_is_no_video_is_exit_code_3(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(content)
    code, last = run(capsys, "track", video, "-o", tmp_path / "t.npz")
    assert code == 3
    assert "clip.mp4" in last
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_an_existing_take_is_not_overwritten_without_asking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video, take = tmp_path / "clip.mp4", tmp_path / "t.npz"
    video.write_bytes(b"x")
    take.write_bytes(b"precious")
    code, last = run(capsys, "track", video, "-o", take)
    assert code == 2
    assert "--overwrite" in last
    assert take.read_bytes() == b"precious"


def test_a_run_refuses_a_folder_that_holds_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "holiday"
    folder.mkdir()
    (folder / "photo.jpg").write_bytes(b"photo")
    code, last = run(capsys, "run", SAMPLE, "-o", folder)
    assert code == 2
    assert "holiday" in last
    assert [path.name for path in folder.iterdir()] == ["photo.jpg"]


def test_a_damaged_take_is_exit_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take = tmp_path / "t.npz"
    take.write_bytes(b"PK\x03\x04 and nothing more")
    code, last = run(capsys, "bake", take, "-o", tmp_path / "a.blend")
    assert code == 3
    assert "t.npz" in last


def test_json_errors_are_one_json_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(["track", str(tmp_path / "no.mp4"), "-o", str(tmp_path / "t.npz"), "--json"])
    event = json.loads(capsys.readouterr().out)
    assert event["event"] == "error"
    assert event["exit_code"] == code == 3


def test_a_truncated_video_gives_its_good_frames_and_one_line(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (shared / "data" / "clips" / "d18.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    code = cli.main(["track", str(tmp_path / "cut.mp4"), "-o", str(tmp_path / "t.npz"), "--frames", "0-400"])
    output = capsys.readouterr()
    assert code == 3 or "cut.mp4" in output.out
    assert "Traceback" not in output.err


def test_a_reference_without_a_report_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "render").mkdir()
    words = ["composite", SAMPLE, "--take", tmp_path / "t.npz", "--render", tmp_path / "render"]
    code, last = run(capsys, *words, "-o", tmp_path / "o.mp4", "--reference", SAMPLE)
    assert code == 2
    assert "--report" in last
    assert [path.name for path in tmp_path.iterdir()] == ["render"]
