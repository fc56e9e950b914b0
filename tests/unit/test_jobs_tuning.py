"""Measuring devices: each in a process of its own, whatever happens to it, and which one is chosen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from understudy.inference.errors import InputError, MissingComponentError
from understudy.inference.jobs import tuning
from understudy.inference.jobs.tuning import (
    Way,
    best_decoder,
    best_of,
    decode_apart,
    measure_apart,
    table,
    tune,
    ways_here,
)
from understudy.inference.media import measuring as media_measuring
from understudy.inference.networks import measuring, providers, tuned
from understudy.inference.networks.tuned import Decoded, Measured

CPU = Way("cpu", "cpu", 1)
ONE = Measured("cpu", "cpu", 1, 6.0, 7.0, 0.5, 0.0, {})


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("UNDERSTUDY_DATA", str(tmp_path))
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(tuning, "decoders_apart", tuple)
    return tmp_path


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """A movie that is quickly written."""
    monkeypatch.setattr(media_measuring, "WIDTH", 320)
    monkeypatch.setattr(media_measuring, "HEIGHT", 180)
    monkeypatch.setattr(media_measuring, "_FRAMES", 6)


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What runs in place of the worker; the test writes it into the list."""
    text: list[str] = []

    class Python:
        def __init__(self, *_: object) -> None: ...

        def command(self, words: object) -> list[str]:
            return [sys.executable, "-c", text[0]]

    monkeypatch.setattr(tuning, "Python", Python)
    return text


def test_the_cpu_is_really_measured_in_a_process_of_its_own() -> None:
    found = measure_apart(CPU)
    assert found.problem == ""
    assert (found.device, found.form, found.threads, found.deviation) == ("cpu", "cpu", 1, 0.0)
    assert set(found.networks_ms) == set(measuring.NETWORKS)
    assert all(value > 0 for batches in found.networks_ms.values() for value in batches.values())
    assert found.face_ms is not None
    assert found.processor_ms is not None
    assert found.start_s is not None
    assert 0 < found.face_ms < found.start_s * 1e3


@pytest.mark.skipif("CUDAExecutionProvider" in ort.get_available_providers(), reason="this ONNX Runtime knows CUDA")
def test_a_device_that_is_not_there_says_why() -> None:
    found = measure_apart(Way("cuda", "plain", 1))
    assert found.face_ms is None
    assert found.problem.startswith("this build of ONNX Runtime has no CUDAExecutionProvider")
    assert "--device" not in found.problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import os; os.abort()", "took its process down (SIGABRT)" if sys.platform != "win32" else "exit code"),
        ("raise SystemExit(7)", "took its process down (exit code 7)"),
        ("print('hello')", "took its process down (exit code 0)"),
        ('print(\'{"event": "measured", "measured": {"device": 3}}\')', "its answer cannot be read"),
        ('print(\'{"event": "measured"}\')', "its answer cannot be read"),
        ('print(\'{"event": "error", "message": "No such card."}\')', "No such card."),
    ],
)
def test_a_provider_that_breaks_has_a_problem_and_no_figures(program: list[str], text: str, problem: str) -> None:
    program.append(text)
    found = measure_apart(CPU)
    assert problem in found.problem
    assert found.face_ms is None


def test_a_provider_that_hangs_is_ended_with_what_it_started(
    program: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mark = tmp_path / "alive"
    beat = f"import time\nwhile True: open({str(mark)!r}, 'a').write('.'); time.sleep(.05)"
    program.append(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {beat!r}])")
    monkeypatch.setattr(tuning, "_LIMIT_S", 1.5)
    assert measure_apart(CPU).problem == "no answer in 2 s"
    assert mark.exists()
    if sys.platform != "win32":
        size = mark.stat().st_size
        time.sleep(0.3)
        assert mark.stat().st_size == size


