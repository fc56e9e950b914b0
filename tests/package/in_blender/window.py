"""What a new user does in a real Blender window, pressed through operators while the window runs.

Usage: blender ... --python window.py -- ZIP VIDEO FOLDER. Installs the zip into the profile, tracks the video (Esc once,
a killed worker once, then resumed), adds the avatar, bakes, sets the shot up, and writes what it saw to FOLDER/report.json.
With UNDERSTUDY_WATCHED set, whoever started this captures the screen as NAME.png where FOLDER/NAME.want appears.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

PATIENCE_S = 240.0
MODULE = "bl_ext.user_default.understudy"
report: dict[str, Any] = {"blender": bpy.app.version_string, "background": bpy.app.background, "shots": []}


def view() -> tuple[bpy.types.Window, bpy.types.Area]:
    """The window and its largest 3D view."""
    window = bpy.context.window_manager.windows[0]
    areas = [area for area in window.screen.areas if area.type == "VIEW_3D"]
    return window, max(areas, key=lambda area: area.width * area.height)


def press(name: str, **options: Any) -> set[str]:
    """Press a button of the add-on as its panel would."""
    window, area = view()
    region = next(region for region in area.regions if region.type == "UI")
    with bpy.context.temp_override(window=window, area=area, region=region):
        return getattr(bpy.ops.understudy, name)("INVOKE_DEFAULT", **options)


def shoot(folder: Path, name: str) -> Iterator[float]:
    """Have the screen captured, where somebody does that."""
    yield 0.2
    if not os.environ.get("UNDERSTUDY_WATCHED"):
        return
    yield 0.4
    wanted = folder / f"{name}.want"
    wanted.touch()
    for _ in range(25):
        yield 0.2
        if not wanted.exists():
            report["shots"].append(name)
            return
    wanted.unlink()


def until(condition: Any) -> Iterator[float]:
    """Let the window live until something is so."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the window waited in vain")
        yield 0.05


def job() -> Any:
    """The state of the long job, as the panels see it."""
    return bpy.context.window_manager.understudy.job


def settings() -> Any:
    """The choices of the shot."""
    return bpy.context.scene.understudy


def worker_pids() -> list[int]:
    """Processes that Blender started."""
    stats = ((path.parent.name, path.read_text()) for path in Path("/proc").glob("[0-9]*/stat"))
    return [int(pid) for pid, stat in stats if int(stat.rsplit(")", 1)[1].split()[1]) == os.getpid()]


def slowest_tick_s() -> float:
    """Seconds that the slowest tick of the job held the window up."""
    from bl_ext.user_default.understudy.operators.jobs import job as jobs

    return float(jobs.current().slowest_tick_s) if jobs.current() is not None else 0.0


def install(zip_path: Path) -> None:
    """As Install from Disk does."""
    bpy.ops.extensions.package_install_files(filepath=str(zip_path), repo="user_default", enable_on_install=True)


def open_sidebar() -> Iterator[float]:
    """Open the tab of the add-on."""
    _, area = view()
    area.spaces[0].show_region_ui = True
    yield 0.5
    next(region for region in area.regions if region.type == "UI").active_panel_category = "Understudy"
    yield 0.3


def story(zip_path: Path, video: Path, folder: Path) -> Iterator[float]:
    """The whole story, yielding seconds to let the window live."""
    start = time.perf_counter()
    install(zip_path)
    report["install_s"] = time.perf_counter() - start
    yield from open_sidebar()
    yield from shoot(folder, "1_installed")
    report["grey_track"] = bpy.ops.understudy.track.poll()
    settings().footage = str(video)
    yield from shoot(folder, "2_footage")
    yield from track_with_trouble(folder)
    yield from act(folder)
    yield from stage(folder)
    bpy.context.preferences.view.language = "zh_HANS"
    yield from shoot(folder, "9_chinese")
    bpy.context.preferences.view.language = "en_US"


def track_with_trouble(folder: Path) -> Iterator[float]:
    """Esc, then a killed worker, then the rest."""
    press("track")
    yield from until(lambda: job().state == "running" and job().factor > 0.05)
    yield from shoot(folder, "3_tracking")
    asked = time.monotonic()
    window, area = view()
    window.event_simulate(type="ESC", value="PRESS", x=area.x + 50, y=area.y + 50)
    window.event_simulate(type="ESC", value="RELEASE", x=area.x + 50, y=area.y + 50)
    yield from until(lambda: job().state != "running")
    report["esc_s"], report["after_esc"] = time.monotonic() - asked, job().text
    yield from shoot(folder, "4_cancelled")

    press("resume")
    yield from until(lambda: job().state == "running" and job().factor > 0.2)
    for pid in worker_pids():
        os.kill(pid, signal.SIGKILL)
    yield from until(lambda: job().state != "running")
    report["after_kill"], report["slowest_tick_s"] = job().text, slowest_tick_s()
    yield from shoot(folder, "5_killed")

    press("resume")
    yield from until(lambda: job().state == "idle")
    report["take"], report["summary"] = settings().take, settings().take_summary
    yield from shoot(folder, "6_tracked")


def act(folder: Path) -> Iterator[float]:
    """The avatar, and its keys."""
    report["add_avatar"] = sorted(press("add_avatar"))
    report["bake"] = sorted(press("bake"))
    bpy.context.scene.frame_set(30)
    yield from shoot(folder, "7_baked")


def stage(folder: Path) -> Iterator[float]:
    """The shot through its camera."""
    report["setup_shot"] = sorted(press("setup_shot"))
    _, area = view()
    area.spaces[0].region_3d.view_perspective = "CAMERA"
    yield from shoot(folder, "8_shot")


def run(steps: Iterator[float], folder: Path) -> float | None:
    """One step of the story for Blender's timer; leaves Blender at the end."""
    try:
        return next(steps)
    except StopIteration:
        pass
    except Exception:  # noqa: BLE001 - whatever it was, the report must say it and Blender must end
        report["error"] = traceback.format_exc()
    (folder / "report.json").write_text(json.dumps(report, indent=1))
    bpy.ops.wm.quit_blender()
    return None


if __name__ == "__main__":
    zip_path, video, folder = (Path(word) for word in sys.argv[sys.argv.index("--") + 1 :])
    bpy.context.preferences.view.show_splash = False
    steps = story(zip_path, video, folder)
    bpy.app.timers.register(lambda: run(steps, folder), first_interval=2.0, persistent=True)
