"""The one live performance of this Blender: the worker that sees the actor, and the avatar that shows the newest moment.

Nothing here waits: `tick` takes in what has come and returns. The modal operator calls it; so can a test.
"""

from __future__ import annotations

import itertools
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import bpy

from ...inference.errors import StoppedError, UnderstudyError, UsageError
from ...inference.files import masked
from ..base import default_path
from ..bridge import paths
from ..bridge.rigs.rig import root_of
from ..chosen import chosen_avatar
from ..jobs import job as jobs
from ..jobs.job import Command
from ..perform import preview
from ..preferences import device
from .avatar import LiveAvatar
from .over_picture import OverPicture, open_window
from .settings import SENT, words_of

if TYPE_CHECKING:
    from ...inference.jobs.worker_client import Job
    from ...inference.live.link import LiveReceiver
    from ...inference.live.sample import LiveSample

NEUTRAL_S = 2.0
"""So long the worker looks at the neutral face."""
_CLOSING_S = 10.0
"""So long a worker may take to close what it records."""
_ENDING_S = 3.0
"""The same where the window has to wait for it: another file is opened, or the add-on is disabled."""
_LATE_S = 1.0
"""A calibration that has not begun by then was not heard."""
_VIDEO = ".mkv"
_TAKE = ".take.npz"


@dataclass
class Live:
    """A performance that is on; names rather than Blender's own objects."""

    job: Job
    receiver: LiveReceiver
    avatar: LiveAvatar
    scene: str
    source: str
    had_preview: bool
    over: OverPicture | None = None
    """Where the avatar is seen over the picture."""
    sample: LiveSample | None = None
    """The newest one."""
    size: tuple[int, int] = (0, 0)
    """Of the source's pictures; zeros where it has none, or they are not known yet."""
    waits: bool = False
    """Whether the source is there and nothing comes from it."""
    recording: Path | None = None
    """The file that was asked for, until it is whole."""
    is_closing: bool = False
    """Whether the recording was ended and is not whole yet."""
    notice: str = ""
    """Why there is no recording."""
    address: str = ""
    """Of this computer, for a source that sends to it."""
    neutral: Literal["", "asked", "held"] = ""
    """How far the calibration is that was asked for last."""
    neutral_asked_s: float = 0.0
    face_moved: bool = False
    """Whether the face moved in that time, and nothing was changed."""
    stopping_s: float | None = None
    ticks: int = 0
    ticks_s: float = 0.0
    slowest_tick_s: float = 0.0
    _heard: int = 0

    def count_tick(self, took_s: float) -> None:
        """Remember how long the window had to wait for us."""
        self.ticks += 1
        self.ticks_s += took_s
        self.slowest_tick_s = max(self.slowest_tick_s, took_s)

    @property
    def is_stopping(self) -> bool:
        """Whether Stop was pressed and the worker still closes its files."""
        return self.stopping_s is not None

    @property
    def sees_face(self) -> bool:
        """Whether the newest moment shows a face."""
        return self.sample is not None and self.sample.confidence > 0

    @property
    def recording_name(self) -> str:
        """What will be there when the recording is whole."""
        path = self.recording or Path()
        return path.with_suffix(_TAKE).name if self.source in SENT else path.name

    @property
    def neutral_left_s(self) -> float:
        """How long the face has still to be held neutral; 0 where nobody asked for it."""
        if not self.neutral:
            return 0.0
        done = self.sample.calibrated if self.sample is not None and self.neutral == "held" else 0.0
        return NEUTRAL_S * (1.0 - done)

    def follow_neutral(self) -> None:
        """See how far the calibration is: how much of it is done falls when it is heard, and is 1 at its end."""
        done = self.sample.calibrated if self.sample is not None else 0.0
        if self.neutral == "asked" and done < 1:
            self.neutral = "held"
        elif self.neutral == "held" and done >= 1:
            self.neutral = ""
        elif self.neutral == "asked" and time.monotonic() - self.neutral_asked_s > _LATE_S:
            self.neutral = ""  # nobody heard it

    def news(self) -> list[dict[str, Any]]:
        """What the worker reported since the last time."""
        events = self.job.events[self._heard :]
        self._heard += len(events)
        return events


