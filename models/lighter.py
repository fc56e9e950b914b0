"""Rewrites an ONNX network so that ONNX Runtime passes less often over its maps on a processor; results stay the same.

Its blocked convolutions take padding, a following ReLU and a following sum in one go, and whatever it does not know in
blocks (padding above all) makes it order a whole map anew, twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from .row_sampling import sample_by_rows

Array = NDArray[np.generic]

OPSET = 17


def lighter(model: ModelProto) -> ModelProto:
    """The same network in fewer passes: the same numbers to the bit, sums of points' products to the last bits."""
    changed = ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    _rectify_after_slopes(graph)
    _pad_in_convolutions(graph)
    shapes = _shapes(model)
    _widen_by_convolution(graph, shapes)
    _sum_products(graph)
    sample_by_rows(graph, shapes)
    _drop_unused(graph)
    _tell_counts(changed)
    onnx.checker.check_model(changed)
    return changed


def _rectify_after_slopes(graph: GraphProto) -> None:
    """Weigh first where no weight is negative, w relu(x) = relu(w x): a convolution takes a ReLU after it, not before."""
    for node in _of_kind(graph, "Conv"):
        maker = _maker(graph, node.input[0])
        if maker is None or maker.op_type != "Relu" or len(node.input) > 2:
            continue
        weights = _constant(graph, node.input[1])
        each_alone = weights is not None and weights.shape == (_number(node, "group"), 1, 1, 1)
        if not each_alone or np.any(np.asarray(weights) < 0) or _is_padded(node):
            continue
        scaled = f"{node.output[0]}/scaled"
        rectified = helper.make_node("Relu", [scaled], [node.output[0]], name=f"{node.name}/Relu")
        node.input[0], node.output[0] = maker.input[0], scaled
        _insert_after(graph, node, rectified)


def _pad_in_convolutions(graph: GraphProto) -> None:
    """Zeros beside a map are the convolution's own padding."""
    for node in _of_kind(graph, "Conv"):
        maker = _maker(graph, node.input[0])
        pads = _zero_padding(graph, maker)
        if maker is None or pads is None or len(pads) != 8 or pads[:2].any() or pads[4:6].any() or pads.min() < 0:
            continue
        attributes = {one.name: one for one in node.attribute}
        if "auto_pad" in attributes and attributes["auto_pad"].s != b"NOTSET":
            continue
        own = list(attributes["pads"].ints) if "pads" in attributes else [0] * 4
        if "pads" in attributes:
            node.attribute.remove(attributes["pads"])
        both = np.add(own, pads[[2, 3, 6, 7]]).tolist()
        node.attribute.append(helper.make_attribute("pads", both))
        node.input[0] = maker.input[0]


def _widen_by_convolution(graph: GraphProto, shapes: dict[str, Sequence[int]]) -> None:
    """Empty channels behind those of a map: a convolution of 1 x 1 that hands on what there is."""
    for node in _of_kind(graph, "Pad"):
        pads = _zero_padding(graph, node)
        shape = shapes.get(node.input[0], ())
        if pads is None or len(shape) != 4 or len(pads) != 8 or pads[5] <= 0 or np.count_nonzero(pads) != 1:
            continue
        weights = np.eye(shape[1] + int(pads[5]), shape[1], dtype=np.float32)[..., None, None]
        name = f"{node.output[0]}/handed_on"
        graph.initializer.append(numpy_helper.from_array(weights, name))
        convolution = helper.make_node("Conv", [node.input[0], name], [node.output[0]], name=name, kernel_shape=[1, 1])
        _insert_after(graph, node, convolution)
        graph.node.remove(node)


def _sum_products(graph: GraphProto) -> None:
    """Products of matrices that every point has for itself are too small for a product of matrices."""
    for node in _of_kind(graph, "Einsum"):
        each = _constant(graph, node.input[1])
        if _text(node, "equation").replace(" ", "") != "nph,pho->npo" or each is None:
            continue
        name = node.output[0]
        weights, axes = f"{name}/weights", f"{name}/axes"
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(each.swapaxes(1, 2)), weights))
        graph.initializer.append(numpy_helper.from_array(np.array([2], np.int64), axes))
        graph.initializer.append(numpy_helper.from_array(np.array([-1], np.int64), f"{axes}_summed"))
        rows = helper.make_node("Unsqueeze", [node.input[0], axes], [f"{name}/rows"], name=f"{name}/rows")
        products = helper.make_node("Mul", [f"{name}/rows", weights], [f"{name}/products"], name=f"{name}/products")
        total = helper.make_node(
            "ReduceSum", [f"{name}/products", f"{axes}_summed"], [name], name=f"{name}/sum", keepdims=0
        )
        for one in (total, products, rows):
            _insert_after(graph, node, one)
        graph.node.remove(node)


