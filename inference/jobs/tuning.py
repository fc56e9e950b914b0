"""`understudy doctor --tune`: every way to run the networks here, measured in a process of its own, and the fastest written down.

A provider may crash, hang, or compute something else: then it has no figures but a problem, and the others go on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import InputError, MissingComponentError
from ..files import masked
from ..networks.tuned import SOFTWARE, Decoded, Measured, Tuned, decoded_of, measured_of, this_machine, write_tuned
from ..progress import Progress
from .processes import end, own_process
from .worker_client import Python, event_of

_LIMIT_S = 90.0
_BUILDING_LIMIT_S = 900.0
"""TensorRT and Core ML build for minutes before they first answer."""
_STEP_S = 0.5
"""Windows hears Ctrl-C only between two waits."""
_LARGEST_DEVIATION = 0.01
"""Of an output's largest value. Products rounded to 10 bits stay below 0.002; what is above computes something else."""
_GAIN = 0.9
"""A way is taken only if it needs less than this of the time of a plainer one: the CPU, exact form, one thread."""
_SLOWER = 1.1
"""A decoder may take so much longer than software by the clock, because it works ahead of the networks."""
_MOST_CARDS = 4
_NUMBERED = ("cuda", "tensorrt", "directml", "openvino")
_BUILDERS = ("tensorrt", "coreml", "openvino")


@dataclass(frozen=True)
class Way:
    """What is measured in one process."""

    device: str
    form: str
    threads: int

    def problem(self, text: str) -> Measured:
        """Why there are no figures."""
        return Measured(self.device, self.form, self.threads, None, None, None, None, {}, text)


def tune(progress: Progress) -> Tuned:
    """Measure, choose and write; raises `MissingComponentError` when nothing computes, `InputError` without a place."""
    measured = tuple(_measure_all(progress))
    best = best_of(measured)
    decoded = tuple(_decode_all(progress))
    import onnxruntime

    tuned = Tuned(
        date=time.strftime("%Y-%m-%d"),
        machine=this_machine(),
        onnxruntime=onnxruntime.__version__,
        providers=tuple(onnxruntime.get_available_providers()),
        device=best.device,
        form=best.form,
        threads=best.threads,
        decoder=best_decoder(decoded),
        measured=measured,
        decoded=decoded,
    )
    try:
        write_tuned(tuned)
    except OSError as error:
        raise InputError(
            f"The choice cannot be written to {error.filename} ({error.strerror}); make room there."
        ) from error
    return tuned


def _measure_all(progress: Progress) -> Iterator[Measured]:
    """Further cards of a kind are found by asking for them: a number that works leads to the next."""
    ways, done = ways_here(), 0
    while ways:
        progress("tune", done, done + len(ways))
        way, *ways = ways
        found = measure_apart(way)
        kind, _, number = way.device.partition(":")
        if found.face_ms is not None and kind in _NUMBERED and int(number or 0) + 1 < _MOST_CARDS:
            ways.append(replace(way, device=f"{kind}:{int(number or 0) + 1}"))
        done += 1
        if found.face_ms is not None or not number:
            yield found
    progress("tune", done, done)


def _decode_all(progress: Progress) -> Iterator[Decoded]:
    """Nothing is timed where only software decodes."""
    names = decoders_apart()
    if not names:
        return
    from ..media.measuring import write_sample

    with tempfile.TemporaryDirectory(prefix="understudy-", ignore_cleanup_errors=True) as folder:
        sample = Path(folder) / "sample.mp4"
        write_sample(sample)
        for done, name in enumerate((SOFTWARE, *names)):
            progress("decode", done, len(names) + 1)
            yield decode_apart(name, sample)
    progress("decode", len(names) + 1, len(names) + 1)


def best_decoder(decoded: Sequence[Decoded]) -> str:
    """The one that leaves most of the processor to the networks, brings the same pictures, and is not slower."""
    software = next((one for one in decoded if one.decoder == SOFTWARE and one.frame_ms is not None), None)
    if software is None:
        return SOFTWARE
    right = [one for one in decoded if one.frame_ms is not None and one.digest == software.digest]
    right = [one for one in right if (one.frame_ms or 0.0) <= _SLOWER * (software.frame_ms or 0.0)]
    best = min(right, key=lambda one: one.processor_ms or 0.0)
    return best.decoder if (best.processor_ms or 0.0) < _GAIN * (software.processor_ms or 0.0) else SOFTWARE


def ways_here() -> list[Way]:
    """What is worth trying: each provider that this ONNX Runtime has, each form of the networks, each number of threads."""
    import onnxruntime

    from ..networks.measuring import forms_of
    from ..networks.providers import CPU, PROVIDERS

    ways = []
    for provider in PROVIDERS:
        if provider.name not in onnxruntime.get_available_providers():
            continue
        exact, *smaller = forms_of(provider.name)
        counts = _thread_counts() if provider.name == CPU else (1,)
        ways += [Way(provider.device, exact, count) for count in counts]
        ways += [Way(provider.device, form, 1) for form in smaller]
    return ways


def _thread_counts() -> tuple[int, ...]:
    """1, 2, 4 ... up to the processors of this machine."""
    processors = os.cpu_count() or 1
    return tuple(1 << power for power in range(5) if 1 << power <= processors)


