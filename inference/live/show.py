"""Live mode from its start to its end: samples go out, controls come in, recordings are written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from ..errors import UnderstudyError
from .cameras import is_kept
from .link import LiveSender
from .preview import Preview
from .rate import Rate
from .recording import Recording
from .sample import LiveSample
from .senders import Sender
from .stage import STALLED_S, Stage, open_stage

if TYPE_CHECKING:
    from ..jobs.console import Console

PATIENCE_S = 0.2
"""Without a new picture, a sample goes out so often: whoever watches must see that nothing comes."""
CONTROLS = ("calibrate", "record FILE", "record-stop", "picture NAME", "picture-stop", "stop")
_CLOSING_S = 9.0
"""So long a recording may take to become whole at the end."""


@dataclass(frozen=True)
class LiveOptions:
    """What the user may choose."""

    source: str
    to_port: int | None = None
    record: Path | None = None
    size: tuple[int, int] | None = None
    send: Sequence[str] = ()
    loop: bool = False
    device: str = "auto"
    rate: int | None = None
    """Pictures a second that a camera is asked for."""


class Show:
    """A running live mode."""

    def __init__(self, options: LiveOptions, console: Console) -> None:
        """Open everything; raises `UnderstudyError`s."""
        self._options, self._console = options, console
        self._rate, self._announced, self._waits, self._ended = Rate(), False, False, False
        self._frame = -1
        self._closing: list[Recording] = []
        with ExitStack() as opened:
            self._senders: list[Sender] = []
            for name in options.send:
                self._senders.append(Sender(name))
                opened.callback(self._senders[-1].close)
            self._link = LiveSender(options.to_port) if options.to_port is not None else None
            if self._link is not None:
                opened.callback(self._link.close)
            self._stage: Stage = open_stage(options.source, options.size, options.loop, options.device, options.rate)
            opened.callback(self._stage.close)
            self._opened = opened.pop_all()
        if options.record is not None:
            self._stage.record(options.record)
        self._heard_s = time.monotonic()

    def run(self, lines: SimpleQueue[str]) -> None:
        """Until the source ends, or a control in `lines` says so; raises `InputError` when the source is gone."""
        try:
            while not self._ended and not self._stage.over:
                self._obey(lines)
                self._step()
        finally:
            self._end()

    def _step(self) -> None:
        sample = self._stage.newest(PATIENCE_S)
        if sample is not None:
            self._send(sample)
        self._tell_waiting(sample)
        self._tell_refused()
        self._tell_recorded()

    def _send(self, sample: LiveSample) -> None:
        recording = self._stage.recording
        runs = recording is not None and recording.runs
        sample = replace(sample, fps=self._rate.add(time.monotonic()), recording=runs)
        if self._link is not None:
            self._link.send(sample)
        for sender in self._senders:
            sender.send(sample)
        if not self._announced:
            self._announced = True
            width, height = self._stage.size or (0, 0)
            what = f"{width}x{height}" if width else "no pictures"
            self._console.say(
                "live", f"Live: {self._options.source}, {what}", source=self._options.source, width=width, height=height
            )
            self._tell_unkept(what)

    def _tell_unkept(self, what: str) -> None:
        """Say what the camera gives instead of what it was asked for."""
        options, rate = self._options, self._stage.rate
        if options.size not in (None, self._stage.size):
            wished = "{}x{}".format(*options.size or ())
            self._console.say("warning", f"{options.source} gives {what} instead of {wished}.")
        if options.rate is not None and rate is not None and not is_kept(rate, options.rate):
            given = f"{float(rate):.3g} pictures a second instead of {options.rate}"
            self._console.say("warning", f"{options.source} gives {given}.")

    def _tell_waiting(self, sample: LiveSample | None) -> None:
        """Once for each time in which nothing new comes."""
        now_s = time.monotonic()
        if sample is not None and sample.frame != self._frame:
            self._frame, self._heard_s, self._waits = sample.frame, now_s, False
        elif not self._waits and now_s - self._heard_s > STALLED_S and not self._stage.over:
            self._waits = True
            self._console.say("waiting", f"Waiting for {self._options.source}", source=self._options.source)

    def _tell_refused(self) -> None:
        """Say that a face was not held."""
        if self._stage.calibration.refused:
            self._stage.calibration.refused = False
            self._console.say(
                "not-neutral", "The face moved, so nothing was changed; hold it still and calibrate again."
            )

    def _obey(self, lines: SimpleQueue[str]) -> None:
        """Do what was said since the last time."""
        while True:
            try:
                word, _, rest = lines.get_nowait().partition(" ")
            except Empty:
                return
            if word == "calibrate":
                self._stage.calibration.begin()
            elif word == "record" and rest.strip():
                self._record(Path(rest.strip()))
            elif word == "record-stop":
                self._stop_recording()
            elif word == "picture" and rest.strip():
                self._show_pictures(rest.strip())
            elif word == "picture-stop":
                self._stop_pictures()
            elif word == "stop":
                self._ended = True
            elif word:
                self._console.say("warning", f"'{word}' is no control; say {', '.join(CONTROLS)}.")

    def _record(self, path: Path) -> None:
        self._stop_recording()
        try:
            self._stage.record(path)
        except UnderstudyError as error:
            self._console.say("record-failed", str(error))

    def _show_pictures(self, name: str) -> None:
        self._stop_pictures()
        try:
            self._stage.preview = Preview(name)
        except UnderstudyError as error:
            self._console.say("warning", str(error))

    def _stop_pictures(self) -> None:
        preview, self._stage.preview = self._stage.preview, None
        if preview is not None:
            preview.close()

    def _stop_recording(self) -> None:
        recording, self._stage.recording = self._stage.recording, None
        if recording is not None:
            recording.finish(self._stage.actor)
            self._closing.append(recording)

    def _tell_recorded(self) -> None:
        """Say which recordings have become whole, or have failed."""
        if self._stage.recording is not None and not self._stage.recording.runs:
            self._stop_recording()
        for recording in [one for one in self._closing if one.result is not None]:
            self._closing.remove(recording)
            result = recording.result
            if result is None or result.error is not None:
                self._console.say("record-failed", str(result and result.error))
                continue
            video, take = (str(path) if path is not None else "" for path in (result.video, result.take))
            self._console.say(
                "recorded",
                f"{video or take}: {result.frames} frames",
                video=video,
                take=take,
                frames=result.frames,
                left_out=result.left_out,
            )

    def _end(self) -> None:
        """Close everything; what is being recorded becomes whole."""
        self._opened.close()
        self._stop_pictures()
        self._stop_recording()
        until_s = time.monotonic() + _CLOSING_S
        for recording in self._closing:
            recording.wait(max(0.0, until_s - time.monotonic()))
        self._tell_recorded()
