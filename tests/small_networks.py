"""Small ONNX networks with the contracts of the big ones, whose weights cannot be passed on, and a registry that knows them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper
from understudy.inference import arkit
from understudy.inference.networks import registry

FACE = [1, 3, 512, 512]


def model_bytes(
    nodes: Sequence[NodeProto],
    inputs: dict[str, list],
    outputs: dict[str, list],
    constants: dict[str, np.ndarray] | None = None,
    kinds: dict[str, int] | None = None,
) -> bytes:
    """An ONNX file; ``kinds`` gives the element types of inputs and outputs that are not float32."""

    def described(tensors: dict[str, list]) -> list:
        return [
            helper.make_tensor_value_info(name, (kinds or {}).get(name, TensorProto.FLOAT), shape)
            for name, shape in tensors.items()
        ]

    initializers = [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(list(nodes), "small", described(inputs), described(outputs), initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def session(content: bytes) -> ort.InferenceSession:
    return ort.InferenceSession(content, providers=["CPUExecutionProvider"])


def install(monkeypatch: pytest.MonkeyPatch, folder: Path, **models: bytes) -> None:
    """Let the registry know these files, and no others, for the networks of these names; all the rest stays as it is."""
    known = dict(registry.networks())
    for name, content in models.items():
        (folder / f"{name}.onnx").write_bytes(content)
        file = registry.WeightsFile("any", f"{name}.onnx", hashlib.sha256(content).hexdigest(), len(content))
        known[name] = dataclasses.replace(known[name], files=(file,))
    monkeypatch.setattr(registry, "networks", lambda: known)
    monkeypatch.setattr(registry, "user_folder", lambda: folder)


def face_network(sharpen: float = 0.0, noise: float = 0.0, colour: Sequence[float] = (0, 0, 0)) -> bytes:
    """GFPGAN's contract: sharpens, adds noise that is new in every run, and shifts colours; without any it passes through."""
    size = 9
    distance = np.arange(size) - size // 2
    bell = np.exp(-0.5 * (distance / 2.0) ** 2)
    blurring = np.outer(bell, bell) / bell.sum() ** 2
    kernel = np.zeros((3, 1, size, size), np.float32)
    kernel[:, 0, size // 2, size // 2] = 1 + sharpen
    kernel[:, 0] -= sharpen * blurring.astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["picture", "kernel"], ["sharp"], group=3, pads=[size // 2] * 4),
        helper.make_node("Add", ["sharp", "colour"], ["tinted" if noise else "restored"]),
    ]
    if noise:
        nodes.append(helper.make_node("RandomNormalLike", ["tinted"], ["grain"], scale=noise))
        nodes.append(helper.make_node("Add", ["tinted", "grain"], ["restored"]))
    constants = {"kernel": kernel, "colour": np.array(colour, np.float32).reshape(1, 3, 1, 1)}
    return model_bytes(nodes, {"picture": FACE}, {"restored": FACE}, constants)


def codeformer_network(kind: int = TensorProto.DOUBLE) -> bytes:
    """CodeFormer's contract, inputs in the other order and under other names: adds 0.1 * weight to every other column."""
    stripes = np.zeros((1, 1, 1, 512), np.float32)
    stripes[..., ::2] = 0.1
    nodes = [
        helper.make_node("Cast", ["w"], ["weight"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["weight", "stripes"], ["pattern"]),
        helper.make_node("Add", ["x", "pattern"], ["y"]),
    ]
    return model_bytes(nodes, {"w": [1], "x": FACE}, {"y": FACE}, {"stripes": stripes}, {"w": kind})


def half_precision_network() -> bytes:
    """GFPGAN's contract in half precision throughout: passes through."""
    kinds = {"picture": TensorProto.FLOAT16, "restored": TensorProto.FLOAT16}
    node = helper.make_node("Identity", ["picture"], ["restored"])
    return model_bytes([node], {"picture": FACE}, {"restored": FACE}, kinds=kinds)


def enlarging_network(scale: int, tile: int | str = "side", moody: float = 0.0) -> bytes:
    """Real-ESRGAN's contract: cubic interpolation, then a small blur that sees zeros beyond the tile; ``moody`` times
    the tile's mean is added, so that neighbouring tiles differ.
    """
    blurring = np.full((3, 1, 5, 5), 1 / 25, np.float32)
    nodes = [
        helper.make_node(
            "Resize", ["picture", "", "scales"], ["large"], mode="cubic", coordinate_transformation_mode="half_pixel"
        ),
        helper.make_node("Conv", ["large", "blurring"], ["soft"], group=3, pads=[2] * 4),
        helper.make_node("ReduceMean", ["picture"], ["mean"], keepdims=1),
        helper.make_node("Mul", ["mean", "moody"], ["mood"]),
        helper.make_node("Add", ["soft", "mood"], ["enlarged"]),
    ]
    constants = {
        "scales": np.array([1, 1, scale, scale], np.float32),
        "blurring": blurring,
        "moody": np.array(moody, np.float32),
    }
    open_side = [f"large {side}" for side in ("height", "width")]
    out = [scale * tile] * 2 if isinstance(tile, int) else open_side
    sides = [tile, tile] if isinstance(tile, int) else ["height", "width"]
    return model_bytes(nodes, {"picture": [1, 3, *sides]}, {"enlarged": [1, 3, *out]}, constants)


def swapper_network(shift: float = 0.0, noise: float = 0.0, kind: int = TensorProto.FLOAT) -> bytes:
    """inswapper_128's contract, inputs in the other order and under other names, with its 512 x 512 matrix: adds
    ``shift`` times the first component of the identity, and noise that is new in every run.
    """
    pick = np.zeros((512, 1), np.float32)
    pick[0] = shift
    side = 128
    nodes = [
        helper.make_node("Cast", ["face"], ["face32"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["image"], ["image32"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["face32", "pick"], ["first"]),
        helper.make_node("Reshape", ["first", "flat"], ["scalar"]),
        helper.make_node("Add", ["image32", "scalar"], ["plain"]),
    ]
    if noise:
        nodes.append(helper.make_node("RandomNormalLike", ["plain"], ["grain"], scale=noise))
        nodes.append(helper.make_node("Add", ["plain", "grain"], ["noisy"]))
    nodes.append(helper.make_node("Cast", ["noisy" if noise else "plain"], ["swapped"], to=kind))
    constants = {
        "pick": pick,
        "flat": np.array([-1, 1, 1, 1]),
        "other": np.zeros((512, 512), np.float32),
        "emap": np.eye(512, dtype=np.float32),
    }
    image = [1, 3, side, side]
    kinds = dict.fromkeys(("face", "image", "swapped"), kind)
    return model_bytes(nodes, {"face": [1, 512], "image": image}, {"swapped": image}, constants, kinds)


def recogniser_network() -> bytes:
    """ArcFace's contract: the identity (3, 0, 4, 0 ...) whatever it sees."""
    embedding = np.zeros((1, 512), np.float32)
    embedding[0, [0, 2]] = 3, 4
    nodes = [
        helper.make_node("ReduceMean", ["data"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["embedding", "nothing"], ["fc1"]),
    ]
    constants = {"zero": np.zeros(1, np.float32), "embedding": embedding}
    return model_bytes(nodes, {"data": [1, 3, 112, 112]}, {"fc1": [1, 512]}, constants)


def face_points_network(points: np.ndarray, shift: float = 0.0) -> bytes:
    """face_points' contract: always the same (546, 3) points with a sigma of 0.004, moved to the right by ``shift`` times
    how much brighter the right half is; eyeBlinkRight is the brightness of the left half, eyeBlinkLeft of the right one.
    """
    blinks = np.zeros((2, 1, 52), np.float32)
    blinks[0, 0, arkit.INDEX["eyeBlinkRight"]] = blinks[1, 0, arkit.INDEX["eyeBlinkLeft"]] = 1
    constants = {
        "template": points[None].astype(np.float32),
        "move": np.array([[[shift, 0, 0]]], np.float32),
        "blink_left": blinks[0],
        "blink_right": blinks[1],
        "column": np.array([2]),
        **{f"at_{x}": np.array([x]) for x in (0, 128, 256)},
        "wide": np.array([-1, 1, 1]),
        "flat": np.array([-1, 1]),
        "none": np.zeros(1, np.float32),
        "sigmas": np.full((1, 546), 0.004, np.float32),
        "seen": np.ones((1, 546), np.float32),
        "coefficient_sigmas": np.full((1, 52), 0.1, np.float32),
    }
    nodes = []
    for half, first, last in (("left", 0, 128), ("right", 128, 256)):
        nodes += [
            helper.make_node("Slice", ["image", f"at_{first}", f"at_{last}", "column"], [f"{half} half"]),
            helper.make_node("ReduceMean", [f"{half} half"], [f"{half} mean"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Reshape", [f"{half} mean", "flat"], [f"{half} brightness"]),
            helper.make_node("Mul", [f"{half} brightness", f"blink_{half}"], [f"{half} blink"]),
        ]
    nodes += [
        helper.make_node("Sub", ["right brightness", "left brightness"], ["lean"]),
        helper.make_node("Reshape", ["lean", "wide"], ["wide lean"]),
        helper.make_node("Mul", ["wide lean", "move"], ["moved"]),
        helper.make_node("Add", ["template", "moved"], ["points"]),
        helper.make_node("Add", ["left blink", "right blink"], ["coefficients"]),
        helper.make_node("Mul", ["lean", "none"], ["nothing"]),
        helper.make_node("Add", ["sigmas", "nothing"], ["sigma"]),
        helper.make_node("Add", ["seen", "nothing"], ["visible"]),
        helper.make_node("Add", ["coefficient_sigmas", "nothing"], ["coefficient_sigma"]),
    ]
    outputs = {"points": ["N", 546, 3], "sigma": ["N", 546], "visible": ["N", 546]}
    outputs |= {name: ["N", 52] for name in ("coefficients", "coefficient_sigma")}
    return model_bytes(nodes, {"image": ["N", 256, 256, 3]}, outputs, constants)