def _tell_counts(model: ModelProto) -> None:
    """Maps that are convolved or enlarged are of as many pictures as go in; these networks have no others.

    Inference of shapes forgets that where the number is open, and then a sum of two such maps is a pass of its own.
    """
    graph = model.graph
    count = graph.input[0].type.tensor_type.shape.dim[0].dim_param
    maps = [node.input[0] for node in _of_kind(graph, "Conv")] + [node.output[0] for node in _of_kind(graph, "Resize")]
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    sizes = {value.name: value.type.tensor_type.shape.dim for value in inferred.value_info}
    told = {value.name for value in graph.value_info}
    for name in sorted(set(maps) - told):
        first, *others = sizes.get(name) or [None]
        if count and first is not None and first.dim_param != count and not first.dim_value and len(others) == 3:
            shape = [count, *(size.dim_value or None for size in others)]
            graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))


def _drop_unused(graph: GraphProto) -> None:
    """What nothing reads any more."""
    while True:
        read = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
        idle = [node for node in graph.node if not read.intersection(node.output)]
        if not idle:
            break
        for node in idle:
            graph.node.remove(node)
    for value in [value for value in graph.initializer if value.name not in read]:
        graph.initializer.remove(value)


def _of_kind(graph: GraphProto, kind: str) -> list[NodeProto]:
    return [node for node in graph.node if node.op_type == kind]


def _maker(graph: GraphProto, name: str) -> NodeProto | None:
    return next((node for node in graph.node if name in node.output), None)


def _insert_after(graph: GraphProto, node: NodeProto, new: NodeProto) -> None:
    graph.node.insert(list(graph.node).index(node) + 1, new)


def _number(node: NodeProto, name: str) -> int:
    return next((int(one.i) for one in node.attribute if one.name == name), 1)


def _text(node: NodeProto, name: str) -> str:
    return next((one.s.decode() for one in node.attribute if one.name == name), "")


def _is_padded(node: NodeProto) -> bool:
    return any(one.name == "pads" and any(one.ints) for one in node.attribute)


def _shapes(model: ModelProto) -> dict[str, Sequence[int]]:
    """Of the maps whose sizes are known; 0 where one is open."""
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    return {
        value.name: [size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*inferred.value_info, *inferred.input)
    }


def _zero_padding(graph: GraphProto, node: NodeProto | None) -> NDArray[np.int64] | None:
    """How many zeros a Pad puts before and behind along every axis; None where it is none such."""
    if node is None or node.op_type != "Pad" or _text(node, "mode") not in ("", "constant") or len(node.input) > 3:
        return None
    if len(node.input) == 3 and node.input[2]:
        value = _constant(graph, node.input[2])
        if value is None or np.any(np.asarray(value) != 0):
            return None
    pads = _constant(graph, node.input[1])
    return None if pads is None else np.asarray(pads, np.int64)


def _constant(graph: GraphProto, name: str) -> Array | None:
    """The value of a tensor that no input of the network changes."""
    values = {value.name: value for value in graph.initializer}
    if name in values:
        return np.asarray(numpy_helper.to_array(values[name]))
    inputs = {value.name for value in graph.input}
    needed, nodes = [name], list[NodeProto]()
    while needed:
        wanted = needed.pop()
        if wanted in inputs:
            return None
        maker = _maker(graph, wanted)
        if maker is not None and maker not in nodes:
            nodes.append(maker)
            needed += [one for one in maker.input if one and one not in values]
    ordered = [node for node in graph.node if node in nodes]
    used = [values[one] for one in sorted({one for node in nodes for one in node.input} & values.keys())]
    subgraph = helper.make_graph(ordered, "constant", [], [helper.make_empty_tensor_value_info(name)], used)
    (result,) = ReferenceEvaluator(subgraph, opsets={"": OPSET}).run(None, {})
    return np.asarray(result)
