"""Capture on a device, decoding excluded: a chain of single readings beside runs of many frames, for `benchmarks/gpu.py`.

    python3 benchmarks/gpu.py --device cuda:0 --what capture
    python benchmarks/gpu_capture.py        (where the footage's decoder is installed: takes the face out of samples/ anew)

The face is one of our own (a frame of samples/performance.mp4, `gpu_face.npz`); it is moved and made larger or smaller from
frame to frame, over pictures of every size. Both ways read the same frames with the same two networks.

* "naive chain": frame after frame, one call of each network, arrays of the processor in and out, points and the next
  region with numpy. Its crops are ready beforehand and cost it nothing, as if the processor cut them beside.
* "batch N": N frames in a run as `BatchTracker` makes it: pieces of frames to the device, regions foretold and checked,
  crops, both networks and the gathering of points there; the time holds all of it, numpy too. What the tracker then does
  with the readings (who is who) needs OpenCV and is not in it.
* "stage ...": one session of a batch alone, its inputs and outputs staying on the device.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import checkout

checkout.make_importable()

import numpy as np  # noqa: E402
import onnxruntime as ort  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from timing import seconds_of  # noqa: E402
from understudy.inference.capture.batch import sampling  # noqa: E402
from understudy.inference.capture.batch.ahead import Ahead, read_ahead  # noqa: E402
from understudy.inference.capture.batch.reader import ONE_VIEW, BatchReader  # noqa: E402
from understudy.inference.capture.batch.regions import Regions, scaled, straight, to_image  # noqa: E402
from understudy.inference.capture.rules import MARGIN_FOLLOWING, MARGIN_OWN  # noqa: E402
from understudy.inference.errors import UnderstudyError  # noqa: E402
from understudy.inference.networks.bound import on_device, run_bound  # noqa: E402
from understudy.inference.networks.providers import choose, first_line, session_errors  # noqa: E402
from understudy.inference.networks.registry import Form, find_file, network  # noqa: E402
from understudy.inference.networks.sessions import open_session  # noqa: E402

HERE: Final = Path(__file__).resolve().parent
FACE: Final = HERE / "gpu_face.npz"
GRAPHS: Final = HERE.parent / "inference/capture/batch/graphs"
NETWORKS: Final = {"face_landmarks_attention": (192, "crops"), "face_points": (256, "soft_crops")}
"""Side of the crop and the graph that cuts it."""
DRAWN: Final = 24
"""Different frames; longer shots go through them to and fro."""
_FACE_SHARE: Final = 0.4
"""Of the picture's height is the face's."""

Image = NDArray[np.uint8]
Line = dict[str, object]


@dataclass(frozen=True)
class Plan:
    """What is measured, and for how long."""

    sizes: tuple[tuple[str, int, int], ...]
    batches: tuple[int, ...]
    least_s: float


FULL = Plan((("512", 512, 512), ("1080p", 1920, 1080), ("4K", 3840, 2160)), (1, 8, 32, 128), 3.0)
SMALL = Plan((("512", 512, 512),), (8,), 0.0)


def measure_gpu(device: str) -> Iterator[Line]:
    """A line for every case; on the CPU in small."""
    on_cpu = choose(device).device == "cpu"
    plan = SMALL if on_cpu else FULL
    for name, width, height in plan.sizes:
        shot = Shot(width, height)
        yield naive(device, name, shot, plan.least_s)
        for batch in plan.batches:
            yield from batches(device, name, shot, batch, plan.least_s)
    for batch in plan.batches[-2:] if not on_cpu else ():
        yield from stages(device, batch, plan.least_s)


class Shot:
    """A face that wanders over pictures, to and fro without end: by 1 % of its region's side a frame, as lively heads do."""

    def __init__(self, width: int, height: int) -> None:
        with np.load(FACE) as stored:
            face, self._face_px, self._face_at = stored["picture"], float(stored["face_px"]), stored["face_at"]
        self.size = (width, height)
        self._frames = [self._drawn(face, time) for time in np.linspace(0, 2 * np.pi, DRAWN)]
        self.start = np.array([*self._middle(0.0), 1.3 * _FACE_SHARE * height, 0.0])
        """(4,) a region around the face of the first frame."""

    def _zoom(self, time: float) -> float:
        return _FACE_SHARE * self.size[1] / self._face_px * (1 + 0.04 * float(np.sin(time)))

    def _middle(self, time: float) -> tuple[float, float]:
        width, height = self.size
        return width * 0.5 + 0.03 * height * float(np.sin(2 * time)), height * (0.5 + 0.02 * float(np.cos(time)))

    def _drawn(self, face: Image, time: float) -> Image:
        """The face's picture, repeated at its edges, read between its pixels row by row, then column by column."""
        between = face.astype(np.float32)
        for axis, (length, middle) in enumerate(zip(self.size[::-1], self._middle(time)[::-1], strict=True)):
            last = between.shape[axis] - 1
            at = (np.arange(length) + 0.5 - middle) / self._zoom(time) + self._face_at[1 - axis] - 0.5
            at = np.clip(at, 0, last)
            low = np.minimum(at.astype(np.int64), last - 1)
            share = (at - low).astype(np.float32).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
            between = between.take(low, axis) * (1 - share) + between.take(low + 1, axis) * share
        return np.asarray(between + 0.5, np.uint8)

    def frames(self, first: int, count: int) -> list[Image]:
        """``count`` successive frames."""
        round_trip = 2 * DRAWN - 2
        places = [number % round_trip for number in range(first, first + count)]
        return [self._frames[place if place < DRAWN else round_trip - place] for place in places]


