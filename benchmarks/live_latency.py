"""Live mode from a frame's arrival to the received sample: latency, rate, drops, and memory over minutes.

    python benchmarks/live_latency.py [--minutes M] [--rates 30 60] [--size 640x480] [--record] [--blender]

A worker, started as Blender starts it, plays a clip made for this as a webcam would send it, and a receiver here waits for
every sample. The clip: the project's rendered performance, there and back, then half a second of its calmest frame and half
a second of its widest open mouth; that jump is the event. One JSON line per rate. "latency": from the time at which a
frame was due (decoded by then) until its sample was received, so that waiting for the processor, colour conversion, the
network, the solver and the way between the processes count. "event": until a sample shows half of the mouth's jump.
"interval" is the time between two samples; its spread is the jitter. Memory growth is that of the last fifth of the time
against the first; "memory_mb_per_minute" the slope of a line through all of it after the first tenth.
"alone": frames as fast as they can be read, in one process, without a source's pace. With `--blender` two more lines for
each rate tell of the timer's tick in Blender, and when the event shows on an avatar (module bpy needed). The load average
is that of the machine, all programs together. The peer, OpenSeeFace, is no package and its networks could not be had where
these figures were made: its authors publish 44 frames per second on one core for its default model, 68 for its fastest
with gaze.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from machine import announce
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d
from understudy.inference import arkit
from understudy.inference.jobs.log import Log
from understudy.inference.jobs.worker_client import Job, Python
from understudy.inference.live.link import LiveReceiver
from understudy.inference.live.newest import Picture
from understudy.inference.live.performer import Performer
from understudy.inference.live.sample import LiveSample
from understudy.inference.media import VideoWriter, read_frames
from understudy.inference.media.types import Image

CLIP = Path(__file__).resolve().parents[1] / "samples" / "performance.mp4"
JAW = "jawOpen"
STARTING_S, WARM_UP_S = 120.0, 3.0
ALONE_FRAMES = 240
BLENDER_ROUNDS = 8
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MadeClip:
    """The clip, and where in its rounds the event is."""

    path: Path
    frames: int
    event: int


@dataclass
class Heard:
    """What was received."""

    samples: list[LiveSample] = field(default_factory=list)
    received_s: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    cpu_s: float = 0.0

    def since(self, start_s: float) -> Heard:
        """Only what came after so many seconds by the source's clock."""
        kept = [n for n, sample in enumerate(self.samples) if sample.time_s >= start_s]
        return Heard([self.samples[n] for n in kept], [self.received_s[n] for n in kept], self.memory_mb, self.cpu_s)


