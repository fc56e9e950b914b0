"""The least that each stage without a network has to do for one frame, from its sizes: multiply-adds and bytes.

What is counted is the job, not our way of doing it: every input is read once, every result written once, and between
them lies only the arithmetic that the result cannot do without. The rounds of the solve and of its refinement are taken
as they are. Where operations cannot be counted (an entropy decoder's depend on the film) they are left at zero, and the
floor is that of the bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from understudy.inference import arkit
from understudy.inference.composite.regions import OVAL, face_region, face_width_px
from understudy.inference.face_model import load
from understudy.inference.face_model.skin import skin_points
from understudy.inference.live.sample import PACKET_BYTES
from understudy.inference.photometric.shot import ROUNDS as REFINE_ROUNDS
from understudy.inference.solve.performance import SHOT_ROUNDS

FRAME: Final = (1920, 1080)
FACE_PX: Final = 500.0
YUV: Final = 1.5
"""Bytes a pixel, 4:2:0 in 8 bits."""
RGB: Final = 3
FLOAT: Final = 4
BILINEAR: Final = 4
"""Multiply-adds of one value that is interpolated."""
PACKET_COPIES: Final = 4
"""Into the system and out of it, each read and written."""


@dataclass(frozen=True)
class Stage:
    """One stage's least work for one frame."""

    name: str
    multiply_adds: float
    moved_bytes: float
    counted: str
    """What the two figures consist of, for a reader."""


@dataclass(frozen=True)
class Sizes:
    """Of the face in the frame."""

    region: tuple[int, int]
    """Width and height of the part of the frame in which a face is drawn."""
    skin_points: int


def sizes_of(face_px: float = FACE_PX, frame: tuple[int, int] = FRAME) -> Sizes:
    """The default face model's face from the front, so many pixels wide, in the middle of a frame."""
    model = load("default")
    points = model.landmark_mean_cm[:, :2] * (1.0, -1.0)
    scale = face_px / face_width_px(points)
    points = (points - points[list(OVAL)].mean(0)) * scale + np.array(frame) / 2
    region = face_region(points.astype(np.float32), frame)
    return Sizes((region.width, region.height), len(skin_points(model).mean_cm))


def film_stages(frame: tuple[int, int] = FRAME) -> list[Stage]:
    """From file to picture and back."""
    pixels = frame[0] * frame[1]
    return [
        Stage("decode", 0, 2 * YUV * pixels, "the picture written once, the one it is predicted from read once"),
        Stage("colour conversion", 5 * pixels, (YUV + RGB) * pixels, "YUV read, RGB written; 5 products a pixel"),
        Stage("encode", 5 * pixels, (RGB + 3 * YUV) * pixels, "RGB read, YUV written; it and its reference read once"),
    ]


def crop_stage(name: str, side: int) -> Stage:
    """A square cut out of a picture by bilinear interpolation, as float32 for a network."""
    values = side * side * 3
    return Stage(name, BILINEAR * values, values * (1 + FLOAT), f"{side} x {side} RGB, each value of four pixels")


def solve_stage(points: int) -> Stage:
    """The whole-shot solve in the frames, its rounds; without the search for the actor, which does not grow with them."""
    shapes = len(arkit.NAMES)
    columns = shapes + 6 + 1
    rows = 2 * points
    placed = points * shapes * 6
    products = rows * columns * (columns + 1) // 2
    band = 2 * shapes
    chain = shapes * band * band // 2 + 4 * shapes * band
    return Stage(
        "solve",
        SHOT_ROUNDS * (placed + products + chain),
        SHOT_ROUNDS * (rows * columns + columns * columns) * FLOAT,
        f"{SHOT_ROUNDS} rounds over {points} points: {columns} columns turned, their products, one banded system",
    )


def refine_stage(sizes: Sizes) -> Stage:
    """Pixels of the skin (`--quality high`)."""
    columns = len(arkit.NAMES) + 6 + 1
    rounds = sum(REFINE_ROUNDS)
    each = 3 * BILINEAR + columns * (columns + 1) // 2 + len(arkit.NAMES) * 3
    return Stage(
        "refine",
        rounds * sizes.skin_points * each,
        rounds * sizes.skin_points * (columns + 4) * FLOAT,
        f"{rounds} rounds over {sizes.skin_points} places of the skin: looked up with slopes, products of {columns} columns",
    )


def composite_stages(sizes: Sizes, frame: tuple[int, int] = FRAME) -> list[Stage]:
    """One frame's face put back, step by step, over its region."""
    width, height = sizes.region
    area = width * height
    channels = 3
    flow_side = 160 * 1.5
    patches = (flow_side / 4 / 4) ** 2
    search = 2 * patches * 16 * 64 * 3 * 4 / 3
    sine = 2 * channels * height * 1.25 * (width + 1) * math.log2(2 * (width + 1))
    return [
        Stage("warp", BILINEAR * 4 * area, (4 + 4 * FLOAT) * area, "RGBA of the render read, float32 written"),
        Stage("matte", 2 * area, 2 * FLOAT * area, "one float32 mask written and read once"),
        Stage("colour", 12 * area, 2 * channels * FLOAT * area, "a gain and a 3 x 3 matrix a pixel, float32 in and out"),
        Stage(
            "poisson",
            sine + 3 * channels * area,
            3 * 2 * channels * FLOAT * area,
            "sine transform of each row there and back (FFT), one sweep down and up between",
        ),
        Stage(
            "poisson by products",
            2 * channels * area * (width + height),
            2 * channels * FLOAT * area,
            "the same as four products with sine matrices, a GPU's way",
        ),
        Stage("flow", search, RGB * 2.25 * FACE_PX**2, "face and surroundings read once; 16 steps of each patch, both ways"),
        Stage("grain", 15 * area, 3 * channels * FLOAT * area, "a tile of noise read, three channels mixed, added"),
        Stage(
            "finish",
            channels * area,
            (2 * RGB + channels * FLOAT + FLOAT) * area + 2 * RGB * frame[0] * frame[1],
            "face, matte and plate mixed; the frame copied",
        ),
    ]  # fmt: skip


def live_stages() -> list[Stage]:
    """What a live sample costs on its way."""
    return [
        Stage("link", 0, PACKET_COPIES * PACKET_BYTES, f"one packet of {PACKET_BYTES} bytes into the system and out"),
        Stage("tick", 0, 2 * PACKET_BYTES, "its numbers read and written once; drawing is Blender's"),
    ]