@cache
def reader_of(device: str, form: Form | None, replayed: bool) -> BatchReader:
    """Opened once."""
    return BatchReader(device, ONE_VIEW, ONE_VIEW, form, replayed=replayed)


def forms_of(device: str) -> list[tuple[str, Form | None, bool]]:
    """Kind of numbers, form of the networks, and whether runs are recorded."""
    if choose(device).device == "cpu":
        return [("float32", None, True)]
    kinds: list[tuple[str, Form | None, bool]] = [("float32", "plain", False)]
    if all(find_file(network(name), "half") is not None for name in NETWORKS):
        kinds.append(("float16", "half", False))
    return [*kinds, *((kind, form, True) for kind, form, _ in kinds)]


def batches(device: str, name: str, shot: Shot, batch: int, least_s: float) -> Iterator[Line]:
    """Runs of `batch` frames, in every form; a form that a device refuses costs its own line alone."""
    for kind, form, replayed in forms_of(device):
        line: Line = {
            "stage": f"capture batch {batch}" + (", recorded" if replayed else ""),
            "case": f"{name}, 1 face",
            "kind": kind,
            "batch": batch,
        }
        try:
            run = Following(reader_of(device, form, replayed), shot, batch)
            seconds, calls = seconds_of(run, least_s)
        except (UnderstudyError, *session_errors()) as error:
            yield line | {"failed": first_line(error)}
            continue
        yield line | {
            "frames": calls * batch,
            "ms_per_frame": 1000 * seconds / batch,
            "fps": batch / seconds,
            "bus_bytes_per_frame": round(run.bytes_moved / run.frames),
            "device_bytes": planned_bytes(shot, batch),
            "readings_per_frame": round(run.read / run.frames, 3),
            "rounds_per_run": round(run.rounds * batch / run.frames, 2),
            "followed": round(run.followed / run.frames, 3),
            "graphs": {"face_landmarks_attention": run.read / run.frames, "face_points": run.followed / run.frames},
        }


