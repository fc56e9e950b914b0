"""The graphs of this folder on one device, with what goes in and out of them left there; no OpenCV.

A composite today asks for `Chain.crops` and `Chain.change` (by `network.DeviceNetwork`, for swapper and enhancer on a device
with memory of its own); the rest of its work is done by the CPU. `Chain.pasted` and all that follows it, and crops of planes,
are run by `benchmarks/gpu_composite.py` and the tests alone. They are kept because they make the whole way of a face possible
without leaving the device: that benchmark tells, on a card, what this would gain, and until it was measured there
no composite is made so. The tests hold them equal to the compositor's own code, on the CPU.

Crop affines take corner-convention pixels of a frame to those of a crop, as everywhere in the compositor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ...networks.bound import memory_of, on_device, run_bound
from ...networks.providers import Choice, choose
from ...networks.sessions import open_session
from . import matrices

Floats = NDArray[np.float32]
Values = Mapping[str, ort.OrtValue]

_MOST_KEPT: Final = 96
FOLDER: Final = Path(__file__).resolve().parent / "graphs"


class Chain:
    """What can be done to pictures on one device, by one thread at a time."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self._there: dict[tuple[Any, ...], ort.OrtValue] = {}

    def put(self, array: NDArray[Any]) -> ort.OrtValue:
        """A value on the device."""
        return on_device(array, self.choice)

    def crops(
        self,
        pixels: ort.OrtValue,
        affines: Sequence[Floats],
        size: int,
        factor: int = 1,
        gain: float = 1.0,
        offset: float = 0.0,
    ) -> Values:
        """Crops of N pictures by affines (2, 3) from their pixels: bytes or encoded floats (N, H, W, 3), or planes of
        such floats (N, 3, H, W). The finest of them says on which grid all are read.

        ``crop`` (N K K, 3, S, S) with K = ``factor`` and S = ``size`` / K, `dealt`; ``seen`` and ``seen_in_half``: times a
        gain, plus an offset.
        """
        shape = pixels.shape()
        planes = shape[1] == 3
        height, width = shape[2:] if planes else shape[1:3]
        count, part = len(affines), size // factor
        shrinks = [matrices.rounded(scale_of(affine)) for affine in affines]
        steps = max(matrices.steps_of(shrink) for shrink in shrinks)
        places = self._kept(matrices.fine_places, size, steps)
        feed = {
            "pixels": pixels,
            "affine": self.put(np.stack([_to_unit(inverse(affine), width, height) for affine in affines])),
            "columns": places,
            "rows": places,
            "soften": self._of_each(_softening, [(size, steps, shrink, factor) for shrink in shrinks]),
            "apart": _whole(count, 3, factor, part, factor, part),
            "together": _whole(count * factor**2, 3, part, part),
            "gain": self._number(gain),
            "offset": self._number(offset),
        }
        name = "crop_of_bytes" if "uint8" in pixels.data_type() else "crop"
        return self._run("crop_of_planes" if planes else name, feed, "crop", "seen", "seen_in_half")

    def change(
        self,
        drawn: ort.OrtValue,
        crop: ort.OrtValue,
        shown: tuple[float, float] = (1.0, 0.0),
        bounds: tuple[float, float] = (0.0, 1.0),
        fine: tuple[ort.OrtValue, ort.OrtValue] | None = None,
    ) -> ort.OrtValue:
        """(N, 3, S, S) what a network's output, times and plus ``shown``, changes of a crop, both within bounds.

        ``fine`` are the matrix (1, S, S) of what is broad and left out, and the weight (1, 1, S, S) of the rest.
        """
        feed = {
            "drawn": drawn,
            "crop": crop,
            "gain": self._number(shown[0]),
            "offset": self._number(shown[1]),
            "low": self._number(bounds[0]),
            "high": self._number(bounds[1]),
        }
        if fine is not None:
            feed |= {"broad": fine[0], "weight": fine[1]}
        halves = "_of_halves" if "float16" in drawn.data_type() else ""
        return self._run(("change" if fine is None else "detail") + halves, feed, "change")["change"]

    def pasted(
        self, picture: ort.OrtValue, change: ort.OrtValue, affines: Sequence[Floats], origins_px: Sequence[Floats]
    ) -> ort.OrtValue:
        """Pictures (N, 3, h, w) of regions that begin at ``origins_px`` (2,) of a frame, with what was changed of crops added."""
        size = change.shape()[-1]
        height, width = picture.shape()[2:]
        growth = [max(matrices.rounded(scale_of(affine)), 1.0) for affine in affines]
        moved = [_from(affine, origin) for affine, origin in zip(affines, origins_px, strict=True)]
        feed = {
            "picture": picture,
            "change": change,
            "soften": self._of_each(_shrinking, [(size, one) for one in growth]),
            "affine": self.put(np.stack([_to_unit(affine, size, size) for affine in moved])),
            "columns": self._kept(_middles, width),
            "rows": self._kept(_middles, height),
        }
        return self._run("paste", feed, "pasted")["pasted"]

    def planes(self, pixels: ort.OrtValue) -> ort.OrtValue:
        """Bytes (N, H, W, 3) as planes (N, 3, H, W), 0..1."""
        return self._run("planes", {"pixels": pixels}, "picture")["picture"]

    def light(self, picture: ort.OrtValue) -> ort.OrtValue:
        """Encoded planes in linear light."""
        return self._run("light", {"encoded": picture}, "linear")["linear"]

    def coloured(self, face: ort.OrtValue, matte: ort.OrtValue, match: Values) -> ort.OrtValue:
        """Linear faces (N, 3, H, W) in their mattes (N, 1, H, W) to matched encoded ones; ``match`` as `match_values` gives."""
        return self._run("colours", {"linear": face, "matte": matte, **match}, "face")["face"]

    def match_values(
        self,
        gain: Floats,
        change: Floats,
        means: Floats,
        same: Floats,
        sigma_px: float,
        size: tuple[int, int],
    ) -> Values:
        """What `coloured` takes for faces of ``size`` (H, W): gains (N, 3, h, w), what the broad colours (deviation ``sigma_px``
        of the small picture) are changed by (N, 3, 3), about means (N, 3), and how much two persons are one (N,).
        """
        count, _, *small = gain.shape
        feed = {
            "gain": gain,
            "change": change,
            "matrix": np.eye(3, dtype=np.float32) + same[:, None, None] * change,
            "mean": means[..., None, None],
            "other": (1 - same)[:, None, None, None],
        }
        for name, full, less in zip(("rows", "columns"), size, small, strict=True):
            for kind, matrix in (
                ("lessen", matrices.lessen(less, full)),
                ("enlarge", matrices.enlarge(full, less)),
                ("blur", matrices.blur(less, sigma_px)),
            ):
                feed[f"{kind}_{name}"] = np.repeat(matrix[None], count, 0)
        return {name: self.put(np.asarray(array, np.float32)) for name, array in feed.items()}

    def closed(self, plate: ort.OrtValue, face: ort.OrtValue, inside: ort.OrtValue) -> ort.OrtValue:
        """(N, 3, H, W) what, added to the plate, gives it the face's slopes where ``inside`` (N, 1, H, W) is 1 and leaves it its
        own around that (Poisson blending as OpenCV does it).
        """
        return self.solved(
            self._run("slopes", {"plate": plate, "face": face, "inside": inside}, "laplacian")["laplacian"]
        )

    def solved(self, laplacian: ort.OrtValue) -> ort.OrtValue:
        """(N, C, H, W) with this 5-point Laplacian, zero all around."""
        height, width = laplacian.shape()[2:]
        feed = {
            "laplacian": laplacian,
            "rows": self._kept(matrices.sine, height),
            "columns": self._kept(matrices.sine, width),
            "inverse": self._kept(matrices.inverse_laplacian, height, width),
        }
        return self._run("box", feed, "solution")["solution"]

    def laid(self, plate: ort.OrtValue, face: ort.OrtValue, added: ort.OrtValue, matte: ort.OrtValue) -> ort.OrtValue:
        """Bytes (N, H, W, 3) of faces with what is added to them, over the plate as far as the matte (N, 1, H, W) says."""
        return self._run("lay", {"plate": plate, "face": face, "added": added, "matte": matte}, "pixels")["pixels"]

    def _run(self, name: str, feed: Values, *names: str) -> dict[str, ort.OrtValue]:
        session = open_session(FOLDER / f"{name}.onnx", self.choice.for_small_graphs)
        return run_bound(session, feed, names, self.choice)

    def _number(self, value: float) -> ort.OrtValue:
        return self._kept(_scalar, value)

    def _of_each(self, make: Callable[..., Floats], items: Sequence[tuple[float, ...]]) -> ort.OrtValue:
        """(N, ...) what is made of each item, or (1, ...) where it is the same for all: that is on the device already."""
        if len(set(items)) == 1:
            return self._kept(_alone, make, *items[0])
        return self.put(np.stack([make(*item) for item in items]))

    def _kept(self, make: Callable[..., Floats], *of: Any) -> ort.OrtValue:
        """What is made of these, put on the device once; the oldest of many is let go."""
        key = (make, *of)
        found = self._there.get(key)
        if found is None:
            found = self._there[key] = self.put(make(*of))
            while len(self._there) > _MOST_KEPT:
                self._there.pop(next(iter(self._there)), None)
        return found


