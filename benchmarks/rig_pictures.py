"""Pictures of rig_solve.py's avatars: the right surface, and what each system makes of the same frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rig_avatars import Avatar
from understudy.inference import arkit
from understudy.inference.media.images import write_png
from understudy.inference.retarget.by_shape.pictures import View, paint, vertex_normals
from understudy.inference.retarget.by_shape.skin import eyed, find_skin, painted_colours

Array = NDArray[np.float64]
SIDE_PX = 220
TELLING = ("jawOpen", "mouthPucker", "mouthSmileLeft", "eyeBlinkLeft", "browInnerUp", "mouthClose", "mouthFunnel")


def telling_frames(coefficients: Array) -> list[int]:
    """For each of some coefficients the frame in which it is strongest."""
    return [int(coefficients[:, arkit.INDEX[name]].argmax()) for name in TELLING]


def sheet(avatar: Avatar, systems: dict[str, Array], coefficients: Array, folder: Path) -> None:
    """Write `folder/NAME.png`: a column per frame; the right surface on top, below it one row per system."""
    frames = telling_frames(coefficients)
    skin = find_skin(avatar.shapes)
    colours = painted_colours(avatar.shapes.rest, skin)
    shown = eyed(skin, avatar.shapes.triangles)
    front = avatar.shapes.rest[avatar.head.skin]
    middle = (front.min(0) + front.max(0)) / 2
    view = View(middle, 0.25, SIDE_PX / (1.25 * float(np.ptp(front[:, 1]))), SIDE_PX)
    rows = [avatar.ideal(coefficients[frames]), *(avatar.evaluate(weights[frames]) for weights in systems.values())]

    def picture(surface: Array) -> NDArray[np.uint8]:
        painted = paint(surface, shown, view)
        return painted.shade(vertex_normals(surface, avatar.shapes.triangles), colours)

    folder.mkdir(parents=True, exist_ok=True)
    name = "".join(letter if letter.isalnum() else "_" for letter in avatar.name)
    write_png(folder / f"{name}.png", np.vstack([np.hstack([picture(surface) for surface in row]) for row in rows]))