class Following:
    """Each call follows the face through the next frames, from where the last call left it."""

    def __init__(self, reader: BatchReader, shot: Shot, batch: int) -> None:
        self._reader, self._shot, self._batch = reader, shot, batch
        self._next, self._region, self._motion_px = 0, shot.start, np.zeros(2, np.float32)
        self.frames = self.read = self.followed = self.rounds = self.bytes_moved = 0

    def __call__(self) -> Ahead:
        """What is seen of the face."""
        frames = self._shot.frames(self._next, self._batch)
        ahead = read_ahead(self._reader, frames, self._region[None], self._motion_px[None])
        count = int(ahead.counts[0])
        if count:
            self._region = ahead.next_regions[0, count - 1]
        if count > 1:
            self._motion_px = np.diff(ahead.points_px[0, count - 2 : count].mean(axis=1), axis=0)[0]
        self._next += self._batch
        self.frames += self._batch
        self.read += ahead.read
        self.rounds += ahead.rounds
        self.followed += count
        self.bytes_moved += ahead.bytes_sent + 4 * (ahead.read * (3 * 478 + 1) + count * (5 * 478 + 104))
        return ahead


def planned_bytes(shot: Shot, batch: int) -> int:
    """Of pieces and parts of a run on the device; the networks' own memory comes on top."""
    parts = sampling.parts_of(shot.start[None], 192, shot.size)
    most, pixels = int(parts.factor[0]), int(parts.pixels.max())
    piece = min(float(1.25 * pixels * most) ** 2, float(shot.size[0] * shot.size[1]))
    return round(batch * (3 * piece + pixels**2 * most**2 * (4 + 3 + 12 + 12) + 4 * 3 * (192**2 + 256**2)))


def naive(device: str, name: str, shot: Shot, least_s: float) -> Line:
    """One reading after the other, a call for each network."""
    run = Chain(device, shot)
    run()
    seconds, calls = seconds_of(run, least_s)
    return {
        "stage": "capture naive chain",
        "case": f"{name}, 1 face",
        "kind": "float32",
        "batch": 1,
        "frames": calls * DRAWN,
        "ms_per_frame": 1000 * seconds / DRAWN,
        "fps": DRAWN / seconds,
        "bus_bytes_per_frame": run.bytes_moved // run.frames,
        "device_bytes": None,
        "apart_of_face": round(run.apart, 5),
        "graphs": dict.fromkeys(NETWORKS, 1.0),
    }


class Chain:
    """Each call reads every drawn frame once, one after the other."""

    def __init__(self, device: str, shot: Shot) -> None:
        form: Form | None = None if choose(device).device == "cpu" else "plain"
        self._sessions = [open_session(name, device, form=form) for name in NETWORKS]
        frames = shot.frames(0, DRAWN)
        self._seen = read_ahead(reader_of("cpu", None, False), frames, shot.start[None], np.zeros((1, 2), np.float32))
        assert self._seen.counts[0] == DRAWN, "the drawn face is lost: the networks see something else than a face"
        own = self._seen.next_regions[0]
        follow = np.concatenate([shot.start[None], own[:-1]])
        self._regions = (follow, scaled(own, MARGIN_OWN / MARGIN_FOLLOWING))
        self._crops = [cut(frames, regions, name) for name, regions in zip(NETWORKS, self._regions, strict=True)]
        self.frames = self.bytes_moved = 0
        self.apart = 0.0
        """How far points are from those of a run, as a share of the face; the median."""

    def __call__(self) -> None:
        """Read them."""
        apart = []
        for frame in range(DRAWN):
            points_px = self._read(0, frame, self._seen.points_px.shape[2] - 10)
            straight(points_px, MARGIN_FOLLOWING)
            self._read(1, frame, 546)
            apart.append(points_px[0, 1] - self._seen.points_px[0, frame, 1])
            self.frames += 1
        size = float(np.ptp(self._seen.points_px[0, 0], axis=0).max())
        self.apart = float(np.median(np.linalg.norm(apart, axis=1))) / size

    def _read(self, which: int, frame: int, count: int) -> NDArray[np.float32]:
        """(1, P, 2) points in the picture, as one network sees them."""
        crop = self._crops[which][frame]
        tensor = np.multiply(crop[None], np.float32(1 / 255), dtype=np.float32)
        said = self._sessions[which].run(None, {"image": tensor})
        points = said[0].reshape(1, count, 3)
        if which == 0:
            points = points / np.float32(crop.shape[0])
        self.bytes_moved += tensor.nbytes + sum(part.nbytes for part in said)
        return to_image(self._regions[which][frame : frame + 1], points[..., :2])


