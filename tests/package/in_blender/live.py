"""Live in a real Blender window: the avatar follows what another program sends, and has its own values again after Esc.

Usage: blender ... --python live.py -- ZIP FOLDER, started as `window.py` says. Writes what it saw to FOLDER/report.json.
"""

from __future__ import annotations

import importlib
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import window
from window import MODULE, press, report, settings, shoot, until, view

WATCHED_S = 4.0
RATE = 60.0


def module(name: str) -> Any:
    """A module of the installed extension."""
    return importlib.import_module(f"{MODULE}.{name}")


def values() -> dict[str, tuple[Any, ...]]:
    """Everything that live moves."""
    found: dict[str, tuple[Any, ...]] = {}
    for ob in bpy.data.objects:
        keys = ob.data.shape_keys if ob.type == "MESH" else None
        for block in keys.key_blocks if keys is not None else ():
            found[f"{ob.name}/{block.name}"] = (block.value, block.slider_min, block.slider_max)
        for bone in ob.pose.bones if ob.pose is not None else ():
            turn = (*bone.rotation_quaternion, *bone.rotation_euler)
            found[f"{ob.name}/{bone.name}"] = (bone.rotation_mode, *turn)
    return found


def free_port() -> int:
    """A port that nobody listens to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def act(port: int, over: threading.Event) -> None:
    """Another program: a mouth that opens and shuts, sent as VMC."""
    sender = module("inference.live.senders").Sender(f"vmc://127.0.0.1:{port}")
    names, sample = module("inference.arkit").INDEX, module("inference.live.sample").LiveSample
    begun_s = time.monotonic()
    for frame in range(10**6):
        if over.wait(1 / RATE):
            break
        time_s = time.monotonic() - begun_s
        coefficients = np.zeros(len(names), np.float32)
        coefficients[names["jawOpen"]] = 0.5 + 0.4 * np.sin(6 * time_s)
        turn = np.eye(3, dtype=np.float32)
        still = (np.zeros(3, np.float32), np.zeros((2, 2), np.float32))
        sender.send(sample(frame, time_s, 1.0, coefficients, turn, *still))
    sender.close()


def escape() -> None:
    """Press Esc over the 3D view."""
    at, area = view()
    for value in ("PRESS", "RELEASE"):
        at.event_simulate(type="ESC", value=value, x=area.x + 50, y=area.y + 50)


def lasting(seconds: float) -> Iterator[float]:
    """Let the window live for a while."""
    end_s = time.monotonic() + seconds
    yield from until(lambda: time.monotonic() > end_s)


def story(zip_path: Path, folder: Path) -> Iterator[float]:
    """Start, watch, record, undo, save, Esc; then disable the extension while it is live."""
    window.install(zip_path)
    session, port, over = module("operators.live.session"), free_port(), threading.Event()
    threading.Thread(target=act, args=(port, over), daemon=True).start()
    yield from window.open_sidebar()
    press("add_avatar")
    settings().live.source, settings().live.vmc_port = "vmc", port
    settings().live.record_to = str(folder / "recorded.mkv")
    bpy.ops.ed.undo_push(message="Ready")
    before, jaws = values(), set[float]()
    report["start"] = sorted(press("start_live"))
    yield from until(lambda: session.current() is None or session.current().sees_face)
    press("record_live")
    end_s = time.monotonic() + WATCHED_S
    while time.monotonic() < end_s:
        jaws.add(round(values()["Understudy Face/jawOpen"][0], 3))
        yield 0.05
    yield from shoot(folder, "live")
    report["jaws"] = sorted(jaws)
    live = session.current()
    report["ticks"], report["slowest_tick_s"] = live.ticks, live.slowest_tick_s
    press("record_live")
    yield from until(lambda: live.recording is None)
    report["take"] = settings().take
    at, area = view()
    with bpy.context.temp_override(window=at, area=area):
        bpy.ops.ed.undo()
    yield from lasting(1.0)
    report["live_after_undo"] = session.current() is not None and values() != before
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "live.blend"))
    asked_s = time.monotonic()
    escape()
    yield from until(lambda: session.current() is None)
    report["esc_s"], report["problem"], report["as_before"] = (
        time.monotonic() - asked_s,
        session.problem(),
        values() == before,
    )
    yield from shoot(folder, "live_over")
    press("start_live")
    yield from until(lambda: session.current() is None or session.current().sees_face)
    bpy.ops.preferences.addon_disable(module=MODULE)
    over.set()
    yield from lasting(0.5)
    report["as_before_disabled"], report["programs_left"] = values() == before, window.worker_pids()


if __name__ == "__main__":
    zip_path, folder = (Path(word) for word in sys.argv[sys.argv.index("--") + 1 :])
    bpy.context.preferences.view.show_splash = False
    steps = story(zip_path, folder)
    bpy.app.timers.register(lambda: window.run(steps, folder), first_interval=2.0, persistent=True)
