"""Build the ONNX graphs around the compositor's networks: `python -m understudy.models.build_composite_graphs`.

They take a picture to the device once and keep it there: cut a crop, see what a network changed, put that back, close the
seam, match colours, lay the result over the plate. What a blur, a smaller or a larger picture is along one axis is a
matrix (`inference/composite/device/matrices`), so that all of them are products of matrices. They use only operators for
which ONNX Runtime's CUDA provider has kernels of these element types (its docs/OperatorKernels.md).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from .build import write_atomically
from .graph_emitter import GraphEmitter, Shape

FOLDER = Path(__file__).resolve().parents[1] / "inference/composite/device/graphs"
_PICTURE: Shape = ("N", 3, "H", "W")
_PIXELS: Shape = ("N", "H", "W", 3)


def _planes(make: GraphEmitter, name: str, kind: int, shape: Shape = _PIXELS) -> str:
    """An input of pixels (N, H, W, 3), bytes or floats 0..1, as planes of floats 0..1; planes are left as they are."""
    pixels = make.input(name, shape, kind)
    if kind == TensorProto.UINT8:
        pixels = make("Mul", make("Cast", pixels, to=TensorProto.FLOAT), 1 / 255)
    return pixels if shape == _PICTURE else make("Transpose", pixels, perm=[0, 3, 1, 2])


def _looked_up(make: GraphEmitter, planes: str, padding: str) -> str:
    """Planes, read between pixels (cubic) at the places to which affines (N, 2, 3) take a grid of columns and rows.

    Places are -1..1 over the picture. Elementwise, for products of matrices may be rounded to ten bits on a GPU.
    """
    affine = make.input("affine", ("N", 2, 3))
    across = make.unsqueezed(make.input("columns", ("columns",)), 0, 1)
    down = make.unsqueezed(make.input("rows", ("rows",)), 0, 2)
    axes = []
    for axis in (0, 1):
        row = make.part(affine, 1, axis, axis + 1)
        of_x, of_y, start = (make.part(row, 2, term, term + 1) for term in range(3))
        place = make("Add", make("Add", make("Mul", across, of_x), make("Mul", down, of_y)), start)
        axes.append(make.unsqueezed(place, 3))
    grid = make("Concat", *axes, axis=3)
    return make("GridSample", planes, grid, mode="bicubic", padding_mode=padding, align_corners=0)


def crop(kind: int, shape: Shape = _PIXELS) -> onnx.ModelProto:
    """Crops of pictures: read on a grid finer than the crop, softened and made smaller by a matrix (N, K S, F).

    With its rows in the order of `matrices.dealt`, a crop comes out as K K interleaved pictures (N K K, 3, S, S): ``apart`` is
    N, 3, K, S, K, S and ``together`` N K K, 3, S, S. ``seen`` is what a network wants: times a gain, plus an offset.
    """
    make = GraphEmitter()
    fine = _looked_up(make, _planes(make, "pixels", kind, shape), "border")
    soften = make.input("soften", ("N_or_1", "KS", "F"))
    apart, together = make.input("apart", (6,), TensorProto.INT64), make.input("together", (4,), TensorProto.INT64)
    parts = make("Reshape", make.along(fine, soften, soften), apart)
    found = make("Reshape", make("Transpose", parts, perm=[0, 2, 4, 1, 3, 5]), together)
    seen = make("Add", make("Mul", found, make.input("gain", ())), make.input("offset", ()))
    make.output("crop", found, ("M", 3, "S", "S"))
    make.output("seen", seen, ("M", 3, "S", "S"))
    make.output("seen_in_half", make("Cast", seen, to=TensorProto.FLOAT16), ("M", 3, "S", "S"), TensorProto.FLOAT16)
    return make.model("crop")


def change(kind: int, fine: bool) -> onnx.ModelProto:
    """What a network changed of a crop, each within bounds; ``fine`` leaves out what is broad, and gives the rest a weight."""
    make = GraphEmitter()
    drawn, before = make.input("drawn", ("N", 3, "S", "S"), kind), make.input("crop", ("N", 3, "S", "S"))
    if kind != TensorProto.FLOAT:
        drawn = make("Cast", drawn, to=TensorProto.FLOAT)
    shown = make("Add", make("Mul", drawn, make.input("gain", ())), make.input("offset", ()))
    bounds = make.input("low", ()), make.input("high", ())
    found = make("Sub", make("Clip", shown, *bounds), make("Clip", before, *bounds))
    if fine:
        broad = make.input("broad", (1, "S", "S"))
        found = make("Sub", found, make.along(found, broad, broad))
        found = make("Mul", found, make.input("weight", (1, 1, "S", "S")))
    make.output("change", found, ("N", 3, "S", "S"))
    return make.model("change")


def paste() -> onnx.ModelProto:
    """A picture with a crop's change added where the crop lies: softened by a matrix (N, S, S), zero beyond its border."""
    make = GraphEmitter()
    soften = make.input("soften", ("N_or_1", "S", "S"))
    placed = _looked_up(make, make.along(make.input("change", ("N", 3, "S", "S")), soften, soften), "zeros")
    picture = make.input("picture", ("N", 3, "rows", "columns"))
    make.output("pasted", make("Add", picture, placed), ("N", 3, "rows", "columns"))
    return make.model("paste")


