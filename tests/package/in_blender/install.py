"""Install the zip given into the profile, switch the add-on off, remove it, install it again; report what came and stayed.

Usage: install.py ZIP. The last line of standard output is one JSON object. The add-on is installed and on at the end.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import bpy

PACKAGE = "understudy"
MODULE = f"bl_ext.user_default.{PACKAGE}"
HEAVY = ("av", "cv2", "onnxruntime", "scipy", "tqdm")


def traces() -> dict[str, list[str]]:
    """Everything an add-on can register, by kind."""
    types = {name: getattr(bpy.types, name) for name in dir(bpy.types)}
    handlers = {name: getattr(bpy.app.handlers, name) for name in dir(bpy.app.handlers)}
    keymaps = bpy.context.window_manager.keyconfigs.addon
    return {
        "classes": sorted(name for name in types if PACKAGE in name.lower()),
        "operators": sorted(dir(bpy.ops.understudy)),
        "properties": sorted(
            f"{name}.{prop.identifier}"
            for name, owner in types.items()
            if hasattr(owner, "bl_rna")
            for prop in owner.bl_rna.properties
            if PACKAGE in prop.identifier
        ),
        "handlers": sorted(
            f"{name}.{f.__module__}" for name, group in handlers.items() if isinstance(group, list) for f in group
        ),
        "menus": sorted(
            f"{name}.{f.__module__}"
            for name, owner in types.items()
            for f in getattr(getattr(owner, "draw", None), "_draw_funcs", ())
            if PACKAGE in f.__module__
        ),
        "keys": sorted(
            f"{keymap.name}.{item.idname}"
            for keymap in (keymaps.keymaps if keymaps else ())
            for item in keymap.keymap_items
            if PACKAGE in item.idname
        ),
    }


def files(profile: Path) -> list[str]:
    """What lies in the profile, without Blender's own preferences and caches."""
    found = (path.relative_to(profile).as_posix() for path in profile.rglob("*") if path.is_file())
    return sorted(name for name in found if not name.startswith(("config/", "cache/")) and "/.cache/" not in f"/{name}")


def install(zip_path: str) -> None:
    """As dragging the zip into the window."""
    bpy.ops.extensions.package_install_files(filepath=zip_path, repo="user_default", enable_on_install=True)


def remove() -> None:
    """As Uninstall in the preferences."""
    repositories = bpy.context.preferences.extensions.repos
    number = next(i for i, repository in enumerate(repositories) if repository.module == "user_default")
    bpy.ops.extensions.package_uninstall(repo_index=number, pkg_id=PACKAGE)


def start_anew() -> tuple[float, float]:
    """Enable the add-on as at Blender's start, when the wheels are unpacked: seconds, and seconds of the processor."""
    import addon_utils  # there is no such module before bpy is

    addon_utils.disable(MODULE, refresh_handled=True)
    for name in [name for name in sys.modules if name.startswith(MODULE)]:
        del sys.modules[name]
    start, start_cpu = time.perf_counter(), time.process_time()
    addon_utils.enable(MODULE, default_set=True, refresh_handled=True)
    return time.perf_counter() - start, time.process_time() - start_cpu


def main(zip_path: str) -> dict[str, Any]:
    """Install, disable, remove, install and enable; returns the report."""
    import addon_utils  # there is no such module before bpy is
    import bl_ui  # noqa: F401  # the menus are complete before the first look

    profile = Path(os.environ["BLENDER_USER_RESOURCES"])
    before = traces()
    install(zip_path)
    enabled = addon_utils.check(MODULE)[1]
    with_addon = traces()
    bpy.ops.preferences.addon_disable(module=MODULE)
    after = traces()
    remove()
    removed = {"files": files(profile), "listed": MODULE in bpy.context.preferences.addons, "traces": traces()}
    install(zip_path)
    start_anew()  # compiles it
    enabling_s, enabling_cpu_s = start_anew()
    heavy = [name for name in HEAVY if name in sys.modules]
    bpy.ops.wm.save_userpref()
    return {
        "blender": bpy.app.version_string,
        "enabled": enabled,
        "before": before,
        "with_addon": with_addon,
        "after": after,
        "removed": removed,
        "enabling_s": enabling_s,
        "enabling_cpu_s": enabling_cpu_s,
        "heavy": heavy,
    }


if __name__ == "__main__":
    report = main(sys.argv[1])
    print("\n" + json.dumps(report), flush=True)
    os._exit(0)  # Blender 4.5 hangs in the interpreter's teardown