def measure_apart(way: Way) -> Measured:
    """Measure in a process of its own; figures, or the problem that there was."""
    limit_s = _BUILDING_LIMIT_S if way.device.partition(":")[0] in _BUILDERS else _LIMIT_S
    words = ("--measure", way.device, way.form, str(way.threads), str(time.time()))
    try:
        return measured_of(_answer(words, "measured", limit_s)["measured"])
    except _NoAnswerError as error:
        return way.problem(str(error))
    except (KeyError, ValueError) as error:
        return way.problem(f"its answer cannot be read ({error})")


def decode_apart(decoder: str, path: Path) -> Decoded:
    """Time a way to decode in a process of its own; figures, or the problem that there was."""
    try:
        return decoded_of(_answer(("--measure-decoder", decoder, str(path)), "measured", _LIMIT_S)["measured"])
    except _NoAnswerError as error:
        return Decoded(decoder, None, None, problem=str(error))
    except (KeyError, ValueError) as error:
        return Decoded(decoder, None, None, problem=f"its answer cannot be read ({error})")


def decoders_apart() -> tuple[str, ...]:
    """The devices that decode here; none where asking for them takes a process down."""
    try:
        return tuple(str(name) for name in _answer(("--measure-decoder",), "decoders", _LIMIT_S)["decoders"])
    except (_NoAnswerError, KeyError, TypeError):
        return ()


class _NoAnswerError(Exception):
    """Why a process did not bring what it was started for."""


def _answer(words: Sequence[str], event: str, limit_s: float) -> dict[str, Any]:
    """The event that `understudy doctor WORDS` says in a process of its own."""
    here = Python(sys.executable, ("-I",) if sys.flags.isolated else (), tuple(sys.path))
    try:
        code, said = _run(here.command(("doctor", *words)), limit_s)
    except OSError as error:
        raise _NoAnswerError(f"no process for it could be started ({error.strerror})") from error
    for found in map(event_of, said.splitlines()):
        if found is not None and found["event"] == event:
            return found
        if found is not None and found["event"] == "error":
            raise _NoAnswerError(_reason(str(found.get("message", ""))))
    if code is None:
        raise _NoAnswerError(f"no answer in {limit_s:.0f} s")
    raise _NoAnswerError(f"it took its process down ({_ended_by(code)})")


def _reason(message: str) -> str:
    """What an error says, without the advice that is for who named a device."""
    _, because, reason = message.rpartition(" cannot be used because ")
    return masked(reason.removesuffix(": use --device cpu or auto.") if because else message)


def _ended_by(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit code {code}"


def _run(command: Sequence[str], limit_s: float) -> tuple[int | None, str]:
    """Exit code and standard output of a program; None when it was ended because it took too long."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(list(command), stdout=said, stderr=subprocess.DEVNULL, **own_process())
        code, until_s = None, time.monotonic() + limit_s
        try:
            while code is None and time.monotonic() < until_s:
                with suppress(subprocess.TimeoutExpired):
                    code = process.wait(_STEP_S)
        finally:
            end(process)
        said.seek(0)
        return code, said.read().decode("utf-8", "replace")


def best_of(measured: Sequence[Measured]) -> Measured:
    """The fastest that computes what the exact form does; the plainest where the gain is small.

    Raises `MissingComponentError` when nothing has figures.
    """
    right = [one for one in measured if one.face_ms is not None and not why_not(one)]
    if not right:
        problems = {one.problem or why_not(one): one.device for one in measured}
        if len(problems) == 1:  # a missing network, mostly
            raise MissingComponentError(next(iter(problems)))
        listed = "; ".join(f"{device}: {problem}" for problem, device in problems.items())
        raise MissingComponentError(f"No device computes the networks here ({listed}): install onnxruntime again.")
    least_ms = min(one.face_ms or 0.0 for one in right)
    fast = [one for one in right if _GAIN * (one.face_ms or 0.0) <= least_ms]
    return min(fast, key=lambda one: (one.device != "cpu", one.form == "half", one.threads, one.face_ms))


def why_not(one: Measured) -> str:
    """Why a way is not to be chosen, however fast it is."""
    if (one.deviation or 0.0) > _LARGEST_DEVIATION:
        return f"computes something else (off by {one.deviation:.0%})"
    if one.threads > 1 and 2 * one.threads >= (os.cpu_count() or 1):
        return "two networks and the decoder run side by side"
    return ""


def table(tuned: Tuned) -> list[str]:
    """The figures in lines for people."""
    lines = ["device        form   threads  ms a face  of the processor  first face s"]
    for one in tuned.measured:
        name = f"{one.device:<13} {one.form:<6} {one.threads:>7}"
        if one.face_ms is None:
            lines.append(f"{name}  {one.problem}")
            continue
        reason = why_not(one)
        note = "  chosen" if one is tuned.chosen else f"  not chosen: {reason}" if reason else ""
        lines.append(f"{name}  {one.face_ms:>9.2f}  {one.processor_ms:>16.2f}  {one.start_s:>12.1f}{note}")
    for two in tuned.decoded:
        figures = (
            f"{two.frame_ms:.2f} ms a frame, {two.processor_ms:.2f} of the processor" if two.frame_ms else two.problem
        )
        lines.append(f"decoder {two.decoder}: {figures}{'  chosen' if two.decoder == tuned.decoder else ''}")
    if tuned.busy:
        lines.append("Something else kept the processor busy meanwhile: run it again when nothing else runs.")
    return lines