def planes() -> onnx.ModelProto:
    """Pixels (N, H, W, 3) as planes 0..1."""
    make = GraphEmitter()
    make.output("picture", _planes(make, "pixels", TensorProto.UINT8), _PICTURE)
    return make.model("planes")


def light() -> onnx.ModelProto:
    """Encoded planes, 0..1, in linear light: IEC 61966-2-1."""
    make = GraphEmitter()
    encoded = make.input("encoded", _PICTURE)
    curve = make("Pow", make("Mul", make("Add", encoded, 0.055), 1 / 1.055), 2.4)
    # Below the curve's start its base may be less than 0.
    found = make("Where", make("LessOrEqual", encoded, 0.04045), make("Mul", encoded, 1 / 12.92), curve)
    make.output("linear", found, _PICTURE)
    return make.model("light")


def colours() -> onnx.ModelProto:
    """`colour.match.apply_match`: gain in linear light, then the broad colours' mean and spread; encoded, 0..1.

    ``lessen`` and ``enlarge`` are pairs of matrices for a smaller picture and back, ``blur`` its blur, ``matrix`` what all
    colours are multiplied by and ``change`` what the broad ones are.
    """
    make = GraphEmitter()
    face = make.input("linear", _PICTURE)
    gain = make.input("gain", ("N", 3, "h", "w"))
    pairs = {
        name: tuple(make.input(f"{name}_{axis}", ("N", *shape)) for axis, shape in sizes.items())
        for name, sizes in {
            "lessen": {"rows": ("h", "H"), "columns": ("w", "W")},
            "enlarge": {"rows": ("H", "h"), "columns": ("W", "w")},
            "blur": {"rows": ("h", "h"), "columns": ("w", "w")},
        }.items()
    }
    matte = make.input("matte", ("N", 1, "H", "W"))
    lit = make("Max", make("Mul", face, make.along(gain, *pairs["enlarge"])), 0.0)
    # IEC 61966-2-1; the power of 0 has no derivative, but a value.
    curve = make("Sub", make("Mul", make("Pow", lit, 1 / 2.4), 1.055), 0.055)
    encoded = make("Where", make("LessOrEqual", lit, 0.0031308), make("Mul", lit, 12.92), curve)
    encoded = make("Min", encoded, 1.0)
    small, inside = make.along(encoded, *pairs["lessen"]), make.along(matte, *pairs["lessen"])
    weight = make("Max", make.along(inside, *pairs["blur"]), 1e-3)
    broad = make("Div", make.along(make("Mul", small, inside), *pairs["blur"]), weight)
    broad = make("Sub", make("Mul", broad, make.input("other", ("N", 1, 1, 1))), make.input("mean", ("N", 3, 1, 1)))
    added = make.along(_mixed(make, broad, make.input("change", ("N", 3, 3))), *pairs["enlarge"])
    matched = make("Add", _mixed(make, encoded, make.input("matrix", ("N", 3, 3))), added)
    make.output("face", make("Clip", matched, 0.0, 1.0), _PICTURE)
    return make.model("colours")


