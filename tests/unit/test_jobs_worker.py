"""A job in a process of its own: what it says, how it stops, how it dies, and what is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from understudy.inference.errors import InputError, MissingComponentError, StoppedError, UnderstudyError
from understudy.inference.files import masked
from understudy.inference.jobs.log import KEPT, Log
from understudy.inference.jobs.processes import ask_to_stop, own_process
from understudy.inference.jobs.rate import Rate
from understudy.inference.jobs.worker_client import GRACE_S, WORKER, Job, Python, event_of

HEAD = (
    "import json, os, sys, time\n"
    "def say(**event): print(json.dumps(event), flush=True)\n"
    "def step(done, total=4): say(event='progress', stage='track', done=done, total=total)\n"
)


@pytest.fixture
def start(tmp_path: Path):
    """Starts a Python program with the given body as a job."""
    jobs = []

    def begin(body: str) -> Job:
        script = tmp_path / "program.py"
        script.write_text(HEAD + body)
        jobs.append(Job([sys.executable, str(script)], "Track", Log(tmp_path / "logs", "track")))
        return jobs[-1]

    yield begin
    for job in jobs:
        job.end()


def wait(job: Job, until=lambda job: job.is_over, within_s: float = 20.0) -> Job:
    end = time.monotonic() + within_s
    while not until(job):
        assert time.monotonic() < end, "too long"
        job.tick()
        time.sleep(0.01)
    return job


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1][:4]


def test_progress_results_and_landmarks_arrive(start) -> None:
    job = wait(
        start(
            "step(1); say(event='landmarks', frame=7, points=[[1.5, 2.0]])\n"
            "print('library chatter'); print('{no json'); step(4); say(event='take', path='t.npz', seen=3)"
        )
    )
    assert (job.state, job.error) == ("done", None)
    assert (job.stage, job.done, job.total, job.factor) == ("track", 4, 4, 1.0)
    assert job.landmarks == (7, [[1.5, 2.0]])
    assert job.events == [{"event": "take", "path": "t.npz", "seen": 3}]


def test_an_error_is_the_programs_own_sentence(start) -> None:
    job = wait(start("say(event='error', message='No face was found.', exit_code=3); sys.exit(3)"))
    assert job.state == "failed"
    assert isinstance(job.error, InputError)
    assert str(job.error) == "No face was found."


def test_a_stopped_job_may_tidy_up(start, tmp_path: Path) -> None:
    body = f"step(1); sys.stdin.read(); open({str(tmp_path / 'tidy')!r}, 'w').close(); sys.exit(130)"
    job = wait(start(body), lambda job: job.done == 1)
    job.stop()
    assert job.state == "stopping"
    wait(job)
    assert job.state == "stopped"
    assert isinstance(job.error, StoppedError)
    assert (tmp_path / "tidy").exists()


def test_a_job_that_does_not_listen_is_killed_within_a_second(start) -> None:
    job = wait(
        start("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); step(1); time.sleep(60)"), lambda j: j.done
    )
    begun = time.monotonic()
    job.stop()
    wait(job)
    assert time.monotonic() - begun < GRACE_S + 0.3
    assert job.state == "stopped"
    assert not is_alive(job.pid)


def test_a_killed_job_says_so_and_how_to_go_on(start) -> None:
    job = wait(start("step(2); time.sleep(60)"), lambda job: job.done == 2)
    os.kill(job.pid, signal.SIGKILL)
    wait(job)
    assert job.state == "failed"
    assert "was killed" in str(job.error)
    assert "Resume" in str(job.error)


def test_a_crash_quotes_the_last_words_and_the_log_holds_all(start) -> None:
    job = wait(start("sys.stderr.write('one\\ntwo'); sys.stderr.flush(); os.abort()"))
    assert "two" in str(job.error)
    text = job.log.path.read_text()
    assert "one" in text
    assert "Ended with exit code" in text


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingComponentError, match="cannot be started"):
        Job([str(tmp_path / "nothing")], "Track", Log(tmp_path, "track"))


def test_much_output_is_read_piece_by_piece(start) -> None:
    job = start("for i in range(20000): say(event='note', text='x' * 100)")
    longest = 0.0
    while not job.is_over:
        begun = time.process_time()
        job.tick()
        longest = max(longest, time.process_time() - begun) if not job.is_over else longest
    assert len(job.events) == 20000


def test_the_worker_runs_the_command_line_with_bare_python(tmp_path: Path) -> None:
    """As in Blender: isolated, from another folder; a bad video is the command line's own error."""
    video = tmp_path / "no video.mp4"
    video.write_bytes(b"x")
    python = Python(sys.executable, ("-I",), tuple(folder for folder in sys.path if folder))
    job = Job(python.command(["track", str(video), "-o", str(tmp_path / "t.npz")]), "Track", Log(tmp_path, "track"))
    wait(job, within_s=60)
    assert isinstance(job.error, InputError), job.log.path.read_text()
    assert "no video.mp4" in str(job.error)


