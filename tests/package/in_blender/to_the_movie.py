"""All six steps of the sidebar through the operators of the installed add-on, to the finished movie.

Usage: to_the_movie.py VIDEO FOLDER. The last line of standard output is one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import bpy
from inside import switch_on


def main(video: str, folder: Path) -> dict[str, Any]:
    """Track, add avatar, bake, set up, render, composite; returns what each operator said and what lies there."""
    switch_on()
    settings = bpy.context.scene.understudy
    settings.samples = 1
    settings.render_dir = str(folder / "render")
    settings.output = str(folder / "composite.mp4")
    results = {
        "track": bpy.ops.understudy.track(filepath=video, take=str(folder / "take.npz")),
        "add_avatar": bpy.ops.understudy.add_avatar(),
        "bake": bpy.ops.understudy.bake(),
        "setup_shot": bpy.ops.understudy.setup_shot(),
        "render": bpy.ops.understudy.render(),
        "consent": bpy.ops.understudy.consent(kind="FICTIONAL"),
        "composite": bpy.ops.understudy.composite(),
    }
    return {
        "blender": bpy.app.version_string,
        "results": {name: sorted(result) for name, result in results.items()},
        "files": sorted(path.name for path in folder.rglob("*") if path.is_file()),
    }


if __name__ == "__main__":
    report = main(sys.argv[1], Path(sys.argv[2]))
    print("\n" + json.dumps(report), flush=True)
    os._exit(0)  # Blender 4.5 hangs in the interpreter's teardown