def _mixed(make: GraphEmitter, picture: str, matrix: str) -> str:
    """Every pixel's channels (N, 3, H, W) times a matrix (N, 3, 3): out = matrix @ colours."""
    size = make("Shape", picture)
    flat = make.reshaped(picture, 0, 0, -1)
    return make("Reshape", make("MatMul", matrix, flat), size)


def slopes() -> onnx.ModelProto:
    """`poisson.membrane.masked_divergence` of face - plate, zero on the frame of the box: what closes the seam inside it."""
    make = GraphEmitter()
    plate, face = make.input("plate", _PICTURE), make.input("face", _PICTURE)
    inside = make.input("inside", ("N", 1, "H", "W"))
    difference = make("Sub", face, plate)
    total = ""
    for axis in (2, 3):
        step = make("Sub", make.part(difference, axis, 1), make.part(difference, axis, 0, -1))
        kept = make("Mul", step, make.part(inside, axis, 0, -1))
        beside = np.eye(8, dtype=int)
        found = make(
            "Sub", make("Pad", kept, make.whole(*beside[axis + 4])), make("Pad", kept, make.whole(*beside[axis]))
        )
        total = make("Add", total, found) if total else found
    make.output("laplacian", total, _PICTURE)
    return make.model("slopes")


def box() -> onnx.ModelProto:
    """`poisson.membrane.solve_box` by sine waves: S_h (S_h F S_w / eigenvalues) S_w, four products of matrices."""
    make = GraphEmitter()
    wanted = make.input("laplacian", ("N", "C", "H", "W"))
    rows, columns = make.input("rows", ("H", "H")), make.input("columns", ("W", "W"))
    waves = make("MatMul", make("MatMul", rows, wanted), columns)
    waves = make("Mul", waves, make.input("inverse", ("H", "W")))
    make.output("solution", make("MatMul", make("MatMul", rows, waves), columns), ("N", "C", "H", "W"))
    return make.model("box")


def lay() -> onnx.ModelProto:
    """Bytes (N, H, W, 3) of plate + matte (face + added - plate), rounded once."""
    make = GraphEmitter()
    plate, face = make.input("plate", _PICTURE), make.input("face", _PICTURE)
    whole = make("Add", face, make.input("added", _PICTURE))
    mixed = make("Add", plate, make("Mul", make.input("matte", ("N", 1, "H", "W")), make("Sub", whole, plate)))
    levels = make("Round", make("Mul", make("Clip", mixed, 0.0, 1.0), 255.0))
    pixels = make("Cast", make("Transpose", levels, perm=[0, 2, 3, 1]), to=TensorProto.UINT8)
    make.output("pixels", pixels, _PIXELS, TensorProto.UINT8)
    return make.model("lay")


def graphs() -> dict[str, onnx.ModelProto]:
    """All of them, by file name."""
    return {
        "crop_of_bytes": crop(TensorProto.UINT8),
        "crop": crop(TensorProto.FLOAT),
        "crop_of_planes": crop(TensorProto.FLOAT, _PICTURE),
        "change": change(TensorProto.FLOAT, False),
        "change_of_halves": change(TensorProto.FLOAT16, False),
        "detail": change(TensorProto.FLOAT, True),
        "detail_of_halves": change(TensorProto.FLOAT16, True),
        "paste": paste(),
        "planes": planes(),
        "light": light(),
        "colours": colours(),
        "slopes": slopes(),
        "box": box(),
        "lay": lay(),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help="folder for the results")
    folder = parser.parse_args().output
    for name, model in graphs().items():
        write_atomically(folder / f"{name}.onnx", model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
