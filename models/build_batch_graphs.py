"""Build the small ONNX graphs around the landmark networks: `python -m understudy.models.build_batch_graphs`.

`crops` and `soft_crops` cut regions out of pictures on the device exactly as `Region.sample` does with OpenCV; the two
`..._points` graphs gather what the networks say into one tensor each. They use only operators for which ONNX Runtime's
CUDA provider has kernels of these element types (its docs/OperatorKernels.md), sizes of shapes aside.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from ..inference.capture.face_points import MIRROR_COEFFICIENTS, MIRROR_POINTS
from ..inference.capture.landmarks import CONTOURS, MERGED, MIRROR, LandmarkNet
from ..inference.capture.types import LANDMARK_COUNT
from .build import write_atomically
from .graph_emitter import GraphEmitter

FOLDER = Path(__file__).resolve().parents[1] / "inference/capture/batch/graphs"
_MESH = 468
_STEPS = 32.0
"""OpenCV reads between pixels in steps of a 32nd."""


def crops(soft: bool) -> onnx.ModelProto:
    """Crops of N regions: every picture's part made smaller by a whole factor, softened if wanted, read between pixels.

    K is the largest factor of the call, S the most pixels that a part has afterwards; `inference/capture/batch/sampling`
    computes what goes in. All whole numbers are exact in float32, and so is their rounding.
    """
    make = GraphEmitter()
    pictures = make.input("pictures", ("F", "H", "W", 3), TensorProto.UINT8)
    # Places of source pixels, (K, N, S): a row's first pixel, counted through all pictures, and a column's in its row.
    # What is summed up comes first, because the provider is slow at sums over axes in the midst.
    rows = make.input("rows", ("K", "N", "S"), TensorProto.INT32)
    columns = make.input("columns", ("K", "N", "S"), TensorProto.INT32)
    counts = make.input("counts", ("K", "N"))
    per_area = make.input("per_area", ("N",))
    places = make("Add", make.unsqueezed(rows, 1, 4), make.unsqueezed(columns, 0, 3))
    pixels = make("Cast", make("Gather", make.reshaped(pictures, -1, 3), places, axis=0), to=TensorProto.FLOAT)
    counted = make("Mul", make.unsqueezed(counts, 1, 3, 4, 5), make.unsqueezed(counts, 0, 3, 4, 5))
    total = make("ReduceSum", make("Mul", pixels, counted), make.constant([0, 1], np.int64), keepdims=0)
    part = make.rounded(make("Mul", total, make.unsqueezed(per_area, 1, 2, 3)))
    if soft:
        part = _softened(make, part, make.input("beside", ("N",)))
    crop = make.rounded(_read_between(make, part))
    make.output("crops", make("Mul", crop, make.constant(1 / 255)), ("N", "side", "side", 3))
    return make.model("soft_crops" if soft else "crops")


def _softened(make: GraphEmitter, part: str, beside: str) -> str:
    """Weights (beside, 1 - 2 beside, beside) along both axes; the part has one pixel more on every side than comes out."""
    beside = make.unsqueezed(beside, 1, 2, 3)
    middle = make("Sub", make.constant(1.0), make("Mul", beside, make.constant(2.0)))
    for axis in (1, 2):
        first, own, last = (make.part(part, axis, *bounds) for bounds in ((0, -2), (1, -1), (2, 1 << 30)))
        part = make("Add", make("Mul", make("Add", first, last), beside), make("Mul", own, middle))
    return make.rounded(part)


def _read_between(make: GraphEmitter, part: str) -> str:
    """(N, side, side, 3) of (N, S, S, 3): where `along` + `down`, in 32nds of pixels, lead for every pixel of the crop."""
    along = make.input("along", ("N", 2, "side"))
    down = make.input("down", ("N", 2, "side"))
    last = make.input("last", ("N", 2))
    # The first pixel of every part, counted through all parts, and the pixels of a row.
    first = make.input("first", ("N",), TensorProto.INT32)
    width = make.input("width", (1,), TensorProto.INT32)
    lines = make("Add", make.unsqueezed(along, 2), make.unsqueezed(down, 3))
    at = make("Mul", make("Floor", make("Mul", lines, make.constant(1 / _STEPS))), make.constant(1 / _STEPS))
    whole = make("Floor", at)
    share = make("Sub", at, whole)
    limit = make.unsqueezed(last, 2, 3)
    low, high = (
        make("Cast", make("Max", make("Min", place, limit), make.constant(0.0)), to=TensorProto.INT32)
        for place in (whole, make("Add", whole, make.constant(1.0)))
    )
    columns = [make.picked(place, np.int64(0)) for place in (low, high)]
    rows = [
        make("Add", make("Mul", make.picked(place, np.int64(1)), width), make.unsqueezed(first, 1, 2))
        for place in (low, high)
    ]
    flat = make.reshaped(part, -1, 3)
    x, y = (make.unsqueezed(make.picked(share, np.int64(axis)), 3) for axis in (0, 1))
    upper, lower = (
        _mixed(make, *(make("Gather", flat, make("Add", row, column), axis=0) for column in columns), x) for row in rows
    )
    return _mixed(make, upper, lower, y)


def _mixed(make: GraphEmitter, first: str, second: str, share: str) -> str:
    return make("Add", first, make("Mul", make("Sub", second, first), share))


def mediapipe_points() -> onnx.ModelProto:
    """The seven outputs of face_landmarks_attention -> (N, 478, 3) in crops 0..1, and how sure it is that there is a face.

    A mirrored crop's points come back as those of the crop.
    """
    make = GraphEmitter()
    mesh = make.input("mesh", ("N", _MESH, 3))
    sizes = {"lips": 80, "left_eye": 71, "right_eye": 71, "left_iris": 5, "right_iris": 5}
    refined = [make.input(name, ("N", size, 2)) for name, size in sizes.items()]
    logit = make.input("presence_logit", ("N",))
    mirrored = make.input("mirrored", ("N",))
    table = np.arange(LANDMARK_COUNT)
    table[MERGED] = _MESH + np.arange(len(MERGED))
    flat = make.picked(make("Concat", make.part(mesh, 2, 0, 2), *refined, axis=1), table)
    depth = make.part(mesh, 2, 2, 3)
    irises = [make("ReduceMean", make.picked(depth, contour), axes=[1], keepdims=1) for contour in CONTOURS]
    repeated = [make.picked(iris, np.zeros(5, np.int64)) for iris in irises]
    points = make("Concat", flat, make("Concat", depth, *repeated, axis=1), axis=2)
    points = make("Mul", points, make.constant(1 / LandmarkNet.side))
    make.output("points", _unmirrored_points(make, points, mirrored, MIRROR), ("N", LANDMARK_COUNT, 3))
    make.output("presence", make("Sigmoid", logit), ("N",))
    return make.model("mediapipe_points")


def own_points() -> onnx.ModelProto:
    """The outputs of face_points -> one row for each crop, so that they come back in one piece: x, y, z of 478 points,
    then their standard deviations, visibilities, the coefficients and their standard deviations.
    """
    make = GraphEmitter()
    count, names = len(MIRROR_POINTS), len(MIRROR_COEFFICIENTS)
    points = make.input("points", ("N", count, 3))
    of_points = [make.input(name, ("N", count)) for name in ("sigma", "visible")]
    of_names = [make.input(name, ("N", names)) for name in ("coefficients", "coefficient_sigma")]
    mirrored = make.input("mirrored", ("N",))
    shown, other = MIRROR_POINTS[:LANDMARK_COUNT], np.arange(LANDMARK_COUNT)
    kept = [_unmirrored_points(make, make.picked(points, other), mirrored, MIRROR)]
    kept = [make.reshaped(kept[0], -1, 3 * LANDMARK_COUNT)]
    kept += [_either(make, make.picked(one, other), make.picked(one, shown), mirrored, 1) for one in of_points]
    kept += [_either(make, one, make.picked(one, MIRROR_COEFFICIENTS), mirrored, 1) for one in of_names]
    make.output("rows", make("Concat", *kept, axis=1), ("N", 5 * LANDMARK_COUNT + 2 * names))
    return make.model("own_points")


def _unmirrored_points(make: GraphEmitter, points: str, mirrored: str, table: NDArray[np.int64]) -> str:
    other = make.picked(points, table)
    other = make("Add", make("Mul", other, make.constant([-1, 1, 1])), make.constant([1, 0, 0]))
    return _either(make, points, other, mirrored, 2)


def _either(make: GraphEmitter, plain: str, other: str, mirrored: str, axes: int) -> str:
    """The one, or the other where `mirrored` is 1."""
    chosen = make("Cast", make.unsqueezed(mirrored, *range(1, 1 + axes)), to=TensorProto.BOOL)
    return make("Where", chosen, other, plain)


def build(folder: Path) -> None:
    """Write the four graphs."""
    for model in (crops(soft=False), crops(soft=True), mediapipe_points(), own_points()):
        write_atomically(folder / f"{model.graph.name}.onnx", model.SerializeToString(deterministic=True))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="understudy.models.build_batch_graphs", description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help="folder for the results")
    build(parser.parse_args(arguments).output)


if __name__ == "__main__":
    main()