def chain_on(device: str) -> Chain | None:
    """The chain for networks that take much on a device; None where pictures stay in the memory of the CPU."""
    choice = choose(device, heavy=True)
    return None if memory_of(choice)[0] == "cpu" else Chain(choice)


def _softening(size: int, steps: int, shrink: float, factor: int) -> Floats:
    return matrices.dealt(matrices.soften(size, steps, shrink), factor)


def _shrinking(size: int, growth: float) -> Floats:
    """(size, size) blur of a crop before it becomes so many times smaller."""
    if growth <= 1:
        return np.eye(size, dtype=np.float32)
    return matrices.blur(size, 0.5 * float(np.sqrt(growth**2 - 1)) + 1e-3)


def _middles(count: int) -> Floats:
    return np.arange(count, dtype=np.float32) + np.float32(0.5)


def _scalar(value: float) -> Floats:
    return np.array(value, np.float32)


def _alone(make: Callable[..., Floats], *of: Any) -> Floats:
    return make(*of)[None]


def scale_of(affine: Floats) -> float:
    """Crop pixels per frame pixel."""
    return float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))


def inverse(affine: Floats) -> NDArray[np.float64]:
    """The affine (2, 3) that undoes one."""
    linear = np.linalg.inv(affine[:, :2].astype(float))
    return np.column_stack([linear, -linear @ affine[:, 2]])


def _from(affine: Floats, origin_px: Floats) -> NDArray[np.float64]:
    """The same affine for pixels counted from another origin."""
    moved = affine.astype(float)
    moved[:, 2] += moved[:, :2] @ origin_px
    return moved


def _to_unit(affine: NDArray[np.floating[Any]], width: int, height: int) -> Floats:
    """An affine into a picture of so many pixels, as one to -1..1."""
    units = 2 / np.array([width, height], float)
    found = affine.astype(float) * units[:, None]
    found[:, 2] -= 1
    return np.ascontiguousarray(found, np.float32)


def _whole(*numbers: int) -> ort.OrtValue:
    """Shapes are read by the CPU."""
    return ort.OrtValue.ortvalue_from_numpy(np.array(numbers, np.int64))
