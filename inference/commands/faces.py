"""``understudy faces``: the faces of one frame, numbered, with a picture of each."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .words import Commands, add_command, add_device, count_from, need_footage

if TYPE_CHECKING:
    from ..jobs.console import Console


def add(commands: Commands) -> None:
    """Its words."""
    faces = add_command(commands, "faces", run, "show which faces a frame of a video has")
    faces.add_argument("video", type=Path)
    faces.add_argument("--frame", type=count_from(0), default=0, metavar="N", help="frame of the video, from 0")
    faces.add_argument("--pictures", type=Path, metavar="DIR", help="write a small picture of each face there")
    add_device(faces)


def run(options: argparse.Namespace, console: Console) -> None:
    """Find and say them."""
    need_footage(options.video, "video")
    from ..capture.faces import faces_of_frame, write_pictures

    console("faces", 0, 1)
    faces = faces_of_frame(options.video, options.frame, options.device)
    pictures = write_pictures(faces, options.pictures) if options.pictures is not None else ()
    console("faces", 1, 1)
    boxes = [[round(float(side), 1) for side in box] for box in faces.boxes_px]
    lines = [f"{number}: {box[0]:.0f},{box[1]:.0f} - {box[2]:.0f},{box[3]:.0f}" for number, box in enumerate(boxes)]
    console.say(
        "faces",
        "\n".join([f"Frame {faces.frame} shows {len(boxes)} faces", *lines]),
        frame=faces.frame,
        frame_size=list(faces.frame_size),
        boxes=boxes,
        pictures=[str(path) for path in pictures],
    )
