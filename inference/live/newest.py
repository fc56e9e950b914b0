"""One place for the newest picture: who brings one never waits, who takes one never gets an old one."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from fractions import Fraction

import av
from av.video.reformatter import VideoReformatter

from ..errors import UnderstudyError
from ..media.pixels import clockwise_turn, square_size, to_rgb
from ..media.types import Image


@dataclass
class Picture:
    """One frame as it came from a source."""

    frame: int
    """Count of the source's frames before it."""
    time_s: float
    """By the source's clock, 0 at its first frame."""
    arrived_s: float
    """By `time.monotonic`."""
    decoded: av.VideoFrame
    aspect: Fraction
    """Of one pixel."""
    rate: Fraction
    """Frames per second that the source promises."""
    _rgb: Image | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def rgb(self) -> Image:
        """(H, W, 3) upright, made once and only when somebody looks."""
        with self._lock:
            if self._rgb is None:
                self._rgb = to_rgb(self.decoded, VideoReformatter(), self.aspect, exact=False)
            return self._rgb

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, upright."""
        width, height = square_size(self.decoded.width, self.decoded.height, self.aspect)
        return (height, width) if clockwise_turn(self.decoded) in (90, 270) else (width, height)


class Newest:
    """Holds one picture, the newest."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._picture: Picture | None = None
        self._over = False
        self._error: UnderstudyError | None = None
        self.dropped = 0
        """Pictures that nobody took in time."""

    def put(self, picture: Picture) -> None:
        """Take the place of the one before."""
        with self._changed:
            self.dropped += self._picture is not None
            self._picture = picture
            self._changed.notify()

    def finish(self, error: UnderstudyError | None = None) -> None:
        """No more will come; the error is raised for who takes next."""
        with self._changed:
            self._over, self._error = True, error
            self._changed.notify()

    def take(self, patience_s: float) -> Picture | None:
        """The newest picture, as soon as there is one; None when none came in so long, or none will come.

        Raises what went wrong with the source.
        """
        with self._changed:
            if self._picture is None and not self._over:
                self._changed.wait(patience_s)
            picture, self._picture = self._picture, None
            if picture is None and self._error is not None:
                raise self._error
            return picture

    @property
    def over(self) -> bool:
        """Whether all was taken, and no more will come; never while `take` has an error to raise."""
        with self._changed:
            return self._over and self._picture is None and self._error is None
