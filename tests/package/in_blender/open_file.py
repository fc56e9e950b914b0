"""Open a file that another Blender saved, with the add-on on, bake again, and report what is in it.

Usage: open_file.py BLEND FRAMES. The last line of standard output is one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import bpy
from inside import baked, settings_of, switch_on


def main(path: str, frames: int) -> dict[str, Any]:
    """Open, look, bake; returns what there was and what came of it."""
    switch_on()
    bpy.ops.wm.open_mainfile(filepath=path)
    scene = bpy.context.scene
    found = {"blender": bpy.app.version_string, "settings": settings_of(scene), "baked": baked(scene, frames)}
    bpy.ops.understudy.bake()
    return found | {"baked_again": baked(scene, frames)}


if __name__ == "__main__":
    report = main(sys.argv[1], int(sys.argv[2]))
    print("\n" + json.dumps(report), flush=True)
    os._exit(0)  # Blender 4.5 hangs in the interpreter's teardown
