"""Write an ONNX graph operator by operator: what the builders of the small graphs beside the networks share."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from .onnx_emitter import IR_VERSION, OPSET

Shape = tuple[int | str, ...]


class GraphEmitter:
    """A graph under construction; the methods are operators and return the name of what they compute."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._values: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: Shape, kind: int = TensorProto.FLOAT) -> str:
        """What the graph is given."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, of: str, shape: Shape, kind: int = TensorProto.FLOAT) -> None:
        """What the graph gives."""
        self._nodes.append(helper.make_node("Identity", [of], [name], name=name))
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def __call__(self, kind: str, *inputs: str | float, **attributes: Any) -> str:
        """Append an operator; numbers become constants."""
        names = [each if isinstance(each, str) else self.constant(each) for each in inputs]
        name = f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, names, [name], name=f"n{len(self._nodes)}", **attributes))
        return name

    def constant(self, value: Any, dtype: type = np.float32) -> str:
        """An array; float32 unless said otherwise."""
        name = f"c{len(self._values)}"
        self._values.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def whole(self, *numbers: int) -> str:
        """A row of whole numbers."""
        return self.constant(numbers, np.int64)

    def unsqueezed(self, value: str, *axes: int) -> str:
        """With axes of length 1 at these places."""
        return self("Unsqueeze", value, self.whole(*axes))

    def reshaped(self, value: str, *shape: int) -> str:
        """In another shape."""
        return self("Reshape", value, self.whole(*shape))

    def part(self, value: str, axis: int, start: int, stop: int = np.iinfo(np.int64).max) -> str:
        """From start to before stop along an axis."""
        return self("Slice", value, self.whole(start), self.whole(stop), self.whole(axis))

    def picked(self, value: str, table: NDArray[np.int64], axis: int = 1) -> str:
        """By their places along an axis."""
        return self("Gather", value, self.constant(table, np.int64), axis=axis)

    def rounded(self, value: str) -> str:
        """To whole numbers, halves up."""
        return self("Floor", self("Add", value, 0.5))

    def along(self, value: str, rows: str, columns: str) -> str:
        """A picture (N, C, h, w) with its columns multiplied by (N, H, h), its rows by (N, W, w): (N, C, H, W)."""
        down = self("MatMul", self.unsqueezed(rows, 1), value)
        across = self("Transpose", self.unsqueezed(columns, 1), perm=[0, 1, 3, 2])
        return self("MatMul", down, across)

    def model(self, name: str) -> onnx.ModelProto:
        """The whole, checked."""
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._values)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="understudy")
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model, full_check=True)
        return model
