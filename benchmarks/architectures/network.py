"""An ONNX graph of layers with random weights that takes some ten kilobytes, however large the weights are.

Every weight is cut out of one block of normal noise that is repeated until it is long enough; ONNX Runtime does this once,
when it opens the file (constant folding), so that a run multiplies as many different numbers as the real network does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

BLOCK: Final = 4099
"""Numbers of the block; prime, so that rows of a weight are not the same."""
OPSET: Final = 17
IR_VERSION: Final = 8


@dataclass(frozen=True)
class Value:
    """A picture of a graph: its name, and the channels and side of one item."""

    name: str
    channels: int
    side: int


class Network:
    """A graph under construction, with what it costs: parameters and multiply-adds of one item."""

    def __init__(self, name: str, half: bool, seed: int = 0) -> None:
        """With ``half`` weights and pictures inside are float16; inputs and outputs stay float32."""
        self.name, self.half = name, half
        self.parameters = 0
        self.multiply_adds = 0
        self._kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._stored: list[onnx.TensorProto] = []
        self._repeated: dict[int, str] = {}
        noise = np.random.default_rng(seed).standard_normal(BLOCK)
        self._block = self.constant(noise.astype(np.float32))

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append an operator; the name of what it computes."""
        name = f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], name=f"n{len(self._nodes)}", **attributes))
        return name

    def constant(self, array: NDArray[Any] | list[int] | list[float] | float, kind: Any = None) -> str:
        """Store an array."""
        name = f"c{len(self._stored)}"
        self._stored.append(numpy_helper.from_array(np.asarray(array, kind), name))
        return name

    def number(self, value: float) -> str:
        """A constant of the type of the pictures."""
        return self.constant(np.array(value, np.float16 if self.half else np.float32))

    def weight(self, shape: tuple[int, ...], deviation: float, mean: float = 0.0, exact: bool = False) -> str:
        """A random weight; ``exact`` ones are float32 in any form."""
        count = math.prod(shape)
        self.parameters += count
        rounds = -(-count // BLOCK)
        if rounds not in self._repeated:
            self._repeated[rounds] = self.node("Tile", self._block, self.constant([rounds], np.int64))
        ends = (self.constant([end], np.int64) for end in (0, count))
        flat = self.node("Slice", self._repeated[rounds], *ends)
        scaled = self.node("Mul", flat, self.constant(np.float32(deviation)))
        if mean:
            scaled = self.node("Add", scaled, self.constant(np.float32(mean)))
        if self.half and not exact:
            scaled = self.node("Cast", scaled, to=TensorProto.FLOAT16)
        return self.node("Reshape", scaled, self.constant(list(shape), np.int64))

    def picture(self, name: str, channels: int, side: int) -> Value:
        """An input (N, C, S, S), float32."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", channels, side, side]))
        return Value(self.node("Cast", name, to=self._kind) if self.half else name, channels, side)

    def vector(self, name: str, size: int) -> str:
        """An input (N, size), float32, which it stays."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size]))
        return name

    def give(self, name: str, value: str, shape: tuple[int | str, ...]) -> None:
        """An output (N, ...), float32."""
        self._nodes.append(helper.make_node("Cast", [value], [name], name=name, to=TensorProto.FLOAT))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape]))

    def conv(
        self,
        x: Value,
        channels: int,
        kernel: int,
        stride: int = 1,
        gain: float = 2.0,
        bias: bool = True,
        padded: bool = False,
    ) -> Value:
        """A convolution; the border is continued by zeros unless the picture was ``padded`` before."""
        weight = self.weight((channels, x.channels, kernel, kernel), math.sqrt(gain / (x.channels * kernel**2)))
        inputs = [x.name, weight, *([self.weight((channels,), 0.01)] if bias else [])]
        padding = 0 if padded else kernel // 2
        side = (x.side + 2 * padding - kernel) // stride + 1
        self.multiply_adds += channels * x.channels * kernel**2 * side**2
        name = self.node("Conv", *inputs, pads=[padding] * 4, strides=[stride] * 2)
        return Value(name, channels, side)

    def linear(self, x: str, inputs: int, outputs: int, gain: float = 1.0, mean: float = 0.0) -> str:
        """(N, outputs) of (N, inputs), in float32."""
        weight = self.weight((inputs, outputs), math.sqrt(gain / inputs), exact=True)
        bias = self.weight((outputs,), 0.01, mean, exact=True)
        self.multiply_adds += inputs * outputs
        return self.node("Gemm", x, weight, bias)

    def leaky(self, x: Value) -> Value:
        """Leaky rectifier of slope 0.2."""
        return Value(self.node("LeakyRelu", x.name, alpha=0.2), x.channels, x.side)

    def relu(self, x: Value) -> Value:
        """Rectifier."""
        return Value(self.node("Relu", x.name), x.channels, x.side)

    def add(self, x: Value, y: Value) -> Value:
        """Sum of two of the same shape."""
        return Value(self.node("Add", x.name, y.name), x.channels, x.side)

    def resized(self, x: Value, factor: float, mode: str = "linear") -> Value:
        """At another size, between pixel centres."""
        scales = self.constant([1, 1, factor, factor], np.float32)
        how = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
        if mode == "linear":
            how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        side = int(x.side * factor)
        if mode == "linear":
            self.multiply_adds += 4 * x.channels * side**2
        return Value(self.node("Resize", x.name, "", scales, **how), x.channels, side)

    def column(self, vector: str) -> str:
        """(N, C) as (N, C, 1, 1), of the type of the pictures."""
        axes = self.constant([2, 3], np.int64)
        return self.node("Unsqueeze", self.node("Cast", vector, to=self._kind), axes)

    def facts(self) -> dict[str, object]:
        """What the file says of itself, which can be read without the onnx package."""
        return {"weights": "random", "parameters": self.parameters, "multiply_adds": self.multiply_adds}

    def model(self) -> onnx.ModelProto:
        """The finished file."""
        graph = helper.make_graph(self._nodes, self.name, self._inputs, self._outputs, self._stored)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="understudy")
        model.ir_version = IR_VERSION
        helper.set_model_props(model, {name: str(value) for name, value in self.facts().items()})
        onnx.checker.check_model(model, full_check=True)
        return model
