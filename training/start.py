"""Where training starts: the backbone of MediaPipe's face mesh, from the ONNX file that models/build.py makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import NodeProto, numpy_helper
from torch import nn

from .network import Backbone, Block, Slope


def start_from_mesh(backbone: Backbone, file: Path) -> None:
    """Give a backbone the weights of `face_landmarks.onnx` (Apache-2.0, Google)."""
    graph = onnx.load(file).graph
    values = {value.name: numpy_helper.to_array(value) for value in graph.initializer}
    maker = {name: node for node in graph.node for name in node.output}
    chain = list(reversed(_chain(maker, "mesh", values)))
    _copy(backbone.stem, chain[0], values)
    _copy_slope(backbone.activation, chain[1], values)
    blocks = [module for module in backbone.modules() if isinstance(module, Block)]
    for number, block in enumerate(blocks):
        depthwise, pointwise, activation = chain[2 + 3 * number : 5 + 3 * number]
        _copy(block.depthwise, depthwise, values)
        _copy(block.pointwise, pointwise, values)
        _copy_slope(block.activation, activation, values)


def _chain(maker: dict[str, NodeProto], name: str, values: dict[str, np.ndarray]) -> list[NodeProto]:
    """Convolutions and activations on the way from an output up to the image; shortcuts are not followed."""
    nodes: list[NodeProto] = []
    while name in maker:
        node = maker[name]
        if node.op_type in ("Conv", "PRelu"):
            nodes.append(node)
        ahead = [source for source in node.input if source not in values]
        changed = [source for source in ahead if source in maker and maker[source].op_type == "Conv"]
        name = changed[0] if node.op_type == "Add" else ahead[0]
    return nodes


@torch.no_grad()
def _copy(layer: nn.Conv2d, node: NodeProto, values: dict[str, np.ndarray]) -> None:
    assert layer.bias is not None
    for parameter, source in zip((layer.weight, layer.bias), node.input[1:], strict=True):
        stored = torch.from_numpy(values[source].copy())
        if stored.shape != parameter.shape:
            raise ValueError(
                f"{node.name or node.output[0]} has the shape {tuple(stored.shape)}, not {parameter.shape}."
            )
        parameter.copy_(stored)


@torch.no_grad()
def _copy_slope(layer: Slope, node: NodeProto, values: dict[str, np.ndarray]) -> None:
    layer.weight.copy_(torch.from_numpy(values[node.input[1]].reshape(-1).copy()))
