"""Collect ONNX nodes while a TensorFlow Lite graph is walked, keeping track of where the channels are.

TensorFlow Lite stores images as NHWC, ONNX computes on NCHW.  Each tensor is kept in the layout that produced it and
transposed only when a consumer needs the other one.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from .tflite_graph import Graph

Layout = Literal["plain", "nchw"]
"""``plain``: the axes as TensorFlow Lite has them; ``nchw``: a 4-axis tensor with channels second."""

_TO_NCHW = (0, 3, 1, 2)
_TO_PLAIN = (0, 2, 3, 1)
OPSET = 17
IR_VERSION = 8
"""Written into the file, so that its bytes do not follow the installed onnx version."""


class Emitter:
    """The ONNX graph under construction, with the values of the TensorFlow Lite tensors computed so far."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._initializers: list[onnx.TensorProto] = []
        self._values: dict[tuple[int, Layout], str] = {}

    def shape(self, index: int) -> tuple[int, ...]:
        """The static TensorFlow Lite shape (batch 1)."""
        return self.graph.tensors[index].shape

    def data(self, index: int) -> NDArray[Any]:
        """The content of a constant tensor."""
        data = self.graph.tensors[index].data
        if data is None:
            raise ValueError(f"tensor {self.graph.tensors[index].name} is computed, a constant was expected")
        return data

    def is_constant(self, index: int) -> bool:
        """Whether the tensor does not depend on the input."""
        return self.graph.tensors[index].data is not None

    def constant(self, array: Any, dtype: type = np.float32) -> str:
        """Store an array (once) and return its name."""
        array = np.ascontiguousarray(array, dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"c{len(self._constants)}"
            self._constants[key] = name
            self._initializers.append(numpy_helper.from_array(array, name))
        return self._constants[key]

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Append a node with one output and return the output's name (a running one when none is given)."""
        output = output or f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], name=f"n{len(self._nodes)}", **attributes))
        return output

    def layout(self, index: int) -> Layout:
        """The layout in which a computed tensor exists already."""
        return "nchw" if (index, "nchw") in self._values else "plain"

    def put(self, index: int, name: str, layout: Layout) -> None:
        """Say that a tensor has been computed."""
        self._values[index, layout] = name

    def get(self, index: int, layout: Layout) -> str:
        """The name of a tensor in a layout; a transposition is added when it is needed for the first time."""
        if (index, layout) not in self._values:
            if self.is_constant(index):
                name = self.constant(self._arranged(self.data(index), layout))
            else:
                other: Layout = "plain" if layout == "nchw" else "nchw"
                permutation = _TO_NCHW if layout == "nchw" else _TO_PLAIN
                name = self.node("Transpose", self._values[index, other], perm=permutation)
            self._values[index, layout] = name
        return self._values[index, layout]

    @staticmethod
    def _arranged(array: NDArray[Any], layout: Layout) -> NDArray[Any]:
        """A constant for broadcasting against a tensor of that layout."""
        if layout == "plain" or array.ndim == 0:
            return array
        return array.reshape((1,) * (4 - array.ndim) + array.shape).transpose(_TO_NCHW)

    def over_batch(self, constant: str, shape: tuple[int, ...], like: str) -> str:
        """Repeat a constant of shape (1, ...) for every item of ``like``."""
        first = self.constant([0], np.int64)
        batch = self.node("Gather", self.node("Shape", like), first, axis=0)
        target = self.node("Concat", batch, self.constant(shape[1:], np.int64), axis=0)
        return self.node("Expand", constant, target)

    def finish(self, input_name: str, outputs: dict[str, tuple[int, tuple[int, ...]]]) -> onnx.ModelProto:
        """Build the model; ``outputs`` maps a name to a tensor and the shape of one item that it shall have."""
        results = []
        for name, (index, item_shape) in outputs.items():
            target = self.constant((-1, *item_shape), np.int64)
            self.node("Reshape", self.get(index, "plain"), target, output=name)
            results.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", *item_shape]))
        source = self.graph.inputs[0]
        entry = helper.make_tensor_value_info(input_name, onnx.TensorProto.FLOAT, ["N", *self.shape(source)[1:]])
        graph = helper.make_graph(self._nodes, "network", [entry], results, self._initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="understudy")
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model, full_check=True)
        return model