def test_whoever_is_stopped_leaves_no_process_behind(program: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    program.append("import time; time.sleep(60)")
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    class Interrupted(popen):  # type: ignore[type-arg, misc]
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

        def wait(self, timeout: float | None = None) -> int:
            if timeout is not None:
                raise KeyboardInterrupt
            return super().wait()

    monkeypatch.setattr(tuning.subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        measure_apart(CPU)
    assert started[0].poll() is not None


def test_no_wait_is_longer_than_whoever_stops_it_waits(program: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows hears Ctrl-C only between two waits."""
    program.append("import time; time.sleep(0.1)")
    waits: list[float] = []
    popen = subprocess.Popen

    class Patient(popen):  # type: ignore[type-arg, misc]
        def wait(self, timeout: float | None = None) -> int:
            if timeout is not None:
                waits.append(timeout)
            return super().wait(timeout)

    monkeypatch.setattr(tuning.subprocess, "Popen", Patient)
    assert "exit code 0" in measure_apart(CPU).problem
    assert 0 < max(waits) <= 1


def test_here_the_cpu_is_tried_with_more_and_more_threads() -> None:
    here = [way for way in ways_here() if way.device == "cpu" and way.form == "cpu"]
    assert here == [Way("cpu", "cpu", threads) for threads in (1, 2, 4, 8)]


def test_every_provider_of_the_runtime_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [provider.name for provider in providers.PROVIDERS]
    monkeypatch.setattr(ort, "get_available_providers", lambda: names)
    assert {way.device for way in ways_here()} == {provider.device for provider in providers.PROVIDERS}


def test_further_cards_are_found_by_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def measured(way: Way) -> Measured:
        asked.append(way.device)
        there = way.device in ("cuda", "cuda:1")
        return replace(ONE, device=way.device, face_ms=2.0 if there else None, problem="" if there else "none")

    told: list[tuple[str, int, int]] = []
    monkeypatch.setattr(tuning, "ways_here", lambda: [Way("cuda", "plain", 1)])
    monkeypatch.setattr(tuning, "measure_apart", measured)
    found = tune(lambda *step: told.append(step))
    assert asked == ["cuda", "cuda:1", "cuda:2"]
    assert [one.device for one in found.measured] == ["cuda", "cuda:1"]
    assert found.device == "cuda"
    assert told[0] == ("tune", 0, 1)
    assert told[-1] == ("tune", 3, 3)


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ([], ("cpu", 1)),
        ([replace(ONE, device="cuda", form="plain", face_ms=0.4)], ("cuda", 1)),
        ([replace(ONE, device="cuda", form="plain", face_ms=5.7)], ("cpu", 1)),
        ([replace(ONE, device="coreml", form="plain", face_ms=0.4, deviation=0.3)], ("cpu", 1)),
        ([replace(ONE, device="cuda", form="half", face_ms=0.4, deviation=0.002)], ("cuda", 1)),
        ([replace(ONE, device="cuda", face_ms=None, problem="it hangs")], ("cpu", 1)),
        ([replace(ONE, threads=2, face_ms=3.0)], ("cpu", 2)),
        ([replace(ONE, threads=4, face_ms=2.0)], ("cpu", 1)),  # 8 processors: two networks take all of them
    ],
)
def test_the_fastest_that_computes_the_same_is_chosen(others: list[Measured], chosen: tuple[str, int]) -> None:
    best = best_of([ONE, *others])
    assert (best.device, best.threads) == chosen


@pytest.mark.parametrize(("half_ms", "form"), [(0.38, "plain"), (0.3, "half")])
def test_half_precision_must_be_worth_it(half_ms: float, form: str) -> None:
    exact = replace(ONE, device="cuda", form="plain", face_ms=0.4)
    assert best_of([ONE, exact, replace(exact, form="half", face_ms=half_ms)]).form == form


def test_nothing_that_computes_is_an_error_with_every_reason() -> None:
    with pytest.raises(MissingComponentError, match=r"cpu: it broke; cuda: no card"):
        best_of([CPU.problem("it broke"), Way("cuda", "plain", 1).problem("no card")])


def test_what_stops_every_device_alike_is_said_once() -> None:
    with pytest.raises(MissingComponentError, match=r"^The network is missing\.$"):
        best_of([CPU.problem("The network is missing."), Way("cpu", "cpu", 2).problem("The network is missing.")])


def test_the_choice_is_written_and_told(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    lines = [ONE, replace(ONE, threads=2, face_ms=3.0), replace(ONE, device="cuda", face_ms=None, problem="no card")]
    monkeypatch.setattr(tuning, "ways_here", lambda: [Way(one.device, one.form, one.threads) for one in lines])
    monkeypatch.setattr(
        tuning,
        "measure_apart",
        lambda way: next(one for one in lines if one.device == way.device and one.threads == way.threads),
    )
    found = tune(lambda *_: None)
    assert tuned.tuned_of(json.loads((home / "devices.json").read_text())) == found
    assert (found.device, found.threads, found.onnxruntime) == ("cpu", 2, ort.__version__)
    text = table(found)
    assert text[2].endswith("chosen")
    assert text[3].endswith("no card")
    assert not found.busy


def test_a_busy_machine_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "ways_here", lambda: [CPU])
    monkeypatch.setattr(tuning, "measure_apart", lambda _: replace(ONE, face_ms=20.0))
    assert "run it again when nothing else runs" in table(tune(lambda *_: None))[-1]


def test_a_place_that_cannot_be_written_is_an_error(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    (home / "file").write_text("in the way")
    monkeypatch.setenv("UNDERSTUDY_DATA", str(home / "file"))
    monkeypatch.setattr(tuning, "ways_here", lambda: [CPU])
    monkeypatch.setattr(tuning, "measure_apart", lambda _: ONE)
    with pytest.raises(InputError, match="cannot be written"):
        tune(lambda *_: None)


@pytest.mark.parametrize("broken", [np.nan, np.inf, 3e38])
def test_outputs_that_are_no_numbers_deviate_and_can_be_written(broken: float) -> None:
    exact = [np.ones((1, 3), np.float32)]
    found = measuring._deviation([np.array([[1, broken, 1]], np.float32)], exact)
    assert found > 1
    assert measuring._deviation(exact, exact) == 0
    tuned.measured_of(json.loads(json.dumps(asdict(replace(ONE, deviation=min(found, 1e8))))))


def test_images_are_in_the_range_that_a_network_takes() -> None:
    for name in measuring.NETWORKS:
        images = measuring._images(name, 2)
        low = -1 if name.startswith("face_detector") else 0
        assert images.shape[0] == 2
        assert low <= images.min() < low + 0.2
        assert 0.8 < images.max() <= 1


SOFTWARE = Decoded("software", 4.0, 8.0, "pictures")
CHIP = Decoded("cuda", 4.2, 2.0, "pictures")


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ([], "software"),
        ([CHIP], "cuda"),
        ([replace(CHIP, frame_ms=4.5)], "software"),  # the networks would wait for it
        ([replace(CHIP, processor_ms=7.5)], "software"),  # hardly a gain: most likely software in its place
        ([replace(CHIP, digest="others")], "software"),
        ([replace(CHIP, frame_ms=None, processor_ms=None, problem="no chip")], "software"),
        ([CHIP, replace(CHIP, decoder="vaapi", processor_ms=1.0)], "vaapi"),
    ],
)
def test_a_decoder_is_taken_that_brings_the_same_and_leaves_the_processor_free(
    others: list[Decoded], chosen: str
) -> None:
    assert best_decoder([SOFTWARE, *others]) == chosen


def test_without_figures_of_software_it_stays_software() -> None:
    assert best_decoder([]) == best_decoder([replace(SOFTWARE, frame_ms=None), CHIP]) == "software"


@pytest.mark.usefixtures("sample")
def test_decoders_are_timed_on_a_movie_that_is_made_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "decoders_apart", lambda: ("abacus",))
    monkeypatch.setattr(tuning, "ways_here", lambda: [CPU])
    monkeypatch.setattr(tuning, "measure_apart", lambda _: ONE)
    found = tune(lambda *_: None)
    software, abacus = found.decoded
    assert software.problem == ""
    assert software.frame_ms is not None
    assert software.frame_ms > 0
    assert len(software.digest) == 64
    assert abacus.problem.startswith("'abacus' is no decoder")
    assert found.decoder == "software"
    text = "\n".join(table(found))
    assert "decoder software" in text
    assert "decoder abacus: 'abacus' is no decoder" in text


@pytest.mark.usefixtures("sample")
def test_the_same_movie_has_the_same_digest_and_another_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media_measuring.write_sample(tmp_path / "a.mp4")
    first = media_measuring.measure_decoder("software", tmp_path / "a.mp4")
    assert media_measuring.measure_decoder("software", tmp_path / "a.mp4").digest == first.digest
    monkeypatch.setattr(media_measuring, "_FRAMES", 5)
    media_measuring.write_sample(tmp_path / "b.mp4")
    assert media_measuring.measure_decoder("software", tmp_path / "b.mp4").digest != first.digest


def test_a_decoder_that_takes_its_process_down_has_a_problem(program: list[str], tmp_path: Path) -> None:
    program.append("raise SystemExit(3)")
    assert decode_apart("cuda", tmp_path / "a.mp4") == Decoded(
        "cuda", None, None, problem="it took its process down (exit code 3)"
    )