def make_clip(path: Path, rate: int, size: tuple[int, int], rounds: int = 1) -> MadeClip:
    """Play the performance there and back, then jump; all that so many times."""
    pictures = [fitted(frame.rgb, size) for frame in read_frames(CLIP)]
    with np.load(CLIP.with_suffix(".truth.npz")) as truth:
        open_ = truth["coefficients"][:, list(truth["names"]).index(JAW)]
        calm = truth["coefficients"].sum(1)
    held = [int(np.argmin(calm))] * (rate // 2), [int(np.argmax(open_))] * (rate // 2)
    there = list(range(len(pictures)))
    order = [*there, *there[::-1], *held[0], *held[1]]
    with VideoWriter(path, *size, Fraction(rate)) as writer:
        for number, shown in enumerate(order * rounds):
            writer.write(pictures[shown], number / rate)
    return MadeClip(path, len(order), len(order) - len(held[1]))


def fitted(rgb: Image, size: tuple[int, int]) -> Image:
    """The whole picture within another size."""
    height, width = rgb.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    small = cv2.resize(rgb, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    beside, above = size[0] - small.shape[1], size[1] - small.shape[0]
    border = (above // 2, above - above // 2, beside // 2, beside - beside // 2)
    return np.asarray(cv2.copyMakeBorder(small, *border, cv2.BORDER_REPLICATE))


def listen(clip: MadeClip, seconds: float, folder: Path, record: bool) -> Heard:
    """Run the worker for so long after its first sample."""
    receiver, heard = LiveReceiver(), Heard()
    words = ["live", str(clip.path), "--loop", "--to-port", str(receiver.port)]
    words += ["--record", str(folder / f"recorded_{clip.path.stem}.mkv")] if record else []
    job = Job(Python(sys.executable).command(words), "Live", Log(folder / "logs", "live"))
    until_s, looked_s = time.monotonic() + STARTING_S, 0.0
    while time.monotonic() < until_s and not job.is_over:
        if select.select([receiver], [], [], 0.2)[0] and (sample := receiver.newest()) is not None:
            if not heard.samples:
                until_s = time.monotonic() + seconds
            heard.received_s.append(time.monotonic())
            heard.samples.append(sample)
        if time.monotonic() - looked_s > 1.0 and heard.samples:
            looked_s = time.monotonic()
            heard.memory_mb.extend(memory_of(job.pid))
            job.tick()
    heard.cpu_s = cpu_of(job.pid)
    job.tell("stop")
    while not job.is_over:
        job.tick()
        time.sleep(0.01)
    receiver.close()
    if job.error is not None:
        raise job.error
    return heard


def memory_of(pid: int) -> Iterator[float]:
    """Resident memory of a process in MB, where the system tells."""
    path = Path(f"/proc/{pid}/statm")
    if path.exists():
        yield int(path.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_of(pid: int) -> float:
    """CPU seconds of a process so far, where the system tells; else 0."""
    path = Path(f"/proc/{pid}/stat")
    words = path.read_text().rpartition(")")[2].split() if path.exists() else []
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK") if words else 0.0


def due_s(heard: Heard) -> Floats:
    """By this process's clock, when each received sample's frame was due.

    Of the moments that the samples themselves tell (received, less their own latency, less their time), the earliest near
    each one was held up least on its way.
    """
    times_s = np.array([sample.time_s for sample in heard.samples])
    latency_s = np.array([sample.latency_ms for sample in heard.samples]) / 1000
    began_s = minimum_filter1d(np.array(heard.received_s) - latency_s - times_s, 301, mode="nearest")
    return np.asarray(began_s + times_s)


def event_ms(heard: Heard, clip: MadeClip, rate: int) -> Floats:
    """From each jump's frame being due to the first sample that shows half of it."""
    frames = np.array([sample.frame for sample in heard.samples])
    values = np.array([sample.coefficients[arkit.INDEX[JAW]] for sample in heard.samples])
    received_s, due = np.array(heard.received_s), due_s(heard)
    found = []
    for start in range(clip.event, int(frames.max(initial=0)), clip.frames):
        before = (frames >= start - rate // 4) & (frames < start)
        after = (frames >= start + rate // 4) & (frames < start + rate // 2)
        during = np.flatnonzero((frames >= start) & (frames < start + rate // 2))
        if not before.any() or not after.any():
            continue
        half = (np.median(values[before]) + np.median(values[after])) / 2
        shown = during[values[during] > half]
        if len(shown):
            first_due_s = due[during[0]] - (frames[during[0]] - start) / rate
            found.append((received_s[shown[0]] - first_due_s) * 1000)
    return np.array(found)


def alone(clip: MadeClip) -> dict[str, float]:
    """What one process does without waiting."""
    performer, spent_ms, cpu_ms = Performer(), [], []
    with av.open(str(clip.path)) as container:
        for number, decoded in enumerate(container.decode(video=0)):
            if number >= ALONE_FRAMES:
                break
            start, start_cpu = time.perf_counter(), time.process_time()
            performer.see(Picture(number, number / 30, start, decoded, Fraction(1), Fraction(30)))
            spent_ms.append((time.perf_counter() - start) * 1000)
            cpu_ms.append((time.process_time() - start_cpu) * 1000)
    return {
        "alone_fps": round(1000 / float(np.mean(spent_ms[1:])), 1),
        "alone_cpu_ms": round(float(np.mean(cpu_ms[1:])), 2),
        "alone_cpu_fps": round(1000 / float(np.mean(cpu_ms[1:])), 1),
    }


def spread(name: str, values: Floats) -> dict[str, float]:
    """Median and 95th percentile."""
    if not len(values):
        return {}
    return {
        f"{name}_median": round(float(np.median(values)), 1),
        f"{name}_p95": round(float(np.percentile(values, 95)), 1),
    }


def intervals(heard: Heard, rate: int) -> dict[str, float]:
    """Between samples: median, 95th and 99th percentile in milliseconds, and the standard deviation."""
    passed_ms = np.diff(heard.received_s) * 1000
    if not len(passed_ms):
        return {}
    late = float((passed_ms > 2500 / rate).mean() * 100)
    return {
        **spread("interval_ms", passed_ms),
        "interval_ms_p99": round(float(np.percentile(passed_ms, 99)), 1),
        "jitter_ms": round(float(passed_ms.std()), 2),
        "intervals_over_2.5_frames_percent": round(late, 2),
    }


def slope(memory_mb: list[float]) -> float | None:
    """MB more each minute, of values taken every second."""
    if len(memory_mb) < 20:
        return None
    return round(float(np.polyfit(np.arange(len(memory_mb)) / 60, memory_mb, 1)[0]), 2)


def report(rate: int, size: tuple[int, int], seconds: float, record: bool) -> None:
    """Measure one rate and print its line."""
    with tempfile.TemporaryDirectory(prefix="live-latency-") as name:
        folder = Path(name)
        clip = make_clip(folder / f"clip_{rate}.mp4", rate, size)
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        every = listen(clip, seconds + WARM_UP_S, folder, record)
        facts = alone(clip)
    heard = every.since(WARM_UP_S)
    first, last = heard.samples[0], heard.samples[-1]
    passed_s = last.time_s - first.time_s
    memory = every.memory_mb[int(WARM_UP_S) :]
    fifth = max(1, len(memory) // 5)
    line = {
        "benchmark": "live_latency",
        "size": f"{size[0]}x{size[1]}",
        "source_fps": rate,
        "recording": record,
        "seconds": round(passed_s, 1),
        "cores": os.cpu_count(),
        "load_before": None if load is None else round(load, 1),
        "received_fps": round((len(heard.samples) - 1) / passed_s, 1),
        "dropped_percent": round(100 * (last.dropped - first.dropped) / max(last.frame - first.frame, 1), 2),
        **intervals(heard, rate),
        **spread("latency_ms", (np.array(heard.received_s) - due_s(heard)) * 1000),
        **spread("event_ms", event_ms(heard, clip, rate)),
        "worker_cores": round(every.cpu_s / (seconds + WARM_UP_S), 2),
        "memory_mb": round(memory[-1]) if memory else None,
        "memory_mb_per_minute": slope(memory[len(memory) // 10 :]),
        "memory_growth_mb": round(float(np.median(memory[-fifth:]) - np.median(memory[:fifth])), 1) if memory else None,
        **facts,
    }
    print(json.dumps(line), flush=True)


def report_blender(rate: int, size: tuple[int, int]) -> None:
    """Measure one rate in Blender and print its lines."""
    from live_blender import measure_blender

    with tempfile.TemporaryDirectory(prefix="live-latency-") as name:
        clip = make_clip(Path(name) / f"clip_{rate}.mp4", rate, size, rounds=BLENDER_ROUNDS)
        for line in measure_blender(clip, rate, size):
            print(json.dumps(line), flush=True)


def main() -> None:
    """Measure every rate."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=0.5)
    parser.add_argument("--rates", type=int, nargs="+", default=[30, 60])
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--record", action="store_true", help="record at the same time")
    parser.add_argument("--blender", action="store_true", help="ticks and events in Blender, too")
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    announce("live_latency")
    for rate in options.rates:
        report(rate, (width, height), 60 * options.minutes, options.record)
        if options.blender:
            report_blender(rate, (width, height))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # the module bpy may not survive the interpreter's end
