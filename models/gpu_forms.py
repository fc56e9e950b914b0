"""Forms of a network for graphics cards: PReLU as one operator, and maps of half precision.

On a processor two depthwise convolutions are faster than ONNX Runtime's PReLU; on a card they are two passes instead of
one. Half precision is for maps only: points are told to a fraction of a pixel, for which float16 has not enough digits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, checker, helper, numpy_helper
from onnx.shape_inference import infer_shapes

ON_MAPS = frozenset({"Add", "Conv", "MaxPool", "Pad", "PRelu", "Relu", "Resize"})
"""What is done to maps; each has a float16 kernel for CUDA."""
_DATA_INPUTS = {"Conv": 3, "Pad": 1, "PRelu": 2, "Resize": 1, "Relu": 1, "MaxPool": 1, "Add": 2}
"""How many of the first inputs have the type of the map."""


def with_prelu(model: ModelProto) -> ModelProto:
    """The same network with a x + (1 - a) relu(x), where it stands as depthwise convolutions, as PReLU."""
    changed = ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    makers = {output: node for node in graph.node for output in node.output}
    weights = {value.name: value for value in graph.initializer}
    idle: set[str] = set()
    for node in [node for node in graph.node if node.op_type == "Add"]:
        for first, second in (node.input, list(node.input)[::-1]):
            below, above = makers.get(first), _rectified(makers, second)
            if below is None or above is None or not _is_each_alone(below, weights):
                continue
            rising, source, path = above
            if source != below.input[0] or not _is_each_alone(rising, weights):
                continue
            slope = _value(weights, below)
            if not np.allclose(slope + _value(weights, rising), 1, atol=1e-6):
                continue
            graph.initializer.append(numpy_helper.from_array(slope.reshape(-1, 1, 1), f"{node.output[0]}/slope"))
            slopes = helper.make_node("PRelu", [source, f"{node.output[0]}/slope"], [node.output[0]], name=node.name)
            graph.node.insert(list(graph.node).index(node), slopes)
            idle.update([node.name, below.name, *path])
            graph.node.remove(node)
            break
    for node in [node for node in graph.node if node.name in idle and node.op_type != "PRelu"]:
        graph.node.remove(node)
    _drop_idle_weights(graph)
    checker.check_model(changed)
    return changed


def halved(model: ModelProto) -> ModelProto:
    """The same network with maps in float16; inputs, outputs and all that is told in points stay float32.

    A map is what has more than one cell: what a convolution says of the whole picture is a result. Sampling
    (GridSample) stays float32, the only form that CUDA has.
    """
    changed = ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    shapes = _shapes(model)
    halves = [node for node in graph.node if node.op_type in ON_MAPS and _is_map(shapes.get(node.output[0], ()))]
    made = {output for node in halves for output in node.output} - {output.name for output in graph.output}
    halves = [node for node in halves if made.issuperset(node.output)]
    casts = _Casts(graph)
    for node in list(graph.node):
        is_half = node in halves
        count = _DATA_INPUTS[node.op_type] if is_half else len(node.input)
        for i, name in enumerate(node.input[:count]):
            if name and is_half != (name in made):
                node.input[i] = casts.cast(node, name, TensorProto.FLOAT16 if is_half else TensorProto.FLOAT)
    del graph.value_info[:]
    _drop_idle_weights(graph)
    checker.check_model(changed)
    return changed


class _Casts:
    """Tensors in the other precision: constants are stored so, the rest is cast, once."""

    def __init__(self, graph: GraphProto) -> None:
        self._graph = graph
        self._constants = {value.name: value for value in graph.initializer}
        self._done: set[str] = set()

    def cast(self, user: NodeProto, name: str, to: int) -> str:
        """The name of the tensor in the other precision, before its user."""
        result = f"{name}/{'half' if to == TensorProto.FLOAT16 else 'float'}"
        if result not in self._done:
            self._done.add(result)
            constant = self._constants.get(name)
            if constant is not None:
                half = numpy_helper.to_array(constant).astype(np.float16)
                self._graph.initializer.append(numpy_helper.from_array(half, result))
            else:
                node = helper.make_node("Cast", [name], [result], name=result, to=to)
                self._graph.node.insert(list(self._graph.node).index(user), node)
        return result


def _shapes(model: ModelProto) -> dict[str, tuple[int, ...]]:
    """0 where a size is open."""
    graph = infer_shapes(model, strict_mode=True, data_prop=True).graph

    def sizes(value: ValueInfoProto) -> tuple[int, ...]:
        return tuple(size.dim_value for size in value.type.tensor_type.shape.dim)

    return {value.name: sizes(value) for value in (*graph.input, *graph.value_info, *graph.output)}


def _is_map(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and (shape[2] > 1 or shape[3] > 1)


def _rectified(makers: dict[str, NodeProto], name: str) -> tuple[NodeProto, str, list[str]] | None:
    """The convolution of relu(x) or before the relu, the name of x, and the nodes on the way."""
    node = makers.get(name)
    before = makers.get(node.input[0]) if node is not None and node.op_type in ("Relu", "Conv") else None
    if node is None or before is None or {node.op_type, before.op_type} != {"Relu", "Conv"}:
        return None
    return (before if before.op_type == "Conv" else node), before.input[0], [node.name, before.name]


def _is_each_alone(node: NodeProto, weights: dict[str, TensorProto]) -> bool:
    """A number for each channel, and nothing added."""
    if node.op_type != "Conv" or len(node.input) > 2 or node.input[1] not in weights:
        return False
    shape = tuple(weights[node.input[1]].dims)
    group = next((one.i for one in node.attribute if one.name == "group"), 1)
    return shape == (group, 1, 1, 1)


def _value(weights: dict[str, TensorProto], node: NodeProto) -> NDArray[np.float32]:
    return np.asarray(numpy_helper.to_array(weights[node.input[1]]), np.float32)


def _drop_idle_weights(graph: GraphProto) -> None:
    read = {name for node in graph.node for name in node.input}
    for value in [value for value in graph.initializer if value.name not in read]:
        graph.initializer.remove(value)