@dataclass
class _Session:
    """What is known since Blender was started."""

    live: Live | None = None
    problem: str = ""


_session = _Session()


def current() -> Live | None:
    """The performance that is on."""
    return _session.live


def problem() -> str:
    """Why the last one ended by itself; empty when it did not."""
    return _session.problem


def start(context: bpy.types.Context) -> None:
    """Let the chosen avatar perform live; raises `UnderstudyError` when that cannot be, with nothing changed."""
    from ...inference.live.link import LiveReceiver

    if _session.live is not None:
        raise UsageError("Live is on already; press Stop first.")
    scene, chosen = context.scene, chosen_avatar(context)
    if chosen is None:
        raise UsageError("There is no avatar; choose one in step 3, or press Add Avatar.")
    root, settings = root_of(chosen), scene.understudy.live
    words = words_of(settings)
    had_preview = preview.is_on(root)
    avatar, receiver = None, None
    try:
        avatar, receiver = LiveAvatar(scene, root), LiveReceiver()
        command = ("live", *words, "--to-port", str(receiver.port), "--device", device(context))
        job = jobs.program(context, Command(command, "Live"), "live", again="Start")
    except UnderstudyError:
        if avatar is not None:
            avatar.rest()
        if receiver is not None:
            receiver.close()
        if had_preview:
            preview.start(scene, root)
        raise
    _session.problem = ""
    address = _own_address() if settings.source in SENT else ""
    _session.live = Live(job, receiver, avatar, scene.name, settings.source, had_preview, address=address)


def tick() -> None:
    """Take in what came and show the newest moment. What goes wrong ends the performance and is kept as `problem`."""
    live = _session.live
    if live is None:
        return
    live.job.tick()
    for event in live.news():
        _take_in(live, event)
    if live.job.is_over:
        _finish(live)
    elif live.stopping_s is not None:
        if time.monotonic() - live.stopping_s > (_CLOSING_S if live.recording else 1.0):
            live.job.stop()
    else:
        _show(live)


def stop() -> None:
    """End the performance: the avatar has its own values at once; the worker closes what it records."""
    live = _session.live
    if live is None or live.is_stopping:
        return
    live.stopping_s = time.monotonic()
    _close_picture(live)
    live.avatar.rest()
    live.job.tell("stop")


def end(*, leaving: bool = False) -> None:
    """End the performance and wait for the worker, as briefly as may be; `leaving` when nobody will see the avatar any
    more.
    """
    live = _session.live
    if live is None:
        return
    stop()
    until_s = time.monotonic() + (_ENDING_S if live.recording else 0.0)
    while not live.job.is_over and time.monotonic() < until_s:
        live.job.tick()
        time.sleep(0.01)
    live.job.end()
    for event in live.news():
        _take_in(live, event)
    _finish(live, leaving=leaving)


def end_worker() -> None:
    """End the worker's program; for the very end of Blender, when nothing else of it may be touched."""
    if _session.live is not None:
        _session.live.job.stop()


def hold_neutral() -> None:
    """Take the actor's face of the next seconds for neutral."""
    live = _running()
    live.neutral, live.neutral_asked_s, live.face_moved = "asked", time.monotonic(), False
    live.job.tell("calibrate")


def record() -> Path:
    """Begin to record; returns the file of the pictures, beside which the take will be."""
    live = _running()
    if live.recording is not None:
        raise UsageError("A recording is at work; end it first.")
    scene = bpy.data.scenes.get(live.scene, bpy.context.scene)
    live.recording, live.is_closing, live.notice = _free_path(scene.understudy.live.record_to), False, ""
    live.job.tell(f"record {live.recording}")
    return live.recording


