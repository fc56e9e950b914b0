"""The numbers by which faces are followed, for following them one by one and many frames at once alike."""

from __future__ import annotations

from typing import Final

MIN_PRESENCE: Final = 0.5
"""From which belief of MediaPipe's network there is a face."""
MARGIN_FOLLOWING: Final = 1.4
MARGIN_OWN: Final = 1.2
"""A face's region is so many times as large as its box, for MediaPipe's network and for our own."""
SETTLED_GROWTH: Final = 0.1
SETTLED_SHIFT: Final = 0.06
"""In octaves and region sizes per reading. Measured: heads in calm shots stay below 0.05 and 0.03; the network's points
are off by several per cent of the face where a reading exceeds these."""
STRAY_GROWTH: Final = 0.25
"""In octaves: where a reading grows by more, it is of something else."""
