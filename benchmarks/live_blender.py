"""Live in Blender: how long a tick of the window's timer takes, and how soon an event shows on the avatar.

Called by `live_latency.py --blender`; needs the module bpy (Blender without a window: nothing is drawn, what is measured is
everything up to the avatar's evaluated meshes). The default avatar, performed by the real worker; every tick is the add-on's
own, `over_picture` with the live picture behind the avatar.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import understudy
from live_latency import Heard, MadeClip, event_ms, spread
from understudy.operators.live import session
from understudy.operators.live.over_picture import OverPicture

TICK_S = 1 / 120
WARM_UP_S, PATIENCE_S = 3.0, 120.0


def measure_blender(clip: MadeClip, rate: int, size: tuple[int, int]) -> Iterator[dict[str, object]]:
    """A line without and one with the picture; the clip is played once for each."""
    understudy.register()
    for over in (False, True):
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        bpy.ops.understudy.add_avatar()
        heard, took_s, evaluated_s = played(clip.path, over)
        warm = heard.since(WARM_UP_S)
        showing = np.array(took_s[-len(warm.samples) :]) * 1000
        yield {
            "benchmark": "live_latency",
            "where": "Blender " + bpy.app.version_string,
            "over_picture": over,
            "size": f"{size[0]}x{size[1]}",
            "source_fps": rate,
            "ticks_with_a_sample": len(showing),
            **spread("tick_ms", showing),
            "tick_ms_largest": round(float(showing.max()), 1),
            **spread("evaluated_ms", np.array(evaluated_s[-len(warm.samples) :]) * 1000),
            **spread("event_to_avatar_ms", event_ms(warm, clip, rate)),
        }
    understudy.unregister()


def played(video: Path, over: bool) -> tuple[Heard, list[float], list[float]]:
    """Perform a video; what came, and seconds of each tick that showed a moment and of evaluating the avatar after it."""
    choice = bpy.context.scene.understudy.live
    choice.source, choice.file = "file", str(video)
    session.start(bpy.context)
    live = session.current()
    if live is None:
        sys.exit(session.problem())
    if over:
        live.over = OverPicture(bpy.context.scene)
        live.job.tell(f"picture {live.over.board.name}")
    heard, took_s, evaluated_s = Heard(), list[float](), list[float]()
    until_s = time.monotonic() + PATIENCE_S
    while session.current() is live and time.monotonic() < until_s:
        before, begun_s = live.sample, time.perf_counter()
        session.tick()
        passed_s = time.perf_counter() - begun_s
        if live.sample is not None and live.sample is not before and session.current() is live:
            took_s.append(passed_s)
            bpy.context.view_layer.update()
            evaluated_s.append(time.perf_counter() - begun_s - passed_s)
            heard.samples.append(live.sample)
            heard.received_s.append(time.monotonic())
            until_s = time.monotonic() + PATIENCE_S
        time.sleep(max(0.0, TICK_S - (time.perf_counter() - begun_s)))
    session.end()
    return heard, took_s, evaluated_s
