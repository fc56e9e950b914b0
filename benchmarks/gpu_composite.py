"""A face swapped, restored, matched in colour, seamed and laid back into 1080p, on a GPU: frame by frame, and as a chain.

    python3 benchmarks/gpu_composite.py [--device cuda:0|cpu] [--graphs FOLDER]

The naive chain asks each network for one picture from arrays to arrays, and NumPy cuts and pastes between them, bilinearly; it
matches no colours and closes no seam. `networks alone` is what is left of it when cutting and pasting cost nothing: no
chain of that kind is faster. The device chain does all of it for B frames: a box of bytes goes there once and the same box
comes back. inswapper-128 and GFPGAN-clean 512 have the published layers and RANDOM WEIGHTS (`architectures`):
what they cost is true, what they draw is not. Needs NumPy and ONNX Runtime alone; `--device cpu` does one small round.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import checkout

checkout.make_importable()

import numpy as np  # noqa: E402
import onnxruntime as ort  # noqa: E402
from machine import announce  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from timing import seconds_of  # noqa: E402
from understudy.inference.composite.device import matrices  # noqa: E402
from understudy.inference.composite.device.chain import Chain, Values, inverse  # noqa: E402
from understudy.inference.errors import UnderstudyError  # noqa: E402
from understudy.inference.networks.bound import run_bound  # noqa: E402
from understudy.inference.networks.providers import choose  # noqa: E402
from understudy.inference.networks.sessions import open_session  # noqa: E402
from understudy.inference.overlap import beside  # noqa: E402

Line = dict[str, object]
Floats = NDArray[np.float32]
Timed = Callable[[Callable[[], object]], tuple[float, int]]
"""Seconds of one call, and how many calls."""

GRAPHS: Final = Path(__file__).resolve().parent / "architectures" / "graphs"
FRAME: Final = (1080, 1920)
BOX: Final = (896, 768)
"""Height and width of the part of a frame that a face of `FACE_PX` and the crops of it lie in."""
FACE_PX: Final = 500.0
BATCHES: Final = (1, 4, 8, 16)
CASE: Final = f"1080p, face {FACE_PX:.0f} px"
_EYES_OF_FACE: Final = 0.44
_SHARE_OF_EYES: Final = {128: 0.275, 512: 0.246}
"""Of a crop's size that the templates of the two networks give the distance of the eyes."""
_SMALL: Final = 8
"""Full-size pixels to one of the pictures in which broad colours are found."""


@dataclass(frozen=True)
class Networks:
    """The two networks in one form."""

    swapper: ort.InferenceSession
    restorer: ort.InferenceSession

    @staticmethod
    def open(folder: Path, device: str, half: bool) -> Networks:
        """From the files that `architectures` wrote."""
        form = ".half" if half else ""
        return Networks(
            *(open_session(folder / f"{name}{form}.onnx", device) for name in ("inswapper_128", "gfpgan_clean_512"))
        )

    def multiply_adds(self) -> int:
        """Of one frame, as the files say."""
        sessions = self.swapper, self.restorer
        return sum(int(one.get_modelmeta().custom_metadata_map["multiply_adds"]) for one in sessions)