def cut(frames: Sequence[Image], regions: Regions, name: str) -> list[Image]:
    """The crops of a network, one for each frame, by our own graph on the processor."""
    side, graph = NETWORKS[name]
    session = open_session(GRAPHS / f"{graph}.onnx", "cpu")
    crops = []
    for frame, region in zip(frames, regions, strict=True):
        (crop,) = session.run(None, feed_of(frame, region[None], side, soft=graph == "soft_crops"))
        crops.append(np.rint(crop[0] * 255).astype(np.uint8))
    return crops


def feed_of(frame: Image, regions: Regions, side: int, *, soft: bool) -> dict[str, NDArray[Any]]:
    """Inputs of a crop's graph for regions of one frame."""
    size = (frame.shape[1], frame.shape[0])
    stored = (np.zeros(len(regions), np.int64), np.zeros((len(regions), 2), np.int64), size)
    return {"pictures": frame[None], **sampling.feed_of_crops(regions, side, size, stored, soft=soft)}


def stages(device: str, batch: int, least_s: float) -> Iterator[Line]:
    """The sessions of a run one by one, for a batch of regions of one 1080p frame."""
    shot, choice = Shot(1920, 1080), choose(device)
    frame, regions = shot.frames(0, 1)[0], np.repeat(shot.start[None], batch, axis=0)
    for name, (side, graph) in NETWORKS.items():
        feed = {
            key: on_device(array, choice)
            for key, array in feed_of(frame, regions, side, soft=graph == "soft_crops").items()
        }
        cutting, reading = open_session(GRAPHS / f"{graph}.onnx", device), open_session(name, device, form="plain")
        crops = run_bound(cutting, feed, ["crops"], choice)["crops"]
        for stage, session, values in ((graph, cutting, feed), (name, reading, {"image": crops})):
            seconds, calls = seconds_of(bound_run(session, values, choice), least_s)
            yield {
                "stage": f"stage {stage}, batch {batch}",
                "case": f"{shot.size[1]}p, 1 face",
                "kind": "float32",
                "batch": batch,
                "frames": calls * batch,
                "ms_per_frame": 1000 * seconds / batch,
                "fps": batch / seconds,
                "bus_bytes_per_frame": 0,
                "device_bytes": None,
                "graphs": {name: 1.0} if stage == name else {},
            }


def bound_run(session: ort.InferenceSession, values: dict[str, Any], choice: Any) -> Callable[[], object]:
    """A call that computes all outputs and leaves them on the device."""
    names = [output.name for output in session.get_outputs()]
    return lambda: run_bound(session, values, names, choice)


def take_face() -> None:
    """Write `gpu_face.npz` anew out of the sample performance."""
    from understudy.inference.capture.shot import detect_landmarks
    from understudy.inference.media.reader import read_frames

    rgb = next(iter(read_frames(HERE.parent / "samples/performance.mp4", 0, 1))).rgb
    points = detect_landmarks(rgb, "cpu")[0].points_px
    low, high = points.min(axis=0), points.max(axis=0)
    left, top = np.maximum(low - 0.4 * (high - low), 0).astype(int)
    right, bottom = np.minimum(high + 0.4 * (high - low), rgb.shape[1::-1]).astype(int)
    middle = (low + high) / 2 - (left, top)
    np.savez_compressed(FACE, picture=rgb[top:bottom, left:right], face_px=float(np.ptp(points[:, 1])), face_at=middle)


if __name__ == "__main__":
    take_face()
    sys.stdout.write(f"{FACE.name}: {FACE.stat().st_size} bytes\n")
