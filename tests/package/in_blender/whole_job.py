"""Do the whole job through the operators of the installed add-on: track a video, add the avatar, bake, set up the shot.

Usage: whole_job.py VIDEO TAKE. The last line of standard output is one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import bpy
import numpy as np


def main(video: str, take: str) -> dict[str, Any]:
    """Track, add, bake, set up; returns what came of it."""
    bpy.ops.wm.read_userpref()  # the module starts with factory preferences
    start = time.perf_counter()
    bpy.ops.understudy.track(filepath=video, take=take)
    tracking_s = time.perf_counter() - start
    bpy.ops.understudy.add_avatar()
    bpy.ops.understudy.bake()
    bpy.ops.understudy.setup_shot()
    scene = bpy.context.scene
    with np.load(take) as stored:
        confidence = stored["confidence"]
        tracked_jaw = stored["coefficients"][:, list(stored["names"]).index("jawOpen")]
    curves = {name: values for ob in scene.objects for name, values in baked_curves(ob).items()}
    return {
        "blender": bpy.app.version_string,
        "tracking_s": tracking_s,
        "frames": len(confidence),
        "frames_with_face": int((confidence > 0).sum()),
        "curves": len(curves),
        "keys_of_jaw": len(curves.get("jawOpen", ())),
        "jaw": [float(value) for value in curves.get("jawOpen", ())],
        "tracked_jaw": [float(value) for value in tracked_jaw],
        "camera": scene.camera is not None,
        "origins": {name: sys.modules[name].__file__ for name in ("av", "cv2", "onnxruntime", "numpy")},
    }


def baked_curves(ob: bpy.types.Object) -> dict[str, list[float]]:
    """The key values of every animated shape key of an object, by the key's name."""
    shapes = ob.data.shape_keys if ob.type == "MESH" else None
    animation = shapes.animation_data if shapes else None
    if animation is None or animation.action is None:
        return {}
    bag = animation.action.layers[0].strips[0].channelbag(animation.action_slot)
    return {curve.data_path.split('"')[1]: [point.co.y for point in curve.keyframe_points] for curve in bag.fcurves}


if __name__ == "__main__":
    report = main(*sys.argv[1:3])
    print("\n" + json.dumps(report), flush=True)
    os._exit(0)  # Blender 4.5 hangs in the interpreter's teardown
