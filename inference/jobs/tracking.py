"""Video to take: capture, then the solver. What is loaded before the first face is what finds it, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..capture.shot import CaptureOptions, track_shot, work_folder
from ..errors import InputError, UsageError
from ..face_model import load as load_face_model
from ..progress import Progress, Watch, silent, unwatched
from ..take import Take


def track_video(
    video: Path,
    options: CaptureOptions,
    face: int,
    face_model: str,
    progress: Progress = silent,
    neutral: tuple[int, int] | None = None,
    *,
    watch: Watch = unwatched,
    work: Path | None = None,
) -> Take:
    """Capture one face of a video and solve its performance; raises `InputError` when there is no such face.

    `neutral` are the first and last frame of the source in which the face is known to be neutral. `watch` and `work` are
    those of `track_shot`: after an early end the frames that were read are not read again, while refining by pixels and
    solving begin anew.
    """
    model = load_face_model(face_model)  # What cannot be loaded is told before minutes of tracking.
    shot = track_shot(video, options, progress, watch=watch, work=work)
    if not shot.tracks:
        raise InputError(f"No face was found in {video}; use footage in which the actor's face can be seen.")
    if face >= len(shot.tracks):
        raise UsageError(f"Face {face} was asked for, but {video} shows {len(shot.tracks)}; count from 0.")
    from ..solve import solve_shot

    refine = None
    if options.quality == "high":
        from ..photometric import PixelRefiner

        refine = PixelRefiner(shot, progress).refine
    return solve_shot(shot, shot.tracks[face], model, progress, refine, neutral)


@contextmanager
def unfinished(video: Path, options: CaptureOptions) -> Iterator[Path]:
    """The folder in which a tracking keeps what it has finished, until the take is written.

    It stays when the work is stopped or killed, and when it fails: what was seen stays true.
    """
    folder = work_folder(video, options)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
