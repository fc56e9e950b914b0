"""Recording while live: the pictures as they came, and the live performance of those that were solved, side by side.

A thread encodes; what it has no time for is left out and shows in the times. Nothing has its final name before it is whole.
"""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from av.video.reformatter import ColorRange

from ..errors import InputError, UnderstudyError
from ..media import VideoWriter, sha256
from ..media.colour_tags import ColourTags
from ..media.encodings import PictureForm
from ..media.pixels import clockwise_turn, matrix_code
from ..solve.identity import Actor
from .live_take import Rows, Source, write_live_take
from .newest import Picture
from .performer import Seen
from .sample import LiveSample

_MOST_WAITING = 30
"""Pictures that may wait for the encoder."""
TAKE_ENDING = ".take.npz"


@dataclass(frozen=True)
class Recorded:
    """What a recording came to."""

    video: Path | None
    """None for a tracker without pictures."""
    take: Path | None
    """None where the performance has no frame."""
    frames: int
    left_out: int
    """Pictures that the encoder had no time for."""
    error: UnderstudyError | None = None
    """Why there is nothing."""


class Recording:
    """Begins at once; after `finish`, `result` is there in a while. A failure ends it and nothing else."""

    def __init__(self, video: Path, pictures: bool = True) -> None:
        """Raises `InputError` where the files exist or cannot be written."""
        self.video, self.take = video, video.with_name(video.stem + TAKE_ENDING)
        for path in (video, self.take) if pictures else (self.take,):
            if path.exists():
                raise InputError(f"{path} exists; choose another name for the recording.")
        self.result: Recorded | None = None
        try:
            self._rows = Rows(video.with_name(video.stem + ".partial.rows"))
        except OSError as error:
            raise InputError(f"{video} cannot be recorded: {error.strerror}; choose another folder.") from error
        self._pictures = pictures
        self._waiting: queue.Queue[Picture | None] = queue.Queue(_MOST_WAITING)
        self._left_out = 0
        self._frames: list[int] = []
        self._began_s = 0.0
        self._source = Source()
        self._actor: Actor | None = None
        self._failed, self._ending = threading.Event(), False
        self._error: UnderstudyError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="live recording")
        self._thread.start()

    @property
    def runs(self) -> bool:
        """Whether it still takes frames."""
        return not self._failed.is_set()

    def show(self, picture: Picture) -> None:
        """Take in a picture; never waits."""
        if self._ending or not self.runs:
            return
        try:
            self._waiting.put_nowait(picture)
        except queue.Full:
            self._left_out += 1

    def note(self, seen: Seen, sample: LiveSample) -> None:
        """Take in what was found in a picture."""
        self._keep(sample, seen)

    def note_sample(self, sample: LiveSample) -> None:
        """Take in the sample of a tracker without pictures."""
        self._keep(sample, None)

    def finish(self, actor: Actor | None) -> None:
        """Let what waits be written, and close; returns at once."""
        self._actor, self._ending = actor, True
        while True:
            try:
                self._waiting.put_nowait(None)
            except queue.Full:
                with suppress(queue.Empty):
                    self._left_out += self._waiting.get_nowait() is not None
            else:
                return

    def wait(self, patience_s: float) -> None:
        """Until it is whole, or so long."""
        self._thread.join(patience_s)

    def _keep(self, sample: LiveSample, seen: Seen | None) -> None:
        if not self.runs:
            return
        try:
            self._rows.add(sample, seen)
        except ValueError:  # closed meanwhile: the encoder has failed
            return
        except OSError as error:
            self._error = self._no_room(error)
            self._failed.set()

    def _run(self) -> None:
        try:
            self.result = self._recorded()
        except (UnderstudyError, OSError) as error:
            self._failed.set()
            said = error if isinstance(error, UnderstudyError) else self._no_room(error)
            self.result = Recorded(None, None, len(self._frames), self._left_out, said)
        finally:
            self._rows.remove()

    def _no_room(self, error: OSError) -> InputError:
        return InputError(f"{self.take} cannot be written: {error.strerror}; make room there, or choose another place.")

    def _recorded(self) -> Recorded:
        if self._pictures:
            self._encode()
        else:
            while self._waiting.get() is not None:
                pass
        if self._error is not None:
            raise self._error
        digest = sha256(self.video) if self._pictures else ""
        frames = self._frames if self._pictures else None
        there = write_live_take(self.take, self._rows, self._source, frames, self._began_s, self._actor, digest)
        count = len(self._frames) if self._pictures else self._rows.count
        return Recorded(self.video if self._pictures else None, self.take if there else None, count, self._left_out)

    def _encode(self) -> None:
        first = self._waiting.get()
        if first is None:
            raise InputError(f"{self.video} was not recorded: no picture came.")
        width, height = first.size
        self._source, self._began_s = Source(first.size, first.rate), first.time_s
        colour = _colour_as_stored(first)
        form = PictureForm(quick=True) if colour is None else PictureForm(quick=True, colour=colour)
        with VideoWriter(self.video, width, height, first.rate, form=form) as writer:
            picture: Picture | None = first
            last_s = -1.0
            while picture is not None and not self._failed.is_set():
                if picture.size != first.size:
                    raise InputError(f"{self.video} was not recorded: the pictures changed their size; record again.")
                time_s = picture.time_s - self._began_s
                if time_s >= last_s + 0.001:  # Matroska counts milliseconds
                    if colour is not None and _colour_as_stored(picture) == colour:
                        writer.write_decoded(picture.decoded, time_s)
                    else:
                        writer.write(picture.rgb(), time_s)
                    self._frames.append(picture.frame)
                    last_s = time_s
                picture = self._waiting.get()
            if self._error is not None:
                raise self._error


def _colour_as_stored(picture: Picture) -> ColourTags | None:
    """The colours of a picture that goes to the encoder as it was decoded; None where it must be turned, stretched or
    made YUV of 8 bits first.
    """
    frame = picture.decoded
    kind = frame.format
    plain = not kind.is_rgb and not kind.has_palette and [part.bits for part in kind.components] == [8, 8, 8]
    if not plain or picture.size != (frame.width, frame.height) or clockwise_turn(frame):
        return None
    full = frame.color_range == ColorRange.JPEG or kind.name.startswith("yuvj")
    return ColourTags(int(frame.color_primaries), int(frame.color_trc), matrix_code(frame), full)
