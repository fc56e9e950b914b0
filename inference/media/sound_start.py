"""When the sound of a video begins."""

from __future__ import annotations

from pathlib import Path

import av

from ..errors import InputError


def sound_start_s(path: Path) -> float | None:
    """Presentation time of the first sound in seconds, on the clock of the pictures; None where there is no sound.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return None
            stream = container.streams.audio[0]
            if stream.start_time is None or stream.time_base is None:
                return 0.0
            return float(stream.start_time * stream.time_base)
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path} cannot be read; choose another video.") from error