@dataclass(frozen=True)
class Work:
    """What frames in a row need on one device; everything but their pixels is there."""

    chain: Chain
    affines: Mapping[int, list[Floats]]
    source: ort.OrtValue
    fine: tuple[ort.OrtValue, ort.OrtValue]
    matte: ort.OrtValue
    inside: ort.OrtValue
    match: Values

    @staticmethod
    def of(chain: Chain, count: int) -> Work:
        """For so many frames at once: faces in the middle of the box, each turned a little otherwise."""
        rng = np.random.default_rng(0)
        turns = np.radians(rng.uniform(-8, 8, count))
        affines = {size: [_affine(size, turn) for turn in turns] for size in _SHARE_OF_EYES}
        identity = rng.standard_normal((1, 512)).astype(np.float32)
        y, x = np.ogrid[: BOX[0], : BOX[1]]
        away = np.hypot((x - BOX[1] / 2) / (FACE_PX / 2), (y - BOX[0] / 2) / (0.65 * FACE_PX))
        matte = np.clip((1 - away) / 0.08, 0, 1).astype(np.float32)[None, None].repeat(count, 0)
        small = (BOX[0] // _SMALL, BOX[1] // _SMALL)
        gain = np.exp(rng.normal(0, 0.1, (count, 3, 1, 1))) * np.linspace(0.8, 1.2, small[1])
        match = chain.match_values(
            np.broadcast_to(gain, (count, 3, *small)).astype(np.float32),
            rng.normal(0, 0.05, (count, 3, 3)).astype(np.float32),
            np.full((count, 3), 0.45, np.float32),
            np.zeros(count, np.float32),
            0.12 * FACE_PX / 2 / _SMALL,
            BOX,
        )
        weight = np.full((1, 1, 512, 512), 0.8, np.float32)
        return Work(
            chain,
            affines,
            chain.put((identity / np.linalg.norm(identity)).repeat(count, 0)),
            (chain.put(matrices.broad(512, 0.04 * 512)[None]), chain.put(weight)),
            chain.put(matte),
            chain.put((matte > 0.5).astype(np.float32)),
            match,
        )

    def stages(self, networks: Networks, pixels: ort.OrtValue) -> Iterator[tuple[str, Callable[[], object]]]:
        """The steps by name; each is called once before the next is asked for, or several times to be timed."""
        chain, made = self.chain, dict[str, ort.OrtValue]()
        origins = [np.zeros(2, np.float32)] * len(self.affines[128])

        def keep(name: str, value: ort.OrtValue) -> ort.OrtValue:
            made[name] = value
            return value

        def cut(size: int, picture: ort.OrtValue, gain: float, offset: float) -> None:
            found = chain.crops(picture, self.affines[size], size, 1, gain, offset)
            made["crop"], made["seen"] = found["crop"], found["seen"]

        def asked(session: ort.InferenceSession, feed: Values) -> None:
            made["drawn"] = run_bound(session, feed, ["output"], chain.choice)["output"]

        def put_back(size: int, restored: bool) -> None:
            how = ((0.5, 0.5), (-0.5, 1.5), self.fine) if restored else ((1.0, 0.0), (0.0, 1.0), None)
            change = chain.change(made["drawn"], made["crop"], *how)
            keep("face", chain.pasted(made["face"], change, self.affines[size], origins))

        yield "planes", lambda: keep("plate", keep("face", chain.planes(pixels)))
        plate = made["plate"]
        yield "crop 128", lambda: cut(128, plate, 1.0, 0.0)
        swapped = {"target": made["seen"], "source": self.source}
        yield "inswapper-128 (random weights)", lambda: asked(networks.swapper, swapped)
        yield "paste 128", lambda: put_back(128, False)
        swapped_face = made["face"]
        yield "crop 512", lambda: cut(512, swapped_face, 2.0, -1.0)
        seen = {"input": made["seen"]}
        yield "GFPGAN-clean 512 (random weights)", lambda: asked(networks.restorer, seen)
        yield "paste 512", lambda: put_back(512, True)
        restored = made["face"]
        yield "colours", lambda: keep("face", chain.coloured(chain.light(restored), self.matte, self.match))
        coloured = made["face"]
        yield "seam", lambda: keep("added", chain.closed(plate, coloured, self.inside))
        yield "lay over", lambda: keep("pixels", chain.laid(plate, plate, made["added"], self.matte))
        yield "bring back", lambda: keep("pixels", made["pixels"]).numpy()

    def composite(self, networks: Networks, box: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Bytes (N, h, w, 3) in and out."""
        made: object = None
        for _, step in self.stages(networks, self.chain.put(box)):
            made = step()
        assert isinstance(made, np.ndarray)
        return made


class Naive:
    """One frame at a time, one network at a time, everything between them on the CPU."""

    bus_bytes: Final = 4 * (2 * 3 * 128**2 + 512 + 2 * 3 * 512**2)
    """Pictures and identity in, pictures out."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._affines = {size: _affine(size, 0.05) for size in _SHARE_OF_EYES}
        self._source = np.full((1, 512), 512**-0.5, np.float32)

    def composite(self, box: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Bytes (h, w, 3) in and out, with the face swapped and restored."""
        face = box * np.float32(1 / 255)
        swapped = self.swapped(_tensor(_read(face, self._affines[128], 128)))
        face = _pasted(face, np.clip(_picture(swapped), 0, 1), self._affines[128])
        restored = self.restored(_tensor(2 * _read(face, self._affines[512], 512) - 1))
        face = _pasted(face, np.clip(_picture(restored) / 2 + 0.5, 0, 1), self._affines[512])
        return np.rint(255 * face).astype(np.uint8)

    def swapped(self, tensor: Floats) -> Floats:
        """(1, 3, 128, 128) of the same."""
        found: Floats = self._networks.swapper.run(None, {"target": tensor, "source": self._source})[0]
        return found

    def restored(self, tensor: Floats) -> Floats:
        """(1, 3, 512, 512) of the same."""
        found: Floats = self._networks.restorer.run(None, {"input": tensor})[0]
        return found


def _tensor(picture: Floats) -> Floats:
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)


def _picture(tensor: Floats) -> Floats:
    return np.ascontiguousarray(tensor[0].transpose(1, 2, 0))


def _read(picture: Floats, affine: Floats, size: int) -> Floats:
    """(size, size, 3) crop, bilinear."""
    return _sampled(picture, inverse(affine), (size, size))


def _pasted(picture: Floats, crop: Floats, affine: Floats) -> Floats:
    """The picture with a crop put back over it, its border softened."""
    ramp = np.clip(
        np.minimum(np.arange(len(crop)) + 0.5, len(crop) - 0.5 - np.arange(len(crop))) / (0.12 * len(crop)), 0, 1
    )
    soft = np.concatenate([crop, (ramp[:, None] * ramp)[..., None].astype(np.float32)], 2)
    over = _sampled(np.pad(soft, ((1, 1), (1, 1), (0, 0))), _moved(affine, 1), picture.shape[:2])
    return picture + over[..., 3:] * (over[..., :3] - picture)


def _moved(affine: Floats, by: float) -> NDArray[np.float64]:
    moved = affine.astype(float)
    moved[:, 2] += by
    return moved


def _sampled(picture: Floats, affine: NDArray[np.float64], size: tuple[int, int]) -> Floats:
    """(h, w, C) values where an affine takes the middles of pixels; beyond the picture those of its border."""
    y, x = (np.arange(side) + 0.5 for side in size)
    at = [affine[axis, 0] * x + affine[axis, 1] * y[:, None] + affine[axis, 2] - 0.5 for axis in (0, 1)]
    places = [
        np.clip(axis, 0, side - 1.001) for axis, side in zip(at, (picture.shape[1], picture.shape[0]), strict=True)
    ]
    left, top = (axis.astype(np.intp) for axis in places)
    right, down = (
        (axis - whole).astype(np.float32)[..., None] for axis, whole in zip(places, (left, top), strict=True)
    )
    upper = picture[top, left] + right * (picture[top, left + 1] - picture[top, left])
    lower = picture[top + 1, left] + right * (picture[top + 1, left + 1] - picture[top + 1, left])
    found: Floats = upper + down * (lower - upper)
    return found


def measure_gpu(device: str, graphs: Path = GRAPHS) -> Iterator[Line]:
    """A line per case; "cpu" does the smallest alone, once."""
    chain = Chain(choose(device))
    small = chain.choice.device == "cpu"
    timed = _once if small else seconds_of
    frames = _frames(1 if small else max(BATCHES))
    for half in (False,) if small else (False, True):
        networks = Networks.open(graphs, device, half)
        about = {
            "case": CASE,
            "kind": "float16" if half else "float32",
            "multiply_adds_per_frame": networks.multiply_adds(),
            "device_bytes": None,
        }
        yield from _naively(Naive(networks), _boxes(frames[:1])[0], timed, about, alone=not small)
        for count in (1,) if small else BATCHES:
            work, some = Work.of(chain, count), frames[:count]
            laid = _line("device chain", count, timed(lambda: _laid(work, networks, some)), about)  # noqa: B023
            yield laid | {"bus_bytes_per_frame": 2 * 3 * BOX[0] * BOX[1]}
            if not small:
                yield from _two_at_once(work, networks, some, about)
        yield from _stages(chain, networks, frames, 1 if small else 8, timed, about)


def _naively(naive: Naive, box: NDArray[np.uint8], timed: Timed, about: Line, alone: bool) -> Iterator[Line]:
    moved = {"bus_bytes_per_frame": naive.bus_bytes}
    yield _line("naive chain", 1, timed(lambda: naive.composite(box)), about) | moved
    if not alone:
        return
    small, large = (np.zeros((1, 3, size, size), np.float32) for size in _SHARE_OF_EYES)
    both = timed(lambda: (naive.swapped(small), naive.restored(large)))
    yield _line("networks alone, one picture at a time", 1, both, about) | moved


def _stages(
    chain: Chain,
    networks: Networks,
    frames: NDArray[np.uint8],
    count: int,
    timed: Timed,
    about: Line,
) -> Iterator[Line]:
    """Each step alone, waited for."""
    box = _boxes(frames[:count])
    yield _line("step: upload", count, timed(lambda: chain.put(box)), about | {"multiply_adds_per_frame": None})
    for name, step in Work.of(chain, count).stages(networks, chain.put(box)):
        session = {"inswapper": networks.swapper, "GFPGAN-cl": networks.restorer}.get(name[:9])
        operations = session and int(session.get_modelmeta().custom_metadata_map["multiply_adds"])
        # Pasting adds to what is there: again and again would be more and more of it, which costs no more.
        yield _line(f"step: {name}", count, timed(step), about | {"multiply_adds_per_frame": operations})


def _two_at_once(work: Work, networks: Networks, some: NDArray[np.uint8], about: Line) -> Iterator[Line]:
    """Batches one after the other, the next one's upload beside the last one's work."""
    rounds = 8

    def run() -> None:
        for _ in beside(lambda _: _laid(work, networks, some), range(rounds), 1):
            pass

    seconds, calls = seconds_of(run, warm=1)
    line = _line("device chain, two batches under way", len(some), (seconds / rounds, calls * rounds), about)
    yield line | {"bus_bytes_per_frame": 2 * 3 * BOX[0] * BOX[1]}


def _laid(work: Work, networks: Networks, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frames with their boxes done."""
    finished = frames.copy()
    top, left = ((full - part) // 2 for full, part in zip(FRAME, BOX, strict=True))
    finished[:, top : top + BOX[0], left : left + BOX[1]] = work.composite(networks, _boxes(frames))
    return finished


def _line(stage: str, batch: int, spent: tuple[float, int], about: Line) -> Line:
    per_frame = spent[0] / batch
    return {
        "stage": stage,
        "batch": batch,
        "frames": spent[1] * batch,
        "ms_per_frame": round(1000 * per_frame, 4),
        "fps": round(1 / per_frame, 2),
        **about,
        "weights": "random",
    }


def _frames(count: int) -> NDArray[np.uint8]:
    """(count, 1080, 1920, 3) smooth noise."""
    noise = np.random.default_rng(1).integers(60, 200, (count, FRAME[0] // 8, FRAME[1] // 8, 3), np.uint8)
    return np.ascontiguousarray(noise.repeat(8, 1).repeat(8, 2))


def _boxes(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    top, left = ((full - part) // 2 for full, part in zip(FRAME, BOX, strict=True))
    return np.ascontiguousarray(frames[:, top : top + BOX[0], left : left + BOX[1]])


def _affine(size: int, turn: float) -> Floats:
    """(2, 3) pixels of the box to those of a crop, whose middle is the box's."""
    scale = size * _SHARE_OF_EYES[size] / (_EYES_OF_FACE * FACE_PX)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    centre = np.array([BOX[1], BOX[0]]) / 2
    return np.column_stack([linear, size / 2 - linear @ centre]).astype(np.float32)


def _once(run: Callable[[], object]) -> tuple[float, int]:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--graphs", type=Path, default=GRAPHS, help="what `python -m benchmarks.architectures` wrote")
    options = parser.parse_args(arguments)
    announce("gpu_composite")
    try:
        for line in measure_gpu(options.device, options.graphs):
            print(json.dumps(line), flush=True)
    except UnderstudyError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
