"""What the tests of live mode share: a stand-in for the worker, moments that it sends, and what live moves."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import bpy
import numpy as np
from understudy.inference.live.link import LiveSender
from understudy.inference.live.sample import LiveSample
from understudy.inference.take import Take
from understudy.operators.live import session

STAND_IN = """
import json, shutil, sys
from pathlib import Path
words, take = sys.argv[1:], {take!r}
Path({asked!r}).write_text(json.dumps(words))
def say(**event): print(json.dumps(event), flush=True)
say(event="live", source=words[1], width=640, height=480)
recording = None
def close():
    global recording
    if recording is not None:
        recording.write_bytes(Path({video!r}).read_bytes())
        target = recording.with_suffix(".take.npz")
        shutil.copy(take, target)
        say(event="recorded", video=str(recording), take=str(target))
        recording = None
for line in sys.stdin:
    verb, _, rest = line.strip().partition(" ")
    say(event="heard", verb=verb)
    if verb == "record" and "full disk" in rest:
        say(event="record-failed", text="There is no room on the disk; make some.")
    elif verb == "record":
        recording = Path(rest)
    elif verb == "record-stop":
        close()
    elif verb == "fail":
        say(event="error", exit_code=3, message="The camera is gone; plug it in again.")
        sys.exit(3)
    elif verb == "fidget":
        say(event="not-neutral", text="The face moved.")
    elif verb == "stop":
        break
close()
"""


def keys(mesh: str) -> bpy.types.bpy_prop_collection:
    return bpy.data.objects[mesh].data.shape_keys.key_blocks


def state(name: str = "Mini") -> dict[str, object]:
    """Everything that live moves."""
    shapes = {
        f"{mesh}.{b.name}": (b.value, b.slider_min, b.slider_max) for mesh in ("Face", "Teeth") for b in keys(mesh)
    }
    bones = {
        bone.name: (bone.rotation_mode, *bone.rotation_euler, *bone.rotation_quaternion, *bone.location)
        for bone in bpy.data.objects[name].pose.bones
    }
    return shapes | bones


def values() -> list[float]:
    return [block.value for block in keys("Face")]


def turned(name: str) -> np.ndarray:
    bpy.context.view_layer.update()
    return np.array(bpy.data.objects["Mini"].pose.bones[name].matrix)


def moment(take: Take, frame: int, **facts: object) -> LiveSample:
    sample = LiveSample(
        frame=frame,
        time_s=float(take.time_s[frame]),
        confidence=1.0,
        coefficients=take.coefficients[frame],
        rotation=take.rotation[frame],
        translation_cm=take.translation_cm[frame],
        gaze=take.gaze[frame],
        latency_ms=21.0,
        fps=59.6,
        dropped=3,
    )
    return replace(sample, **facts)


def begin() -> session.Live:
    session.start(bpy.context)
    return session.current()


def tick_until(condition: Callable[[], bool], patience_s: float = 20.0) -> None:
    end_s = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end_s, "waited in vain"
        session.tick()
        time.sleep(0.005)


def show(live: session.Live, sample: LiveSample) -> None:
    """Send a sample as the worker does, and tick until it has come."""
    sender = LiveSender(live.receiver.port)
    sender.send(sample)
    sender.close()
    tick_until(
        lambda: live.sample is not None and (live.sample.frame, live.sample.time_s) == (sample.frame, sample.time_s)
    )


def told(live: session.Live, verb: str) -> bool:
    return {"event": "heard", "verb": verb} in live.job.events


def finish(patience_s: float = 20.0) -> None:
    session.stop()
    tick_until(lambda: session.current() is None, patience_s)