def stop_recording() -> None:
    """End the recording; it lands when the worker has closed it."""
    live = _running()
    live.is_closing = live.recording is not None
    live.job.tell("record-stop")


def show_picture(context: bpy.types.Context) -> None:
    """Show the avatar over the live picture in a window of its own."""
    live = _running()
    scene = bpy.data.scenes.get(live.scene)
    if scene is None or live.over is not None:
        return
    over = OverPicture(scene)
    try:
        open_window(context)
    except UnderstudyError:
        over.close()
        raise
    live.over = over
    live.job.tell(f"picture {over.board.name}")


def hide_picture() -> None:
    """Close that window."""
    live = _running()
    live.job.tell("picture-stop")
    _close_picture(live)


def _close_picture(live: Live) -> None:
    over, live.over = live.over, None
    if over is not None:
        over.close()


def _own_address() -> str:
    """The address of this computer in its network, which somebody types into the phone; empty without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # sends nothing: the system only says by which of its addresses it would
        return str(probe.getsockname()[0])
    return ""


def _running() -> Live:
    if _session.live is None or _session.live.is_stopping:
        raise UsageError("Live is off; press Start first.")
    return _session.live


def _show(live: Live) -> None:
    sample = live.receiver.newest()
    if sample is None:
        return
    live.sample = sample
    live.waits = live.waits and sample.confidence <= 0
    live.follow_neutral()
    if bpy.app.is_job_running("RENDER"):
        return  # a render's window draws the avatar in another thread meanwhile
    try:
        if sample.confidence > 0:  # else the avatar waits
            live.avatar.show(sample)
        if live.over is not None:
            live.over.show(live.avatar, sample)
    except UnderstudyError as error:
        _session.problem = masked(str(error))
        stop()


def _take_in(live: Live, event: dict[str, Any]) -> None:
    kind = event["event"]
    if kind == "live":
        live.size = int(event.get("width") or 0), int(event.get("height") or 0)
    elif kind == "waiting":
        live.waits = True
    elif kind == "not-neutral":
        live.face_moved = True
    elif kind in {"recorded", "record-failed"}:
        live.recording, live.is_closing = None, False
        if kind == "recorded":
            _land(live, str(event.get("video") or ""), str(event.get("take") or ""))
        else:
            live.notice = masked(str(event.get("text", "")))


def _land(live: Live, video: str, take: str) -> None:
    """A recording joins as Track's results do: its video is the footage, its take the scene's. A phone sends no video,
    and there is no take of nothing.
    """
    scene = bpy.data.scenes.get(live.scene)
    if scene is None or not (video or take):
        return
    settings = scene.understudy
    settings.render_dir = settings.output = settings.report = ""  # they stay with the shot they were made for
    settings.footage = video or settings.footage
    settings.take = take or settings.take
    settings.live.recorded_video, settings.live.recorded_take = video, take
    if bpy.ops.ed.undo_push.poll():
        bpy.ops.ed.undo_push(message="Record Live")


def _finish(live: Live, *, leaving: bool = False) -> None:
    """The worker has ended: let go of everything."""
    _session.live = None
    _close_picture(live)
    live.receiver.close()
    live.avatar.rest()
    if live.job.error is not None and not isinstance(live.job.error, StoppedError):
        _session.problem = _session.problem or masked(str(live.job.error))
    if not leaving:
        live.avatar.show_own(previewed=live.had_preview)


def _free_path(wanted: str) -> Path:
    """The file to record into: as the user says or beside the .blend, under a name that no recording has."""
    first = paths.absolute(wanted) if wanted else default_path("live", _VIDEO)
    first = first.with_suffix(_VIDEO)
    numbers = itertools.chain([""], (f"-{count}" for count in itertools.count(2)))
    named = (first.with_name(f"{first.stem}{number}{_VIDEO}") for number in numbers)
    return next(path for path in named if not path.exists() and not path.with_suffix(_TAKE).exists())
