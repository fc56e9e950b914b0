"""Install the zip given into the profile, switch the add-on off and on again, and report what it left and added.

Usage: install.py ZIP. The last line of standard output is one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import bpy

MODULE = "bl_ext.user_default.understudy"
HEAVY = ("av", "cv2", "onnxruntime", "scipy", "tqdm")
OWNERS = ("Scene", "Object", "WindowManager", "Action", "Armature", "Mesh", "MovieClip")


def traces() -> dict[str, list[str]]:
    """Everything an add-on can register, by kind."""
    handlers = {name: getattr(bpy.app.handlers, name) for name in dir(bpy.app.handlers)}
    return {
        "classes": sorted(name for name in dir(bpy.types) if "understudy" in name.lower()),
        "operators": sorted(dir(bpy.ops.understudy)),
        "properties": sorted(
            f"{owner}.{prop.identifier}" for owner in OWNERS for prop in getattr(bpy.types, owner).bl_rna.properties
        ),
        "handlers": sorted(
            f"{name}.{f.__module__}" for name, group in handlers.items() if isinstance(group, list) for f in group
        ),
        "menus": sorted(f.__module__ for f in getattr(bpy.types.TOPBAR_MT_file_import.draw, "_draw_funcs", [])),
        "add_menu": sorted(f.__module__ for f in getattr(bpy.types.VIEW3D_MT_add.draw, "_draw_funcs", [])),
    }


def main(zip_path: str) -> dict[str, Any]:
    """Install, disable, enable; returns the report."""
    import addon_utils  # there is no such module before bpy is
    import bl_ui  # noqa: F401  # the menus are complete before the first look

    before = traces()
    bpy.ops.extensions.package_install_files(filepath=zip_path, repo="user_default", enable_on_install=True)
    enabled = addon_utils.check(MODULE)[1]
    with_addon = traces()
    bpy.ops.preferences.addon_disable(module=MODULE)
    after = traces()
    bpy.ops.preferences.addon_enable(module=MODULE)
    # the add-on's own share of enabling: without Blender's unpacking of the wheels, as at every start
    addon_utils.disable(MODULE, refresh_handled=True)
    for name in [name for name in sys.modules if name.startswith(MODULE)]:
        del sys.modules[name]
    start = time.perf_counter()
    addon_utils.enable(MODULE, default_set=True, refresh_handled=True)
    enabling_s = time.perf_counter() - start
    heavy = [name for name in HEAVY if name in sys.modules]
    bpy.ops.wm.save_userpref()
    return {
        "blender": bpy.app.version_string,
        "enabled": enabled,
        "before": before,
        "with_addon": with_addon,
        "after": after,
        "enabling_s": enabling_s,
        "heavy": heavy,
    }


if __name__ == "__main__":
    report = main(sys.argv[1])
    print("\n" + json.dumps(report), flush=True)
    os._exit(0)  # Blender 4.5 hangs in the interpreter's teardown
