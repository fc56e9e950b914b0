"""Do the main job through the operators of the installed add-on: track a video, add the avatar, bake, set up the shot.

Usage: whole_job.py VIDEO FOLDER. Writes FOLDER/VERSION.take.npz and FOLDER/VERSION.blend, VERSION as in 4.5. The add-on
is switched off and on again before the file is saved. The last line of standard output is one JSON object.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from inside import MODULE, TRIM_LAST, baked, choose_unusual_settings, keys_of, settings_of, switch_on

WHEELS = ("av", "cv2", "onnxruntime", "scipy", "tqdm", "numpy")


def main(video: str, folder: Path) -> dict[str, Any]:
    """Track, add, bake, set up, save; returns what came of it."""
    switch_on()
    scene = bpy.context.scene
    version = ".".join(map(str, bpy.app.version[:2]))
    take = folder / f"{version}.take.npz"
    choose_unusual_settings(scene)
    start = time.perf_counter()
    bpy.ops.understudy.track(filepath=video, take=str(take))
    tracking_s = time.perf_counter() - start
    loaded = [name for name in WHEELS if name in sys.modules and name != "numpy"]
    bpy.ops.understudy.add_avatar()
    bpy.ops.understudy.bake()
    bpy.ops.understudy.setup_shot()
    with np.load(take) as stored:
        confidence = stored["confidence"]
        tracked_jaw = stored["coefficients"][:, list(stored["names"]).index("jawOpen")]
    before = settings_of(scene)
    bpy.ops.preferences.addon_disable(module=MODULE)
    while_off = {"settings": hasattr(scene, "understudy"), "curves": len(baked(scene, 1))}
    bpy.ops.preferences.addon_enable(module=MODULE)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / f"{version}.blend"))
    return {
        "blender": bpy.app.version_string,
        "version": version,
        "tracking_s": tracking_s,
        "frames": len(confidence),
        "frames_with_face": int((confidence > 0).sum()),
        "baked": baked(scene, TRIM_LAST + 1),
        "keys_of_jaw": keys_of(bpy.data.objects["Understudy Face"].data.shape_keys, "jawOpen"),
        "tracked_jaw": [float(value) for value in tracked_jaw],
        "camera": scene.camera is not None,
        "settings": before,
        "while_off": while_off,
        "settings_after": settings_of(scene),
        "loaded": loaded,
        "origins": {name: str(spec.origin) for name in WHEELS if (spec := importlib.util.find_spec(name))},
    }


if __name__ == "__main__":
    report = main(sys.argv[1], Path(sys.argv[2]))
    print("\n" + json.dumps(report), flush=True)
    os._exit(0)  # Blender 4.5 hangs in the interpreter's teardown