@pytest.mark.parametrize("ignored", [False, True], ids=["", "in the background of a shell"])
def test_the_worker_ends_when_whoever_started_it_is_gone(tmp_path: Path, ignored: bool) -> None:
    """A parent that is killed takes the worker with it, however long that would have worked; also where Ctrl-C is ignored."""
    fake = tmp_path / "inference"
    fake.mkdir()
    (tmp_path / "__init__.py").touch()
    for path in ("__init__.py", "jobs/__init__.py", "jobs/processes.py", "worker.py"):
        (fake / path).parent.mkdir(exist_ok=True)
        (fake / path).write_text((WORKER.parent / path).read_text())
    (fake / "cli.py").write_text(
        "import pathlib, os, time\n"
        "def main(words):\n"
        "    pathlib.Path(words[0]).write_text(str(os.getpid()))\n"
        "    while True: time.sleep(0.05)\n"
    )
    note = tmp_path / "pid"
    parent = (
        "import signal, subprocess, sys, time\n"
        f"{ignored} and signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        f"subprocess.Popen([sys.executable, {str(fake / 'worker.py')!r}, '', {str(note)!r}], stdin=subprocess.PIPE)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent]) as process:
        for _ in range(500):
            if note.exists() and note.read_text():
                break
            time.sleep(0.02)
        process.kill()
    pid = int(note.read_text())
    for _ in range(300):
        if not is_alive(pid):
            break
        time.sleep(0.02)
    outlived = is_alive(pid)
    if outlived:
        os.kill(pid, signal.SIGKILL)
    assert not outlived


def test_events_are_lines_that_hold_one() -> None:
    assert event_of('{"event": "done"}') == {"event": "done"}
    assert event_of("{broken") is None
    assert event_of('{"no": "event"}') is None
    assert event_of("Fra:1") is None


def test_rate_and_time_left() -> None:
    rate = Rate()
    assert rate.left_s(100) is None
    for second in range(4):
        rate.add("track", 10 * second, float(second))
    assert rate.per_second() == pytest.approx(10)
    assert rate.left_s(100) == pytest.approx(7)
    assert rate.left_s(0) is None
    rate.add("solve", 0, 5.0)
    assert rate.per_second() is None
    for second in range(60):
        rate.add("solve", second if second < 30 else 30 + 3 * (second - 30), 5.0 + second)
    assert rate.per_second() == pytest.approx(3), "what was long ago does not count"


def test_logs_are_masked_and_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "anna"))
    for number in range(KEPT + 5):
        log = Log(tmp_path / "logs", f"job{number:02}")
        log.add(f"reading {tmp_path / 'anna' / 'clip.mp4'}")
        log.close()
    logs = sorted((tmp_path / "logs").iterdir())
    assert len(logs) == KEPT
    assert "reading ~/clip.mp4" in log.path.read_text()
    assert "anna" not in log.path.read_text()


@pytest.mark.parametrize(
    ("text", "home", "shown"),
    [
        ("/people/anna/a.mp4", "/people/anna", "~/a.mp4"),
        ("see /home/anna.", "/home/anna", "see ~."),
        ("/home/anna.old/a", "/home/anna", "/home/anna.old/a"),
        ("'/home/anna' is", "/home/anna", "'~' is"),
        ("/people/annabel/a.mp4", "/people/anna", "/people/annabel/a.mp4"),
        (r"c:\users\Anna\a.mp4", r"C:\Users\Anna", r"~\a.mp4"),
        (r'{"path": "C:\\Users\\Anna\\a.mp4"}', r"C:\Users\Anna", r'{"path": "~\\a.mp4"}'),
        ("C:/Users/Anna/a.mp4", "C:\\Users\\Anna", "~/a.mp4"),
        ("/a.mp4", "/", "/a.mp4"),
    ],
)
def test_the_home_folder_is_masked(text: str, home: str, shown: str) -> None:
    assert masked(text, home) == shown


def test_errors_of_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnderstudyError, match="Cannot write a log"):
        Log(tmp_path / "file", "track")


def test_a_last_word_to_a_program_that_ended_by_itself_is_no_failure() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], **own_process())
    process.wait()
    assert process.stdin is not None
    process.stdin.write(b"stop\n")  # still in the pipe's buffer here
    ask_to_stop(process)
    assert process.stdin.closed
